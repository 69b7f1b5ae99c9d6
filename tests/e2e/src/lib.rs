//! End-to-end tests of the built programs, as black boxes.
//!
//! What several of them need stands here: [`device::Device`] is one person's
//! command line. Everything else they use is a real part from chat-testkit.
//!
//! To add a test: a file in `tests/` named after the part of
//! `cargo xtask test` that runs it.

pub mod device;
