//! What is signed or hashed in Chatalot, and what anyone can check of it
//! without a secret key.
//!
//! Servers link this crate, so it must never hold a type for a secret key, and
//! never decrypt. Each signed or hashed thing has a canonical encoding, written
//! by hand here and nowhere else: a format version, then fields of fixed length
//! or with their length before them, in one order. Bytes that came in are
//! verified exactly as they came, never re-encoded.
//!
//! To add a signed thing: give it a label in [`label`], a module with its
//! encoding, and a test with fixed bytes.

#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::as_conversions
    )
)]

pub mod conversation;
pub mod device_list;
mod encoding;
pub mod keys;
pub mod label;
pub mod prekey;
mod signed;

pub use conversation::{Head, LogEntry, direct_id};
pub use device_list::{Device, DeviceList, DeviceListEntry, DeviceListError, SignedEntry};
pub use keys::{AccountKey, DeviceKey, KeyError, PrekeyPublic};
pub use prekey::{PrekeyBundle, PrekeyError, SignedPrekey};
pub use signed::{Signature, SignatureError, signed_bytes};
