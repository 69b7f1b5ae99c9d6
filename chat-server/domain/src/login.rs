//! Session tokens: what a device shows instead of its password.

use std::fmt;

use sha2::{Digest, Sha256};

/// A session token as its device holds it: 32 random bytes, 64 hexadecimal
/// digits as text. The server keeps only its [`TokenHash`].
#[derive(Clone, PartialEq, Eq)]
pub struct SessionToken([u8; 32]);

/// The SHA-256 of a token. A token is random, so that no slow hash is needed,
/// and a stolen database lets nobody sign in.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenHash([u8; 32]);

/// Something is not 32 bytes, or not 64 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a session token is 32 bytes, or 64 hexadecimal digits")]
pub struct TokenError;

impl SessionToken {
    /// Makes a token of 32 random bytes.
    #[must_use]
    pub const fn from_random(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Reads the bytes of a frame.
    ///
    /// # Errors
    /// [`TokenError`] when they are not 32.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, TokenError> {
        bytes.try_into().map(Self).map_err(|_| TokenError)
    }

    /// Reads the hexadecimal digits of a header.
    ///
    /// # Errors
    /// [`TokenError`] when they are not 64.
    pub fn from_hex(text: &str) -> Result<Self, TokenError> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| TokenError)?;
        Ok(Self(bytes))
    }

    /// The digits for the device that asked. The one place where a token leaves.
    #[must_use]
    pub fn to_hex(&self) -> String {
        hex::encode(self.0)
    }

    /// What the server keeps of it.
    #[must_use]
    pub fn hash(&self) -> TokenHash {
        TokenHash(Sha256::digest(self.0).into())
    }
}

impl fmt::Debug for SessionToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionToken(..)")
    }
}

impl TokenHash {
    /// The bytes as they are stored.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_and_digits_are_the_same_token() {
        let token = SessionToken::from_random([0xab; 32]);
        assert_eq!(SessionToken::from_hex(&token.to_hex()), Ok(token.clone()));
        assert_eq!(SessionToken::from_bytes(&[0xab; 32]), Ok(token.clone()));
        assert_eq!(SessionToken::from_bytes(&[0xab; 31]), Err(TokenError));
        assert_eq!(SessionToken::from_hex("ab"), Err(TokenError));
        assert_ne!(token.hash().as_bytes(), &[0xab; 32]);
    }

    #[test]
    fn a_token_is_not_printed() {
        let token = SessionToken::from_random([0xab; 32]);
        assert_eq!(format!("{token:?}"), "SessionToken(..)");
        assert_eq!(format!("{:?}", token.hash()), "TokenHash(..)");
    }
}
