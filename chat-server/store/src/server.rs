//! The server itself: its epoch, and positions in what has changed.

use sqlx::PgConnection;

use crate::convert::{bigint, unsigned};
use crate::{Store, StoreError};

/// A point in the history of the database: everything that changed before it is
/// visible to whoever asks after it was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Which history.
    pub epoch: u64,
    /// Where in it: no change that is committed later has a smaller transaction id.
    pub position: u64,
}

impl Store {
    /// Reads the epoch, and begins a new one when this database is not the one
    /// that the old epoch was about: after a restore into another cluster or to
    /// another point in time, transaction ids say nothing about what a client
    /// has seen.
    ///
    /// A restore of the same cluster's files cannot be seen from inside; whoever
    /// does that raises the epoch ([`Store::begin_epoch`]).
    ///
    /// # Errors
    /// [`StoreError`] when the database is away.
    pub async fn settle_epoch(&self, now_ms: u64) -> Result<u64, StoreError> {
        let lineage = self.lineage().await?;
        // The time makes an epoch unlike any that a restore forgot.
        sqlx::query!(
            r#"
            INSERT INTO server (epoch, lineage) VALUES ($1, $2)
            ON CONFLICT (singleton) DO UPDATE
            SET epoch = greatest(server.epoch + 1, excluded.epoch), lineage = excluded.lineage
            WHERE server.lineage <> excluded.lineage
            "#,
            bigint(now_ms),
            lineage,
        )
        .execute(&self.pool)
        .await?;
        let epoch = sqlx::query_scalar!("SELECT epoch FROM server")
            .fetch_one(&self.pool)
            .await?;
        Ok(unsigned(epoch))
    }

    /// Begins a new epoch: every client asks for everything once.
    ///
    /// # Errors
    /// [`StoreError`] when the database is away.
    pub async fn begin_epoch(&self, now_ms: u64) -> Result<u64, StoreError> {
        let epoch = sqlx::query_scalar!(
            "UPDATE server SET epoch = greatest(epoch + 1, $1) RETURNING epoch",
            bigint(now_ms),
        )
        .fetch_one(&self.pool)
        .await?;
        Ok(unsigned(epoch))
    }

    /// The position that holds now.
    ///
    /// # Errors
    /// [`StoreError`] when the database is away.
    pub async fn position(&self) -> Result<Position, StoreError> {
        let mut connection = self.pool.acquire().await?;
        position(&mut connection).await
    }

    /// Cluster, timeline and database. Some hosted databases hide the first two;
    /// then a restore there needs [`Store::begin_epoch`].
    async fn lineage(&self) -> Result<String, StoreError> {
        let seen = sqlx::query_scalar!(
            r#"
            SELECT system_identifier::text || '/' || left(pg_walfile_name(pg_current_wal_lsn()), 8)
                || '/' || (SELECT oid::text FROM pg_database WHERE datname = current_database())
                AS "lineage!"
            FROM pg_control_system()
            "#
        )
        .fetch_one(&self.pool)
        .await;
        match seen {
            Ok(lineage) => Ok(lineage),
            Err(sqlx::Error::Database(_)) => Ok("unknown".to_owned()),
            Err(error) => Err(error.into()),
        }
    }
}

/// The position as of the statement's snapshot: transactions below `xmin` have
/// all ended, and what they committed is visible to every later statement.
/// Whatever is not committed yet has an id from `xmin` on.
pub(crate) async fn position(connection: &mut PgConnection) -> Result<Position, StoreError> {
    let row = sqlx::query!(
        r#"
        SELECT epoch, pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS "position!"
        FROM server
        "#
    )
    .fetch_one(connection)
    .await?;
    Ok(Position {
        epoch: unsigned(row.epoch),
        position: unsigned(row.position),
    })
}
