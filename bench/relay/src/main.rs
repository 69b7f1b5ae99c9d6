//! Load on a real Chatalot server, from a process of its own.
fn main() {}
