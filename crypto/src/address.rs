//! Who talks to whom, and the associated data that binds a session to them.

use std::fmt;

use chat_protocol::{AccountId, DeviceId};
use chat_verify::DeviceKey;

/// One device of one account, with the key that its verified device list names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Address {
    /// The account.
    pub account: AccountId,
    /// The device.
    pub device: DeviceId,
    /// The device's key.
    pub key: DeviceKey,
}

/// What stands before an Ed25519 key in associated data, so that it could never be
/// read as a key of another kind.
const EDWARDS_FORM: u8 = 6;

/// Length of [`AssociatedData`].
const LENGTH: usize = 138;

/// What both sides of a session feed into every authentication in it, 138 bytes:
///
/// ```text
/// 6 ‖ key of the initiator (32) ‖ 6 ‖ key of the responder (32)
///   ‖ 16 (u16) ‖ account of the initiator ‖ 16 (u16) ‖ its device
///   ‖ 16 (u16) ‖ account of the responder ‖ 16 (u16) ‖ its device
/// ```
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct AssociatedData([u8; LENGTH]);

impl AssociatedData {
    pub(crate) const LENGTH: usize = LENGTH;

    /// # Panics
    /// Never: the fields have fixed lengths that add up to 138.
    pub(crate) fn new(initiator: &Address, responder: &Address) -> Self {
        let mut out = Vec::with_capacity(LENGTH);
        for side in [initiator, responder] {
            out.push(EDWARDS_FORM);
            out.extend_from_slice(side.key.as_bytes());
        }
        for side in [initiator, responder] {
            for id in [side.account.as_bytes(), side.device.as_bytes()] {
                out.extend_from_slice(&16_u16.to_be_bytes());
                out.extend_from_slice(id);
            }
        }
        Self(out.try_into().expect("the fields have fixed lengths"))
    }

    pub(crate) const fn from_bytes(bytes: [u8; LENGTH]) -> Self {
        Self(bytes)
    }

    pub(crate) const fn as_bytes(&self) -> &[u8; LENGTH] {
        &self.0
    }
}

impl fmt::Debug for AssociatedData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AssociatedData(..)")
    }
}

#[cfg(test)]
mod tests {
    use crate::keys::DeviceSecret;

    use super::*;

    fn address(byte: u8) -> Address {
        Address {
            account: AccountId::from_bytes([byte; 16]),
            device: DeviceId::from_bytes([byte | 0x80; 16]),
            key: DeviceSecret::from_bytes([byte; 32]).public(),
        }
    }

    #[test]
    fn x3_associated_data_is_both_keys_then_all_identities() {
        let (alice, bob) = (address(1), address(2));
        let mut expected = Vec::new();
        expected.push(6);
        expected.extend_from_slice(alice.key.as_bytes());
        expected.push(6);
        expected.extend_from_slice(bob.key.as_bytes());
        for (account, device) in [(1, 0x81), (2, 0x82)] {
            expected.extend_from_slice(&[0, 16]);
            expected.extend_from_slice(&[account; 16]);
            expected.extend_from_slice(&[0, 16]);
            expected.extend_from_slice(&[device; 16]);
        }
        let made = AssociatedData::new(&alice, &bob);
        assert_eq!(made.as_bytes()[..], expected[..]);
        // Who began is part of it.
        assert_ne!(made, AssociatedData::new(&bob, &alice));
    }
}
