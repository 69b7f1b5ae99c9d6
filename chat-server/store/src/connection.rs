//! Connections: what a device is told when it opens one.

use chat_domain::login::TokenHash;
use chat_domain::permission::Role;

use crate::convert::{self, unsigned};
use crate::login::Login;
use crate::{Store, StoreError};

/// A connection that was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenedConnection {
    /// Who opened it.
    pub login: Login,
    /// How many this device has opened, with this one.
    pub generation: u64,
}

impl Store {
    /// Counts one more connection of the device that a token was given to.
    ///
    /// The count is not waited for on disk: after a crash of the database a few
    /// openings may be missing from it, which alarms nobody, while a thousand
    /// devices that come back at once would each wait for the disk.
    ///
    /// # Errors
    /// [`StoreError`] when the database is away.
    pub async fn open_connection(
        &self,
        token: TokenHash,
    ) -> Result<Option<OpenedConnection>, StoreError> {
        let row = sqlx::query!(
            r#"
            UPDATE devices d SET generation = d.generation + 1
            FROM logins l, accounts a
            WHERE l.token_hash = $1 AND d.id = l.device AND a.id = d.account
                AND set_config('synchronous_commit', 'off', true) = 'off'
            RETURNING d.id AS device, d.generation, a.id AS account, a.name, a.role
            "#,
            token.as_bytes().as_slice(),
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.and_then(|row| {
            Some(OpenedConnection {
                login: Login {
                    account: convert::account(row.account),
                    device: convert::device(row.device),
                    name: row.name,
                    role: Role::from_number(row.role)?,
                },
                generation: unsigned(row.generation),
            })
        }))
    }
}
