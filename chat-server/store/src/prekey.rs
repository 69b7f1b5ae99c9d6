//! Prekeys: each one-time prekey is handed out once.

use chat_domain::prekey::{NewPrekeys, OneTimePrekey};
use chat_protocol::{AccountId, DeviceId, limits};
use chat_verify::{PrekeyPublic, Signature, SignedPrekey};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::convert::{self, AsUuid as _};
use crate::{Store, StoreError};

/// What begins a session with one device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimedPrekeys {
    /// Which device.
    pub device: DeviceId,
    /// Its signed prekey.
    pub signed: SignedPrekey,
    /// A one-time prekey that nobody else got; `None` when the pool is dry.
    pub one_time: Option<OneTimePrekey>,
}

/// How many prekeys a device has here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PrekeyCount {
    /// One-time prekeys that are left.
    pub one_time: u32,
    /// The device's number for its signed prekey.
    pub signed_prekey_id: u32,
}

/// Why prekeys are not added.
#[derive(Debug, thiserror::Error)]
pub enum AddPrekeysError {
    /// The device would have more than the limit.
    #[error("the device has as many one-time prekeys as the server keeps")]
    TooMany,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for AddPrekeysError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl Store {
    /// Takes the prekeys that begin sessions with devices of an account; no
    /// devices stands for all. A device without a signed prekey is left out.
    ///
    /// Two who claim at once get different one-time prekeys: a locked one is
    /// skipped, and one that is taken is deleted in the same statement. If the
    /// answer is lost on the way, its one-time prekeys are lost with it; handed
    /// out twice they would be worse.
    ///
    /// # Errors
    /// [`StoreError`] when the database is away.
    pub async fn claim_prekeys(
        &self,
        account: AccountId,
        devices: &[DeviceId],
    ) -> Result<Vec<ClaimedPrekeys>, StoreError> {
        let devices: Vec<Uuid> = devices.iter().map(DeviceId::uuid).collect();
        let mut transaction = self.pool.begin().await?;
        let signed = sqlx::query!(
            r#"
            SELECT p.device, p.prekey_id, p.public_key, p.signature
            FROM signed_prekeys p JOIN devices d ON d.id = p.device
            WHERE d.account = $1 AND (cardinality($2::uuid[]) = 0 OR d.id = ANY($2))
            ORDER BY p.device
            "#,
            account.uuid(),
            &devices,
        )
        .fetch_all(&mut *transaction)
        .await?;
        let wanted: Vec<Uuid> = signed.iter().map(|row| row.device).collect();
        // Materialised, so that the lock and the limit are applied once: merged
        // into the DELETE they could be evaluated again for other rows.
        let one_time = sqlx::query!(
            r#"
            WITH picked AS MATERIALIZED (
                SELECT one.device, one.prekey_id
                FROM unnest($1::uuid[]) AS wanted(device)
                CROSS JOIN LATERAL (
                    SELECT device, prekey_id FROM one_time_prekeys
                    WHERE device = wanted.device
                    ORDER BY prekey_id LIMIT 1 FOR UPDATE SKIP LOCKED
                ) AS one
            )
            DELETE FROM one_time_prekeys taken USING picked
            WHERE taken.device = picked.device AND taken.prekey_id = picked.prekey_id
            RETURNING taken.device, taken.prekey_id, taken.public_key
            "#,
            &wanted,
        )
        .fetch_all(&mut *transaction)
        .await?;
        transaction.commit().await?;
        let one_time_of = |device: Uuid| {
            let row = one_time.iter().find(|row| row.device == device)?;
            Some(OneTimePrekey {
                id: convert::prekey_id(row.prekey_id),
                public: PrekeyPublic::try_from(&row.public_key[..]).ok()?,
            })
        };
        Ok(signed
            .iter()
            .filter_map(|row| {
                Some(ClaimedPrekeys {
                    device: convert::device(row.device),
                    signed: SignedPrekey {
                        id: convert::prekey_id(row.prekey_id),
                        public: PrekeyPublic::try_from(&row.public_key[..]).ok()?,
                        signature: Signature::try_from(&row.signature[..]).ok()?,
                    },
                    one_time: one_time_of(row.device),
                })
            })
            .collect())
    }

    /// Adds one-time prekeys to a device's pool, and puts a signed prekey in the
    /// place of the one before.
    ///
    /// # Errors
    /// [`AddPrekeysError::TooMany`] when the pool would exceed its limit.
    pub async fn add_prekeys(
        &self,
        device: DeviceId,
        prekeys: &NewPrekeys,
    ) -> Result<PrekeyCount, AddPrekeysError> {
        let mut transaction = self.pool.begin().await?;
        // The lock makes two uploads of one device count one after the other.
        sqlx::query!(
            "SELECT id FROM devices WHERE id = $1 FOR NO KEY UPDATE",
            device.uuid(),
        )
        .fetch_optional(&mut *transaction)
        .await?;
        store(&mut transaction, device, prekeys).await?;
        let count = count(&mut transaction, device).await?;
        if usize::try_from(count.one_time).is_ok_and(|count| count > limits::ONE_TIME_PREKEYS_MAX) {
            return Err(AddPrekeysError::TooMany);
        }
        transaction.commit().await?;
        Ok(count)
    }

    /// How many prekeys a device has here.
    ///
    /// # Errors
    /// [`StoreError`] when the database is away.
    pub async fn count_prekeys(&self, device: DeviceId) -> Result<PrekeyCount, StoreError> {
        let mut connection = self.pool.acquire().await?;
        count(&mut connection, device).await
    }
}

async fn count(connection: &mut PgConnection, device: DeviceId) -> Result<PrekeyCount, StoreError> {
    let row = sqlx::query!(
        r#"
        SELECT (SELECT count(*) FROM one_time_prekeys WHERE device = $1) AS "one_time!",
            (SELECT prekey_id FROM signed_prekeys WHERE device = $1) AS signed_prekey_id
        "#,
        device.uuid(),
    )
    .fetch_one(connection)
    .await?;
    Ok(PrekeyCount {
        one_time: convert::prekey_id(row.one_time),
        signed_prekey_id: row.signed_prekey_id.map_or(0, convert::prekey_id),
    })
}

/// Stores prekeys of a device inside a transaction. A number that the pool holds
/// already keeps the key that it has: an upload that is repeated changes nothing.
pub(crate) async fn store(
    connection: &mut PgConnection,
    device: DeviceId,
    prekeys: &NewPrekeys,
) -> Result<(), sqlx::Error> {
    if let Some(signed) = &prekeys.signed {
        sqlx::query!(
            r#"
            INSERT INTO signed_prekeys (device, prekey_id, public_key, signature)
            VALUES ($1, $2, $3, $4)
            ON CONFLICT (device) DO UPDATE SET prekey_id = excluded.prekey_id,
                public_key = excluded.public_key, signature = excluded.signature
            "#,
            device.uuid(),
            i64::from(signed.id),
            signed.public.as_bytes().as_slice(),
            signed.signature.as_bytes().as_slice(),
        )
        .execute(&mut *connection)
        .await?;
    }
    let ids: Vec<i64> = prekeys
        .one_time
        .iter()
        .map(|prekey| i64::from(prekey.id))
        .collect();
    let keys: Vec<&[u8]> = prekeys
        .one_time
        .iter()
        .map(|prekey| &prekey.public.as_bytes()[..])
        .collect();
    sqlx::query!(
        r#"
        INSERT INTO one_time_prekeys (device, prekey_id, public_key)
        SELECT $1, new.id, new.public_key
        FROM unnest($2::bigint[], $3::bytea[]) AS new(id, public_key)
        ON CONFLICT DO NOTHING
        "#,
        device.uuid(),
        &ids,
        &keys as &[&[u8]],
    )
    .execute(&mut *connection)
    .await?;
    Ok(())
}
