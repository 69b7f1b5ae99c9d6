//! This device and the account that it speaks for.

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use chat_crypto::{AccountSecret, Address, DeviceSecret};
use chat_protocol::{AccountId, DeviceId};
use chat_verify::{DeviceList, Signature, SignedEntry};

use crate::api::{Person, Record, Table};
use crate::record::{self, OpenError};

/// The key of the one record that says who this device is.
pub(crate) const KEY: &[u8] = b"account";

/// The account as it lies in the store.
#[derive(Serialize, Deserialize)]
pub(crate) struct StoredAccount {
    pub account: AccountId,
    pub device: DeviceId,
    pub name: String,
    pub server: String,
    pub token: [u8; 32],
    /// The account key. It signs entry 0 of the device list and is needed again
    /// only for recovery; until a recovery code exists it has no other place.
    pub account_secret: Zeroizing<[u8; 32]>,
    pub device_secret: Zeroizing<[u8; 32]>,
    pub device_list: Vec<StoredEntry>,
}

/// A signed entry of a device list in the store.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct StoredEntry {
    pub bytes: Vec<u8>,
    pub signature: Vec<u8>,
}

impl From<&SignedEntry> for StoredEntry {
    fn from(entry: &SignedEntry) -> Self {
        Self {
            bytes: entry.bytes.clone(),
            signature: entry.signature.as_bytes().to_vec(),
        }
    }
}

impl StoredEntry {
    fn to_signed(&self) -> Option<SignedEntry> {
        let signature = Signature::try_from(&self.signature[..]).ok()?;
        Some(SignedEntry {
            bytes: self.bytes.clone(),
            signature,
        })
    }
}

/// Verifies a stored list from its first entry on.
pub(crate) fn verify_stored(account: AccountId, entries: &[StoredEntry]) -> Option<DeviceList> {
    let (first, rest) = entries.split_first()?;
    let mut list = DeviceList::begin(account, &first.to_signed()?).ok()?;
    for entry in rest {
        list = list.append(&entry.to_signed()?).ok()?;
    }
    Some(list)
}

/// This device and its account, ready for use.
pub(crate) struct Own {
    pub account: AccountId,
    pub name: String,
    pub server: String,
    pub token: [u8; 32],
    pub device_secret: DeviceSecret,
    pub address: Address,
    pub list: DeviceList,
}

impl Own {
    pub fn open(stored: Option<&Record>) -> Result<Self, OpenError> {
        let record = stored.ok_or(OpenError::NoAccount)?;
        let stored: StoredAccount = record::decode(record)?;
        let damaged = OpenError::Damaged {
            table: Table::Device.name(),
        };
        let list = verify_stored(stored.account, &stored.device_list).ok_or(damaged)?;
        let device_secret = DeviceSecret::from_bytes(*stored.device_secret);
        let key = device_secret.public();
        Ok(Self {
            account: stored.account,
            name: stored.name,
            server: stored.server,
            token: stored.token,
            address: Address {
                account: stored.account,
                device: stored.device,
                key,
            },
            device_secret,
            list,
        })
    }

    pub fn person(&self) -> Person {
        Person {
            account: self.account,
            name: self.name.clone(),
        }
    }
}

/// A device that has an account from now on.
pub(crate) struct NewAccount<'a> {
    pub account: AccountId,
    pub device: DeviceId,
    pub name: String,
    pub server: String,
    pub token: [u8; 32],
    pub account_secret: &'a AccountSecret,
    pub device_secret: &'a DeviceSecret,
    pub first_entry: &'a SignedEntry,
}

impl NewAccount<'_> {
    pub fn to_record(&self) -> Record {
        let stored = StoredAccount {
            account: self.account,
            device: self.device,
            name: self.name.clone(),
            server: self.server.clone(),
            token: self.token,
            account_secret: self.account_secret.to_bytes(),
            device_secret: self.device_secret.to_bytes(),
            device_list: vec![self.first_entry.into()],
        };
        record::record(Table::Device, KEY, &stored)
    }
}
