//! Public keys, checked once where they come in.

use std::fmt;

use curve25519_dalek::edwards::{CompressedEdwardsY, EdwardsPoint};
use ed25519_dalek::VerifyingKey;

use crate::signed::{Signature, SignatureError, signed_bytes};

/// Why bytes are not a public key that we use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// A public key is 32 bytes.
    #[error("a public key has 32 bytes, not {0}")]
    Length(usize),
    /// Not the one canonical encoding of a point on the curve, or of a coordinate.
    #[error("the public key is not canonically encoded")]
    NotCanonical,
    /// Not in the prime-order group: signatures and agreements with such a key
    /// can hold for more than one message or be predicted.
    #[error("the public key is of small order or has a torsion part")]
    Torsion,
}

/// p = 2^255 − 19, the prime of the field, big-endian.
const FIELD_PRIME: [u8; 32] = [
    0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xed,
];

fn checked_point(bytes: &[u8]) -> Result<([u8; 32], EdwardsPoint), KeyError> {
    let bytes: [u8; 32] = bytes
        .try_into()
        .map_err(|_| KeyError::Length(bytes.len()))?;
    let point = CompressedEdwardsY(bytes)
        .decompress()
        .ok_or(KeyError::NotCanonical)?;
    if point.compress().to_bytes() != bytes {
        return Err(KeyError::NotCanonical);
    }
    // is_torsion_free holds for the identity too, hence the second question.
    if point.is_small_order() || !point.is_torsion_free() {
        return Err(KeyError::Torsion);
    }
    Ok((bytes, point))
}

macro_rules! ed25519_key {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// 32 bytes: the canonical Edwards form, in the prime-order group.
        #[derive(Clone, Copy, PartialEq, Eq, Hash)]
        pub struct $name([u8; 32]);

        impl $name {
            /// The bytes as they travel and as they are signed over.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }

            /// Checks a signature over `bytes` made for the purpose `label`.
            ///
            /// # Errors
            /// [`SignatureError::Invalid`] when it does not hold strictly.
            pub fn verify(
                &self,
                label: &[u8],
                bytes: &[u8],
                signature: &Signature,
            ) -> Result<(), SignatureError> {
                VerifyingKey::from_bytes(&self.0)
                    .and_then(|key| {
                        key.verify_strict(
                            &signed_bytes(label, bytes),
                            &ed25519_dalek::Signature::from_bytes(signature.as_bytes()),
                        )
                    })
                    .map_err(|_| SignatureError::Invalid)
            }
        }

        impl TryFrom<&[u8]> for $name {
            type Error = KeyError;

            fn try_from(bytes: &[u8]) -> Result<Self, KeyError> {
                checked_point(bytes).map(|(bytes, _)| Self(bytes))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let [first, second, third, ..] = self.0;
                write!(f, "{}({first:02x}{second:02x}{third:02x}…)", stringify!($name))
            }
        }
    };
}

ed25519_key!(
    /// The key of one device: it signs, and its Montgomery form agrees.
    DeviceKey
);
ed25519_key!(
    /// The key of an account: it signs entry 0 of the device list, nothing else.
    AccountKey
);

impl DeviceKey {
    /// The key's Montgomery form, for Diffie–Hellman, 32 bytes.
    ///
    /// # Panics
    /// Never: the point was decompressed when the key was made.
    #[must_use]
    pub fn to_montgomery(&self) -> [u8; 32] {
        CompressedEdwardsY(self.0)
            .decompress()
            .expect("the key was checked when it was made")
            .to_montgomery()
            .to_bytes()
    }
}

/// The public half of a prekey or ratchet key: X25519, 32 bytes.
///
/// The one canonical encoding of a coordinate, so that one key is one string of
/// bytes: what is remembered of a key cannot be dodged by writing it differently.
/// It may still be of small order or on the twist; X25519 takes both, and whoever
/// agrees with it refuses an all-zero result.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PrekeyPublic([u8; 32]);

impl PrekeyPublic {
    /// The bytes as they travel.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl TryFrom<[u8; 32]> for PrekeyPublic {
    type Error = KeyError;

    fn try_from(bytes: [u8; 32]) -> Result<Self, KeyError> {
        // Both are little-endian; the arrays compare from their most significant
        // byte once they are turned around.
        let mut coordinate = bytes;
        coordinate.reverse();
        if coordinate < FIELD_PRIME {
            Ok(Self(bytes))
        } else {
            Err(KeyError::NotCanonical)
        }
    }
}

impl TryFrom<&[u8]> for PrekeyPublic {
    type Error = KeyError;

    fn try_from(bytes: &[u8]) -> Result<Self, KeyError> {
        let bytes: [u8; 32] = bytes
            .try_into()
            .map_err(|_| KeyError::Length(bytes.len()))?;
        Self::try_from(bytes)
    }
}

impl fmt::Debug for PrekeyPublic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, second, third, ..] = self.0;
        write!(f, "PrekeyPublic({first:02x}{second:02x}{third:02x}…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identity_and_torsion_are_refused() {
        let identity = {
            let mut bytes = [0; 32];
            bytes[0] = 1;
            bytes
        };
        assert_eq!(DeviceKey::try_from(&identity[..]), Err(KeyError::Torsion));
        // The base point plus a point of order eight.
        let mixed = curve25519_dalek::constants::ED25519_BASEPOINT_POINT
            + curve25519_dalek::constants::EIGHT_TORSION[1];
        assert_eq!(
            DeviceKey::try_from(&mixed.compress().to_bytes()[..]),
            Err(KeyError::Torsion)
        );
    }

    #[test]
    fn a_second_encoding_of_a_point_is_refused() {
        // y = p + 1 is y = 1 written a second way.
        let mut bytes = [0xff; 32];
        bytes[0] = 0xee;
        bytes[31] = 0x7f;
        assert_eq!(DeviceKey::try_from(&bytes[..]), Err(KeyError::NotCanonical));
    }
}
