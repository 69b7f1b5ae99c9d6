//! What chat-crypto promises to those who call it, by the ids of the checklist.
//!
//! `CHECKLIST.md` says what each id demands; a test's name begins with the id that it
//! holds. What only the inside can see is tested beside its module.

mod body;
#[path = "../../examples/vectors/check.rs"]
mod check;
mod debug;
mod decode;
mod identity;
mod ratchet;
mod script;
mod sessions;
mod vectors;
mod world;
mod wycheproof;
mod x3dh;
