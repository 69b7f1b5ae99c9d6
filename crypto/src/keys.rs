//! The secret keys of an account and its devices, and what they sign.

use std::fmt;

use ed25519_dalek::{Signer as _, SigningKey};
use rand_core::CryptoRng;
use subtle::ConstantTimeEq as _;
use x25519_dalek::StaticSecret;
use zeroize::{Zeroize as _, Zeroizing};

use chat_protocol::DeviceId;
use chat_verify::{
    AccountKey, DeviceKey, DeviceListEntry, PrekeyPublic, Signature, SignedEntry, SignedPrekey,
    label, signed_bytes,
};

use crate::agreement::{KeyPair, NotContributory, agree};

fn generate_seed(rng: &mut (impl CryptoRng + ?Sized)) -> Zeroizing<[u8; 32]> {
    let mut seed = Zeroizing::new([0; 32]);
    rng.fill_bytes(&mut seed[..]);
    seed
}

fn sign(key: &SigningKey, label: &[u8], bytes: &[u8]) -> Signature {
    Signature::from_bytes(key.sign(&signed_bytes(label, bytes)).to_bytes())
}

/// The secret key of an account: Ed25519, 32 bytes.
///
/// It signs entry 0 of the device list and never agrees on anything.
#[derive(Clone)]
pub struct AccountSecret {
    signing: SigningKey,
    public: AccountKey,
}

impl AccountSecret {
    /// Draws a new one.
    #[must_use]
    pub fn generate(rng: &mut (impl CryptoRng + ?Sized)) -> Self {
        Self::from_bytes(*generate_seed(rng))
    }

    /// Takes the 32 bytes of [`Self::to_bytes`] back.
    ///
    /// # Panics
    /// Never: a public key made from a secret one is in the prime-order group.
    #[must_use]
    pub fn from_bytes(mut bytes: [u8; 32]) -> Self {
        let signing = SigningKey::from_bytes(&bytes);
        bytes.zeroize();
        let public = AccountKey::try_from(&signing.verifying_key().to_bytes()[..])
            .expect("a key made from a secret is in the prime-order group");
        Self { signing, public }
    }

    /// The seed, 32 bytes, for the sealed store.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.signing.to_bytes())
    }

    /// The public half.
    #[must_use]
    pub const fn public(&self) -> AccountKey {
        self.public
    }

    /// Signs `bytes` for the purpose `label`; see [`signed_bytes`].
    #[must_use]
    pub fn sign(&self, label: &[u8], bytes: &[u8]) -> Signature {
        sign(&self.signing, label, bytes)
    }
}

/// The secret key of a device: one Ed25519 key, 32 bytes, that signs, and whose
/// Montgomery form agrees.
#[derive(Clone)]
pub struct DeviceSecret {
    signing: SigningKey,
    // Cached: deriving it costs a hash for every agreement.
    agreeing: StaticSecret,
    public: DeviceKey,
}

impl DeviceSecret {
    /// Draws a new one.
    #[must_use]
    pub fn generate(rng: &mut (impl CryptoRng + ?Sized)) -> Self {
        Self::from_bytes(*generate_seed(rng))
    }

    /// Takes the 32 bytes of [`Self::to_bytes`] back.
    ///
    /// # Panics
    /// Never: a public key made from a secret one is in the prime-order group.
    #[must_use]
    pub fn from_bytes(mut bytes: [u8; 32]) -> Self {
        let signing = SigningKey::from_bytes(&bytes);
        bytes.zeroize();
        let agreeing = StaticSecret::from(signing.to_scalar_bytes());
        let public = DeviceKey::try_from(&signing.verifying_key().to_bytes()[..])
            .expect("a key made from a secret is in the prime-order group");
        Self {
            signing,
            agreeing,
            public,
        }
    }

    /// The seed, 32 bytes, for the sealed store.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.signing.to_bytes())
    }

    /// The public half.
    #[must_use]
    pub const fn public(&self) -> DeviceKey {
        self.public
    }

    /// Signs `bytes` for the purpose `label`; see [`signed_bytes`].
    #[must_use]
    pub fn sign(&self, label: &[u8], bytes: &[u8]) -> Signature {
        sign(&self.signing, label, bytes)
    }

    pub(crate) fn agree(&self, their: &[u8; 32]) -> Result<Zeroizing<[u8; 32]>, NotContributory> {
        agree(&self.agreeing, their)
    }
}

