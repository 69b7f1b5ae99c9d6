//! Frames, typed ids, closed error codes and limits of the Chatalot protocol.
//!
//! Both floors of the house stand on this crate: the client's and the server's.
//! It must never hold I/O, a clock, randomness or a secret, and it builds for
//! `wasm32-unknown-unknown`.
//!
//! To add a frame: add it to `proto/chatalot.proto` with a new field number,
//! run `cargo xtask gen proto`, and give it a case in every `match` that the
//! compiler then names. A new reason to refuse something is a new variant of
//! [`ErrorCode`] with its document in `docs/errors.md`.

#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::as_conversions
    )
)]

pub mod error_code;
pub mod id;
pub mod kind;
pub mod limits;

/// The frames, made from `proto/chatalot.proto` by `cargo xtask gen proto`.
#[allow(
    missing_docs,
    clippy::pedantic,
    reason = "generated; the documents stand in the .proto file"
)]
pub mod frame {
    include!("generated/chatalot.v1.rs");
}

pub use error_code::ErrorCode;
pub use id::{AccountId, ConversationId, DeviceId, IdError, MessageId};
pub use kind::{ConversationKind, MessageKind};

/// The version that `Hello` and `Welcome` carry. A server talks to this one and
/// to the one before it.
pub const PROTOCOL_VERSION: u32 = 1;

/// The WebSocket subprotocol that both sides name.
pub const SUBPROTOCOL: &str = "chatalot.v1";
