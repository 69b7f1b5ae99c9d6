//! Several sessions with one device.

use chat_crypto::limits::ARCHIVED_SESSIONS_MAX;
use chat_crypto::{DeviceSessions, EnvelopeKind, OpenError, SealError, envelope_kind};

use crate::world::{Device, Pool, talking};

/// The ephemeral key of a first message: it names the session.
fn base(envelope: &[u8]) -> Vec<u8> {
    assert_eq!(envelope_kind(envelope), Ok(EnvelopeKind::First));
    envelope[34..66].to_vec()
}

#[test]
fn s1_eight_sessions_are_archived_beside_the_active_one() {
    let (mut alice, mut bob) = (Device::new(1), Device::new(2));
    // In each session one message is opened and one stays under way.
    let mut flying = Vec::new();
    for _ in 0..ARCHIVED_SESSIONS_MAX + 2 {
        alice.begin(&mut bob, Pool::Filled);
        let opened = alice.seal(&bob, b"now");
        assert!(bob.open(&alice, &opened).is_ok());
        flying.push(alice.seal(&bob, b"late"));
    }
    let before = bob.clone();
    for late in &flying[1..] {
        assert_eq!(
            before.clone().open(&alice, late).as_deref(),
            Ok(&b"late"[..])
        );
    }
    // The oldest one is gone; its one-time key is, too.
    assert_eq!(bob.open(&alice, &flying[0]), Err(OpenError::UnknownPrekey));
}

#[test]
fn s4_devices_that_begin_at_once_end_up_in_one_session() {
    let (mut alice, mut bob) = (Device::new(1), Device::new(2));
    alice.begin(&mut bob, Pool::Filled);
    bob.begin(&mut alice, Pool::Filled);
    // Both first messages cross, and so do the answers.
    let (from_alice, from_bob) = (alice.seal(&bob, b"a1"), bob.seal(&alice, b"b1"));
    assert_ne!(base(&from_alice), base(&from_bob));
    assert_eq!(bob.open(&alice, &from_alice).as_deref(), Ok(&b"a1"[..]));
    assert_eq!(alice.open(&bob, &from_bob).as_deref(), Ok(&b"b1"[..]));
    for _ in 0..4 {
        let (from_alice, from_bob) = (alice.seal(&bob, b"a"), bob.seal(&alice, b"b"));
        assert!(bob.open(&alice, &from_alice).is_ok());
        assert!(alice.open(&bob, &from_bob).is_ok());
    }
    // One message that crosses no other settles it.
    let settles = alice.seal(&bob, b"a2");
    assert!(bob.open(&alice, &settles).is_ok());
    assert_one_session(&mut alice, &mut bob);
}

/// The name of the active session: its base key, the first field after its role. The
/// active session is the first in the record.
fn active_base(own: &Device, peer: &Device) -> Vec<u8> {
    let record = own.with(peer).to_bytes();
    assert_eq!(record[1], 1, "there is an active session");
    record[3..35].to_vec()
}

/// Both sides send in one session: the archives could be thrown away.
pub fn assert_one_session(alice: &mut Device, bob: &mut Device) {
    for _ in 0..3 {
        let envelope = bob.seal(alice, b"settled");
        assert!(alice.open(bob, &envelope).is_ok());
        assert_eq!(active_base(alice, bob), active_base(bob, alice));
        let envelope = alice.seal(bob, b"settled");
        assert!(bob.open(alice, &envelope).is_ok());
        assert_eq!(active_base(alice, bob), active_base(bob, alice));
    }
}

#[test]
fn s5_an_archived_session_receives_and_never_sends() {
    let (mut alice, mut bob) = talking();
    let late = bob.seal(&alice, b"late");
    alice.begin(&mut bob, Pool::Filled);
    // What Alice says now is in the new session, although the old one would do.
    let fresh = alice.seal(&bob, b"new session");
    assert_eq!(envelope_kind(&fresh), Ok(EnvelopeKind::First));
    assert_eq!(alice.open(&bob, &late).as_deref(), Ok(&b"late"[..]));
    assert!(bob.open(&alice, &fresh).is_ok());
}

#[test]
fn s5_a_retired_session_receives_until_another_one_begins() {
    let (mut alice, mut bob) = talking();
    let late = bob.seal(&alice, b"late");
    let retired = alice.with(&bob).retired();
    assert!(!retired.can_send());
    alice.store(&bob, retired);
    // Whatever opens a message works, and so sends again.
    let opened = alice.peek(&bob, &late).expect("it opens");
    assert!(opened.next.can_send());
    alice.begin(&mut bob, Pool::Filled);
    assert_eq!(alice.open(&bob, &late).as_deref(), Ok(&b"late"[..]));
}

#[test]
fn s5_nothing_is_sealed_without_an_active_session() {
    let sessions = DeviceSessions::empty();
    assert!(!sessions.can_send());
    let mut rng = crate::world::rng(1);
    assert_eq!(
        sessions.seal(&mut rng, b"hi").err(),
        Some(SealError::NoSession)
    );
}

#[test]
fn s9_a_restored_copy_is_noticed_and_a_new_session_heals_it() {
    let (mut alice, mut bob) = talking();
    let backup = alice.clone();
    for _ in 0..3 {
        let envelope = alice.seal(&bob, b"before the loss");
        assert!(bob.open(&alice, &envelope).is_ok());
        let envelope = bob.seal(&alice, b"answer");
        assert!(alice.open(&bob, &envelope).is_ok());
    }
    // The old state comes back: what it seals is refused, never misread.
    let mut alice = backup;
    alice.rng = crate::world::rng(99);
    let envelope = alice.seal(&bob, b"from the past");
    assert!(bob.open(&alice, &envelope).is_err());
    alice.begin(&mut bob, Pool::Filled);
    let envelope = alice.seal(&bob, b"healed");
    assert_eq!(bob.open(&alice, &envelope).as_deref(), Ok(&b"healed"[..]));
    assert_one_session(&mut alice, &mut bob);
}

#[test]
fn what_is_stored_comes_back_as_it_was() {
    let (mut alice, mut bob) = talking();
    let _lost = alice.seal(&bob, b"lost");
    let envelope = alice.seal(&bob, b"hi");
    assert!(bob.open(&alice, &envelope).is_ok());
    bob.begin(&mut alice, Pool::Dry);
    let envelope = bob.seal(&alice, b"hi");
    assert!(alice.open(&bob, &envelope).is_ok());
    for sessions in [alice.with(&bob), bob.with(&alice), DeviceSessions::empty()] {
        let bytes = sessions.to_bytes();
        assert_eq!(bytes[0], 1, "the format version");
        let again = DeviceSessions::from_bytes(&bytes).expect("as stored");
        assert_eq!(again.to_bytes(), bytes);
    }
}

#[test]
fn the_start_of_the_active_session_is_told() {
    let (mut alice, mut bob) = (Device::new(1), Device::new(2));
    assert_eq!(alice.with(&bob).active_since_ms(), None);
    alice.begin(&mut bob, Pool::Filled);
    assert_eq!(alice.with(&bob).active_since_ms(), Some(alice.now_ms));
}
