//! The Chatalot server: a relay that stores ciphertext it cannot read.
//!
//! ```text
//!  http/  socket/      what comes in: one file per endpoint, one task per socket
//!        │
//!       app/           use cases: rules of chat-domain, then one transaction
//!        │                of chat-store, then the hub is told
//!   batcher  hub       messages on their way into the log, and out to sockets
//! ```
//!
//! This crate must never decrypt, and is never given a secret key; must never
//! acknowledge a message before its commit is on disk; must never wait for a
//! client while others wait for it. Every queue has a bound (`docs/limits.md`),
//! every task is tracked, and every answer has a closed code (`docs/errors.md`).
//!
//! To add an endpoint: a file in `http/` with its handler, a line in `http.rs`,
//! and its case in `tests/http/authorisation.rs`. To add a request on the socket:
//! a message in `chatalot.proto`, a use case in `app/`, a case in
//! `socket/request.rs`.

pub mod app;
pub mod batcher;
pub mod cli;
pub mod clock;
pub mod config;
pub mod failure;
pub mod frames;
mod http;
pub mod hub;
pub mod password;
pub mod random;
pub mod rate_limit;
pub mod serve;
mod socket;
pub mod telemetry;

pub use http::ENDPOINTS;
