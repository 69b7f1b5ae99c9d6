//! X3DH as a caller sees it.

use chat_crypto::{BeginError, EnvelopeKind, OpenError, PrekeySecret, envelope_kind, sign_prekey};
use chat_verify::{PrekeyBundle, PrekeyError, PrekeyPublic, SignatureError};

use crate::world::{Device, Pool, alice_and_bob};

/// Where the ephemeral key stands in an envelope with X3DH header.
const BASE: usize = 34;
/// Where the number of the signed prekey stands.
const SIGNED_ID: usize = 66;
/// Where the ratchet key stands, after a header that names a one-time prekey.
const RATCHET_KEY: usize = 75;

#[test]
fn c2_a_signed_prekey_of_small_order_begins_nothing() {
    let (mut alice, bob) = (Device::new(1), Device::new(2));
    for coordinate in [[0; 32], one()] {
        // Signed by Bob's true device: only the agreement itself can tell.
        let public = PrekeyPublic::try_from(coordinate).expect("a canonical coordinate");
        let bytes = chat_verify::prekey::signed_prekey_bytes(bob.address.device, 1, &public);
        let signature = bob.secret.sign(chat_verify::label::SIGNED_PREKEY, &bytes);
        let signed = chat_verify::SignedPrekey {
            id: 1,
            public,
            signature,
        };
        let bundle = PrekeyBundle::verify(bob.address.device, bob.address.key, signed, None)
            .expect("signed");
        assert_eq!(alice.try_begin(&bob, &bundle), Err(BeginError::SmallOrder));
    }
}

#[test]
fn c2_a_one_time_prekey_of_small_order_begins_nothing() {
    let (mut alice, bob) = (Device::new(1), Device::new(2));
    let signed = sign_prekey(bob.address.device, &bob.secret, 1, &bob.prekeys.signed[&1]);
    // One-time prekeys are not signed: the server can put anything here.
    let zero = PrekeyPublic::try_from([0; 32]).expect("a canonical coordinate");
    let bundle = PrekeyBundle::verify(
        bob.address.device,
        bob.address.key,
        signed,
        Some((100, zero)),
    )
    .expect("signed");
    assert_eq!(alice.try_begin(&bob, &bundle), Err(BeginError::SmallOrder));
}

#[test]
fn c2_an_ephemeral_key_of_small_order_is_refused() {
    let (mut alice, bob) = alice_and_bob();
    let mut envelope = alice.seal(&bob, b"hi");
    envelope[BASE..BASE + 32].fill(0);
    assert_eq!(
        bob.peek(&alice, &envelope).err(),
        Some(OpenError::SmallOrder)
    );
}

#[test]
fn c2_a_first_ratchet_key_of_small_order_is_refused() {
    let (mut alice, bob) = alice_and_bob();
    let mut envelope = alice.seal(&bob, b"hi");
    envelope[RATCHET_KEY..RATCHET_KEY + 32].fill(0);
    assert_eq!(
        bob.peek(&alice, &envelope).err(),
        Some(OpenError::SmallOrder)
    );
}

#[test]
fn c3_a_second_spelling_of_an_ephemeral_key_is_refused() {
    let (mut alice, bob) = alice_and_bob();
    let mut envelope = alice.seal(&bob, b"hi");
    envelope[BASE + 31] |= 0x80;
    assert_eq!(
        bob.peek(&alice, &envelope).err(),
        Some(OpenError::Malformed)
    );
}

#[test]
fn x2_a_prekey_that_another_key_signed_is_refused() {
    let (bob, mallory) = (Device::new(2), Device::new(3));
    let prekey = PrekeySecret::from_bytes([9; 32]);
    let forged = sign_prekey(bob.address.device, &mallory.secret, 1, &prekey);
    assert_eq!(
        PrekeyBundle::verify(bob.address.device, bob.address.key, forged, None),
        Err(PrekeyError::Signature(SignatureError::Invalid))
    );
}

#[test]
fn x2_a_bundle_of_another_device_is_refused() {
    let (mut alice, bob, mut mallory) = (Device::new(1), Device::new(2), Device::new(3));
    let bundle = mallory.bundle(Pool::Filled);
    assert_eq!(
        alice.try_begin(&bob, &bundle),
        Err(BeginError::AnotherDevice)
    );
}

