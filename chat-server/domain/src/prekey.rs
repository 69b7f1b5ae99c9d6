//! Prekeys that a device leaves with the server.

use chat_protocol::{DeviceId, ErrorCode, IdError, frame, limits};
use chat_verify::{
    DeviceKey, KeyError, PrekeyError, PrekeyPublic, Signature, SignatureError, SignedPrekey,
};

/// A one-time prekey: the device's number for it, and its public half.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OneTimePrekey {
    /// The device's own number.
    pub id: u32,
    /// The public half.
    pub public: PrekeyPublic,
}

/// Prekeys that were checked: the signature holds, no number comes twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPrekeys {
    /// Takes the place of the signed prekey before it; `None` keeps that one.
    pub signed: Option<SignedPrekey>,
    /// Added to the pool.
    pub one_time: Vec<OneTimePrekey>,
}

/// Why prekeys are not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NewPrekeysError {
    /// A public half is not a key.
    #[error("A prekey is not a public key that is used here.")]
    Key(#[source] KeyError),
    /// A signature has the wrong length.
    #[error("The signature of the signed prekey has not 64 bytes.")]
    SignatureForm(#[source] SignatureError),
    /// The device did not sign it.
    #[error("The signed prekey is not signed by its device.")]
    Signature(#[source] PrekeyError),
    /// A number twice: one of the two would be handed out unseen.
    #[error("Two one-time prekeys have the same number.")]
    Twice,
    /// Too many at once.
    #[error(
        "A device keeps at most {max} one-time prekeys on the server.",
        max = limits::ONE_TIME_PREKEYS_MAX
    )]
    TooMany,
}

impl NewPrekeysError {
    /// What a client is told.
    #[must_use]
    pub const fn code(self) -> ErrorCode {
        match self {
            Self::TooMany => ErrorCode::LimitExceeded,
            _ => ErrorCode::KeysInvalid,
        }
    }
}

impl NewPrekeys {
    /// Checks what a device brought, under the key that its device list names.
    ///
    /// # Errors
    /// [`NewPrekeysError`] names what does not hold.
    pub fn verify(
        prekeys: &frame::Prekeys,
        device: DeviceId,
        device_key: &DeviceKey,
    ) -> Result<Self, NewPrekeysError> {
        if prekeys.one_time.len() > limits::ONE_TIME_PREKEYS_MAX {
            return Err(NewPrekeysError::TooMany);
        }
        let signed = match &prekeys.signed {
            None => None,
            Some(signed) => {
                let signed = SignedPrekey {
                    id: signed.id,
                    public: PrekeyPublic::try_from(&signed.public[..])
                        .map_err(NewPrekeysError::Key)?,
                    signature: Signature::try_from(&signed.signature[..])
                        .map_err(NewPrekeysError::SignatureForm)?,
                };
                signed
                    .verify(device, device_key)
                    .map_err(NewPrekeysError::Signature)?;
                Some(signed)
            }
        };
        let mut one_time = Vec::with_capacity(prekeys.one_time.len());
        for prekey in &prekeys.one_time {
            one_time.push(OneTimePrekey {
                id: prekey.id,
                public: PrekeyPublic::try_from(&prekey.public[..]).map_err(NewPrekeysError::Key)?,
            });
        }
        one_time.sort_by_key(|prekey| prekey.id);
        if one_time.windows(2).any(|pair| pair[0].id == pair[1].id) {
            return Err(NewPrekeysError::Twice);
        }
        Ok(Self { signed, one_time })
    }
}

/// Why a claim of prekeys is not of the documented form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClaimError {
    /// An id is not one.
    #[error("A device id has 16 bytes.")]
    Id(#[source] IdError),
    /// More devices than an account can have.
    #[error("An account has at most {max} devices.", max = limits::DEVICES_PER_ACCOUNT)]
    TooMany,
}

impl ClaimError {
    /// What a client is told.
    #[must_use]
    pub const fn code(self) -> ErrorCode {
        match self {
            Self::Id(_) => ErrorCode::MalformedRequest,
            Self::TooMany => ErrorCode::LimitExceeded,
        }
    }
}

/// Reads the devices of a claim, each once. An empty list stands for all devices
/// of the account.
///
/// # Errors
/// [`ClaimError`] when an id is none, or there are too many.
pub fn claimed_devices(devices: &[bytes::Bytes]) -> Result<Vec<DeviceId>, ClaimError> {
    if devices.len() > limits::DEVICES_PER_ACCOUNT {
        return Err(ClaimError::TooMany);
    }
    let mut ids = devices
        .iter()
        .map(|id| DeviceId::try_from(&id[..]).map_err(ClaimError::Id))
        .collect::<Result<Vec<_>, _>>()?;
    ids.sort_unstable();
    ids.dedup();
    Ok(ids)
}
