//! The two building blocks of every derivation: HKDF and HMAC over SHA-256.

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

/// HKDF-SHA256 to `N` bytes, at most 8160.
///
/// # Panics
/// Never for the lengths in use: HKDF gives up to 255 hashes.
pub(crate) fn hkdf<const N: usize>(salt: &[u8], secret: &[u8], info: &[u8]) -> Zeroizing<[u8; N]> {
    let mut out = Zeroizing::new([0; N]);
    Hkdf::<Sha256>::new(Some(salt), secret)
        .expand(info, &mut out[..])
        .expect("every length in use is far below 255 hashes");
    out
}

/// HMAC-SHA256 under one key over several inputs, one byte each.
pub(crate) struct ByteMac(Hmac<Sha256>);

impl ByteMac {
    /// # Panics
    /// Never: HMAC takes keys of every length.
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        Self(Hmac::new_from_slice(key).expect("HMAC takes keys of every length"))
    }

    pub(crate) fn of(&self, input: u8) -> [u8; 32] {
        let mut mac = self.0.clone();
        mac.update(&[input]);
        mac.finalize().into_bytes().into()
    }
}
