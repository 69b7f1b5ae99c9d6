//! The sessions with one device as bytes, for the sealed store.
//!
//! ```text
//! 1 (version) ‖ 0, or 1 ‖ active session ‖ how many (u16) ‖ archived sessions
//!   ‖ how many (u16) ‖ per remembered beginning: base key (32) ‖ signed prekey (u32)
//! ```

use std::sync::Arc;

use zeroize::Zeroizing;

use chat_verify::PrekeyPublic;

use crate::encoding::{DecodeError, Malformed, Presence, Reader, put_count};
use crate::limits::{ARCHIVED_SESSIONS_MAX, BASE_KEYS_MAX};
use crate::session::DeviceSessions;
use crate::session::device_sessions::SeenBaseKey;
use crate::session::single::Session;

/// The format version of the record.
const VERSION: u8 = 1;
/// More than a session has without kept keys.
const ROOM_PER_SESSION: usize = 1024;

impl DeviceSessions {
    /// The sessions as bytes; the first is the format version. They are secret.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        // A vector that grows leaves copies of keys behind; this one rarely does.
        let room = self
            .archived
            .len()
            .saturating_add(2)
            .saturating_mul(ROOM_PER_SESSION);
        let mut out = Zeroizing::new(Vec::with_capacity(room));
        out.push(VERSION);
        match &self.active {
            None => out.push(0),
            Some(session) => {
                out.push(1);
                session.put(&mut out);
            }
        }
        put_count(&mut out, self.archived.len());
        for session in &self.archived {
            session.put(&mut out);
        }
        put_count(&mut out, self.base_keys.len());
        for seen in self.base_keys.iter() {
            out.extend_from_slice(seen.base.as_bytes());
            out.extend_from_slice(&seen.signed_id.to_be_bytes());
        }
        out
    }

    /// Reads the bytes of [`Self::to_bytes`].
    ///
    /// # Errors
    /// [`DecodeError`] for bytes of another version, or that are damaged.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let version = reader.u8()?;
        if version != VERSION {
            return Err(DecodeError::Version(version));
        }
        let active = match reader.presence()? {
            Presence::Absent => None,
            Presence::Present => Some(Arc::new(Session::read(&mut reader)?)),
        };
        let archived = read_list(&mut reader, ARCHIVED_SESSIONS_MAX, |reader| {
            Session::read(reader).map(Arc::new)
        })?;
        let base_keys = read_list(&mut reader, BASE_KEYS_MAX, |reader| {
            let base = PrekeyPublic::try_from(reader.array::<32>()?).map_err(|_| Malformed)?;
            Ok(SeenBaseKey {
                base,
                signed_id: reader.u32()?,
            })
        })?;
        reader.end()?;
        Ok(Self {
            active,
            archived,
            base_keys: Arc::new(base_keys),
        })
    }
}

fn read_list<T>(
    reader: &mut Reader<'_>,
    limit: usize,
    read: impl Fn(&mut Reader<'_>) -> Result<T, Malformed>,
) -> Result<Vec<T>, Malformed> {
    let count = usize::from(reader.u16()?);
    if count > limit {
        return Err(Malformed);
    }
    (0..count).map(|_| read(reader)).collect()
}
