//! The only SQL of the Chatalot server.
//!
//! One module per feature, one method per use case, one transaction per method:
//! what a method has done is done completely or not at all. Queries are checked
//! against the migrations by sqlx's macros; their descriptions are committed in
//! `.sqlx`, so that a build needs no database. The exceptions are the statements
//! of [`partition`], whose tables' names hold dates.
//!
//! This crate must never decide what is allowed (that is chat-domain's), tell
//! anybody that something happened (the caller does, after the method returned,
//! so after the commit), or be given a secret key or a plaintext: every column's
//! comment says what it holds, and a test reads them.
//!
//! To add a table: a new migration (never a change to one that was applied),
//! with a comment on the table and on every column; a module named after its
//! feature; then `cargo xtask gen sqlx`.

pub mod account;
pub mod connection;
pub mod conversation;
mod convert;
pub mod device;
mod error;
pub mod invite;
pub mod login;
pub mod message;
pub mod partition;
pub mod prekey;
pub mod server;

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};

pub use error::StoreError;

/// How long a use case waits for a connection to the database.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// The database of one server.
#[derive(Debug, Clone)]
pub struct Store {
    pool: PgPool,
    options: PgConnectOptions,
}

/// Which database, and how many connections to it.
#[derive(Clone)]
pub struct StoreOptions {
    /// `postgres://user@host/database`, or with `?host=/folder/of/the/socket`.
    pub database_url: String,
    /// Most connections at once, without the one of the writer.
    pub max_connections: u32,
}

impl std::fmt::Debug for StoreOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The URL may hold a password.
        f.debug_struct("StoreOptions")
            .field("max_connections", &self.max_connections)
            .finish_non_exhaustive()
    }
}

impl Store {
    /// Describes the database; the first use case connects to it.
    ///
    /// # Errors
    /// When the URL is not one. Not when the database is away.
    pub fn new(options: &StoreOptions) -> Result<Self, StoreError> {
        let connect: PgConnectOptions = options.database_url.parse::<PgConnectOptions>()?;
        let connect = connect.application_name("chatalot-server");
        let pool = PgPoolOptions::new()
            .max_connections(options.max_connections)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_lazy_with(connect.clone());
        Ok(Self {
            pool,
            options: connect,
        })
    }

    /// Brings the schema up to this version. Several servers may do it at once:
    /// one does, the others wait.
    ///
    /// A schema of a later version is left as it is: a server of version N−1
    /// works with it.
    ///
    /// # Errors
    /// [`StoreError`] when the database is away or a migration fails; nothing of
    /// a migration that failed remains.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        let mut migrator = sqlx::migrate!();
        migrator.set_ignore_missing(true);
        migrator
            .run(&self.pool)
            .await
            .map_err(|error| StoreError::from(sqlx::Error::from(error)))
    }

    /// Whether the database answers and holds this schema.
    ///
    /// # Errors
    /// [`StoreError`] when it does not.
    pub async fn check(&self) -> Result<(), StoreError> {
        sqlx::query_scalar!("SELECT epoch FROM server")
            .fetch_optional(&self.pool)
            .await?;
        Ok(())
    }

    /// The one that stores messages; see [`message::Writer`].
    #[must_use]
    pub fn writer(&self) -> message::Writer {
        message::Writer::new(self.options.clone())
    }

    /// Closes all connections once they are idle.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}
