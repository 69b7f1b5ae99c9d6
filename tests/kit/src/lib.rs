//! The real parts that `cargo xtask up`, the tests and the benches start:
//! PostgreSQL, the server program, a browser, and what is needed around them.
//!
//! One copy for all three, so that a person, a test and a bench meet the same
//! PostgreSQL with the same settings, and a fix to a start-up race is a fix for
//! each of them. Every part here is the real one; there are no stand-ins.
//!
//! | module | what it gives |
//! |---|---|
//! | [`postgres`] | a private cluster from the system's own binaries |
//! | [`server`] | `chatalot-server serve` on a port, and its invites |
//! | [`test_server`] | both in a temporary folder, for end-to-end tests |
//! | [`process`] | processes that are stopped by identity, never by a reused id |
//! | [`port`], [`http`] | free ports, who holds a port, a small GET |
//! | [`program`] | where built programs and system programs lie |
//! | [`browser`] | finding and starting Chromium |
//! | [`need`] | what a part needs of the machine, and the Debian packages for it |
//! | [`wait`] | waiting on a condition with a deadline |
//!
//! This crate must never import another crate of the workspace: the programs are
//! black boxes to it, so that tests find what a user would find. It uses
//! `anyhow`, as binaries and tests do: nobody decides anything by its errors,
//! they are read by a person.
//!
//! To add a part: a module with a `start` that returns once the part answers, a
//! `stop` with a bound, and a `Drop` that leaves nothing running; then a line in
//! [`need`] if the part comes from a Debian package.

pub mod browser;
pub mod environment;
pub mod http;
pub mod log;
pub mod need;
pub mod port;
pub mod postgres;
pub mod process;
pub mod program;
pub mod server;
pub mod test_server;
pub mod wait;
