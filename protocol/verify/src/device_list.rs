//! The device list of an account: signed, chained, and pinned by its readers.
//!
//! Entry 0 is signed by the account key. Entry n is signed by a device that
//! entry n−1 holds: a device that was removed cannot sign itself back in.

use chat_protocol::{AccountId, DeviceId, limits};
use sha2::{Digest, Sha256};

use crate::encoding::{Reader, WrongLength};
use crate::keys::{AccountKey, DeviceKey, KeyError};
use crate::label;
use crate::signed::{Signature, SignatureError, signed_bytes};

/// One device of an account, as an entry names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Device {
    /// Its id.
    pub id: DeviceId,
    /// Its key.
    pub key: DeviceKey,
}

/// What one entry says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceListEntry {
    /// Whose list it is.
    pub account: AccountId,
    /// The account's key; the same in every entry.
    pub account_key: AccountKey,
    /// 0, 1, 2, …
    pub seq: u64,
    /// The hash of the entry before, zero for entry 0.
    pub previous: [u8; 32],
    /// Every device that may speak for the account, in ascending order of id.
    pub devices: Vec<Device>,
}

/// An entry as it travels: bytes and their signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedEntry {
    /// [`DeviceListEntry::to_bytes`].
    pub bytes: Vec<u8>,
    /// By the account key for entry 0, by a device of the entry before otherwise.
    pub signature: Signature,
}

/// Why a device list is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DeviceListError {
    /// The bytes are not the canonical encoding of an entry.
    #[error("the entry is not canonically encoded")]
    Encoding,
    /// A format that this version does not know.
    #[error("the entry has format version {0}, which this version does not know")]
    Version(u8),
    /// A key in it is not one that we use.
    #[error("a key in the entry is refused")]
    Key(#[source] KeyError),
    /// No device, too many, not ascending, or one twice.
    #[error("the entry's devices are not one to {max} in ascending order", max = limits::DEVICES_PER_ACCOUNT)]
    Devices,
    /// The signature does not hold.
    #[error("the entry is not signed by who may sign it")]
    Signature(#[source] SignatureError),
    /// It is another account's.
    #[error("the entry belongs to another account")]
    Account,
    /// The account key changed: another identity under the same id.
    #[error("the account's key is not the one that was pinned")]
    AccountKey,
    /// A device keeps its key for life; with another key it is another device.
    #[error("a device of the entry has another key than before")]
    DeviceKey,
    /// Not the entry that follows: the list was cut, forked or set back.
    #[error("the entry does not follow the one that is known")]
    Chain,
}

impl From<WrongLength> for DeviceListError {
    fn from(_: WrongLength) -> Self {
        Self::Encoding
    }
}

impl DeviceListEntry {
    /// Version 1 ‖ account (16) ‖ account key (32) ‖ seq (u64) ‖ previous (32) ‖
    /// number of devices (u16) ‖ per device: id (16) ‖ key (32). Big-endian.
    ///
    /// # Panics
    /// If there are more devices than a u16 counts; [`Self::from_bytes`] and the
    /// limit keep them far below.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let count = u16::try_from(self.devices.len()).expect("devices are limited");
        let mut out = Vec::with_capacity(self.devices.len().saturating_mul(48).saturating_add(91));
        out.push(1);
        out.extend_from_slice(self.account.as_bytes());
        out.extend_from_slice(self.account_key.as_bytes());
        out.extend_from_slice(&self.seq.to_be_bytes());
        out.extend_from_slice(&self.previous);
        out.extend_from_slice(&count.to_be_bytes());
        for device in &self.devices {
            out.extend_from_slice(device.id.as_bytes());
            out.extend_from_slice(device.key.as_bytes());
        }
        out
    }

    /// Reads the canonical bytes; says nothing yet about who signed them.
    ///
    /// # Errors
    /// [`DeviceListError`] `Encoding`, `Version`, `Key` or `Devices`.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DeviceListError> {
        let mut reader = Reader::new(bytes);
        let version = reader.u8()?;
        if version != 1 {
            return Err(DeviceListError::Version(version));
        }
        let account = AccountId::from_bytes(reader.array()?);
        let account_key =
            AccountKey::try_from(&reader.array::<32>()?[..]).map_err(DeviceListError::Key)?;
        let seq = reader.u64()?;
        let previous = reader.array()?;
        let count = usize::from(reader.u16()?);
        if count == 0 || count > limits::DEVICES_PER_ACCOUNT {
            return Err(DeviceListError::Devices);
        }
        let mut devices: Vec<Device> = Vec::with_capacity(count);
        for _ in 0..count {
            let id = DeviceId::from_bytes(reader.array()?);
            let key =
                DeviceKey::try_from(&reader.array::<32>()?[..]).map_err(DeviceListError::Key)?;
            if devices.last().is_some_and(|last| last.id >= id)
                || devices.iter().any(|device| device.key == key)
            {
                return Err(DeviceListError::Devices);
            }
            devices.push(Device { id, key });
        }
        reader.end()?;
        Ok(Self {
            account,
            account_key,
            seq,
            previous,
            devices,
        })
    }
}

