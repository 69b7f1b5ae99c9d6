//! The Double Ratchet as a caller sees it.

use chat_crypto::limits::{MESSAGES_AHEAD_MAX, PLAINTEXT_MAX_BYTES, SKIPPED_KEY_AGE_MAX_MS};
use chat_crypto::{OpenError, SealError};

use crate::world::{Device, LATER_RATCHET_KEY, alice_and_bob, talking};

/// `count` envelopes of which none arrives.
fn lost(from: &mut Device, to: &Device, count: u32) -> Vec<Vec<u8>> {
    (0..count)
        .map(|n| from.seal(to, &n.to_be_bytes()))
        .collect()
}

/// One message each way, so that both have a new ratchet key.
fn turn(alice: &mut Device, bob: &mut Device) {
    let envelope = alice.seal(bob, b"turn");
    bob.open(alice, &envelope).expect("it opens");
    let envelope = bob.seal(alice, b"turn");
    alice.open(bob, &envelope).expect("it opens");
}

#[test]
fn c2_a_new_ratchet_key_of_small_order_is_refused() {
    let (mut alice, mut bob) = talking();
    turn(&mut alice, &mut bob);
    let mut envelope = alice.seal(&bob, b"hi");
    envelope[LATER_RATCHET_KEY..LATER_RATCHET_KEY + 32].fill(0);
    assert_eq!(
        bob.peek(&alice, &envelope).err(),
        Some(OpenError::SmallOrder)
    );
}

#[test]
fn c3_a_second_spelling_of_a_ratchet_key_is_refused() {
    let (mut alice, bob) = talking();
    let mut envelope = alice.seal(&bob, b"hi");
    envelope[LATER_RATCHET_KEY + 31] |= 0x80;
    assert_eq!(
        bob.peek(&alice, &envelope).err(),
        Some(OpenError::Malformed)
    );
}

#[test]
fn c6_a_failed_open_changes_nothing() {
    let (mut alice, mut bob) = talking();
    for step in 0..3 {
        let envelope = alice.seal(&bob, b"hi");
        let before = bob.with(&alice).to_bytes();
        for at in 0..envelope.len() {
            let mut forged = envelope.clone();
            forged[at] ^= 0x40;
            assert!(bob.open(&alice, &forged).is_err(), "byte {at}");
        }
        assert_eq!(bob.with(&alice).to_bytes(), before);
        assert!(bob.open(&alice, &envelope).is_ok(), "step {step}");
        turn(&mut alice, &mut bob);
    }
}

#[test]
fn c8_a_shortened_tag_is_refused() {
    let (mut alice, bob) = talking();
    let envelope = alice.seal(&bob, b"");
    for cut in 1..=16 {
        let short = &envelope[..envelope.len() - cut];
        assert_eq!(
            bob.peek(&alice, short).err(),
            Some(OpenError::Malformed),
            "cut by {cut}"
        );
    }
    let envelope = alice.seal(&bob, b"a longer message that leaves room for the cut");
    for cut in 1..=16 {
        let short = &envelope[..envelope.len() - cut];
        assert_eq!(
            bob.peek(&alice, short).err(),
            Some(OpenError::BadCiphertext),
            "cut by {cut}"
        );
    }
}

#[test]
fn c8_no_key_seals_twice_even_from_one_state() {
    let (mut alice, mut bob) = talking();
    turn(&mut alice, &mut bob);
    // A copy of the device, or one that was restored: both seal the same number.
    alice.seal(&bob, b"a chain begins");
    let mut copy = alice.clone();
    copy.rng = crate::world::rng(77);
    let one = alice.seal(&bob, b"the same words");
    let two = copy.seal(&bob, b"the same words");
    // One message key in both, and yet two key streams.
    let ciphertext = |envelope: &[u8]| envelope[envelope.len() - 30..envelope.len() - 16].to_vec();
    assert_eq!(one[..36], two[..36], "ratchet key and counters");
    assert_ne!(ciphertext(&one), ciphertext(&two));
}

