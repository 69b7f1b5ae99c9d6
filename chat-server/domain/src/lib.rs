//! The pure rules of a Chatalot server: what a name, a password, an invite, a
//! device or a message must be like before anything is stored of it.
//!
//! Every function here is a decision over values that were handed in. This crate
//! must never read a clock, draw randomness, await, or do I/O: what it decides
//! can then be tested in microseconds and is the same on every replica.
//!
//! Each error knows the closed [`chat_protocol::ErrorCode`] that a client is
//! told (`code()`), and its `Display` is a sentence for a person.
//!
//! To add a rule: put it into the module of its feature (the same name that the
//! feature has in every layer), with its own error enum, and give each variant a
//! code. A new number that limits something goes to [`limits`], or to
//! `chat_protocol::limits` when clients must know it too; `docs/limits.md` is
//! checked against both.

pub mod account;
pub mod conversation;
pub mod device;
pub mod invite;
pub mod limits;
pub mod login;
pub mod message;
pub mod permission;
pub mod prekey;
