//! Names and passwords of accounts.

use std::fmt;

use chat_protocol::{ErrorCode, limits};

/// The name that an account is found by: one to 32 of `a–z 0–9 . _ -`, the
/// first a letter or a digit.
///
/// One spelling only, so that no two names look alike by case or by a letter of
/// another script.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct AccountName(String);

/// Why a text is not a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AccountNameError {
    /// Empty or too long.
    #[error(
        "A name has {min} to {max} characters.",
        min = limits::NAME_MIN_CHARS,
        max = limits::NAME_MAX_CHARS
    )]
    Length,
    /// A character that names do not have.
    #[error("A name has only the characters a–z, 0–9, '.', '_' and '-', in lower case.")]
    Character,
    /// It begins with punctuation.
    #[error("A name begins with a letter or a digit.")]
    Beginning,
}

impl AccountNameError {
    /// What a client is told.
    #[must_use]
    pub const fn code(self) -> ErrorCode {
        ErrorCode::NameInvalid
    }
}

impl AccountName {
    /// Takes a name of the one allowed form.
    ///
    /// # Errors
    /// [`AccountNameError`] names the rule that it breaks.
    pub fn parse(text: &str) -> Result<Self, AccountNameError> {
        let count = text.chars().count();
        if !(limits::NAME_MIN_CHARS..=limits::NAME_MAX_CHARS).contains(&count) {
            return Err(AccountNameError::Length);
        }
        if !text
            .bytes()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-'))
        {
            return Err(AccountNameError::Character);
        }
        if !text.starts_with(|first: char| first.is_ascii_alphanumeric()) {
            return Err(AccountNameError::Beginning);
        }
        Ok(Self(text.to_owned()))
    }

    /// The name as it is stored and shown.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AccountName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for AccountName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AccountName({})", self.0)
    }
}

/// Why a password is not taken. There is no rule but its length: rules about
/// characters make passwords weaker and people angry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Too few characters.
    #[error("A password has at least {min} characters.", min = limits::PASSWORD_MIN_CHARS)]
    TooShort,
    /// Too many bytes: hashing must not become a way to load a server.
    #[error("A password has at most {max} bytes.", max = limits::PASSWORD_MAX_BYTES)]
    TooLong,
}

impl PasswordError {
    /// What a client is told.
    #[must_use]
    pub const fn code(self) -> ErrorCode {
        ErrorCode::PasswordLength
    }
}

/// Checks the length of a new password.
///
/// # Errors
/// [`PasswordError`] when it is too short or too long.
pub fn check_password(password: &str) -> Result<(), PasswordError> {
    if password.len() > limits::PASSWORD_MAX_BYTES {
        return Err(PasswordError::TooLong);
    }
    if password.chars().count() < limits::PASSWORD_MIN_CHARS {
        return Err(PasswordError::TooShort);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_allowed_form_are_taken() {
        for name in ["a", "0", "alice", "a.b_c-d", "7of9", &"x".repeat(32)] {
            assert_eq!(AccountName::parse(name).unwrap().as_str(), name);
        }
    }

    #[test]
    fn other_names_are_refused_with_the_rule_they_break() {
        let cases = [
            ("", AccountNameError::Length),
            (&"x".repeat(33), AccountNameError::Length),
            ("Alice", AccountNameError::Character),
            ("al ice", AccountNameError::Character),
            ("аlice", AccountNameError::Character), // a Cyrillic а
            (".alice", AccountNameError::Beginning),
            ("-alice", AccountNameError::Beginning),
            ("_alice", AccountNameError::Beginning),
        ];
        for (name, error) in cases {
            assert_eq!(AccountName::parse(name), Err(error), "{name:?}");
        }
    }

    #[test]
    fn only_the_length_of_a_password_counts() {
        assert_eq!(check_password("1234567"), Err(PasswordError::TooShort));
        assert_eq!(check_password("12345678"), Ok(()));
        // Eight characters of three bytes each.
        assert_eq!(check_password("ああああああああ"), Ok(()));
        assert_eq!(check_password(&"x".repeat(1024)), Ok(()));
        assert_eq!(
            check_password(&"x".repeat(1025)),
            Err(PasswordError::TooLong)
        );
    }

    proptest::proptest! {
        #[test]
        fn what_is_taken_is_of_the_form(text in ".{0,40}") {
            if let Ok(name) = AccountName::parse(&text) {
                let name = name.as_str();
                proptest::prop_assert_eq!(name, &text);
                proptest::prop_assert!(name.len() <= 32 && name.is_ascii());
                proptest::prop_assert!(!name.bytes().any(|byte| byte.is_ascii_uppercase()));
            }
        }
    }
}
