//! Invites. The server keeps hashes of their codes.

use chat_domain::invite::{InviteHash, InviteTerms};
use chat_domain::limits::OPEN_INVITES_PER_ACCOUNT;
use chat_domain::permission::Role;
use chat_protocol::AccountId;

use crate::convert::{AsUuid as _, bigint};
use crate::{Store, StoreError};

/// An invite to be made.
#[derive(Debug, Clone, Copy)]
pub struct NewInvite {
    /// What is kept of its code.
    pub hash: InviteHash,
    /// What the account becomes.
    pub role: Role,
    /// Who makes it; `None` for the program on the server's machine.
    pub invited_by: Option<AccountId>,
    /// How often and how long it holds.
    pub terms: InviteTerms,
}

/// An invite that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenInvite {
    /// The name of who made it.
    pub invited_by: Option<String>,
    /// How many accounts it still makes.
    pub uses_left: u32,
}

/// Why an invite is not made.
#[derive(Debug, thiserror::Error)]
pub enum AddInviteError {
    /// The account has too many that are open.
    #[error("the account has too many open invites")]
    TooMany,
    /// The server has an owner.
    #[error("the server has an owner")]
    HasOwner,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for AddInviteError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl Store {
    /// Makes an invite.
    ///
    /// # Errors
    /// [`AddInviteError`] when the account may not make more, or the owner is
    /// there already.
    pub async fn add_invite(&self, new: &NewInvite, now_ms: u64) -> Result<(), AddInviteError> {
        if new.role == Role::Owner && self.has_owner().await? {
            return Err(AddInviteError::HasOwner);
        }
        let mut transaction = self.pool.begin().await?;
        if let Some(account) = new.invited_by {
            // The lock makes two requests of one account count one after the other.
            sqlx::query!(
                "SELECT id FROM accounts WHERE id = $1 FOR NO KEY UPDATE",
                account.uuid(),
            )
            .fetch_optional(&mut *transaction)
            .await?;
            let open = sqlx::query_scalar!(
                r#"
                SELECT count(*) AS "count!" FROM invites
                WHERE invited_by = $1 AND uses_left > 0 AND expires_at_ms > $2
                "#,
                account.uuid(),
                bigint(now_ms),
            )
            .fetch_one(&mut *transaction)
            .await?;
            if open >= i64::from(OPEN_INVITES_PER_ACCOUNT) {
                return Err(AddInviteError::TooMany);
            }
        }
        sqlx::query!(
            r#"
            INSERT INTO invites (code_hash, role, invited_by, uses_left, expires_at_ms)
            VALUES ($1, $2, $3, $4, $5)
            "#,
            new.hash.as_bytes().as_slice(),
            new.role.number(),
            new.invited_by.map(|account| account.uuid()),
            i32::try_from(new.terms.uses).unwrap_or(i32::MAX),
            bigint(new.terms.expires_at_ms),
        )
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// An invite, if it holds. An owner's holds until there is an owner.
    ///
    /// # Errors
    /// [`StoreError`] when the database is away.
    pub async fn lookup_invite(
        &self,
        invite: InviteHash,
        now_ms: u64,
    ) -> Result<Option<OpenInvite>, StoreError> {
        let row = sqlx::query!(
            r#"
            SELECT i.uses_left, a.name AS "invited_by?"
            FROM invites i LEFT JOIN accounts a ON a.id = i.invited_by
            WHERE i.code_hash = $1 AND i.uses_left > 0 AND i.expires_at_ms > $2
                AND (i.role <> 2 OR NOT EXISTS (SELECT FROM accounts WHERE role = 2))
            "#,
            invite.as_bytes().as_slice(),
            bigint(now_ms),
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.map(|row| OpenInvite {
            invited_by: row.invited_by,
            uses_left: u32::try_from(row.uses_left).unwrap_or_default(),
        }))
    }

    /// Forgets invites that no longer hold.
    ///
    /// # Errors
    /// [`StoreError`] when the database is away.
    pub async fn remove_ended_invites(&self, now_ms: u64) -> Result<u64, StoreError> {
        let done = sqlx::query!(
            "DELETE FROM invites WHERE uses_left = 0 OR expires_at_ms <= $1",
            bigint(now_ms),
        )
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected())
    }
}
