//! Prekeys: what a device leaves with the server so that others can begin a
//! conversation while it is away.

use chat_protocol::DeviceId;

use crate::keys::{DeviceKey, PrekeyPublic};
use crate::label;
use crate::signed::{Signature, SignatureError};

/// A prekey that its device signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignedPrekey {
    /// The device's own number for it.
    pub id: u32,
    /// Its public half.
    pub public: PrekeyPublic,
    /// By the device key over [`signed_prekey_bytes`].
    pub signature: Signature,
}

/// Why a bundle is not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PrekeyError {
    /// The signed prekey was not signed by the device that it is served for.
    #[error("the signed prekey is not signed by its device")]
    Signature(#[source] SignatureError),
}

/// What the server hands to somebody who begins a session with a device.
///
/// Made by [`PrekeyBundle::verify`] only: holding one means that the signature
/// holds under the device key that the *device list* names, whatever the server says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PrekeyBundle {
    device: DeviceId,
    device_key: DeviceKey,
    signed: SignedPrekey,
    one_time: Option<(u32, PrekeyPublic)>,
}

impl PrekeyBundle {
    /// Checks the bundle before any Diffie–Hellman touches it.
    ///
    /// # Errors
    /// [`PrekeyError::Signature`] when the device did not sign the prekey.
    pub fn verify(
        device: DeviceId,
        device_key: DeviceKey,
        signed: SignedPrekey,
        one_time: Option<(u32, PrekeyPublic)>,
    ) -> Result<Self, PrekeyError> {
        signed.verify(device, &device_key)?;
        Ok(Self {
            device,
            device_key,
            signed,
            one_time,
        })
    }

    /// Whose it is.
    #[must_use]
    pub const fn device(&self) -> DeviceId {
        self.device
    }

    /// The key of that device.
    #[must_use]
    pub const fn device_key(&self) -> &DeviceKey {
        &self.device_key
    }

    /// The signed prekey.
    #[must_use]
    pub const fn signed(&self) -> &SignedPrekey {
        &self.signed
    }

    /// The one-time prekey, unless the pool ran dry.
    #[must_use]
    pub const fn one_time(&self) -> Option<(u32, PrekeyPublic)> {
        self.one_time
    }
}

impl SignedPrekey {
    /// Checks that `device_key` signed this prekey for `device`.
    ///
    /// # Errors
    /// [`PrekeyError::Signature`] when it did not.
    pub fn verify(&self, device: DeviceId, device_key: &DeviceKey) -> Result<(), PrekeyError> {
        device_key
            .verify(
                label::SIGNED_PREKEY,
                &signed_prekey_bytes(device, self.id, &self.public),
                &self.signature,
            )
            .map_err(PrekeyError::Signature)
    }
}

/// What is signed of a prekey: version 1 ‖ device (16) ‖ id (u32, big-endian) ‖
/// public half (32).
#[must_use]
pub fn signed_prekey_bytes(device: DeviceId, id: u32, public: &PrekeyPublic) -> Vec<u8> {
    let mut out = Vec::with_capacity(53);
    out.push(1);
    out.extend_from_slice(device.as_bytes());
    out.extend_from_slice(&id.to_be_bytes());
    out.extend_from_slice(public.as_bytes());
    out
}
