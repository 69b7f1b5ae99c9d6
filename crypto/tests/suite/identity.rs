//! Who is who: claimed senders, reflected messages, swapped keys.

use chat_crypto::{BeginError, OpenError};

use crate::world::{Device, Pool, alice_and_bob, talking};

/// Something about a device that is made another device's.
type Change = fn(&mut Device, &Device);

#[test]
fn c9_every_id_and_key_of_both_sides_is_bound() {
    let (mut alice, bob) = talking();
    let envelope = alice.seal(&bob, b"hi");
    let other = Device::new(9);
    let changes: [Change; 3] = [
        |device, other| device.address.account = other.address.account,
        |device, other| device.address.device = other.address.device,
        |device, other| device.address.key = other.address.key,
    ];
    for change in changes {
        let sessions = bob.with(&alice);
        let mut claimed = alice.clone();
        change(&mut claimed, &other);
        let opened = sessions.open(
            &bob.secret,
            &bob.address,
            &claimed.address,
            &bob.prekeys,
            &envelope,
            bob.now_ms,
        );
        assert_eq!(opened.err(), Some(OpenError::WrongIdentity));
        let mut reader = bob.clone();
        change(&mut reader, &other);
        let opened = sessions.open(
            &bob.secret,
            &reader.address,
            &alice.address,
            &bob.prekeys,
            &envelope,
            bob.now_ms,
        );
        assert_eq!(opened.err(), Some(OpenError::WrongIdentity));
    }
}

#[test]
fn c10_a_first_message_under_another_name_is_refused() {
    let (mut alice, mut bob, carol) = (Device::new(1), Device::new(2), Device::new(3));
    alice.begin(&mut bob, Pool::Filled);
    let envelope = alice.seal(&bob, b"hi");
    // The server says that it is Carol's.
    assert_eq!(
        bob.peek(&carol, &envelope).err(),
        Some(OpenError::WrongIdentity)
    );
}

#[test]
fn c10_a_claimed_key_without_its_secret_is_refused() {
    let (alice, mut bob) = (Device::new(1), Device::new(2));
    let mut mallory = Device::new(3);
    // Mallory writes Alice's key into the header, without having its secret.
    mallory.address = alice.address;
    mallory.begin(&mut bob, Pool::Filled);
    let mut envelope = mallory.seal(&bob, b"hi");
    envelope[2..34].copy_from_slice(alice.address.key.as_bytes());
    assert_eq!(
        bob.peek(&alice, &envelope).err(),
        Some(OpenError::BadCiphertext)
    );
}

#[test]
fn c10_a_later_message_under_another_name_is_refused() {
    let (mut alice, mut bob) = talking();
    let mut carol = Device::new(3);
    carol.begin(&mut bob, Pool::Filled);
    let hello = carol.seal(&bob, b"hello");
    assert!(bob.open(&carol, &hello).is_ok());
    let envelope = alice.seal(&bob, b"hi");
    assert_eq!(bob.open(&carol, &envelope), Err(OpenError::NoSession));
    assert!(bob.open(&alice, &envelope).is_ok());
}

#[test]
fn c10_a_reflected_message_is_refused() {
    let (mut alice, bob) = alice_and_bob();
    let envelope = alice.seal(&bob, b"hi");
    assert_eq!(
        alice.peek(&bob, &envelope).err(),
        Some(OpenError::WrongIdentity)
    );
    let (mut alice, bob) = talking();
    let envelope = alice.seal(&bob, b"hi");
    assert_eq!(
        alice.peek(&bob, &envelope).err(),
        Some(OpenError::BadCiphertext)
    );
}

#[test]
fn c10_a_device_begins_no_session_with_itself() {
    let mut alice = Device::new(1);
    let mut twin = alice.clone();
    let bundle = twin.bundle(Pool::Filled);
    assert_eq!(alice.try_begin(&twin, &bundle), Err(BeginError::OwnDevice));
}
