//! Device lists.

use chat_protocol::AccountId;
use chat_verify::{DeviceListEntry, SignedEntry};

use super::App;
use super::account::person_not_found;
use crate::failure::Failure;

/// Entries of one answer: all of them fit into a frame.
const ENTRIES_OF_ONE_ANSWER: u32 = 500;

impl App {
    /// The device list of an account after an entry, or from the first. A reader
    /// that gets as many as fit into one answer asks for the next.
    ///
    /// # Errors
    /// [`Failure`] with `person_not_found` when there is no such account.
    pub async fn device_list(
        &self,
        account: AccountId,
        after: Option<u64>,
    ) -> Result<Vec<SignedEntry>, Failure> {
        let entries = self
            .store
            .list_device_list_entries(account, after, ENTRIES_OF_ONE_ANSWER)
            .await?;
        // Every account has entry 0: without any there is no such account.
        if entries.is_empty() && self.store.lookup_device_list(account).await?.is_none() {
            return Err(person_not_found());
        }
        Ok(entries)
    }

    /// The newest entry of an account's list.
    pub(super) async fn newest_entry(
        &self,
        account: AccountId,
    ) -> Result<Option<DeviceListEntry>, Failure> {
        let Some(signed) = self.store.lookup_device_list(account).await? else {
            return Ok(None);
        };
        // It was verified when it was stored.
        DeviceListEntry::from_bytes(&signed.bytes)
            .map(Some)
            .map_err(|error| Failure::Broken(Box::new(error)))
    }
}
