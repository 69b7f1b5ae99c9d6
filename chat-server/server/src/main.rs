//! The Chatalot server: a relay that stores ciphertext it cannot read.
fn main() {}
