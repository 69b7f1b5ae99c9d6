//! What only the inside of the ratchet shows. The rest stands in `tests/suite`.

use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

use super::*;
use crate::limits::{RECEIVING_CHAINS_MAX, SKIPPED_KEYS_MAX};
use crate::ratchet::message::Salt;

const SALT: Salt = [7; 12];

struct Side {
    ratchet: Ratchet,
    rng: ChaCha20Rng,
}

struct Message {
    header: Header,
    ciphertext: Vec<u8>,
}

impl Side {
    fn send(&mut self) -> Message {
        let (header, key, next) = self
            .ratchet
            .next_to_send(&mut self.rng)
            .expect("it can send");
        self.ratchet = next;
        let mut ciphertext = Vec::new();
        key.seal(&SALT, b"", &header.number.to_be_bytes(), &mut ciphertext);
        Message { header, ciphertext }
    }

    fn receive(&mut self, message: &Message) -> Result<(), RatchetError> {
        let (plaintext, next) = self.ratchet.open(&message.header, &sealed(message), 0)?;
        assert_eq!(plaintext[..], message.header.number.to_be_bytes());
        self.ratchet = next;
        Ok(())
    }
}

fn sealed(message: &Message) -> Sealed<'_> {
    Sealed {
        associated_data: b"",
        salt: &SALT,
        ciphertext: &message.ciphertext,
    }
}

/// The initiator, having sent one message, and the responder, having opened it.
fn pair() -> (Side, Side) {
    let secret = SharedSecret::from_bytes([3; 32]);
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let prekey = KeyPair::generate(&mut rng);
    let ratchet = Ratchet::initiate(&secret, *prekey.public());
    let mut initiator = Side { ratchet, rng };
    let first = initiator.send();
    let (_, ratchet) = Ratchet::respond(&secret, &prekey, &first.header, &sealed(&first), 0)
        .expect("the first message opens");
    (
        initiator,
        Side {
            ratchet,
            rng: ChaCha20Rng::seed_from_u64(2),
        },
    )
}

fn turn(one: &mut Side, other: &mut Side) {
    let message = one.send();
    other.receive(&message).expect("it opens");
    let message = other.send();
    one.receive(&message).expect("it opens");
}

#[test]
fn d1_the_chains_are_the_specified_functions() {
    use hmac::{Hmac, KeyInit as _, Mac as _};
    use sha2::Sha256;

    let hmac = |key: &[u8], input: &[u8]| -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length");
        mac.update(input);
        mac.finalize().into_bytes().into()
    };
    let (message_key, chain) = ChainKey::from_bytes([5; 32]).step();
    assert_eq!(*message_key.as_bytes(), hmac(&[5; 32], &[1]));
    assert_eq!(*chain.as_bytes(), hmac(&[5; 32], &[2]));

    // HKDF written out: extract with the root key as salt, two blocks of expansion.
    let info = b"Chatalot/v1/kdf/ratchet-root";
    let (root, chain) = RootKey::from_bytes([5; 32]).step(&[6; 32]);
    let extracted = hmac(&[5; 32], &[6; 32]);
    let one = hmac(&extracted, &[&info[..], &[1]].concat());
    let two = hmac(&extracted, &[&one[..], info, &[2]].concat());
    assert_eq!(*root.as_bytes(), one);
    assert_eq!(*chain.as_bytes(), two);
}

#[test]
fn d5_at_most_five_receiving_chains_are_held() {
    let (mut one, mut other) = pair();
    for _ in 0..2 * RECEIVING_CHAINS_MAX {
        turn(&mut one, &mut other);
        assert!(other.ratchet.receiving.chain_count() <= RECEIVING_CHAINS_MAX);
    }
    assert_eq!(other.ratchet.receiving.chain_count(), RECEIVING_CHAINS_MAX);
}

#[test]
fn d8_no_key_for_an_answer_exists_before_the_answer() {
    let (mut one, mut other) = pair();
    assert!(matches!(other.ratchet.sending, Sending::Owed { .. }));
    turn(&mut one, &mut other);
    assert!(matches!(one.ratchet.sending, Sending::Owed { .. }));
    one.send();
    assert!(matches!(one.ratchet.sending, Sending::Running { .. }));
}

#[test]
fn d9_taking_one_key_of_two_thousand_copies_one_block() {
    let (mut one, mut other) = pair();
    let flying: Vec<Message> = (0..SKIPPED_KEYS_MAX).map(|_| one.send()).collect();
    let last = one.send();
    other.receive(&last).expect("it opens");
    assert_eq!(other.ratchet.receiving.kept_keys(), SKIPPED_KEYS_MAX);
    let before = other.ratchet.clone();
    for at in [1000, 1, 1999] {
        let (_, next) = before
            .open(&flying[at].header, &sealed(&flying[at]), 0)
            .expect("its key is kept");
        assert_eq!(next.receiving.kept_keys(), SKIPPED_KEYS_MAX - 1);
        assert_eq!(next.receiving.blocks_not_shared_with(&before.receiving), 1);
    }
    // A message in its order copies none, and neither does sealing.
    let (_, next) = {
        let message = one.send();
        before
            .open(&message.header, &sealed(&message), 0)
            .expect("it opens")
    };
    assert_eq!(next.receiving.blocks_not_shared_with(&before.receiving), 0);
}

#[test]
fn d11_a_sending_counter_at_its_end_is_an_error() {
    let (mut one, _) = pair();
    let Sending::Running { next, .. } = &mut one.ratchet.sending else {
        panic!("it has sent");
    };
    *next = u32::MAX - 1;
    assert_eq!(one.send().header.number, u32::MAX - 1);
    let outcome = one.ratchet.next_to_send(&mut one.rng).map(|_| ());
    assert_eq!(outcome, Err(RatchetError::Exhausted));
}

#[test]
fn d11_a_received_counter_at_its_end_is_an_error() {
    let (mut one, mut other) = pair();
    let mut message = one.send();
    message.header.number = u32::MAX;
    assert_eq!(other.receive(&message), Err(RatchetError::TooFarAhead));
    other.ratchet.receiving.run_to(u32::MAX - 1);
    assert_eq!(other.receive(&message), Err(RatchetError::Exhausted));
}

proptest! {
    #[test]
    fn d9_the_store_of_kept_keys_is_a_map(
        numbers in prop::collection::btree_set(0_u32..5000, 0..300),
        taken in prop::collection::vec(0_u32..5000, 0..300),
    ) {
        use crate::ratchet::message::MessageKey;
        use crate::ratchet::skipped::SkippedKeys;

        let key = |number: u32| {
            let mut bytes = [0; 32];
            bytes[..4].copy_from_slice(&number.to_be_bytes());
            MessageKey::from_bytes(bytes)
        };
        let mut model = numbers.clone();
        let mut keys = SkippedKeys::default();
        for number in numbers {
            keys.add(number, key(number), u64::from(number));
        }
        for number in taken {
            prop_assert_eq!(keys.get(number).cloned(), model.contains(&number).then(|| key(number)));
            keys.remove(number);
            model.remove(&number);
            prop_assert_eq!(keys.len(), model.len());
            prop_assert_eq!(keys.oldest().map(|(number, _)| number), model.first().copied());
            let mut bytes = Vec::new();
            keys.put(&mut bytes);
            let mut reader = Reader::new(&bytes);
            let read = SkippedKeys::read(&mut reader, 5000).expect("as written");
            prop_assert_eq!(read.len(), model.len());
        }
    }
}
