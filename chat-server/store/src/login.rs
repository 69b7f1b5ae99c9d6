//! Logins: session tokens of devices.

use chat_domain::limits::LOGINS_PER_DEVICE;
use chat_domain::login::TokenHash;
use chat_domain::permission::Role;
use chat_protocol::{AccountId, DeviceId};

use crate::convert::{self, AsUuid as _, bigint};
use crate::{Store, StoreError};

/// Who a session token speaks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// The account.
    pub account: AccountId,
    /// The device that the token was given to.
    pub device: DeviceId,
    /// The account's name.
    pub name: String,
    /// What it is here.
    pub role: Role,
}

/// Why a login is not made.
#[derive(Debug, thiserror::Error)]
pub enum AddLoginError {
    /// The account has no such device.
    #[error("the account has no such device")]
    UnknownDevice,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for AddLoginError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl Store {
    /// Gives a device of an account one more token; the oldest beyond the limit
    /// ends.
    ///
    /// # Errors
    /// [`AddLoginError::UnknownDevice`] when the account has no such device.
    pub async fn add_login(
        &self,
        account: AccountId,
        device: DeviceId,
        token: TokenHash,
        now_ms: u64,
    ) -> Result<(), AddLoginError> {
        let mut transaction = self.pool.begin().await?;
        // The lock makes two sign-ins of one device count one after the other.
        sqlx::query_scalar!(
            "SELECT id FROM devices WHERE id = $1 AND account = $2 FOR NO KEY UPDATE",
            device.uuid(),
            account.uuid(),
        )
        .fetch_optional(&mut *transaction)
        .await?
        .ok_or(AddLoginError::UnknownDevice)?;
        sqlx::query!(
            r#"
            DELETE FROM logins WHERE token_hash IN (
                SELECT token_hash FROM logins WHERE device = $1
                ORDER BY created_at_ms DESC OFFSET $2
            )
            "#,
            device.uuid(),
            i64::from(LOGINS_PER_DEVICE) - 1,
        )
        .execute(&mut *transaction)
        .await?;
        sqlx::query!(
            "INSERT INTO logins (token_hash, device, created_at_ms) VALUES ($1, $2, $3)",
            token.as_bytes().as_slice(),
            device.uuid(),
            bigint(now_ms),
        )
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Who a token speaks for.
    ///
    /// # Errors
    /// [`StoreError`] when the database is away.
    pub async fn lookup_login(&self, token: TokenHash) -> Result<Option<Login>, StoreError> {
        let row = sqlx::query!(
            r#"
            SELECT d.id AS device, a.id AS account, a.name, a.role
            FROM logins l JOIN devices d ON d.id = l.device JOIN accounts a ON a.id = d.account
            WHERE l.token_hash = $1
            "#,
            token.as_bytes().as_slice(),
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.and_then(|row| {
            Some(Login {
                account: convert::account(row.account),
                device: convert::device(row.device),
                name: row.name,
                role: Role::from_number(row.role)?,
            })
        }))
    }

    /// Ends a token. False when it had ended already.
    ///
    /// # Errors
    /// [`StoreError`] when the database is away.
    pub async fn end_login(&self, token: TokenHash) -> Result<bool, StoreError> {
        let done = sqlx::query!(
            "DELETE FROM logins WHERE token_hash = $1",
            token.as_bytes().as_slice(),
        )
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected() > 0)
    }
}
