//! The configuration: a TOML file and the environment, which wins.
//!
//! A mistake is answered with its place (file and line, or the variable), the
//! path of the key, and what would be right: whoever made it can mend it without
//! a manual. `docs/configuration.md` has every key.
//!
//! To add a key: a line in [`KEYS`], a field, a case in `Draft::set`, and its
//! paragraph in the document; a test compares the two.

mod environment;
mod file;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

pub use environment::{Environment, VARIABLES};

/// Everything that can be configured.
#[derive(Clone)]
pub struct Config {
    /// Where the server listens.
    pub listen: SocketAddr,
    /// The address that people reach it by, without a slash at its end; `None`
    /// stands for the address that it listens on.
    pub public_url: Option<String>,
    /// What the server calls itself.
    pub server_name: String,
    /// Its database.
    pub database: DatabaseConfig,
    /// Who may register.
    pub registration: RegistrationPolicy,
    /// What is logged.
    pub log: LogConfig,
    /// Who may read the metrics.
    pub metrics: MetricsAccess,
}

/// The database.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseConfig {
    /// `postgres://user:password@host/database`.
    pub url: String,
    /// Most connections at once, besides the one that stores messages.
    pub max_connections: u32,
}

impl std::fmt::Debug for DatabaseConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The URL may hold a password.
        f.debug_struct("DatabaseConfig")
            .field("max_connections", &self.max_connections)
            .finish_non_exhaustive()
    }
}

/// Who may register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RegistrationPolicy {
    /// Whoever was invited.
    Invite,
}

/// What is logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogConfig {
    /// In what form.
    pub format: LogFormat,
    /// What of it, as `tracing` filters: `info`, `warn,chat_server=debug`.
    pub filter: String,
}

/// The form of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object per line.
    Json,
}

/// Who may read `/metrics`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricsAccess {
    /// Only this machine.
    Loopback,
    /// Anybody who reaches the server.
    Anyone,
}

/// Every key of the file, with what it takes.
pub const KEYS: &[(&str, &str)] = &[
    ("listen", "an address and a port, as \"127.0.0.1:8080\""),
    (
        "public_url",
        "the address that people reach the server by, as \"https://chat.example.org\"",
    ),
    ("server_name", "a text of 1 to 64 characters"),
    ("database.url", "\"postgres://user:password@host/database\""),
    ("database.max_connections", "a number from 1 to 1000"),
    ("registration.policy", "\"invite\""),
    ("log.format", "\"text\" or \"json\""),
    (
        "log.filter",
        "a tracing filter, as \"info\" or \"warn,chat_server=debug\"",
    ),
    ("metrics.access", "\"loopback\" or \"anyone\""),
];

/// Where a value was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A line of a file.
    File {
        /// Which file.
        path: PathBuf,
        /// Its line, from 1.
        line: usize,
    },
    /// A variable of the environment.
    Variable(&'static str),
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Variable(name) => write!(f, "environment variable {name}"),
        }
    }
}

/// What is wrong with a configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{}: cannot be read", .0.display())]
    Read(PathBuf, #[source] std::io::Error),
    /// It is not TOML.
    #[error("{place}: {message}")]
    Syntax {
        /// Where.
        place: Place,
        /// The parser's words.
        message: String,
    },
    /// A key that does not exist.
    #[error("{place}: there is no key `{key}`; {allowed}")]
    UnknownKey {
        /// Where.
        place: Place,
        /// Its path.
        key: String,
        /// The keys that exist there.
        allowed: String,
    },
    /// A value that the key does not take.
    #[error("{place}: `{key}` is {found}, but takes {allowed}")]
    WrongValue {
        /// Where.
        place: Place,
        /// The key's path.
        key: String,
        /// What was found there.
        found: String,
        /// What would be right.
        allowed: String,
    },
    /// A key that must be there is not.
    #[error("`{key}` is missing: set the environment variable {variable}, or `{key}` in the file")]
    Missing {
        /// The key's path.
        key: &'static str,
        /// The variable that sets it too.
        variable: &'static str,
    },
}

