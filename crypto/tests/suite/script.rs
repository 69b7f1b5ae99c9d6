//! A random script drives two devices through a bad network. Whatever happens, no
//! message is lost that arrived, none counts twice, and both end up in one session.

use std::collections::HashSet;

use chat_crypto::{DeviceSessions, OpenError};
use proptest::prelude::*;
use proptest::sample::Index;

use crate::sessions::assert_one_session;
use crate::world::{Device, Pool, rng};

/// Receiving chains that a session keeps.
const CHAINS_KEPT: usize = chat_crypto::limits::RECEIVING_CHAINS_MAX;

#[derive(Debug, Clone, Copy)]
enum Side {
    Alice,
    Bob,
}

#[derive(Debug, Clone)]
enum Step {
    /// A message leaves; a session is begun first if there is none.
    Send(Side),
    /// Any message under way arrives: this is also how they overtake each other.
    Arrive(Index),
    /// Everything that is under way to one side arrives in order.
    ArriveAll(Side),
    /// A message under way is lost.
    Drop(Index),
    /// Every message under way to one side is lost: replies, too.
    DropAll(Side),
    /// A message that was delivered arrives once more.
    Repeat(Index),
    /// A message under way arrives changed, and then stays under way.
    Forge(Index, Index),
    /// A new session is begun although there may be one: the other side does the same
    /// at the same time if the script says so next.
    Begin(Side, Dryness),
    /// The program ends and starts again from its store.
    Restart(Side),
}

#[derive(Debug, Clone, Copy)]
struct Dryness(bool);

fn side() -> impl Strategy<Value = Side> {
    prop_oneof![Just(Side::Alice), Just(Side::Bob)]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => side().prop_map(Step::Send),
        8 => any::<Index>().prop_map(Step::Arrive),
        2 => side().prop_map(Step::ArriveAll),
        2 => any::<Index>().prop_map(Step::Drop),
        1 => side().prop_map(Step::DropAll),
        2 => any::<Index>().prop_map(Step::Repeat),
        2 => (any::<Index>(), any::<Index>()).prop_map(|(which, at)| Step::Forge(which, at)),
        1 => (side(), any::<bool>()).prop_map(|(side, dry)| Step::Begin(side, Dryness(dry))),
        1 => side().prop_map(Step::Restart),
    ]
}

struct Message {
    to: Side,
    envelope: Vec<u8>,
    plaintext: Vec<u8>,
}

struct World {
    alice: Device,
    bob: Device,
    flying: Vec<Message>,
    delivered: Vec<Message>,
    /// Ratchet keys in the order in which they were first opened, per reader.
    chains: [Vec<Vec<u8>>; 2],
    /// Ratchet key and counters of everything sealed, with its random bytes.
    sealed: HashSet<Vec<u8>>,
    sent: u32,
    begun: u32,
}

/// More sessions than are kept would make losses that are no fault.
const BEGINNINGS_MAX: u32 = 6;

impl World {
    fn new(seed: u64) -> Self {
        let (mut alice, mut bob) = (Device::new(1), Device::new(2));
        alice.rng = rng(seed);
        bob.rng = rng(seed ^ 1);
        Self {
            alice,
            bob,
            flying: Vec::new(),
            delivered: Vec::new(),
            chains: [Vec::new(), Vec::new()],
            sealed: HashSet::new(),
            sent: 0,
            begun: 0,
        }
    }

    fn pair(&mut self, first: Side) -> (&mut Device, &mut Device) {
        match first {
            Side::Alice => (&mut self.alice, &mut self.bob),
            Side::Bob => (&mut self.bob, &mut self.alice),
        }
    }

    fn begin(&mut self, side: Side, pool: Pool) {
        if self.begun < BEGINNINGS_MAX {
            self.begun += 1;
            let (own, peer) = self.pair(side);
            own.begin(peer, pool);
        }
    }

    fn send(&mut self, side: Side) {
        let (own, peer) = self.pair(side);
        if !own.with(peer).can_send() {
            self.begin(side, Pool::Filled);
        }
        self.sent += 1;
        let plaintext = self.sent.to_be_bytes().to_vec();
        let (own, peer) = self.pair(side);
        if !own.with(peer).can_send() {
            return;
        }
        let envelope = own.seal(peer, &plaintext);
        let header = envelope.len() - plaintext.len() - 16;
        // Ratchet key, counters and random bytes fix the cipher's key and nonce.
        assert!(
            self.sealed.insert(envelope[..header].to_vec()),
            "sealed twice under one key"
        );
        let to = match side {
            Side::Alice => Side::Bob,
            Side::Bob => Side::Alice,
        };
        self.flying.push(Message {
            to,
            envelope,
            plaintext,
        });
    }

