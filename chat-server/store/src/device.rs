//! Device lists: signed entries, appended by compare-and-swap.

use chat_protocol::AccountId;
use chat_verify::{Signature, SignedEntry};

use crate::convert::{AsUuid as _, bigint};
use crate::{Store, StoreError};

/// Why an entry is not appended.
#[derive(Debug, thiserror::Error)]
pub enum AppendEntryError {
    /// Another entry has this place, or the one before it is missing: somebody
    /// else was first, and the caller verifies against the newer list.
    #[error("the entry does not follow the newest one")]
    NotNext,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for AppendEntryError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl Store {
    /// Entries of an account's list in order, after `after` or from the first.
    /// Empty for an account that does not exist.
    ///
    /// # Errors
    /// [`StoreError`] when the database is away.
    pub async fn list_device_list_entries(
        &self,
        account: AccountId,
        after: Option<u64>,
        limit: u32,
    ) -> Result<Vec<SignedEntry>, StoreError> {
        let rows = sqlx::query!(
            r#"
            SELECT bytes, signature FROM device_list_entries
            WHERE account = $1 AND seq > $2 ORDER BY seq LIMIT $3
            "#,
            account.uuid(),
            after.map_or(-1, bigint),
            i64::from(limit),
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(rows
            .into_iter()
            .filter_map(|row| {
                Some(SignedEntry {
                    bytes: row.bytes,
                    signature: Signature::try_from(&row.signature[..]).ok()?,
                })
            })
            .collect())
    }

    /// The newest entry of an account's list.
    ///
    /// # Errors
    /// [`StoreError`] when the database is away.
    pub async fn lookup_device_list(
        &self,
        account: AccountId,
    ) -> Result<Option<SignedEntry>, StoreError> {
        let row = sqlx::query!(
            r#"
            SELECT bytes, signature FROM device_list_entries
            WHERE account = $1 ORDER BY seq DESC LIMIT 1
            "#,
            account.uuid(),
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.and_then(|row| {
            Some(SignedEntry {
                bytes: row.bytes,
                signature: Signature::try_from(&row.signature[..]).ok()?,
            })
        }))
    }

    /// Appends an entry that was verified against the newest one, if that still
    /// is the newest.
    ///
    /// The membership version of every conversation of the account rises in the
    /// same transaction: a message that was sealed for the list before cannot be
    /// stored after it, on whichever replica it arrives.
    ///
    /// # Errors
    /// [`AppendEntryError::NotNext`] when somebody else was first.
    pub async fn append_device_list_entry(
        &self,
        account: AccountId,
        seq: u64,
        entry: &SignedEntry,
    ) -> Result<(), AppendEntryError> {
        let mut transaction = self.pool.begin().await?;
        // A conversation that is being opened holds a key share of both accounts:
        // it is either visible below, or will be opened with this entry in sight.
        sqlx::query!(
            "SELECT id FROM accounts WHERE id = $1 FOR UPDATE",
            account.uuid(),
        )
        .fetch_optional(&mut *transaction)
        .await?;
        let appended = sqlx::query!(
            r#"
            INSERT INTO device_list_entries (account, seq, bytes, signature)
            SELECT $1, $2, $3, $4
            WHERE $2 = (SELECT max(seq) + 1 FROM device_list_entries WHERE account = $1)
            ON CONFLICT (account, seq) DO NOTHING
            "#,
            account.uuid(),
            bigint(seq),
            entry.bytes,
            entry.signature.as_bytes().as_slice(),
        )
        .execute(&mut *transaction)
        .await?;
        if appended.rows_affected() == 0 {
            return Err(AppendEntryError::NotNext);
        }
        // Locked in the order of their ids, as the writer of messages does.
        sqlx::query!(
            r#"
            WITH locked AS MATERIALIZED (
                SELECT c.id FROM conversations c
                JOIN conversation_members m ON m.conversation = c.id
                WHERE m.account = $1 ORDER BY c.id FOR NO KEY UPDATE OF c
            )
            UPDATE conversations c SET membership_version = membership_version + 1
            FROM locked WHERE c.id = locked.id
            "#,
            account.uuid(),
        )
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(())
    }
}
