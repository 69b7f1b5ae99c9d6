//! Invites: how somebody becomes an account here.

use std::fmt;

use chat_protocol::{ErrorCode, limits};
use sha2::{Digest, Sha256};

/// Characters of a code. Without 0, 1, l and o, which people mistake.
const ALPHABET: &[u8; 32] = b"23456789abcdefghijkmnpqrstuvwxyz";

/// Characters of one code: 26 of five random bits each, 130 bits.
pub const CODE_CHARS: usize = 26;

/// The code of an invite, 26 characters of `2–9 a–z` without l and o.
///
/// Whoever holds it may register; the server keeps only its [`InviteHash`].
#[derive(Clone, PartialEq, Eq)]
pub struct InviteCode(String);

/// The SHA-256 of a code: a stolen database invites nobody.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct InviteHash([u8; 32]);

/// A text is not of the form of a code, so that no such invite exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("There is no such invite, or it is used up or has expired. Ask for a new one.")]
pub struct InviteCodeError;

impl InviteCodeError {
    /// What a client is told.
    #[must_use]
    pub const fn code(self) -> ErrorCode {
        ErrorCode::InviteNotFound
    }
}

impl InviteCode {
    /// Makes a code of random bytes; five bits of each are used.
    #[must_use]
    pub fn from_random(bytes: [u8; CODE_CHARS]) -> Self {
        let letter = |byte: &u8| char::from(ALPHABET[usize::from(byte & 31)]);
        Self(bytes.iter().map(letter).collect())
    }

    /// Reads a code that somebody brought.
    ///
    /// # Errors
    /// [`InviteCodeError`] when no invite can have it.
    pub fn parse(text: &str) -> Result<Self, InviteCodeError> {
        if text.len() == CODE_CHARS && text.bytes().all(|byte| ALPHABET.contains(&byte)) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InviteCodeError)
        }
    }

    /// The code, for whoever asked for the invite.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What the server keeps of it.
    #[must_use]
    pub fn hash(&self) -> InviteHash {
        InviteHash(Sha256::digest(&self.0).into())
    }
}

impl fmt::Debug for InviteCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InviteCode(..)")
    }
}

impl InviteHash {
    /// The bytes as they are stored.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for InviteHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InviteHash(..)")
    }
}

/// How often and how long an invite holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InviteTerms {
    /// How many accounts it makes.
    pub uses: u32,
    /// When it ends, in milliseconds since 1970.
    pub expires_at_ms: u64,
}

/// Why an invite is not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InviteTermsError {
    /// Too many uses.
    #[error("An invite has 1 to {max} uses.", max = limits::INVITE_USES_MAX)]
    Uses,
    /// Too long a life.
    #[error("An invite holds for 1 to {max} hours.", max = limits::INVITE_MAX_HOURS)]
    Hours,
}

impl InviteTermsError {
    /// What a client is told.
    #[must_use]
    pub const fn code(self) -> ErrorCode {
        ErrorCode::LimitExceeded
    }
}

impl InviteTerms {
    /// Terms from what was asked for; 0 stands for the usual: one use, a week.
    ///
    /// # Errors
    /// [`InviteTermsError`] when a limit is exceeded.
    pub fn new(uses: u32, hours: u32, now_ms: u64) -> Result<Self, InviteTermsError> {
        let uses = if uses == 0 { 1 } else { uses };
        let hours = if hours == 0 {
            limits::INVITE_DEFAULT_HOURS
        } else {
            hours
        };
        if uses > limits::INVITE_USES_MAX {
            return Err(InviteTermsError::Uses);
        }
        if hours > limits::INVITE_MAX_HOURS {
            return Err(InviteTermsError::Hours);
        }
        Ok(Self {
            uses,
            expires_at_ms: now_ms.saturating_add(u64::from(hours) * 3_600_000),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_reads_back() {
        let bytes = std::array::from_fn(|place| u8::try_from(place * 9).unwrap());
        let code = InviteCode::from_random(bytes);
        assert_eq!(code.as_str().len(), CODE_CHARS);
        assert_eq!(InviteCode::parse(code.as_str()), Ok(code.clone()));
        assert_eq!(format!("{code:?}"), "InviteCode(..)");
    }

    #[test]
    fn other_texts_are_no_codes() {
        for text in [
            "",
            "short",
            &"0".repeat(26),
            &"A".repeat(26),
            &"a".repeat(27),
        ] {
            assert_eq!(InviteCode::parse(text), Err(InviteCodeError), "{text:?}");
        }
    }

    #[test]
    fn terms_have_defaults_and_limits() {
        let week = InviteTerms::new(0, 0, 1000).unwrap();
        assert_eq!((week.uses, week.expires_at_ms), (1, 1000 + 7 * 86_400_000));
        assert_eq!(InviteTerms::new(1001, 1, 0), Err(InviteTermsError::Uses));
        assert_eq!(InviteTerms::new(1, 8761, 0), Err(InviteTermsError::Hours));
    }
}
