//! Sealing and opening one message under its key.

use chacha20poly1305::aead::AeadInOut as _;
use chacha20poly1305::{ChaCha20Poly1305, Key, KeyInit as _, Nonce, Tag};
use zeroize::Zeroizing;

use crate::kdf::hkdf;
use crate::labels;
use crate::secret::secret_key;

secret_key! {
    /// The key of one message, 32 bytes.
    pub(crate) struct MessageKey;
}

/// Random bytes that enter every message's cipher key.
///
/// A device that was restored from an old copy of its state takes the same message
/// key twice; with these it still never seals twice under one key and nonce.
pub(crate) type Salt = [u8; 12];

/// A message as it came in.
#[derive(Clone, Copy)]
pub(crate) struct Sealed<'a> {
    /// Associated data of the session, then the header exactly as received (D2).
    pub(crate) associated_data: &'a [u8],
    pub(crate) salt: &'a Salt,
    /// Ciphertext ‖ tag (16).
    pub(crate) ciphertext: &'a [u8],
}

impl MessageKey {
    /// HKDF-SHA256 with the random bytes as salt, to key (32) ‖ nonce (12).
    fn cipher(&self, salt: &Salt) -> (ChaCha20Poly1305, Nonce) {
        let derived = hkdf::<44>(salt, &self.0, labels::RATCHET_MESSAGE);
        let mut key = Zeroizing::new([0; 32]);
        let mut nonce = Nonce::default();
        key.iter_mut()
            .chain(&mut nonce)
            .zip(&*derived)
            .for_each(|(to, from)| *to = *from);
        (ChaCha20Poly1305::new(<&Key>::from(&*key)), nonce)
    }

    /// Appends ciphertext ‖ tag (16) to `out`.
    ///
    /// # Panics
    /// Never: the callers limit the length far below 256 GiB.
    pub(crate) fn seal(
        &self,
        salt: &Salt,
        associated_data: &[u8],
        plaintext: &[u8],
        out: &mut Vec<u8>,
    ) {
        let (cipher, nonce) = self.cipher(salt);
        let mut buffer = plaintext.to_vec();
        let tag = cipher
            .encrypt_inout_detached(&nonce, associated_data, buffer.as_mut_slice().into())
            .expect("a message is far below 256 GiB");
        out.extend_from_slice(&buffer);
        out.extend_from_slice(&tag);
    }

    /// The plaintext, or nothing at all.
    pub(crate) fn open(&self, sealed: &Sealed<'_>) -> Option<Zeroizing<Vec<u8>>> {
        // The full tag, always (C8).
        let (ciphertext, tag) = sealed.ciphertext.split_last_chunk::<16>()?;
        let (cipher, nonce) = self.cipher(sealed.salt);
        let mut buffer = Zeroizing::new(ciphertext.to_vec());
        cipher
            .decrypt_inout_detached(
                &nonce,
                sealed.associated_data,
                buffer.as_mut_slice().into(),
                <&Tag>::from(tag),
            )
            .ok()?;
        Some(buffer)
    }
}