    fn arrive(&mut self, message: Message) {
        let (own, peer) = self.pair(message.to);
        let opened = own.open(peer, &message.envelope);
        let chain = ratchet_key(&message.envelope);
        match opened {
            Ok(plaintext) => {
                assert_eq!(plaintext, message.plaintext);
                let chains = &mut self.chains[index(message.to)];
                if !chains.contains(&chain) {
                    chains.push(chain);
                }
            }
            Err(error) => assert!(
                self.may_be_forgotten(message.to, &chain),
                "a message that arrived was lost: {error}"
            ),
        }
        self.delivered.push(message);
    }

    /// Whether so many newer chains were read that this one is given up.
    fn may_be_forgotten(&self, reader: Side, chain: &Vec<u8>) -> bool {
        let chains = &self.chains[index(reader)];
        chains
            .iter()
            .position(|known| known == chain)
            .is_some_and(|at| chains.len() - at > CHAINS_KEPT)
    }

    fn repeat(&mut self, which: Index) {
        if self.delivered.is_empty() {
            return;
        }
        let at = which.index(self.delivered.len());
        let (to, envelope) = (self.delivered[at].to, self.delivered[at].envelope.clone());
        let (own, peer) = self.pair(to);
        let opened = own.peek(peer, &envelope).map(|_| ());
        let forgotten = self.may_be_forgotten(to, &ratchet_key(&envelope));
        assert!(opened.is_err(), "a message was opened twice");
        assert!(
            opened == Err(OpenError::Duplicate) || forgotten,
            "{opened:?} for a duplicate"
        );
    }

    fn forge(&mut self, which: Index, at: Index) {
        if self.flying.is_empty() {
            return;
        }
        let message = &self.flying[which.index(self.flying.len())];
        let (to, mut envelope) = (message.to, message.envelope.clone());
        let at = at.index(envelope.len());
        envelope[at] ^= 1;
        let (own, peer) = self.pair(to);
        assert!(
            own.open(peer, &envelope).is_err(),
            "a changed message was opened"
        );
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Send(side) => self.send(*side),
            Step::Arrive(which) => {
                if !self.flying.is_empty() {
                    let message = self.flying.remove(which.index(self.flying.len()));
                    self.arrive(message);
                }
            }
            Step::ArriveAll(side) => {
                for message in self.take_flying(*side) {
                    self.arrive(message);
                }
            }
            Step::Drop(which) => {
                if !self.flying.is_empty() {
                    self.flying.remove(which.index(self.flying.len()));
                }
            }
            Step::DropAll(side) => {
                self.take_flying(*side);
            }
            Step::Repeat(which) => self.repeat(*which),
            Step::Forge(which, at) => self.forge(*which, *at),
            Step::Begin(side, Dryness(dry)) => {
                self.begin(*side, if *dry { Pool::Dry } else { Pool::Filled });
            }
            Step::Restart(side) => {
                let (own, peer) = self.pair(*side);
                let stored = own.with(peer).to_bytes();
                own.store(
                    peer,
                    DeviceSessions::from_bytes(&stored).expect("as stored"),
                );
            }
        }
    }

    fn take_flying(&mut self, to: Side) -> Vec<Message> {
        let (taken, kept) = std::mem::take(&mut self.flying)
            .into_iter()
            .partition(|message| index(message.to) == index(to));
        self.flying = kept;
        taken
    }

    /// The network grows quiet, everything arrives, and each side speaks once.
    fn settle(&mut self) {
        for message in std::mem::take(&mut self.flying) {
            self.arrive(message);
        }
        self.begun = 0;
        for side in [Side::Alice, Side::Bob] {
            self.send(side);
            for message in std::mem::take(&mut self.flying) {
                self.arrive(message);
            }
        }
        assert_one_session(&mut self.alice, &mut self.bob);
    }
}

const fn index(side: Side) -> usize {
    match side {
        Side::Alice => 0,
        Side::Bob => 1,
    }
}

fn ratchet_key(envelope: &[u8]) -> Vec<u8> {
    let at = match (envelope[1], envelope.get(70)) {
        (1, Some(1)) => 75,
        (1, _) => 71,
        _ => 2,
    };
    envelope[at..at + 32].to_vec()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn s4_any_script_ends_in_one_session_with_nothing_lost_or_doubled(
        seed: u64,
        steps in prop::collection::vec(step(), 1..150),
    ) {
        let mut world = World::new(seed);
        for step in &steps {
            world.step(step);
        }
        world.settle();
    }
}
