//! Signatures hold strictly, for one purpose, and over what was received.

use chat_protocol::DeviceId;
use chat_verify::prekey::signed_prekey_bytes;
use chat_verify::{
    PrekeyBundle, PrekeyError, PrekeyPublic, Signature, SignatureError, SignedPrekey, label,
    signed_bytes,
};
use curve25519_dalek::edwards::EdwardsPoint;
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::Identity as _;
use ed25519_dalek::Verifier as _;
use sha2::{Digest as _, Sha512};

use crate::signer::Signer;

#[test]
fn c4_a_signature_with_an_r_of_small_order_is_refused() {
    // R is the identity and s = k·a: s·B = R + k·A holds, so that a lax verifier takes
    // it. Whoever holds the key can make many such signatures for one message, and
    // batch and single verification would not agree on their kin.
    let signer = Signer::new(7);
    let message = signed_bytes(label::SIGNED_PREKEY, b"message");
    let r = EdwardsPoint::identity().compress().to_bytes();
    let hash = Sha512::new()
        .chain_update(r)
        .chain_update(signer.0.verifying_key().as_bytes())
        .chain_update(&message)
        .finalize();
    let k = Scalar::from_bytes_mod_order_wide(&hash.into());
    let s = k * signer.0.to_scalar();
    let mut bytes = [0; 64];
    bytes[..32].copy_from_slice(&r);
    bytes[32..].copy_from_slice(s.as_bytes());

    let lax = signer
        .0
        .verifying_key()
        .verify(&message, &ed25519_dalek::Signature::from_bytes(&bytes));
    assert!(
        lax.is_ok(),
        "the forgery is not the one that this test is about"
    );
    assert_eq!(
        signer.device_key().verify(
            label::SIGNED_PREKEY,
            b"message",
            &Signature::from_bytes(bytes)
        ),
        Err(SignatureError::Invalid)
    );
}

#[test]
fn c4_a_second_spelling_of_a_signature_is_refused() {
    // s + l verifies by the equation, and is not the canonical s.
    let signer = Signer::new(7);
    let good = signer.sign(label::SIGNED_PREKEY, b"message");
    let order = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde,
        0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10_u8,
    ];
    let mut bytes = *good.as_bytes();
    let mut carry = 0_u16;
    for (byte, add) in bytes[32..].iter_mut().zip(order) {
        let sum = u16::from(*byte) + u16::from(add) + carry;
        *byte = sum.to_le_bytes()[0];
        carry = sum >> 8;
    }
    assert_eq!(
        signer.device_key().verify(
            label::SIGNED_PREKEY,
            b"message",
            &Signature::from_bytes(bytes)
        ),
        Err(SignatureError::Invalid)
    );
}

#[test]
fn a_signature_holds_for_its_purpose_only() {
    let signer = Signer::new(7);
    let signature = signer.sign(label::SIGNED_PREKEY, b"message");
    let key = signer.device_key();
    assert_eq!(
        key.verify(label::SIGNED_PREKEY, b"message", &signature),
        Ok(())
    );
    for (purpose, message) in [
        (label::DEVICE_LIST_ENTRY, &b"message"[..]),
        (label::SIGNED_PREKEY, b"another message"),
        // Label and bytes cannot be shifted against each other.
        (&label::SIGNED_PREKEY[..10], b"message"),
    ] {
        assert_eq!(
            key.verify(purpose, message, &signature),
            Err(SignatureError::Invalid)
        );
    }
    assert_ne!(signed_bytes(b"ab", b"c"), signed_bytes(b"a", b"bc"));
}

#[test]
fn x2_a_prekey_holds_for_its_device_number_and_key() {
    let signer = Signer::new(7);
    let device = DeviceId::from_bytes([7; 16]);
    let public = PrekeyPublic::try_from([9; 32]).expect("a canonical coordinate");
    let signature = signer.sign(
        label::SIGNED_PREKEY,
        &signed_prekey_bytes(device, 1, &public),
    );
    let good = SignedPrekey {
        id: 1,
        public,
        signature,
    };
    let bundle = PrekeyBundle::verify(device, signer.device_key(), good, Some((5, public)))
        .expect("it is signed");
    assert_eq!(bundle.one_time(), Some((5, public)));
    let refused = Err(PrekeyError::Signature(SignatureError::Invalid));
    let other = PrekeyPublic::try_from([8; 32]).expect("a canonical coordinate");
    for changed in [
        SignedPrekey { id: 2, ..good },
        SignedPrekey {
            public: other,
            ..good
        },
    ] {
        assert_eq!(changed.verify(device, &signer.device_key()), refused);
    }
    assert_eq!(
        good.verify(DeviceId::from_bytes([8; 16]), &signer.device_key()),
        refused
    );
    assert_eq!(good.verify(device, &Signer::new(8).device_key()), refused);
}

#[test]
fn a_signature_of_another_length_is_none() {
    assert_eq!(
        Signature::try_from(&[0; 63][..]),
        Err(SignatureError::Length(63))
    );
    assert_eq!(
        Signature::try_from(&[0; 65][..]),
        Err(SignatureError::Length(65))
    );
}
