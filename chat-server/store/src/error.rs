//! What can go wrong with a database, whatever was asked of it.

use sqlx::migrate::MigrateError;

/// The database did not do what it was asked to: it is away, or refused.
///
/// What a use case *decides* (a name is taken, an invite is used up) is an error
/// of that use case, not this one.
#[derive(Debug, thiserror::Error)]
#[error("the database did not do it")]
pub struct StoreError(#[from] sqlx::Error);

impl StoreError {
    /// Whether the same may succeed later, without a change to it: the database
    /// is away, restarts, is full or too busy.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        is_transient(&self.0)
    }

    /// The database did not answer in the time that the caller gave it. Whether it
    /// did what it was asked to is not known.
    #[must_use]
    pub fn timed_out() -> Self {
        Self(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into()))
    }

    /// Whether there is no schema yet: no server was ever started on it.
    #[must_use]
    pub fn is_missing_schema(&self) -> bool {
        matches!(&self.0, sqlx::Error::Database(error) if error.code().as_deref() == Some("42P01"))
    }

    /// Whether a row found no partition that takes its time.
    #[must_use]
    pub fn is_missing_partition(&self) -> bool {
        matches!(&self.0, sqlx::Error::Database(error)
            if error.code().as_deref() == Some("23514") && error.constraint().is_none())
    }

    /// The constraint that refused a row.
    pub(crate) fn constraint(&self) -> Option<&str> {
        match &self.0 {
            sqlx::Error::Database(error) => error.constraint(),
            _ => None,
        }
    }
}

fn is_transient(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed
        | sqlx::Error::Protocol(_) => true,
        // Classes 08 connection, 40 rollback, 53 resources, 57 intervention,
        // 58 system: https://www.postgresql.org/docs/current/errcodes-appendix.html
        // 25006: the database was demoted to a read-only standby.
        sqlx::Error::Database(error) => error.code().is_some_and(|code| {
            ["08", "40", "53", "57", "58"]
                .iter()
                .any(|class| code.starts_with(class))
                || code == "25006"
        }),
        sqlx::Error::Migrate(error) => match &**error {
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
                is_transient(error)
            }
            _ => false,
        },
        _ => false,
    }
}
