//! One entry for people and CI: up, down, test, gen, wasm, bench.
fn main() {}
