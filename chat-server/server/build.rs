//! The web client is part of the program: a new build of it must compile it anew.

fn main() {
    // While web/dist is missing Cargo looks again on every build, so that the
    // first build of the web client is found too.
    println!("cargo::rerun-if-changed=../../web/dist");
}
