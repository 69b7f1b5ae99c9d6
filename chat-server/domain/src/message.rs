//! Messages: what a `Send` must be like, and how key envelopes are stored.

use bytes::{Buf as _, BufMut as _, Bytes};
use chat_protocol::{
    AccountId, ConversationId, DeviceId, ErrorCode, IdError, MessageId, MessageKind, frame, limits,
};

use crate::conversation::KnownList;

/// The format version of stored key envelopes.
const ENVELOPES_VERSION: u8 = 1;

/// A message that may be stored if its sender may send it.
#[derive(Clone, PartialEq, Eq)]
pub struct NewMessage {
    /// Where it goes.
    pub conversation: ConversationId,
    /// The id that its device drew.
    pub id: MessageId,
    /// What the server knows of it.
    pub kind: MessageKind,
    /// Sealed; never looked into.
    pub body: Bytes,
    /// Its content key, sealed to each device.
    pub envelopes: Envelopes,
    /// The device lists that it was sealed for.
    pub known_lists: Vec<KnownList>,
}

/// Why a `Send` is not of the documented form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NewMessageError {
    /// An id is not one.
    #[error("An id in the message has not 16 bytes.")]
    Id(#[source] IdError),
    /// A kind of a later version.
    #[error("This server does not know messages of kind {0}.")]
    Kind(u32),
    /// Nothing is in it.
    #[error("A message has a body, and no key envelope is empty.")]
    Empty,
    /// The body is too large.
    #[error("A message's body has at most {max} bytes.", max = limits::BODY_MAX_BYTES)]
    BodyTooLarge,
    /// A key envelope is too large.
    #[error("A key envelope has at most {max} bytes.", max = limits::KEY_ENVELOPE_MAX_BYTES)]
    EnvelopeTooLarge,
    /// Too many key envelopes.
    #[error("A message has at most {max} key envelopes.", max = limits::KEY_ENVELOPES_MAX)]
    TooManyEnvelopes,
    /// Two envelopes for one device: one of them would never be read.
    #[error("A message has one key envelope for a device.")]
    DeviceTwice,
    /// More lists than the message can have recipients.
    #[error("A message names at most {max} device lists.", max = limits::KEY_ENVELOPES_MAX)]
    TooManyLists,
}

impl NewMessageError {
    /// What a client is told.
    #[must_use]
    pub const fn code(self) -> ErrorCode {
        match self {
            Self::Id(_) | Self::Kind(_) | Self::Empty | Self::DeviceTwice => {
                ErrorCode::MalformedRequest
            }
            Self::BodyTooLarge | Self::EnvelopeTooLarge => ErrorCode::TooLarge,
            Self::TooManyEnvelopes | Self::TooManyLists => ErrorCode::LimitExceeded,
        }
    }
}

impl NewMessage {
    /// Checks the form of a `Send`, without a look into what is sealed.
    ///
    /// # Errors
    /// [`NewMessageError`] names what is wrong.
    pub fn check(send: frame::Send) -> Result<Self, NewMessageError> {
        let conversation =
            ConversationId::try_from(&send.conversation[..]).map_err(NewMessageError::Id)?;
        let id = MessageId::try_from(&send.message_id[..]).map_err(NewMessageError::Id)?;
        let kind = u16::try_from(send.kind)
            .ok()
            .and_then(MessageKind::from_number)
            .ok_or(NewMessageError::Kind(send.kind))?;
        if send.body.is_empty() {
            return Err(NewMessageError::Empty);
        }
        if send.body.len() > limits::BODY_MAX_BYTES {
            return Err(NewMessageError::BodyTooLarge);
        }
        if send.known_lists.len() > limits::KEY_ENVELOPES_MAX {
            return Err(NewMessageError::TooManyLists);
        }
        let mut known_lists = Vec::with_capacity(send.known_lists.len());
        for list in &send.known_lists {
            known_lists.push(KnownList {
                account: AccountId::try_from(&list.account[..]).map_err(NewMessageError::Id)?,
                seq: list.seq,
            });
        }
        Ok(Self {
            conversation,
            id,
            kind,
            body: send.body,
            envelopes: Envelopes::check(&send.keys)?,
            known_lists,
        })
    }

    /// Bytes that it takes in a queue and in the log.
    #[must_use]
    pub fn size(&self) -> usize {
        self.body.len() + self.envelopes.0.len()
    }
}

impl std::fmt::Debug for NewMessage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewMessage")
            .field("conversation", &self.conversation)
            .field("id", &self.id)
            .field("kind", &self.kind)
            .field("size", &self.size())
            .finish_non_exhaustive()
    }
}

/// The key envelopes of one message as they are stored beside its body.
///
/// Version 1 ‖ per envelope: device (16) ‖ length (u16, big-endian) ‖ sealed.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Envelopes(Bytes);

