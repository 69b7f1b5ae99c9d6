//! Accounts: registering, finding, signing in.

use chat_domain::account::AccountName;
use chat_domain::device::NewDevice;
use chat_domain::invite::InviteHash;
use chat_domain::login::TokenHash;
use chat_domain::permission::Role;
use chat_protocol::AccountId;
use sqlx::PgConnection;

use crate::convert::{self, AsUuid as _, bigint};
use crate::{Store, StoreError, prekey};

/// Everything that a new account is made of.
#[derive(Debug)]
pub struct NewAccount<'a> {
    /// Its name.
    pub name: &'a AccountName,
    /// The Argon2id hash of its password, as a PHC string.
    pub password_hash: &'a str,
    /// The invite that it uses up once.
    pub invite: InviteHash,
    /// Its first device, checked.
    pub device: &'a NewDevice,
    /// The session token that the device gets.
    pub token: TokenHash,
    /// When, in milliseconds since 1970.
    pub now_ms: u64,
}

/// Why an account is not made. Nothing of it remains, the invite is not used up.
#[derive(Debug, thiserror::Error)]
pub enum RegisterError {
    /// The invite does not exist, is used up or has expired; or it is for the
    /// owner, and there is one.
    #[error("the invite does not hold")]
    InviteNotFound,
    /// Somebody has the name.
    #[error("the name is taken")]
    NameTaken,
    /// The account's or the device's id is in use.
    #[error("an id that the client drew is in use")]
    IdTaken,
    /// The database failed.
    #[error(transparent)]
    Store(StoreError),
}

impl From<sqlx::Error> for RegisterError {
    fn from(error: sqlx::Error) -> Self {
        let error = StoreError::from(error);
        match error.constraint() {
            Some("accounts_name_key") => Self::NameTaken,
            Some("accounts_pkey" | "devices_pkey") => Self::IdTaken,
            Some("accounts_one_owner") => Self::InviteNotFound,
            _ => Self::Store(error),
        }
    }
}

/// What signing in is checked against.
#[derive(Clone)]
pub struct Credentials {
    /// Whose.
    pub account: AccountId,
    /// The PHC string.
    pub password_hash: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials")
            .field("account", &self.account)
            .finish_non_exhaustive()
    }
}

impl Store {
    /// Makes an account with its first device, list entry, prekeys and login, and
    /// uses the invite once.
    ///
    /// # Errors
    /// [`RegisterError`] when it cannot be made.
    pub async fn register(&self, new: &NewAccount<'_>) -> Result<Role, RegisterError> {
        let mut transaction = self.pool.begin().await?;
        let role = use_invite(&mut transaction, new.invite, new.now_ms).await?;
        let account = new.device.account.uuid();
        let device = new.device.device.uuid();
        sqlx::query!(
            r#"
            INSERT INTO accounts (id, name, role, password_hash, created_at_ms)
            VALUES ($1, $2, $3, $4, $5)
            "#,
            account,
            new.name.as_str(),
            role.number(),
            new.password_hash,
            bigint(new.now_ms),
        )
        .execute(&mut *transaction)
        .await?;
        sqlx::query!(
            "INSERT INTO devices (id, account) VALUES ($1, $2)",
            device,
            account,
        )
        .execute(&mut *transaction)
        .await?;
        sqlx::query!(
            r#"
            INSERT INTO device_list_entries (account, seq, bytes, signature)
            VALUES ($1, 0, $2, $3)
            "#,
            account,
            new.device.entry.bytes,
            new.device.entry.signature.as_bytes().as_slice(),
        )
        .execute(&mut *transaction)
        .await?;
        prekey::store(&mut transaction, new.device.device, &new.device.prekeys).await?;
        sqlx::query!(
            "INSERT INTO logins (token_hash, device, created_at_ms) VALUES ($1, $2, $3)",
            new.token.as_bytes().as_slice(),
            device,
            bigint(new.now_ms),
        )
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(role)
    }

    /// What signing in to a name is checked against.
    ///
    /// # Errors
    /// [`StoreError`] when the database is away.
    pub async fn lookup_credentials(
        &self,
        name: &AccountName,
    ) -> Result<Option<Credentials>, StoreError> {
        let row = sqlx::query!(
            "SELECT id, password_hash FROM accounts WHERE name = $1",
            name.as_str(),
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.map(|row| Credentials {
            account: convert::account(row.id),
            password_hash: row.password_hash,
        }))
    }

    /// The account of a name.
    ///
    /// # Errors
    /// [`StoreError`] when the database is away.
    pub async fn lookup_account_by_name(
        &self,
        name: &AccountName,
    ) -> Result<Option<AccountId>, StoreError> {
        let id = sqlx::query_scalar!("SELECT id FROM accounts WHERE name = $1", name.as_str())
            .fetch_optional(&self.pool)
            .await?;
        Ok(id.map(convert::account))
    }

    /// Whether the server has an owner.
    ///
    /// # Errors
    /// [`StoreError`] when the database is away.
    pub async fn has_owner(&self) -> Result<bool, StoreError> {
        let found = sqlx::query_scalar!(
            r#"SELECT EXISTS (SELECT FROM accounts WHERE role = 2) AS "found!""#
        )
        .fetch_one(&self.pool)
        .await?;
        Ok(found)
    }
}

/// Uses an invite once. The row lock makes two that use its last use wait for
/// each other, and the second finds none left.
async fn use_invite(
    connection: &mut PgConnection,
    invite: InviteHash,
    now_ms: u64,
) -> Result<Role, RegisterError> {
    let role = sqlx::query_scalar!(
        r#"
        UPDATE invites SET uses_left = uses_left - 1
        WHERE code_hash = $1 AND uses_left > 0 AND expires_at_ms > $2
        RETURNING role
        "#,
        invite.as_bytes().as_slice(),
        bigint(now_ms),
    )
    .fetch_optional(connection)
    .await?;
    role.and_then(Role::from_number)
        .ok_or(RegisterError::InviteNotFound)
}