#[test]
fn x3_a_session_belongs_to_the_two_that_made_it() {
    let (mut alice, bob) = alice_and_bob();
    let envelope = alice.seal(&bob, b"hi");
    // The same envelope, handed to Bob under another name for Alice or for himself.
    let others = [
        (
            Device::new(9).address.account,
            alice.address.device,
            bob.address,
        ),
        (
            alice.address.account,
            Device::new(9).address.device,
            bob.address,
        ),
    ];
    for (account, device, own) in others {
        let mut renamed = alice.clone();
        renamed.address.account = account;
        renamed.address.device = device;
        let mut reader = bob.clone();
        reader.address = own;
        assert_eq!(
            reader.peek(&renamed, &envelope).err(),
            Some(OpenError::BadCiphertext)
        );
    }
    let mut reader = bob.clone();
    reader.address.account = Device::new(9).address.account;
    assert_eq!(
        reader.peek(&alice, &envelope).err(),
        Some(OpenError::BadCiphertext)
    );
    let mut reader = bob.clone();
    reader.address.device = Device::new(9).address.device;
    assert_eq!(
        reader.peek(&alice, &envelope).err(),
        Some(OpenError::BadCiphertext)
    );
    assert!(bob.peek(&alice, &envelope).is_ok());
}

#[test]
fn x4_one_time_key_survives_a_failed_decrypt() {
    let (mut alice, mut bob) = alice_and_bob();
    let envelope = alice.seal(&bob, b"hi");
    let mut forged = envelope.clone();
    *forged.last_mut().expect("an envelope is not empty") ^= 1;
    let keys = bob.prekeys.one_time.len();
    assert_eq!(bob.open(&alice, &forged), Err(OpenError::BadCiphertext));
    assert_eq!(bob.prekeys.one_time.len(), keys);
    assert_eq!(bob.open(&alice, &envelope).as_deref(), Ok(&b"hi"[..]));
    assert_eq!(bob.prekeys.one_time.len(), keys - 1);
}

#[test]
fn x4_a_one_time_key_opens_one_session_only() {
    let (mut alice, mut bob) = (Device::new(1), Device::new(2));
    let bundle = bob.bundle(Pool::Filled);
    alice.try_begin(&bob, &bundle).expect("the bundle is good");
    let first = alice.seal(&bob, b"first");
    // A server that hands the same one-time key out twice.
    alice.try_begin(&bob, &bundle).expect("the bundle is good");
    let second = alice.seal(&bob, b"second");
    assert!(bob.open(&alice, &first).is_ok());
    assert_eq!(bob.open(&alice, &second), Err(OpenError::UnknownPrekey));
}

#[test]
fn x5_a_bundle_without_one_time_key_begins_and_says_so() {
    let (mut alice, mut bob) = (Device::new(1), Device::new(2));
    let bundle = bob.bundle(Pool::Dry);
    assert_eq!(bundle.one_time(), None);
    alice.try_begin(&bob, &bundle).expect("the bundle is good");
    let envelope = alice.seal(&bob, b"hi");
    let opened = bob.peek(&alice, &envelope).expect("it opens");
    assert!(opened.began);
    assert_eq!(opened.used_one_time, None);
}

#[test]
fn x6_a_replaced_signed_prekey_opens_while_it_is_kept() {
    let (mut alice, mut bob) = alice_and_bob();
    let envelope = alice.seal(&bob, b"hi");
    bob.prekeys
        .signed
        .insert(2, PrekeySecret::from_bytes([8; 32]));
    assert!(bob.peek(&alice, &envelope).is_ok());
    bob.prekeys.signed.remove(&1);
    assert_eq!(
        bob.peek(&alice, &envelope).err(),
        Some(OpenError::UnknownPrekey)
    );
}

#[test]
fn x7_a_beginning_without_one_time_key_cannot_be_repeated() {
    let (mut alice, mut bob) = (Device::new(1), Device::new(2));
    alice.begin(&mut bob, Pool::Dry);
    let first = alice.seal(&bob, b"hi");
    assert!(bob.open(&alice, &first).is_ok());
    // So many sessions later that the first one is gone altogether.
    for _ in 0..=chat_crypto::limits::ARCHIVED_SESSIONS_MAX {
        alice.begin(&mut bob, Pool::Filled);
        let envelope = alice.seal(&bob, b"again");
        assert!(bob.open(&alice, &envelope).is_ok());
    }
    assert_eq!(bob.open(&alice, &first), Err(OpenError::BaseKeyReused));
    // The memory survives being stored, and ends with the signed prekey.
    let stored = bob.with(&alice).to_bytes();
    bob.store(
        &alice,
        chat_crypto::DeviceSessions::from_bytes(&stored).expect("as stored"),
    );
    assert_eq!(bob.open(&alice, &first), Err(OpenError::BaseKeyReused));
    bob.prekeys.signed.clear();
    assert!(bob.open(&alice, &first).is_err());
}

