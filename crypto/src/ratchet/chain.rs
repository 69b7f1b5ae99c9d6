//! The root chain and the symmetric chains (D1).

use crate::kdf::{ByteMac, hkdf};
use crate::labels;
use crate::ratchet::message::MessageKey;
use crate::secret::secret_key;
use crate::x3dh::SharedSecret;

secret_key! {
    /// The key of the root chain, 32 bytes.
    pub(crate) struct RootKey;
}

secret_key! {
    /// The key of a sending or receiving chain, 32 bytes.
    pub(crate) struct ChainKey;
}

impl RootKey {
    /// A session starts from what X3DH gave.
    pub(crate) fn new(secret: &SharedSecret) -> Self {
        Self(*secret.as_bytes())
    }

    /// KDF_RK: the next root key and a new chain, HKDF-SHA256 to 64 bytes with the
    /// root key as salt and the agreement as secret.
    pub(crate) fn step(&self, agreement: &[u8; 32]) -> (Self, ChainKey) {
        let both = hkdf::<64>(&self.0, agreement, labels::RATCHET_ROOT);
        let mut root = Self([0; 32]);
        let mut chain = ChainKey([0; 32]);
        root.0
            .iter_mut()
            .chain(&mut chain.0)
            .zip(&*both)
            .for_each(|(to, from)| *to = *from);
        (root, chain)
    }
}

impl ChainKey {
    /// KDF_CK: HMAC-SHA256 of 0x01 is the message key, of 0x02 the next chain key.
    pub(crate) fn step(&self) -> (MessageKey, Self) {
        let mac = ByteMac::new(&self.0);
        (MessageKey::from_bytes(mac.of(1)), Self(mac.of(2)))
    }
}