/// The secret half of a prekey: X25519, 32 bytes.
#[derive(Clone)]
pub struct PrekeySecret(KeyPair);

impl PrekeySecret {
    /// Draws a new one.
    #[must_use]
    pub fn generate(rng: &mut (impl CryptoRng + ?Sized)) -> Self {
        Self(KeyPair::generate(rng))
    }

    /// Takes the 32 bytes of [`Self::to_bytes`] back.
    #[must_use]
    pub fn from_bytes(mut bytes: [u8; 32]) -> Self {
        let secret = StaticSecret::from(bytes);
        bytes.zeroize();
        Self(KeyPair::from_secret(secret))
    }

    /// The scalar as it was drawn, 32 bytes, for the sealed store.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.secret().to_bytes())
    }

    /// The public half.
    #[must_use]
    pub const fn public(&self) -> PrekeyPublic {
        *self.0.public()
    }

    pub(crate) const fn pair(&self) -> &KeyPair {
        &self.0
    }
}

macro_rules! secret_traits {
    ($name:ident, $($bytes:tt)+) => {
        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                let bytes = |key: &Self| key.$($bytes)+;
                bytes(self)[..].ct_eq(&bytes(other)[..]).into()
            }
        }

        impl Eq for $name {}

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name))
                    .field("public", &self.public())
                    .finish_non_exhaustive()
            }
        }
    };
}

secret_traits!(AccountSecret, to_bytes());
secret_traits!(DeviceSecret, to_bytes());
secret_traits!(PrekeySecret, to_bytes());

/// Where a device finds the secret halves of the prekeys that it published.
pub trait PrekeyLookup {
    /// The signed prekey of that number, if it is still kept.
    fn signed(&self, id: u32) -> Option<&PrekeySecret>;
    /// The one-time prekey of that number, if it was not used up.
    fn one_time(&self, id: u32) -> Option<&PrekeySecret>;
}

/// Signs the prekey `id` of `device`, for the server to hand out.
#[must_use]
pub fn sign_prekey(
    device: DeviceId,
    key: &DeviceSecret,
    id: u32,
    prekey: &PrekeySecret,
) -> SignedPrekey {
    let public = prekey.public();
    let bytes = chat_verify::prekey::signed_prekey_bytes(device, id, &public);
    SignedPrekey {
        id,
        public,
        signature: key.sign(label::SIGNED_PREKEY, &bytes),
    }
}

/// Who may sign an entry of a device list: the account key for entry 0, a device
/// of the entry before for every other.
pub trait DeviceListSigner {
    /// Signs the bytes of an entry.
    fn sign_entry(&self, bytes: &[u8]) -> Signature;
}

impl DeviceListSigner for AccountSecret {
    fn sign_entry(&self, bytes: &[u8]) -> Signature {
        self.sign(label::DEVICE_LIST_ENTRY, bytes)
    }
}

impl DeviceListSigner for DeviceSecret {
    fn sign_entry(&self, bytes: &[u8]) -> Signature {
        self.sign(label::DEVICE_LIST_ENTRY, bytes)
    }
}

/// Encodes and signs an entry of a device list.
#[must_use]
pub fn sign_device_list(entry: &DeviceListEntry, by: &impl DeviceListSigner) -> SignedEntry {
    let bytes = entry.to_bytes();
    let signature = by.sign_entry(&bytes);
    SignedEntry { bytes, signature }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_montgomery_form_of_both_halves_agrees() {
        let alice = DeviceSecret::from_bytes([1; 32]);
        let bob = DeviceSecret::from_bytes([2; 32]);
        assert_eq!(
            alice.agree(&bob.public().to_montgomery()),
            bob.agree(&alice.public().to_montgomery())
        );
    }

    #[test]
    fn a_secret_comes_back_from_its_bytes() {
        let device = DeviceSecret::from_bytes([3; 32]);
        assert_eq!(DeviceSecret::from_bytes(*device.to_bytes()), device);
        assert_ne!(DeviceSecret::from_bytes([4; 32]), device);
        let prekey = PrekeySecret::from_bytes([5; 32]);
        assert_eq!(
            PrekeySecret::from_bytes(*prekey.to_bytes()).public(),
            prekey.public()
        );
        let account = AccountSecret::from_bytes([6; 32]);
        assert_eq!(
            AccountSecret::from_bytes(*account.to_bytes()).public(),
            account.public()
        );
    }
}