/// A configuration while it is put together: a value that comes later wins.
struct Draft {
    listen: SocketAddr,
    public_url: Option<String>,
    server_name: String,
    database_url: Option<String>,
    max_connections: u32,
    registration: RegistrationPolicy,
    log: LogConfig,
    metrics: MetricsAccess,
}

impl Config {
    /// Reads the file, if one is named by the argument or by the environment,
    /// then the environment.
    ///
    /// # Errors
    /// [`ConfigError`] names the first mistake with its place.
    pub fn load(argument: Option<&Path>, environment: &Environment) -> Result<Self, ConfigError> {
        let mut draft = Draft::default();
        let path = argument.or_else(|| environment.config_file());
        if let Some(path) = path {
            file::read(path, &mut draft)?;
        }
        environment.read(&mut draft)?;
        draft.finish()
    }
}

impl Default for Draft {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            public_url: None,
            server_name: "Chatalot".to_owned(),
            database_url: None,
            max_connections: 10,
            registration: RegistrationPolicy::Invite,
            log: LogConfig {
                format: LogFormat::Text,
                filter: "info".to_owned(),
            },
            metrics: MetricsAccess::Loopback,
        }
    }
}

impl Draft {
    /// Sets a key from the text of its value. False when the value is none that
    /// the key takes.
    fn set(&mut self, key: &str, value: &str) -> bool {
        fn put<T>(place: &mut T, value: Option<T>) -> bool {
            value.map(|value| *place = value).is_some()
        }
        match key {
            "listen" => put(&mut self.listen, value.parse().ok()),
            "public_url" => put(&mut self.public_url, public_url(value).map(Some)),
            "server_name" => put(&mut self.server_name, server_name(value)),
            "database.url" => put(&mut self.database_url, database_url(value).map(Some)),
            "database.max_connections" => put(
                &mut self.max_connections,
                value
                    .parse()
                    .ok()
                    .filter(|count| (1..=1000).contains(count)),
            ),
            "registration.policy" => put(
                &mut self.registration,
                (value == "invite").then_some(RegistrationPolicy::Invite),
            ),
            "log.format" => put(
                &mut self.log.format,
                match value {
                    "text" => Some(LogFormat::Text),
                    "json" => Some(LogFormat::Json),
                    _ => None,
                },
            ),
            "log.filter" => put(
                &mut self.log.filter,
                crate::telemetry::is_filter(value).then(|| value.to_owned()),
            ),
            "metrics.access" => put(
                &mut self.metrics,
                match value {
                    "loopback" => Some(MetricsAccess::Loopback),
                    "anyone" => Some(MetricsAccess::Anyone),
                    _ => None,
                },
            ),
            _ => false,
        }
    }

    fn finish(self) -> Result<Config, ConfigError> {
        let url = self.database_url.ok_or(ConfigError::Missing {
            key: "database.url",
            variable: "DATABASE_URL",
        })?;
        Ok(Config {
            listen: self.listen,
            public_url: self.public_url,
            server_name: self.server_name,
            database: DatabaseConfig {
                url,
                max_connections: self.max_connections,
            },
            registration: self.registration,
            log: self.log,
            metrics: self.metrics,
        })
    }
}

/// What a key takes, in words.
fn allowed(key: &str) -> &'static str {
    KEYS.iter()
        .find(|(name, _)| *name == key)
        .map_or("", |(_, allowed)| allowed)
}

/// An origin: scheme, host and port, nothing after them.
fn public_url(text: &str) -> Option<String> {
    let url = text.strip_suffix('/').unwrap_or(text);
    let uri: axum::http::Uri = url.parse().ok()?;
    let scheme = uri.scheme_str()?;
    let authority = uri.authority()?;
    let is_origin = matches!(scheme, "http" | "https")
        && !authority.as_str().contains('@')
        && url.len() == scheme.len() + 3 + authority.as_str().len();
    is_origin.then(|| url.to_ascii_lowercase())
}

fn server_name(text: &str) -> Option<String> {
    let text = text.trim();
    (1..=64)
        .contains(&text.chars().count())
        .then(|| text.to_owned())
}

fn database_url(text: &str) -> Option<String> {
    ["postgres://", "postgresql://"]
        .iter()
        .any(|scheme| text.starts_with(scheme))
        .then(|| text.to_owned())
}
