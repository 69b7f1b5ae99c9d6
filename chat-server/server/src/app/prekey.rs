//! Prekeys.

use chat_domain::prekey::{NewPrekeys, claimed_devices};
use chat_protocol::{AccountId, ErrorCode, frame};
use chat_store::login::Login;
use chat_store::prekey::{AddPrekeysError, ClaimedPrekeys, PrekeyCount};

use super::App;
use super::account::person_not_found;
use crate::failure::Failure;

impl App {
    /// Takes the prekeys that begin sessions with devices of an account; none
    /// named stands for all. Rate-limited per requester and target, so that nobody
    /// drains a pool.
    ///
    /// # Errors
    /// [`Failure`] with `person_not_found`, `rate_limited`, or a form that is wrong.
    pub async fn claim_prekeys(
        &self,
        login: &Login,
        target: AccountId,
        devices: &[bytes::Bytes],
    ) -> Result<Vec<ClaimedPrekeys>, Failure> {
        let devices = claimed_devices(devices)
            .map_err(|error| Failure::refused(error.code(), error.to_string()))?;
        self.rates.take_claim(login.account, target)?;
        let claimed = self.store.claim_prekeys(target, &devices).await?;
        if claimed.is_empty() && self.store.lookup_device_list(target).await?.is_none() {
            return Err(person_not_found());
        }
        Ok(claimed)
    }

    /// Adds to the prekeys of the device that asks.
    ///
    /// # Errors
    /// [`Failure`] with `keys_invalid` or `limit_exceeded`.
    pub async fn upload_prekeys(
        &self,
        login: &Login,
        prekeys: &frame::Prekeys,
    ) -> Result<PrekeyCount, Failure> {
        let newest = self.newest_entry(login.account).await?;
        let own = newest
            .iter()
            .flat_map(|entry| &entry.devices)
            .find(|device| device.id == login.device)
            .ok_or_else(|| {
                // It was removed from the list: nobody would accept its keys.
                Failure::refused(
                    ErrorCode::DeviceNotLinked,
                    "This device is not in the account's device list any more.",
                )
            })?;
        let prekeys = NewPrekeys::verify(prekeys, login.device, &own.key)
            .map_err(|error| Failure::refused(error.code(), error.to_string()))?;
        self.store
            .add_prekeys(login.device, &prekeys)
            .await
            .map_err(|error| match error {
                AddPrekeysError::TooMany => Failure::refused(
                    ErrorCode::LimitExceeded,
                    "The server keeps no more one-time prekeys of this device.",
                ),
                AddPrekeysError::Store(error) => error.into(),
            })
    }

    /// How many prekeys the device that asks has here.
    ///
    /// # Errors
    /// [`Failure`] when the database is away.
    pub async fn count_prekeys(&self, login: &Login) -> Result<PrekeyCount, Failure> {
        Ok(self.store.count_prekeys(login.device).await?)
    }
}