impl SignedEntry {
    /// The hash that the next entry and every message name: SHA-256 over label,
    /// bytes and signature.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        let mut bytes = signed_bytes(label::DEVICE_LIST_ENTRY, &self.bytes);
        bytes.extend_from_slice(self.signature.as_bytes());
        Sha256::digest(bytes).into()
    }
}

/// A list that was verified from entry 0 on; readers pin it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceList {
    latest: DeviceListEntry,
    hash: [u8; 32],
}

impl DeviceList {
    /// Believes entry 0 of `account`, signed by the account key that it names.
    ///
    /// Whose key that is, only a safety number tells: the first sight is trusted.
    ///
    /// # Errors
    /// [`DeviceListError`] for every way in which it does not hold.
    pub fn begin(account: AccountId, first: &SignedEntry) -> Result<Self, DeviceListError> {
        let entry = DeviceListEntry::from_bytes(&first.bytes)?;
        if entry.account != account {
            return Err(DeviceListError::Account);
        }
        if entry.seq != 0 || entry.previous != [0; 32] {
            return Err(DeviceListError::Chain);
        }
        entry
            .account_key
            .verify(label::DEVICE_LIST_ENTRY, &first.bytes, &first.signature)
            .map_err(DeviceListError::Signature)?;
        Ok(Self {
            latest: entry,
            hash: first.hash(),
        })
    }

    /// The list with one more entry; this one stays as it is.
    ///
    /// # Errors
    /// [`DeviceListError`] for every way in which the entry does not follow.
    pub fn append(&self, next: &SignedEntry) -> Result<Self, DeviceListError> {
        let entry = DeviceListEntry::from_bytes(&next.bytes)?;
        if entry.account != self.latest.account {
            return Err(DeviceListError::Account);
        }
        if entry.account_key != self.latest.account_key {
            return Err(DeviceListError::AccountKey);
        }
        if Some(entry.seq) != self.latest.seq.checked_add(1) || entry.previous != self.hash {
            return Err(DeviceListError::Chain);
        }
        // Somebody with one device's key must not take over another one's name.
        let renamed = entry.devices.iter().any(|device| {
            self.device_key(device.id)
                .is_some_and(|key| *key != device.key)
        });
        if renamed {
            return Err(DeviceListError::DeviceKey);
        }
        let signed_by_a_device = self.latest.devices.iter().any(|device| {
            device
                .key
                .verify(label::DEVICE_LIST_ENTRY, &next.bytes, &next.signature)
                .is_ok()
        });
        if !signed_by_a_device {
            return Err(DeviceListError::Signature(SignatureError::Invalid));
        }
        Ok(Self {
            latest: entry,
            hash: next.hash(),
        })
    }

    /// What the newest entry says.
    #[must_use]
    pub const fn latest(&self) -> &DeviceListEntry {
        &self.latest
    }

    /// The hash of the newest entry.
    #[must_use]
    pub const fn hash(&self) -> &[u8; 32] {
        &self.hash
    }

    /// The key of a device, if the list holds it.
    #[must_use]
    pub fn device_key(&self, id: DeviceId) -> Option<&DeviceKey> {
        self.latest
            .devices
            .iter()
            .find(|device| device.id == id)
            .map(|device| &device.key)
    }
}
