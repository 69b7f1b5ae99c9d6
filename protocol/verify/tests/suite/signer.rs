//! Keys that sign. The crate itself holds none.

use chat_protocol::{AccountId, DeviceId};
use chat_verify::{
    AccountKey, Device, DeviceKey, DeviceListEntry, Signature, SignedEntry, label, signed_bytes,
};
use ed25519_dalek::{Signer as _, SigningKey};

/// A key whose seed is that byte, 32 times.
pub struct Signer(pub SigningKey);

impl Signer {
    pub fn new(byte: u8) -> Self {
        Self(SigningKey::from_bytes(&[byte; 32]))
    }

    pub fn account_key(&self) -> AccountKey {
        AccountKey::try_from(&self.0.verifying_key().to_bytes()[..]).expect("a good key")
    }

    pub fn device_key(&self) -> DeviceKey {
        DeviceKey::try_from(&self.0.verifying_key().to_bytes()[..]).expect("a good key")
    }

    pub fn sign(&self, label: &[u8], bytes: &[u8]) -> Signature {
        Signature::from_bytes(self.0.sign(&signed_bytes(label, bytes)).to_bytes())
    }

    pub fn sign_entry(&self, entry: &DeviceListEntry) -> SignedEntry {
        let bytes = entry.to_bytes();
        let signature = self.sign(label::DEVICE_LIST_ENTRY, &bytes);
        SignedEntry { bytes, signature }
    }
}

/// The account of the tests.
pub fn account() -> AccountId {
    AccountId::from_bytes([1; 16])
}

/// The device whose id and key follow from one byte.
pub fn device(byte: u8) -> Device {
    Device {
        id: DeviceId::from_bytes([byte; 16]),
        key: Signer::new(byte).device_key(),
    }
}

/// Entry 0 with these devices, of the account whose key is `Signer::new(100)`.
pub fn first_entry(devices: &[u8]) -> DeviceListEntry {
    DeviceListEntry {
        account: account(),
        account_key: Signer::new(100).account_key(),
        seq: 0,
        previous: [0; 32],
        devices: devices.iter().copied().map(device).collect(),
    }
}
