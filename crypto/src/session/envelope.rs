//! What travels from device to device.
//!
//! ```text
//! 1 (version) ‖ 1 ‖ X3DH header (69 or 73) ‖ message      until the first reply
//! 1 (version) ‖ 2 ‖ message                               from then on
//! message = ratchet header (34 to 42) ‖ random (12) ‖ ciphertext ‖ tag (16)
//! ```
//! All that stands before the ciphertext is authenticated, exactly as it was received.

use crate::encoding::Reader;
use crate::limits::ENVELOPE_MAX_BYTES;
use crate::ratchet::header::Header;
use crate::ratchet::message::Salt;
use crate::session::OpenError;
use crate::x3dh::FirstHeader;

/// The format version of envelopes.
const VERSION: u8 = 1;
/// The kind of an envelope with an X3DH header.
const FIRST: u8 = 1;
/// The kind of an envelope without one.
const LATER: u8 = 2;

/// Whether an envelope can begin a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EnvelopeKind {
    /// It carries an X3DH header: a session begins with it, or began shortly before.
    First,
    /// It belongs to a session that both sides have.
    Later,
}

/// Looks at the first two bytes of an envelope.
///
/// # Errors
/// [`OpenError::Version`] or [`OpenError::Malformed`].
pub fn envelope_kind(envelope: &[u8]) -> Result<EnvelopeKind, OpenError> {
    read_kind(&mut Reader::new(envelope))
}

fn read_kind(reader: &mut Reader<'_>) -> Result<EnvelopeKind, OpenError> {
    let version = reader.u8()?;
    if version != VERSION {
        return Err(OpenError::Version(version));
    }
    match reader.u8()? {
        FIRST => Ok(EnvelopeKind::First),
        LATER => Ok(EnvelopeKind::Later),
        _ => Err(OpenError::Malformed),
    }
}

/// An envelope as it came in.
pub(crate) struct Envelope<'a> {
    pub(crate) first: Option<FirstHeader>,
    pub(crate) header: Header,
    pub(crate) salt: Salt,
    /// Every byte before the ciphertext, untouched.
    pub(crate) header_bytes: &'a [u8],
    /// Ciphertext ‖ tag.
    pub(crate) ciphertext: &'a [u8],
}

impl<'a> Envelope<'a> {
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self, OpenError> {
        if bytes.len() > ENVELOPE_MAX_BYTES {
            return Err(OpenError::Malformed);
        }
        let mut reader = Reader::new(bytes);
        let first = match read_kind(&mut reader)? {
            EnvelopeKind::First => Some(FirstHeader::read(&mut reader)?),
            EnvelopeKind::Later => None,
        };
        let header = Header::read(&mut reader)?;
        let salt = reader.array()?;
        let length = bytes.len().saturating_sub(reader.remaining());
        let header_bytes = bytes.get(..length).ok_or(OpenError::Malformed)?;
        let ciphertext = reader.rest();
        if ciphertext.len() < 16 {
            return Err(OpenError::Malformed);
        }
        Ok(Self {
            first,
            header,
            salt,
            header_bytes,
            ciphertext,
        })
    }
}

/// Every byte before the ciphertext.
pub(crate) fn write_header(first: Option<&FirstHeader>, header: &Header, salt: &Salt) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    out.push(VERSION);
    match first {
        Some(first) => {
            out.push(FIRST);
            first.put(&mut out);
        }
        None => out.push(LATER),
    }
    header.put(&mut out);
    out.extend_from_slice(salt);
    out
}
