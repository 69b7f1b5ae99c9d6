//! No input makes a decoder panic, and no changed input means the same.

use chat_crypto::{DeviceSessions, MessageKeyPayload, envelope_kind};
use proptest::prelude::*;
use proptest::sample::Index;

use crate::world::{Device, Pool, talking};

/// Sessions in every state: kept keys, closed chains, archives, remembered beginnings.
fn rich() -> (Device, Device) {
    let (mut alice, mut bob) = talking();
    for _ in 0..3 {
        let _late = alice.seal(&bob, b"late");
        let envelope = alice.seal(&bob, b"hi");
        bob.open(&alice, &envelope).expect("it opens");
        let envelope = bob.seal(&alice, b"hi");
        alice.open(&bob, &envelope).expect("it opens");
    }
    alice.begin(&mut bob, Pool::Dry);
    let envelope = alice.seal(&bob, b"hi");
    bob.open(&alice, &envelope).expect("it opens");
    (alice, bob)
}

#[derive(Debug, Clone)]
enum Change {
    Flip(Index, u8),
    Cut(Index),
    Append(Vec<u8>),
    Splice(Index, Vec<u8>),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        (any::<Index>(), 1..=255_u8).prop_map(|(at, bits)| Change::Flip(at, bits)),
        any::<Index>().prop_map(Change::Cut),
        prop::collection::vec(any::<u8>(), 1..64).prop_map(Change::Append),
        (any::<Index>(), prop::collection::vec(any::<u8>(), 1..8))
            .prop_map(|(at, bytes)| Change::Splice(at, bytes)),
    ]
}

fn changed(bytes: &[u8], change: &Change) -> Vec<u8> {
    let mut out = bytes.to_vec();
    match change {
        Change::Flip(at, bits) => out[at.index(bytes.len())] ^= bits,
        Change::Cut(at) => out.truncate(at.index(bytes.len())),
        Change::Append(more) => out.extend_from_slice(more),
        Change::Splice(at, more) => {
            let at = at.index(bytes.len());
            out.splice(at..at, more.iter().copied());
        }
    }
    out
}

proptest! {
    #[test]
    fn c7_arbitrary_bytes_are_refused_everywhere(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        let (alice, bob) = (Device::new(1), Device::new(2));
        prop_assert!(alice.peek(&bob, &bytes).is_err());
        let _ = envelope_kind(&bytes);
        let _ = MessageKeyPayload::from_bytes(&bytes);
        let _ = DeviceSessions::from_bytes(&bytes);
    }

    #[test]
    fn c7_arbitrary_bytes_behind_a_good_beginning_are_refused(
        kind in 1..=2_u8,
        bytes in prop::collection::vec(any::<u8>(), 0..512),
    ) {
        let (alice, bob) = talking();
        let bytes = [&[1, kind], &bytes[..]].concat();
        prop_assert!(alice.peek(&bob, &bytes).is_err());
        let mut record = bytes;
        record[1] = 1;
        let _ = DeviceSessions::from_bytes(&record);
    }

    #[test]
    fn c7_no_changed_envelope_opens(
        change in change(),
        which in any::<bool>(),
    ) {
        let (mut alice, mut bob) = if which { talking() } else { crate::world::alice_and_bob() };
        let envelope = alice.seal(&bob, b"hi");
        let forged = changed(&envelope, &change);
        prop_assert!(bob.open(&alice, &forged).is_err());
        prop_assert!(bob.open(&alice, &envelope).is_ok());
    }

    #[test]
    fn c7_a_damaged_record_never_panics(
        changes in prop::collection::vec(change(), 1..4),
    ) {
        let (mut alice, bob) = rich();
        let mut record = bob.with(&alice).to_bytes().to_vec();
        for change in &changes {
            if !record.is_empty() {
                record = changed(&record, change);
            }
        }
        if let Ok(sessions) = DeviceSessions::from_bytes(&record) {
            // What reads at all is written as it was read, and works without a panic.
            prop_assert_eq!(&sessions.to_bytes()[..], &record[..]);
            let _ = sessions.seal(&mut crate::world::rng(1), b"hi");
            let envelope = alice.seal(&bob, b"hi");
            let mut reader = bob.clone();
            reader.store(&alice, sessions);
            let _ = reader.peek(&alice, &envelope);
        }
    }
}

#[test]
fn c7_an_envelope_longer_than_the_limit_is_refused() {
    let (mut alice, bob) = talking();
    let mut envelope = alice.seal(&bob, b"hi");
    envelope.resize(chat_crypto::limits::ENVELOPE_MAX_BYTES + 1, 0);
    assert_eq!(
        bob.peek(&alice, &envelope).err(),
        Some(chat_crypto::OpenError::Malformed)
    );
}

#[test]
fn c7_an_unknown_version_is_named() {
    let (mut alice, bob) = talking();
    let mut envelope = alice.seal(&bob, b"hi");
    envelope[0] = 9;
    assert_eq!(
        bob.peek(&alice, &envelope).err(),
        Some(chat_crypto::OpenError::Version(9))
    );
    let mut record = bob.with(&alice).to_bytes();
    record[0] = 9;
    assert_eq!(
        DeviceSessions::from_bytes(&record).err(),
        Some(chat_crypto::DecodeError::Version(9))
    );
}
