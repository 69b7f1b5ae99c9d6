//! The server as its clients meet it: over HTTP and sockets, on a real PostgreSQL.
//!
//! One binary, a module per feature. `relay` starts a server in this process on a
//! database of its own; `device` is a small client with fixed keys, which seals
//! nothing: to the server a body is a body.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::large_futures,
    clippy::struct_field_names,
    reason = "helpers of tests are tests: they fail by panicking, and nobody counts their bytes"
)]

mod accounts;
mod authorisation;
mod configuration;
mod conversations;
mod device;
mod documents;
mod drain;
mod flow;
mod messages;
mod outage;
mod prekeys;
mod program;
mod relay;
mod resume;
mod sockets;
mod web;
