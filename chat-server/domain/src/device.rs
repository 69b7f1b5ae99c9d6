//! Devices: what a new account brings with its first one.

use chat_protocol::{AccountId, DeviceId, ErrorCode, IdError, frame};
use chat_verify::{DeviceList, DeviceListError, Signature, SignatureError, SignedEntry};

use crate::prekey::{NewPrekeys, NewPrekeysError};

/// The first device of a new account, checked: entry 0 of the device list is
/// signed by the account key and names the device, whose key signed its prekey.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDevice {
    /// The account, drawn by the client.
    pub account: AccountId,
    /// The device, drawn by itself.
    pub device: DeviceId,
    /// Entry 0 of the device list, as it came.
    pub entry: SignedEntry,
    /// Its prekeys; the signed one is there.
    pub prekeys: NewPrekeys,
}

/// Why a device setup is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DeviceSetupError {
    /// A format that this version does not know.
    #[error("The device setup has version {0}, which this server does not know.")]
    Version(u32),
    /// An id is not one.
    #[error("An id in the device setup has not 16 bytes.")]
    Id(#[source] IdError),
    /// Something that must be there is not.
    #[error("The device setup has no {0}.")]
    Missing(&'static str),
    /// The signature has the wrong length.
    #[error("The signature of the device list has not 64 bytes.")]
    SignatureForm(#[source] SignatureError),
    /// The device list does not hold.
    #[error("The device list does not verify.")]
    DeviceList(#[source] DeviceListError),
    /// The list holds other devices, or this and others.
    #[error("The first device list names its one device and no other.")]
    OtherDevice,
    /// The prekeys do not hold.
    #[error(transparent)]
    Prekeys(NewPrekeysError),
}

impl DeviceSetupError {
    /// What a client is told.
    #[must_use]
    pub const fn code(self) -> ErrorCode {
        match self {
            Self::Version(_) => ErrorCode::UnsupportedVersion,
            Self::Id(_) | Self::Missing(_) => ErrorCode::MalformedRequest,
            Self::Prekeys(error) => error.code(),
            Self::SignatureForm(_) | Self::DeviceList(_) | Self::OtherDevice => {
                ErrorCode::KeysInvalid
            }
        }
    }
}

impl NewDevice {
    /// Checks what a new account brings.
    ///
    /// A server that stored keys that do not hold would hand them to every peer,
    /// who would refuse them: the account would be there and nobody could write
    /// to it. It gains nothing by skipping the check, and peers do it again.
    ///
    /// # Errors
    /// [`DeviceSetupError`] names what does not hold.
    pub fn verify(setup: &frame::DeviceSetup) -> Result<Self, DeviceSetupError> {
        if setup.version != 1 {
            return Err(DeviceSetupError::Version(setup.version));
        }
        let account = AccountId::try_from(&setup.account[..]).map_err(DeviceSetupError::Id)?;
        let device = DeviceId::try_from(&setup.device[..]).map_err(DeviceSetupError::Id)?;
        let entry = setup
            .device_list
            .as_ref()
            .ok_or(DeviceSetupError::Missing("device list"))?;
        let prekeys = setup
            .prekeys
            .as_ref()
            .ok_or(DeviceSetupError::Missing("prekeys"))?;
        if prekeys.signed.is_none() {
            return Err(DeviceSetupError::Missing("signed prekey"));
        }
        let entry = SignedEntry {
            bytes: entry.bytes.to_vec(),
            signature: Signature::try_from(&entry.signature[..])
                .map_err(DeviceSetupError::SignatureForm)?,
        };
        let list = DeviceList::begin(account, &entry).map_err(DeviceSetupError::DeviceList)?;
        // A second device in entry 0 would be one that nobody linked.
        let [only] = &list.latest().devices[..] else {
            return Err(DeviceSetupError::OtherDevice);
        };
        if only.id != device {
            return Err(DeviceSetupError::OtherDevice);
        }
        let prekeys =
            NewPrekeys::verify(prekeys, device, &only.key).map_err(DeviceSetupError::Prekeys)?;
        Ok(Self {
            account,
            device,
            entry,
            prekeys,
        })
    }
}

#[cfg(test)]
mod tests;
