//! TARGET: where a message goes, or which conversation is meant. Every verb
//! reads it here.

use std::fmt;
use std::str::FromStr;

use chat_protocol::limits;

/// A conversation, as a person names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// `@name`: the direct conversation with somebody.
    Person(String),
}

/// Why a text is not a target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TargetError {
    #[error("groups (group:NAME) are not part of this version yet; write to a person as @NAME")]
    Group,
    #[error(
        "channels (#community/channel) are not part of this version yet; write to a person as @NAME"
    )]
    Channel,
    #[error("a person is written as @NAME; did you mean @{0}?")]
    NoSign(String),
    #[error("a person is written as @NAME, for instance @alice")]
    Form,
    #[error("{0:?} is not a name: {rule}", rule = name_rule())]
    Name(String),
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        if let Some(name) = text.strip_prefix('@') {
            return match read_name(name) {
                Some(name) => Ok(Self::Person(name)),
                None => Err(TargetError::Name(name.to_owned())),
            };
        }
        if text.starts_with("group:") {
            return Err(TargetError::Group);
        }
        if text.starts_with('#') {
            return Err(TargetError::Channel);
        }
        match read_name(text) {
            Some(name) => Err(TargetError::NoSign(name)),
            None => Err(TargetError::Form),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Person(name) => write!(f, "@{name}"),
        }
    }
}

/// The name in the one form that servers know, if it is one.
pub(crate) fn read_name(text: &str) -> Option<String> {
    let name = text.to_lowercase();
    let fits = (limits::NAME_MIN_CHARS..=limits::NAME_MAX_CHARS).contains(&name.len());
    let allowed =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte);
    (fits && name.bytes().all(allowed)).then_some(name)
}

/// What a name may be, for people.
pub(crate) fn name_rule() -> String {
    format!(
        "a name has {} to {} characters of a–z, 0–9, '.', '_' and '-'",
        limits::NAME_MIN_CHARS,
        limits::NAME_MAX_CHARS
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_is_read_and_written() {
        for text in ["@alice", "@a", "@a.b_c-9"] {
            let target: Target = text.parse().unwrap();
            assert_eq!(target.to_string(), text);
        }
        assert_eq!("@Alice".parse(), Ok(Target::Person("alice".to_owned())));
    }

    #[test]
    fn anything_else_is_refused_with_its_reason() {
        let refused = |text: &str| text.parse::<Target>().unwrap_err();
        assert_eq!(refused("group:friends"), TargetError::Group);
        assert_eq!(refused("#home/general"), TargetError::Channel);
        assert_eq!(refused("alice"), TargetError::NoSign("alice".to_owned()));
        assert_eq!(refused("not a name"), TargetError::Form);
        assert_eq!(refused(""), TargetError::Form);
        for name in ["", "a b", "ä", "x/y", &"a".repeat(33)] {
            assert_eq!(
                refused(&format!("@{name}")),
                TargetError::Name(name.to_owned())
            );
        }
    }
}
