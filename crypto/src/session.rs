//! Pairwise sessions with one device of somebody.

mod device_sessions;
mod envelope;
mod record;
mod single;

pub use device_sessions::{BeginError, DeviceSessions, OpenError, Opened, SealError};
pub use envelope::{EnvelopeKind, envelope_kind};
