//! The Chatalot command line: chat, scripts and bots from a terminal.
fn main() {}