#[test]
fn d2_every_byte_of_the_header_is_authenticated() {
    let (mut alice, mut bob) = talking();
    turn(&mut alice, &mut bob);
    let envelope = alice.seal(&bob, b"hi");
    let header = envelope.len() - 2 - 16;
    for at in 0..header {
        for bit in 0..8 {
            let mut forged = envelope.clone();
            forged[at] ^= 1 << bit;
            assert!(bob.peek(&alice, &forged).is_err(), "bit {bit} of byte {at}");
        }
    }
}

#[test]
fn d3_a_message_may_run_ahead_to_the_limit_and_no_further() {
    let (mut alice, mut bob) = alice_and_bob();
    let first = alice.seal(&bob, b"first");
    bob.open(&alice, &first).expect("it opens");
    let flying = lost(&mut alice, &bob, MESSAGES_AHEAD_MAX + 2);
    let too_far = flying.last().expect("there are some");
    assert_eq!(bob.open(&alice, too_far), Err(OpenError::TooFarAhead));
    let furthest = &flying[flying.len() - 2];
    assert!(bob.open(&alice, furthest).is_ok());
    // And now that one is near.
    assert!(bob.open(&alice, too_far).is_ok());
}

#[test]
fn d3_both_gaps_of_a_turn_count_together() {
    let (mut alice, mut bob) = talking();
    let begins = alice.seal(&bob, b"a chain begins");
    bob.open(&alice, &begins).expect("it opens");
    let half = MESSAGES_AHEAD_MAX / 2;
    let old_chain = lost(&mut alice, &bob, half);
    let reply = bob.seal(&alice, b"turn");
    alice.open(&bob, &reply).expect("it opens");
    lost(&mut alice, &bob, half);
    let furthest = alice.seal(&bob, b"furthest");
    let too_far = alice.seal(&bob, b"too far");
    assert_eq!(bob.open(&alice, &too_far), Err(OpenError::TooFarAhead));
    assert!(bob.open(&alice, &furthest).is_ok());
    assert!(bob.open(&alice, &too_far).is_ok());
    assert!(bob.open(&alice, &old_chain[0]).is_ok());
}

#[test]
fn d4_the_oldest_keys_give_way_and_that_is_told() {
    let (mut alice, mut bob) = talking();
    let flying = lost(&mut alice, &bob, MESSAGES_AHEAD_MAX);
    let last = alice.seal(&bob, b"last");
    bob.open(&alice, &last).expect("it opens");
    // Two thousand are kept; one more pushes the first one out.
    let skipped = alice.seal(&bob, b"skipped");
    let last = alice.seal(&bob, b"last");
    bob.open(&alice, &last).expect("it opens");
    assert_eq!(bob.open(&alice, &flying[0]), Err(OpenError::KeyForgotten));
    assert!(bob.open(&alice, &flying[1]).is_ok());
    assert!(bob.open(&alice, &skipped).is_ok());
}

#[test]
fn d4_a_kept_key_is_given_up_after_fourteen_days() {
    let (mut alice, mut bob) = talking();
    let flying = lost(&mut alice, &bob, 2);
    let last = alice.seal(&bob, b"last");
    bob.open(&alice, &last).expect("it opens");
    bob.now_ms += SKIPPED_KEY_AGE_MAX_MS;
    assert!(bob.open(&alice, &flying[0]).is_ok());
    bob.now_ms += 1;
    let last = alice.seal(&bob, b"last");
    bob.open(&alice, &last).expect("it opens");
    assert_eq!(bob.open(&alice, &flying[1]), Err(OpenError::KeyForgotten));
}

#[test]
fn d4_a_clock_that_goes_back_gives_nothing_up() {
    let (mut alice, mut bob) = talking();
    let flying = lost(&mut alice, &bob, 1);
    let last = alice.seal(&bob, b"last");
    bob.open(&alice, &last).expect("it opens");
    bob.now_ms = 0;
    let last = alice.seal(&bob, b"last");
    bob.open(&alice, &last).expect("it opens");
    assert!(bob.open(&alice, &flying[0]).is_ok());
}

