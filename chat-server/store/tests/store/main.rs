//! The SQL on a real PostgreSQL: what the server's own tests cannot see.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests are tests: they fail by panicking"
)]

mod database;
mod messages;
mod partitions;
mod people;
mod schema;