#[test]
fn x7_a_failed_decrypt_does_not_use_a_base_key() {
    let (mut alice, mut bob) = (Device::new(1), Device::new(2));
    alice.begin(&mut bob, Pool::Dry);
    let envelope = alice.seal(&bob, b"hi");
    let mut forged = envelope.clone();
    *forged.last_mut().expect("an envelope is not empty") ^= 1;
    assert_eq!(bob.open(&alice, &forged), Err(OpenError::BadCiphertext));
    assert!(bob.open(&alice, &envelope).is_ok());
}

#[test]
fn x7_more_beginnings_than_are_remembered_are_refused() {
    let (mut alice, mut bob) = (Device::new(1), Device::new(2));
    for _ in 0..chat_crypto::limits::BASE_KEYS_MAX {
        alice.begin(&mut bob, Pool::Dry);
        let envelope = alice.seal(&bob, b"hi");
        assert!(bob.open(&alice, &envelope).is_ok());
    }
    alice.begin(&mut bob, Pool::Dry);
    let envelope = alice.seal(&bob, b"hi");
    assert_eq!(
        bob.open(&alice, &envelope),
        Err(OpenError::TooManyBeginnings)
    );
    // With a one-time key there is nothing to remember.
    alice.begin(&mut bob, Pool::Filled);
    let envelope = alice.seal(&bob, b"hi");
    assert!(bob.open(&alice, &envelope).is_ok());
    // A new signed prekey makes room.
    bob.prekeys
        .signed
        .insert(2, PrekeySecret::from_bytes([8; 32]));
    bob.prekeys.signed.remove(&1);
    alice.begin(&mut bob, Pool::Dry);
    let envelope = alice.seal(&bob, b"hi");
    assert!(bob.open(&alice, &envelope).is_ok());
}

#[test]
fn x8_a_repeated_first_message_promotes_its_session() {
    let (mut alice, mut bob) = alice_and_bob();
    let one = alice.seal(&bob, b"one");
    let two = alice.seal(&bob, b"two");
    assert!(bob.open(&alice, &one).is_ok());
    // Bob begins one of his own, which puts Alice's into the archive.
    bob.begin(&mut alice, Pool::Filled);
    let opened = bob
        .peek(&alice, &two)
        .expect("it opens in the session that it began");
    assert!(!opened.began);
    assert_eq!(opened.used_one_time, None);
    bob.store(&alice, opened.next);
    // And Bob answers in it.
    let answer = bob.seal(&alice, b"three");
    assert_eq!(envelope_kind(&answer), Ok(EnvelopeKind::Later));
    assert_eq!(alice.open(&bob, &answer).as_deref(), Ok(&b"three"[..]));
    assert_eq!(bob.open(&alice, &one), Err(OpenError::Duplicate));
}

#[test]
fn x9_the_header_rides_until_the_first_reply() {
    let (mut alice, mut bob) = alice_and_bob();
    let flying: Vec<Vec<u8>> = (0..3).map(|n| alice.seal(&bob, &[n])).collect();
    for envelope in &flying {
        assert_eq!(envelope_kind(envelope), Ok(EnvelopeKind::First));
    }
    // Any of them begins the session, whichever arrives.
    assert_eq!(bob.open(&alice, &flying[2]), Ok(vec![2]));
    assert_eq!(bob.open(&alice, &flying[0]), Ok(vec![0]));
    let reply = bob.seal(&alice, b"reply");
    assert_eq!(
        envelope_kind(&alice.seal(&bob, b"still")),
        Ok(EnvelopeKind::First)
    );
    assert!(alice.open(&bob, &reply).is_ok());
    assert_eq!(
        envelope_kind(&alice.seal(&bob, b"now")),
        Ok(EnvelopeKind::Later)
    );
    assert_eq!(bob.open(&alice, &flying[1]), Ok(vec![1]));
}

#[test]
fn x9_a_first_message_names_a_prekey_that_is_not_there() {
    let (mut alice, bob) = alice_and_bob();
    let mut envelope = alice.seal(&bob, b"hi");
    envelope[SIGNED_ID] ^= 1;
    assert_eq!(
        bob.peek(&alice, &envelope).err(),
        Some(OpenError::UnknownPrekey)
    );
}

fn one() -> [u8; 32] {
    let mut one = [0; 32];
    one[0] = 1;
    one
}