#[test]
fn d5_five_receiving_chains_are_kept() {
    let (mut alice, mut bob) = talking();
    let mut flying = Vec::new();
    for _ in 0..6 {
        flying.push(alice.seal(&bob, b"late"));
        turn(&mut alice, &mut bob);
    }
    // Six chains had a message that is missing; the oldest one is gone.
    assert_eq!(bob.open(&alice, &flying[0]), Err(OpenError::BadCiphertext));
    for late in &flying[1..] {
        assert_eq!(bob.open(&alice, late).as_deref(), Ok(&b"late"[..]));
    }
}

#[test]
fn d6_a_repeated_message_is_a_duplicate_and_nothing_else() {
    let (mut alice, mut bob) = talking();
    let late = alice.seal(&bob, b"late");
    let one = alice.seal(&bob, b"one");
    assert!(bob.open(&alice, &one).is_ok());
    assert_eq!(bob.open(&alice, &one), Err(OpenError::Duplicate));
    assert!(bob.open(&alice, &late).is_ok());
    assert_eq!(bob.open(&alice, &late), Err(OpenError::Duplicate));
    turn(&mut alice, &mut bob);
    // In a chain that is closed by now, too.
    assert_eq!(bob.open(&alice, &late), Err(OpenError::Duplicate));
    assert_eq!(bob.open(&alice, &one), Err(OpenError::Duplicate));
    let stored = bob.with(&alice).to_bytes();
    bob.store(
        &alice,
        chat_crypto::DeviceSessions::from_bytes(&stored).expect("as stored"),
    );
    assert_eq!(bob.open(&alice, &one), Err(OpenError::Duplicate));
}

#[test]
fn d7_the_end_of_a_chain_opens_after_the_next_chain_began() {
    let (mut alice, mut bob) = talking();
    let begins = alice.seal(&bob, b"a chain begins");
    bob.open(&alice, &begins).expect("it opens");
    let flying = lost(&mut alice, &bob, 3);
    let reply = bob.seal(&alice, b"reply");
    alice.open(&bob, &reply).expect("it opens");
    let newer = alice.seal(&bob, b"newer chain");
    assert!(bob.open(&alice, &newer).is_ok());
    for (number, late) in (0_u32..).zip(&flying) {
        assert_eq!(bob.open(&alice, late), Ok(number.to_be_bytes().to_vec()));
    }
}

#[test]
fn d8_opening_draws_no_randomness_and_the_answer_does() {
    let (mut alice, mut bob) = talking();
    let envelope = alice.seal(&bob, b"hi");
    // One state, opened twice: the same next state, to the byte.
    let once = bob
        .peek(&alice, &envelope)
        .expect("it opens")
        .next
        .to_bytes();
    let twice = bob
        .peek(&alice, &envelope)
        .expect("it opens")
        .next
        .to_bytes();
    assert_eq!(once, twice);
    // The answer's ratchet key comes from the generator of the one who answers.
    bob.open(&alice, &envelope).expect("it opens");
    let mut copy = bob.clone();
    copy.rng = crate::world::rng(78);
    let (answer, other) = (bob.seal(&alice, b"a"), copy.seal(&alice, b"a"));
    assert_ne!(answer[2..34], other[2..34]);
}

#[test]
fn a_plaintext_that_is_too_long_is_not_sealed() {
    let (alice, bob) = talking();
    let mut rng = crate::world::rng(5);
    let longest = vec![7; PLAINTEXT_MAX_BYTES];
    let (envelope, _) = alice.with(&bob).seal(&mut rng, &longest).expect("it fits");
    assert_eq!(
        bob.peek(&alice, &envelope).expect("it opens").plaintext[..],
        longest[..]
    );
    let longer = vec![7; PLAINTEXT_MAX_BYTES + 1];
    assert_eq!(
        alice.with(&bob).seal(&mut rng, &longer).err(),
        Some(SealError::TooLong(PLAINTEXT_MAX_BYTES + 1))
    );
}

#[test]
fn a_later_message_of_a_hundred_bytes_is_at_most_170_on_the_wire() {
    let (mut alice, bob) = talking();
    lost(&mut alice, &bob, 1000);
    assert!(alice.seal(&bob, &[7; 100]).len() <= 170);
}
