//! Sealing of single values.
//!
//! A sealed value is `0x01 ‖ nonce (24) ‖ XChaCha20-Poly1305`. The associated
//! data binds it to its place (label, table, key), so that nobody who can write
//! the file can move a value to another record. The nonce is random: with 24
//! bytes, a repeat is out of reach however often a record is written.

use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::store_key::StoreKey;

const LABEL: &[u8] = b"Chatalot/v1/native-store";
const VERSION: u8 = 1;
const NONCE_BYTES: usize = 24;

/// Why a sealed value does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UnsealError {
    /// A later version of this program wrote it, or nobody did.
    #[error("a sealed value of format {0} is unknown")]
    Version(u8),
    /// Another key, another place, or altered bytes.
    #[error("a sealed value does not open")]
    Altered,
}

/// Seals and opens the values of one store.
pub(crate) struct Sealer {
    cipher: XChaCha20Poly1305,
}

impl Sealer {
    pub fn new(key: &StoreKey) -> Self {
        Self {
            cipher: XChaCha20Poly1305::new(key.as_bytes().into()),
        }
    }

    pub fn seal(&self, table: &str, key: &[u8], value: &[u8], rng: &mut impl CryptoRng) -> Vec<u8> {
        let mut nonce = [0; NONCE_BYTES];
        rng.fill_bytes(&mut nonce);
        let aad = associated_data(table, key);
        let sealed = self
            .cipher
            .encrypt(
                &XNonce::from(nonce),
                Payload {
                    msg: value,
                    aad: &aad,
                },
            )
            .expect("a record is far shorter than the cipher's limit");
        let mut bytes = Vec::with_capacity(1 + NONCE_BYTES + sealed.len());
        bytes.push(VERSION);
        bytes.extend_from_slice(&nonce);
        bytes.extend_from_slice(&sealed);
        bytes
    }

    pub fn open(
        &self,
        table: &str,
        key: &[u8],
        bytes: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, UnsealError> {
        let (version, rest) = bytes.split_first().ok_or(UnsealError::Altered)?;
        if *version != VERSION {
            return Err(UnsealError::Version(*version));
        }
        let (nonce, sealed) = rest
            .split_first_chunk::<NONCE_BYTES>()
            .ok_or(UnsealError::Altered)?;
        let aad = associated_data(table, key);
        self.cipher
            .decrypt(
                &XNonce::from(*nonce),
                Payload {
                    msg: sealed,
                    aad: &aad,
                },
            )
            .map(Zeroizing::new)
            .map_err(|_| UnsealError::Altered)
    }
}

/// Label and table have a fixed length before them; the key ends it. Nothing can
/// be read two ways.
fn associated_data(table: &str, key: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(LABEL.len() + table.len() + key.len() + 3);
    bytes.push(VERSION);
    for part in [LABEL, table.as_bytes()] {
        bytes.push(u8::try_from(part.len()).expect("labels and table names are short"));
        bytes.extend_from_slice(part);
    }
    bytes.extend_from_slice(key);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::system_rng;

    #[test]
    fn a_value_opens_only_in_its_place_and_unaltered() {
        let store = Sealer::new(&StoreKey::from_bytes([1; 32]));
        let sealed = store.seal("peer", b"key", b"value", &mut system_rng());
        assert_eq!(
            store.open("peer", b"key", &sealed).unwrap()[..],
            b"value"[..]
        );
        assert_eq!(
            store.open("peer", b"kez", &sealed),
            Err(UnsealError::Altered)
        );
        assert_eq!(
            store.open("session", b"key", &sealed),
            Err(UnsealError::Altered)
        );
        for position in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[position] ^= 1;
            assert!(
                store.open("peer", b"key", &altered).is_err(),
                "byte {position}"
            );
        }
        for length in 0..sealed.len() {
            assert!(
                store.open("peer", b"key", &sealed[..length]).is_err(),
                "{length} bytes"
            );
        }
    }

    #[test]
    fn another_key_does_not_open_it() {
        let sealed = Sealer::new(&StoreKey::from_bytes([1; 32])).seal(
            "peer",
            b"key",
            b"value",
            &mut system_rng(),
        );
        let other = Sealer::new(&StoreKey::from_bytes([2; 32]));
        assert_eq!(
            other.open("peer", b"key", &sealed),
            Err(UnsealError::Altered)
        );
    }

    #[test]
    fn the_same_value_is_never_sealed_the_same_way() {
        let store = Sealer::new(&StoreKey::from_bytes([1; 32]));
        let first = store.seal("peer", b"key", b"value", &mut system_rng());
        let second = store.seal("peer", b"key", b"value", &mut system_rng());
        assert_ne!(first, second);
    }
}
