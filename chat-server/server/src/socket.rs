//! Sockets: one task for each, from its Hello to its end.
//!
//! ```text
//!             ┌─ outbox woken ──▶ write everything that waits, flush once
//!   select ───┼─ frame read ────▶ Send: check, queue · Request: begin · Ping: answer
//!             ├─ request done ──▶ outbox
//!             ├─ room in queue ─▶ submit the message that waited for it
//!             ├─ silence ───────▶ close
//!             └─ drain ─────────▶ tell, finish what is under way, close
//! ```
//!
//! A client that sends more than is taken (requests, unacknowledged messages, a
//! full queue) is not refused but not read: TCP slows it down, and the order of
//! its messages stays what it was.

mod hello;
mod request;
mod send;
mod session;
mod wire;

pub(crate) use session::serve;