impl Envelopes {
    fn check(keys: &[frame::KeyEnvelope]) -> Result<Self, NewMessageError> {
        if keys.len() > limits::KEY_ENVELOPES_MAX {
            return Err(NewMessageError::TooManyEnvelopes);
        }
        let mut devices = Vec::with_capacity(keys.len());
        let size: usize = keys.iter().map(|key| 18 + key.sealed.len()).sum();
        let mut bytes = bytes::BytesMut::with_capacity(1 + size);
        bytes.put_u8(ENVELOPES_VERSION);
        for key in keys {
            let device = DeviceId::try_from(&key.device[..]).map_err(NewMessageError::Id)?;
            if devices.contains(&device) {
                return Err(NewMessageError::DeviceTwice);
            }
            devices.push(device);
            if key.sealed.is_empty() {
                return Err(NewMessageError::Empty);
            }
            if key.sealed.len() > limits::KEY_ENVELOPE_MAX_BYTES {
                return Err(NewMessageError::EnvelopeTooLarge);
            }
            let length = u16::try_from(key.sealed.len()).expect("the limit fits into a u16");
            bytes.put_slice(device.as_bytes());
            bytes.put_u16(length);
            bytes.put_slice(&key.sealed);
        }
        Ok(Self(bytes.freeze()))
    }

    /// Takes what was stored.
    #[must_use]
    pub fn from_stored(bytes: Bytes) -> Self {
        Self(bytes)
    }

    /// The bytes to store.
    #[must_use]
    pub const fn as_bytes(&self) -> &Bytes {
        &self.0
    }

    /// The envelope of one device; `None` when nothing was sealed to it, or the
    /// stored bytes are of a version that this server does not know.
    #[must_use]
    pub fn sealed_to(&self, device: DeviceId) -> Option<Bytes> {
        let mut rest = self.0.clone();
        if rest.try_get_u8() != Ok(ENVELOPES_VERSION) {
            return None;
        }
        while rest.remaining() >= 18 {
            let is_his = rest[..16] == device.as_bytes()[..];
            rest.advance(16);
            let length = usize::from(rest.get_u16());
            if length > rest.remaining() {
                return None;
            }
            let sealed = rest.split_to(length);
            if is_his {
                return Some(sealed);
            }
        }
        None
    }
}

impl std::fmt::Debug for Envelopes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Envelopes({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(device: u8, sealed: usize) -> frame::KeyEnvelope {
        frame::KeyEnvelope {
            device: DeviceId::from_bytes([device; 16]).to_bytes(),
            sealed: vec![device; sealed].into(),
        }
    }

    fn send() -> frame::Send {
        frame::Send {
            conversation: Bytes::from_static(&[1; 16]),
            message_id: Bytes::from_static(&[2; 16]),
            kind: 1,
            body: Bytes::from_static(&[1, 2, 3]),
            keys: vec![key(3, 10), key(4, 20)],
            known_lists: Vec::new(),
        }
    }

    fn broken(change: impl FnOnce(&mut frame::Send)) -> NewMessageError {
        let mut send = send();
        change(&mut send);
        NewMessage::check(send).expect_err("a broken message is refused")
    }

    #[test]
    fn each_device_gets_its_own_envelope() {
        let message = NewMessage::check(send()).unwrap();
        let stored = Envelopes::from_stored(message.envelopes.as_bytes().clone());
        let sealed = |device: u8| stored.sealed_to(DeviceId::from_bytes([device; 16]));
        assert_eq!(sealed(3).as_deref(), Some(&[3; 10][..]));
        assert_eq!(sealed(4).as_deref(), Some(&[4; 20][..]));
        assert_eq!(sealed(5), None);
        assert_eq!(stored.as_bytes()[0], ENVELOPES_VERSION);
    }

    #[test]
    fn sizes_and_counts_are_limited() {
        let error = broken(|send| send.body = vec![1; limits::BODY_MAX_BYTES + 1].into());
        assert_eq!(error, NewMessageError::BodyTooLarge);
        assert_eq!(error.code(), ErrorCode::TooLarge);
        let error = broken(|send| send.keys = vec![key(1, limits::KEY_ENVELOPE_MAX_BYTES + 1)]);
        assert_eq!(error, NewMessageError::EnvelopeTooLarge);
        let error = broken(|send| send.keys = (0..20).map(|device| key(device, 1)).collect());
        assert_eq!(error, NewMessageError::TooManyEnvelopes);
        assert_eq!(error.code(), ErrorCode::LimitExceeded);
    }

    #[test]
    fn nonsense_is_refused() {
        assert_eq!(
            broken(|send| send.keys.push(key(3, 1))),
            NewMessageError::DeviceTwice
        );
        assert_eq!(broken(|send| send.kind = 9), NewMessageError::Kind(9));
        assert_eq!(
            broken(|send| send.body = Bytes::new()),
            NewMessageError::Empty
        );
        assert_eq!(
            broken(|send| send.message_id = Bytes::new()),
            NewMessageError::Id(IdError::Length(0))
        );
    }

    proptest::proptest! {
        #[test]
        fn no_send_makes_the_check_panic(
            ids: [Vec<u8>; 3],
            kind: u32,
            body: Vec<u8>,
            keys: Vec<(Vec<u8>, Vec<u8>)>,
        ) {
            let [conversation, message_id, account] = ids;
            let send = frame::Send {
                conversation: conversation.into(),
                message_id: message_id.into(),
                kind,
                body: body.into(),
                keys: keys
                    .into_iter()
                    .map(|(device, sealed)| frame::KeyEnvelope {
                        device: device.into(),
                        sealed: sealed.into(),
                    })
                    .collect(),
                known_lists: vec![frame::KnownDeviceList { account: account.into(), seq: 1 }],
            };
            let _ = NewMessage::check(send);
        }

        #[test]
        fn stored_envelopes_never_panic(bytes: Vec<u8>, device: [u8; 16]) {
            let stored = Envelopes::from_stored(bytes.into());
            let _ = stored.sealed_to(DeviceId::from_bytes(device));
        }
    }
}
