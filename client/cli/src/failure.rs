//! How a command ends badly: an exit code, what happened, what to do next.

use std::io::Write as _;
use std::process::ExitCode;

use serde_json::json;

use chat_client::FailureCode;
use chat_client_native::{AccountError, AddressError, ClientError, NotOnline, StoreKeyError};

use crate::arguments::Format;

/// The exit codes other than 0, a contract with scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Anything else.
    Other = 1,
    /// The command line is not right.
    Usage = 2,
    /// The server cannot be reached.
    Unreachable = 3,
    /// Refused, by the server or by this device for safety's sake.
    Refused = 4,
    /// Something cannot be decrypted.
    Undecryptable = 5,
}

/// Why a command ended badly.
#[derive(Debug)]
pub(crate) struct Failure {
    exit: Exit,
    /// For scripts; the server's code where it was the server.
    code: String,
    message: String,
    next: String,
    /// The output's reader has gone: there is nobody to tell.
    silent: bool,
}

impl Failure {
    pub fn new(
        exit: Exit,
        code: impl Into<String>,
        message: impl Into<String>,
        next: impl Into<String>,
    ) -> Self {
        let (code, message, next) = (code.into(), message.into(), next.into());
        Self {
            exit,
            code,
            message,
            next,
            silent: false,
        }
    }

    /// Adds what became of something to the next step.
    pub fn and(mut self, what: &str) -> Self {
        self.next = format!("{what} {}", self.next);
        self
    }

    /// Tells the person, and gives the code to exit with.
    pub fn report(&self, format: Format) -> ExitCode {
        if self.silent {
            return ExitCode::SUCCESS;
        }
        let text = match format {
            Format::Json => {
                let error = json!({"code": self.code, "message": self.message, "next": self.next});
                format!("{}\n", json!({ "error": error }))
            }
            Format::Text => format!("chatalot: {}\n  → {}\n", self.message, self.next),
        };
        // Without stderr the exit code has to do.
        let _lost = std::io::stderr().write_all(text.as_bytes());
        ExitCode::from(self.exit as u8)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        let silent = error.kind() == std::io::ErrorKind::BrokenPipe;
        let message = format!("Input or output failed: {error}.");
        let next = "Look at where this program's input and output go.";
        Self {
            silent,
            ..Self::new(Exit::Other, "io", message, next)
        }
    }
}

impl From<chat_client::Failure> for Failure {
    fn from(failure: chat_client::Failure) -> Self {
        let (exit, code, next) = match failure.code {
            FailureCode::Offline => (Exit::Unreachable, "offline", CHECK_CONNECTION),
            FailureCode::Refused => (
                Exit::Refused,
                "refused",
                "See docs/errors.md for this code.",
            ),
            FailureCode::PersonNotFound => (
                Exit::Refused,
                "person_not_found",
                "Check the spelling of the name.",
            ),
            FailureCode::NotVerified => (Exit::Refused, "not_verified", ASK_THEM),
            FailureCode::IdentityChanged => (Exit::Refused, "identity_changed", ASK_THEM),
            FailureCode::SignedOut => (Exit::Refused, "signed_out", SIGN_IN),
            FailureCode::TextLength => (Exit::Usage, "text_length", "Send it in parts."),
            FailureCode::UnknownConversation => (
                Exit::Other,
                "unknown_conversation",
                "Run the command without --offline.",
            ),
            FailureCode::UnknownMessage => (Exit::Other, "unknown_message", "Send it again."),
            FailureCode::Superseded => (
                Exit::Other,
                "superseded",
                "End the other program that uses this home.",
            ),
            FailureCode::Store => (Exit::Other, "store", CHECK_DISK),
        };
        // The server's own code says more than "refused".
        let code = failure.reason.unwrap_or_else(|| code.to_owned());
        Self::new(exit, code, failure.message, next)
    }
}

impl From<NotOnline> for Failure {
    fn from(reason: NotOnline) -> Self {
        match reason {
            NotOnline::Unreachable(message) => {
                Self::new(Exit::Unreachable, "unreachable", message, CHECK_CONNECTION)
            }
            NotOnline::Refused(message) => {
                let next = "Check the server's address and the version of both sides.";
                Self::new(Exit::Refused, "refused", message, next)
            }
            NotOnline::SignedOut(message) => {
                Self::new(Exit::Refused, "signed_out", message, SIGN_IN)
            }
            NotOnline::Ended(message) => Self::new(Exit::Other, "store", message, CHECK_DISK),
        }
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let message = sentence(&error);
        let (code, next) = match &error {
            ClientError::NoAccount => ("no_account", REGISTER),
            ClientError::Home(_) => ("home", "Name a folder that you may write with --home DIR."),
            ClientError::Lock(_) => ("home_in_use", "End the other program that uses this home."),
            ClientError::OtherVersion => (
                "other_version",
                "End the other program, or use the same version.",
            ),
            ClientError::Key(error) => ("store_key", key_next(error)),
            ClientError::Store(_) | ClientError::Open(_) | ClientError::Socket(_) => {
                ("store", CHECK_DISK)
            }
        };
        Self::new(Exit::Other, code, message, next)
    }
}

