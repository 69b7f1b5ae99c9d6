//! Which bytes are public keys.

use chat_verify::{AccountKey, DeviceKey, KeyError, PrekeyPublic};
use proptest::prelude::*;

use crate::signer::Signer;

/// A coordinate of X25519 from its lowest byte; all others are 0xff, the sign bit is not set.
fn near_the_prime(lowest: u8) -> [u8; 32] {
    let mut bytes = [0xff; 32];
    bytes[0] = lowest;
    bytes[31] = 0x7f;
    bytes
}

#[test]
fn c3_a_coordinate_has_one_spelling() {
    // p − 1 is the last one; p is zero written a second way.
    assert!(PrekeyPublic::try_from(near_the_prime(0xec)).is_ok());
    for lowest in 0xed..=0xff {
        let again = PrekeyPublic::try_from(near_the_prime(lowest));
        assert_eq!(again, Err(KeyError::NotCanonical), "{lowest:02x}");
    }
    let mut sign = [9; 32];
    sign[31] = 0x80;
    assert_eq!(PrekeyPublic::try_from(sign), Err(KeyError::NotCanonical));
    assert_eq!(
        PrekeyPublic::try_from(&[9; 31][..]),
        Err(KeyError::Length(31))
    );
}

#[test]
fn c3_every_point_of_small_order_is_no_key() {
    for point in curve25519_dalek::constants::EIGHT_TORSION {
        let bytes = point.compress().to_bytes();
        assert_eq!(DeviceKey::try_from(&bytes[..]), Err(KeyError::Torsion));
        assert_eq!(AccountKey::try_from(&bytes[..]), Err(KeyError::Torsion));
    }
}

#[test]
fn c3_a_key_with_a_torsion_part_is_no_key() {
    let good = Signer::new(7).0.verifying_key().to_edwards();
    for point in &curve25519_dalek::constants::EIGHT_TORSION[1..] {
        let bytes = (good + point).compress().to_bytes();
        assert_eq!(DeviceKey::try_from(&bytes[..]), Err(KeyError::Torsion));
    }
}

proptest! {
    #[test]
    fn c3_whatever_is_a_key_is_written_as_it_was_read(bytes: [u8; 32]) {
        if let Ok(key) = DeviceKey::try_from(&bytes[..]) {
            prop_assert_eq!(key.as_bytes(), &bytes);
            // The Montgomery form of a good key is never zero.
            prop_assert_ne!(key.to_montgomery(), [0; 32]);
        }
        if let Ok(key) = PrekeyPublic::try_from(bytes) {
            prop_assert_eq!(key.as_bytes(), &bytes);
        }
    }
}
