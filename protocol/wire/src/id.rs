//! Identifiers: sixteen bytes each, one type per thing that they name.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Why bytes or text are not an identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// An identifier is 16 bytes.
    #[error("an identifier has 16 bytes, not {0}")]
    Length(usize),
    /// As text it is 32 lower-case hexadecimal digits.
    #[error("an identifier is written as 32 lower-case hexadecimal digits")]
    Text,
}

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// Sixteen bytes; as text and in JSON 32 lower-case hexadecimal digits.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 16]);

        impl $name {
            /// Takes the bytes as they are.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// The bytes as they travel.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }

            /// The bytes for a frame's field.
            #[must_use]
            pub fn to_bytes(self) -> bytes::Bytes {
                bytes::Bytes::copy_from_slice(&self.0)
            }
        }

        impl TryFrom<&[u8]> for $name {
            type Error = IdError;

            fn try_from(bytes: &[u8]) -> Result<Self, IdError> {
                bytes.try_into().map(Self).map_err(|_| IdError::Length(bytes.len()))
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                // One spelling only, so that text can be compared as text.
                if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
                    return Err(IdError::Text);
                }
                let mut bytes = [0; 16];
                hex::decode_to_slice(text, &mut bytes).map_err(|_| IdError::Text)?;
                Ok(Self(bytes))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex::encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() {
                    serializer.collect_str(self)
                } else {
                    self.0.serialize(serializer)
                }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                if deserializer.is_human_readable() {
                    let text = String::deserialize(deserializer)?;
                    text.parse().map_err(serde::de::Error::custom)
                } else {
                    <[u8; 16]>::deserialize(deserializer).map(Self)
                }
            }
        }
    };
}

identifier!(
    /// Names one account, drawn by the client that registers it.
    AccountId
);
identifier!(
    /// Names one device of an account, drawn by that device.
    DeviceId
);
identifier!(
    /// Names one conversation. A direct one's is derived from its two accounts.
    ConversationId
);
identifier!(
    /// Names one message before the server has seen it; makes sending idempotent.
    MessageId
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_json_are_lower_case_hex() {
        let id = AccountId::from_bytes([0xab; 16]);
        assert_eq!(id.to_string(), "ab".repeat(16));
        assert_eq!(serde_json::to_string(&id).unwrap(), format!("\"{id}\""));
        assert_eq!(id.to_string().parse(), Ok(id));
    }

    #[test]
    fn another_spelling_is_rejected() {
        assert_eq!("AB".repeat(16).parse::<AccountId>(), Err(IdError::Text));
        assert_eq!("ab".repeat(15).parse::<AccountId>(), Err(IdError::Text));
        assert_eq!(DeviceId::try_from(&[0; 15][..]), Err(IdError::Length(15)));
    }
}