impl From<AccountError> for Failure {
    fn from(error: AccountError) -> Self {
        let message = sentence(&error);
        let (exit, code, next) = match &error {
            AccountError::AlreadyRegistered { .. } => (
                Exit::Other,
                "already_registered",
                "Use it as it is, or give the new account another folder with --home DIR.",
            ),
            AccountError::NoAccount => (Exit::Other, "no_account", REGISTER),
            AccountError::Home(_) => (
                Exit::Other,
                "home",
                "Name a folder that you may write with --home DIR.",
            ),
            AccountError::Lock(_) => (
                Exit::Other,
                "home_in_use",
                "End the other program that uses this home.",
            ),
            AccountError::Key(error) => (Exit::Other, "store_key", key_next(error)),
            AccountError::Store(_) | AccountError::Open(_) => (Exit::Other, "store", CHECK_DISK),
            AccountError::Registration(chat_client::RegistrationError::PasswordTooShort) => (
                Exit::Usage,
                "password_length",
                "Choose a longer password; there is no other rule.",
            ),
            AccountError::Registration(_) | AccountError::SignIn(_) => (
                Exit::Refused,
                "unexpected_answer",
                "Check the server's address.",
            ),
            AccountError::Unreachable { .. } => {
                (Exit::Unreachable, "unreachable", CHECK_CONNECTION)
            }
            AccountError::Refused(problem) => (
                Exit::Refused,
                problem.code.as_str(),
                refusal_next(&problem.code),
            ),
            AccountError::NotChatalot { .. } => {
                (Exit::Refused, "not_chatalot", "Check the server's address.")
            }
        };
        Self::new(exit, code, message, next)
    }
}

impl From<AddressError> for Failure {
    fn from(error: AddressError) -> Self {
        let next = match &error {
            AddressError::PlainHttp { .. } => {
                "Use https://; in a closed network, --allow-plain-http accepts the risk."
            }
            AddressError::Form { .. } | AddressError::Extra => {
                "Write it as https://chat.example.org, or with a port or a path behind it."
            }
        };
        Self::new(Exit::Usage, "server_address", sentence(&error), next)
    }
}

const CHECK_CONNECTION: &str =
    "Check that the server runs and that you are connected; --wait SECONDS tries for longer.";
const ASK_THEM: &str =
    "Ask them over another channel, and compare the numbers of 'chatalot verify' on both sides.";
const SIGN_IN: &str = "Sign in again with 'chatalot login'.";
const REGISTER: &str =
    "Make an account with 'chatalot register --server URL --invite CODE --name NAME'.";
const CHECK_DISK: &str = "Check the disk and the home folder; -v says more.";

fn key_next(error: &StoreKeyError) -> &'static str {
    match error {
        StoreKeyError::Keychain { .. } => "Unlock the keychain of your desktop session.",
        _ => "Put the file back as it was, or register anew in another home.",
    }
}

fn refusal_next(code: &str) -> &'static str {
    match code {
        "invite_not_found" => "Ask for a new invite.",
        "name_taken" | "name_invalid" => "Choose another name.",
        "password_length" => "Choose a longer password; there is no other rule.",
        "wrong_credentials" => "Check the password.",
        "rate_limited" | "overloaded" => "Wait a little and try again.",
        "device_not_linked" => "Register anew, or use the home of a device that is linked.",
        "internal" => "Ask the server's administrator to look at its log.",
        _ => "See docs/errors.md for this code.",
    }
}

/// An error and what lies at its bottom, as one sentence. What stands between the
/// two is for the log.
fn sentence(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut deepest = error;
    while let Some(cause) = deepest.source() {
        deepest = cause;
    }
    let cause = deepest.to_string();
    if !text.contains(&cause) {
        text = format!("{text}: {cause}");
    }
    let mut chars = text.chars();
    let first = chars
        .next()
        .map(|first| first.to_uppercase().to_string())
        .unwrap_or_default();
    let end = if text.ends_with(['.', '?', '!']) {
        ""
    } else {
        "."
    };
    format!("{first}{}{end}", chars.as_str())
}
