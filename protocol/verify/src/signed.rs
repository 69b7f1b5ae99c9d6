//! Signatures with a context label.

use std::fmt;

/// An Ed25519 signature, 64 bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signature([u8; 64]);

/// Why a signature does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// A signature is 64 bytes.
    #[error("a signature has 64 bytes, not {0}")]
    Length(usize),
    /// It was not made by this key over these bytes for this purpose.
    #[error("the signature does not verify")]
    Invalid,
}

impl Signature {
    /// Takes the bytes as they are.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 64]) -> Self {
        Self(bytes)
    }

    /// The bytes as they travel.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 64] {
        &self.0
    }
}

impl TryFrom<&[u8]> for Signature {
    type Error = SignatureError;

    fn try_from(bytes: &[u8]) -> Result<Self, SignatureError> {
        bytes
            .try_into()
            .map(Self)
            .map_err(|_| SignatureError::Length(bytes.len()))
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signature(..)")
    }
}

/// What a signature is made over: the label's length (u16, big-endian), the
/// label, the bytes. The length keeps label and bytes from running together.
///
/// # Panics
/// If a label is longer than a u16 can say; labels are constants.
#[must_use]
pub fn signed_bytes(label: &[u8], bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(label.len()).expect("labels are short constants");
    [&length.to_be_bytes(), label, bytes].concat()
}
