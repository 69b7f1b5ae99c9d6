//! Sans-IO end-to-end encryption: X3DH, Double Ratchet, safety numbers.
//!
//! # What it is
//! State machines over bytes. [`DeviceSessions`] holds every pairwise session with
//! one device of somebody and is a value: [`DeviceSessions::seal`] and
//! [`DeviceSessions::open`] take `&self` and return the *next* value, which the
//! caller stores before anything leaves the device. What fails changes nothing.
//! [`seal_body`] and [`open_body`] are the body of a message, whose key then
//! travels in such a session. [`safety_number`] is what two people compare.
//!
//! `CHECKLIST.md` lists the rules that it holds to, each with an id that its tests carry.
//! Written from the public specifications X3DH, The Double Ratchet Algorithm and
//! Sesame. `vectors/` holds what independent implementations make of the same keys.
//!
//! # What it must never do
//! - No I/O, no clock, no randomness of its own: time and generator are parameters.
//! - No panic on any input, hence no indexing, no unchecked arithmetic, no `as`.
//! - No plaintext that did not authenticate, not even in an error.
//! - No secret in `Debug` output, and none left in memory that is given back.
//! - No server links this crate; what a server may check stands in chat-verify.
//!
//! # The rooms
//! ```text
//! keys          long-term and prekey secrets, and what they sign
//! address       who talks to whom; the associated data that binds a session to them
//! x3dh          one shared secret of 32 bytes from a prekey bundle
//! ratchet       header · chain · skipped · the Double Ratchet itself
//! session       envelope · one session · all sessions with a device
//! body          message bodies and the payload that carries their keys
//! safety_number sixty digits
//! labels, limits, encoding, kdf, agreement, secret   what the rooms share
//! ```
//!
//! # To add one more thing
//! A new key derivation takes a new label in `labels.rs`, never an old one. A new
//! stored or sent object begins with a format version, decodes strictly (see
//! `encoding.rs`), joins the never-panics tests in `tests/suite/decode.rs`, and gets a
//! snapshot in `tests/suite/debug.rs` if it holds a secret. A post-quantum secret is mixed
//! in behind `x3dh::SharedSecret`, which stays a plain X3DH output for that reason.

#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::as_conversions
    )
)]

mod address;
mod agreement;
mod body;
mod encoding;
mod kdf;
mod keys;
mod labels;
pub mod limits;
mod ratchet;
mod safety_number;
mod secret;
mod session;
mod x3dh;

pub use address::Address;
pub use body::{
    BodyContext, BodyError, ContentKey, MessageKeyPayload, PayloadError, open_body, seal_body,
};
pub use encoding::DecodeError;
pub use keys::{
    AccountSecret, DeviceListSigner, DeviceSecret, PrekeyLookup, PrekeySecret, sign_device_list,
    sign_prekey,
};
pub use safety_number::{SafetyNumber, safety_number};
pub use session::{
    BeginError, DeviceSessions, EnvelopeKind, OpenError, Opened, SealError, envelope_kind,
};
