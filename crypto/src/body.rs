//! The body of a message, sealed once under a key of its own, and the payload that
//! carries this key to each device.

use std::fmt;

use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{ChaCha20Poly1305, KeyInit as _, Nonce};
use rand_core::CryptoRng;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use chat_protocol::{AccountId, ConversationId, DeviceId, MessageId};

use crate::encoding::{DecodeError, Reader};
use crate::labels;
use crate::secret::secret_key;

/// The format version of bodies and of payloads.
const VERSION: u8 = 1;
/// The length of an authentication tag; never cut short.
const TAG_BYTES: usize = 16;

secret_key! {
    /// The key of one message body, 32 bytes. It seals one body and no other, which
    /// is why [`seal_body`] draws it and nobody hands it in.
    pub struct ContentKey;
}

impl ContentKey {
    /// The bytes for the sealed store.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0)
    }

    /// Takes the bytes of [`Self::to_bytes`] back.
    #[must_use]
    pub const fn from_stored(bytes: [u8; 32]) -> Self {
        Self::from_bytes(bytes)
    }
}

/// What a body is bound to: it opens in this place only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BodyContext {
    /// The conversation that it stands in.
    pub conversation: ConversationId,
    /// The id that the sender drew for it.
    pub message_id: MessageId,
    /// Whose it is.
    pub sender: AccountId,
    /// The device that sealed it.
    pub sender_device: DeviceId,
}

impl BodyContext {
    /// Label ‖ conversation (16) ‖ message id (16) ‖ sender (16) ‖ device (16).
    fn associated_data(&self) -> Vec<u8> {
        let mut out = labels::BODY.to_vec();
        out.extend_from_slice(self.conversation.as_bytes());
        out.extend_from_slice(self.message_id.as_bytes());
        out.extend_from_slice(self.sender.as_bytes());
        out.extend_from_slice(self.sender_device.as_bytes());
        out
    }
}

/// Why a body does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// A format that this version does not know.
    #[error("the message body has format version {0}, which this version does not know")]
    Version(u8),
    /// Shorter than a body can be.
    #[error("the message body is cut short")]
    Malformed,
    /// It was changed, moved to another place, or sealed under another key.
    #[error("the message body does not authenticate")]
    Altered,
}

/// Seals `plaintext`, the encoded content of a message, under a fresh key.
///
/// Returns the body, version 1 ‖ ciphertext ‖ tag (16), 17 bytes longer than the
/// plaintext, and the key. The nonce is zero: the key is used this once.
///
/// # Panics
/// Never: ChaCha20-Poly1305 seals up to 256 GiB.
#[must_use]
pub fn seal_body(
    rng: &mut (impl CryptoRng + ?Sized),
    context: &BodyContext,
    plaintext: &[u8],
) -> (Vec<u8>, ContentKey) {
    let mut key = ContentKey::from_bytes([0; 32]);
    rng.fill_bytes(&mut key.0);
    let sealed = ChaCha20Poly1305::new(&key.0.into())
        .encrypt(
            &Nonce::default(),
            Payload {
                msg: plaintext,
                aad: &context.associated_data(),
            },
        )
        .expect("a body is far below 256 GiB");
    let mut body = vec![VERSION];
    body.extend_from_slice(&sealed);
    (body, key)
}

/// Opens a body in the place where it claims to stand.
///
/// # Errors
/// [`BodyError`]; nothing of the content is given out.
pub fn open_body(
    key: &ContentKey,
    context: &BodyContext,
    body: &[u8],
) -> Result<Zeroizing<Vec<u8>>, BodyError> {
    let (&version, sealed) = body.split_first().ok_or(BodyError::Malformed)?;
    if version != VERSION {
        return Err(BodyError::Version(version));
    }
    if sealed.len() < TAG_BYTES {
        return Err(BodyError::Malformed);
    }
    ChaCha20Poly1305::new(&key.0.into())
        .decrypt(
            &Nonce::default(),
            Payload {
                msg: sealed,
                aad: &context.associated_data(),
            },
        )
        .map(Zeroizing::new)
        .map_err(|_| BodyError::Altered)
}

/// Why the plaintext of an envelope is not a payload.
pub type PayloadError = DecodeError;

/// What travels in a session for each message: the key of its body, and which body.
///
/// The hash binds the envelope to one ciphertext: a server cannot put another body
/// under a key. It does not bind the ciphertext to one key, so a dishonest sender
/// could still give two devices two keys for one body; franking closes that.
#[derive(Clone, PartialEq, Eq)]
pub struct MessageKeyPayload {
    /// The key of the body.
    pub key: ContentKey,
    /// SHA-256 of the body as it is sent.
    pub body_hash: [u8; 32],
}

impl MessageKeyPayload {
    /// The payload for a body that was just sealed.
    #[must_use]
    pub fn new(key: &ContentKey, body: &[u8]) -> Self {
        Self {
            key: key.clone(),
            body_hash: Sha256::digest(body).into(),
        }
    }

    /// Version 1 ‖ content key (32) ‖ hash (32), 65 bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut out = Zeroizing::new(Vec::with_capacity(65));
        out.push(VERSION);
        out.extend_from_slice(self.key.as_bytes());
        out.extend_from_slice(&self.body_hash);
        out
    }

    /// Reads the bytes of [`Self::to_bytes`].
    ///
    /// # Errors
    /// [`PayloadError`] for another version or length.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, PayloadError> {
        let mut reader = Reader::new(bytes);
        let version = reader.u8()?;
        if version != VERSION {
            return Err(PayloadError::Version(version));
        }
        let key = ContentKey::from_bytes(reader.array()?);
        let body_hash = reader.array()?;
        reader.end()?;
        Ok(Self { key, body_hash })
    }

    /// Whether this is the body that the payload was made for.
    #[must_use]
    pub fn matches(&self, body: &[u8]) -> bool {
        let hash: [u8; 32] = Sha256::digest(body).into();
        hash[..].ct_eq(&self.body_hash[..]).into()
    }
}

impl fmt::Debug for MessageKeyPayload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageKeyPayload").finish_non_exhaustive()
    }
}
