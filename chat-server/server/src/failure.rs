//! Why a use case did not do what it was asked: refused, or broken.

use std::error::Error;
use std::time::Duration;

use chat_domain::conversation::KnownList;
use chat_protocol::ErrorCode;
use chat_store::StoreError;

/// A decision: it will not be done, and the client is told why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The closed code.
    pub code: ErrorCode,
    /// A sentence for a person.
    pub detail: String,
    /// When it makes sense to try again.
    pub retry_after: Option<Duration>,
    /// For a stale device list: the lists as they are.
    pub current_lists: Vec<KnownList>,
}

/// A use case that was not done.
#[derive(Debug)]
pub enum Failure {
    /// A rule says no.
    Refused(Box<Refusal>),
    /// Something that should work does not; the client is told nothing but that.
    Broken(Box<dyn Error + Send + Sync>),
    /// The database is away for now.
    DatabaseAway(StoreError),
}

impl Refusal {
    /// Refuses with a code and a sentence.
    #[must_use]
    pub fn new(code: ErrorCode, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            retry_after: None,
            current_lists: Vec::new(),
        }
    }

    /// The same, with the time after which it makes sense to try again.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// As a frame's problem.
    #[must_use]
    pub fn to_frame(&self) -> chat_protocol::frame::Problem {
        chat_protocol::frame::Problem {
            code: self.code.as_str().to_owned(),
            detail: self.detail.clone(),
            retry_after_ms: self.retry_after.map_or(0, |wait| {
                u32::try_from(wait.as_millis()).unwrap_or(u32::MAX)
            }),
            current_lists: self
                .current_lists
                .iter()
                .map(|list| chat_protocol::frame::KnownDeviceList {
                    account: list.account.to_bytes(),
                    seq: list.seq,
                })
                .collect(),
        }
    }
}

impl Failure {
    /// Refuses with a code and a sentence.
    #[must_use]
    pub fn refused(code: ErrorCode, detail: impl Into<String>) -> Self {
        Self::Refused(Box::new(Refusal::new(code, detail)))
    }

    /// What the client is told. Logs what is broken, with its causes: this is the
    /// boundary, and the only place where that happens.
    #[must_use]
    pub fn into_refusal(self) -> Refusal {
        let refusal = match self {
            Self::Refused(refusal) => *refusal,
            Self::DatabaseAway(error) => {
                tracing::warn!(error = %chain(&error), "the database is away");
                Refusal::new(
                    ErrorCode::Overloaded,
                    "The server cannot reach its database. Try again in a moment.",
                )
                .retry_after(Duration::from_secs(1))
            }
            Self::Broken(error) => {
                tracing::error!(error = %chain(error.as_ref()), "a request failed");
                Refusal::new(
                    ErrorCode::Internal,
                    "The server failed; its log has the cause.",
                )
            }
        };
        metrics::counter!("chatalot_refused_total", "code" => refusal.code.as_str()).increment(1);
        refusal
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(Box::new(refusal))
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        if error.is_transient() {
            Self::DatabaseAway(error)
        } else {
            Self::Broken(Box::new(error))
        }
    }
}

/// An error and its causes, on one line.
#[must_use]
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
