//! Makes the JavaScript side of the WebAssembly client machine.
fn main() {}
