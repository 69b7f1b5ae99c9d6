//! Devices that publish prekeys and talk, with every byte of chance from a seed.

use std::collections::{BTreeMap, HashMap};

use chat_crypto::{
    Address, BeginError, DeviceSecret, DeviceSessions, OpenError, Opened, PrekeyLookup,
    PrekeySecret, sign_prekey,
};
use chat_protocol::{AccountId, DeviceId};
use chat_verify::{PrekeyBundle, PrekeyPublic};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

/// A point in time; nothing happens at zero.
pub const NOW_MS: u64 = 1_700_000_000_000;

/// A generator that gives the same bytes for the same seed.
pub fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

/// The secret halves of a device's prekeys.
#[derive(Clone, Default)]
pub struct Prekeys {
    pub signed: BTreeMap<u32, PrekeySecret>,
    pub one_time: BTreeMap<u32, PrekeySecret>,
}

impl PrekeyLookup for Prekeys {
    fn signed(&self, id: u32) -> Option<&PrekeySecret> {
        self.signed.get(&id)
    }

    fn one_time(&self, id: u32) -> Option<&PrekeySecret> {
        self.one_time.get(&id)
    }
}

/// One device with everything that it stores.
#[derive(Clone)]
pub struct Device {
    pub secret: DeviceSecret,
    pub address: Address,
    pub prekeys: Prekeys,
    pub rng: ChaCha20Rng,
    pub now_ms: u64,
    sessions: HashMap<DeviceId, DeviceSessions>,
    handed_out: u32,
}

/// What of a bundle is handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pool {
    /// With a one-time prekey.
    Filled,
    /// The pool ran dry.
    Dry,
}

impl Device {
    /// A device whose ids and keys follow from one byte.
    pub fn new(byte: u8) -> Self {
        let secret = DeviceSecret::from_bytes([byte; 32]);
        let address = Address {
            account: AccountId::from_bytes([byte; 16]),
            device: DeviceId::from_bytes([byte ^ 0xf0; 16]),
            key: secret.public(),
        };
        let mut rng = rng(u64::from(byte));
        let mut prekeys = Prekeys::default();
        prekeys.signed.insert(1, PrekeySecret::generate(&mut rng));
        for id in 100..200 {
            prekeys
                .one_time
                .insert(id, PrekeySecret::generate(&mut rng));
        }
        Self {
            secret,
            address,
            prekeys,
            rng,
            now_ms: NOW_MS,
            sessions: HashMap::new(),
            handed_out: 100,
        }
    }

    /// The next bundle, as a server would hand it out.
    pub fn bundle(&mut self, pool: Pool) -> PrekeyBundle {
        let (id, secret) = self
            .prekeys
            .signed
            .last_key_value()
            .expect("one is published");
        let signed = sign_prekey(self.address.device, &self.secret, *id, secret);
        let one_time: Option<(u32, PrekeyPublic)> = match pool {
            Pool::Dry => None,
            Pool::Filled => {
                let (id, secret) = self
                    .prekeys
                    .one_time
                    .range(self.handed_out..)
                    .next()
                    .expect("the pool is large enough for a test");
                self.handed_out = id + 1;
                Some((*id, secret.public()))
            }
        };
        PrekeyBundle::verify(self.address.device, self.address.key, signed, one_time)
            .expect("it was signed a moment ago")
    }

    /// The sessions with another device.
    pub fn with(&self, peer: &Self) -> DeviceSessions {
        self.sessions
            .get(&peer.address.device)
            .cloned()
            .unwrap_or_default()
    }

    /// Stores the sessions with another device.
    pub fn store(&mut self, peer: &Self, sessions: DeviceSessions) {
        self.sessions.insert(peer.address.device, sessions);
    }

    /// Begins a session.
    pub fn begin(&mut self, peer: &mut Self, pool: Pool) {
        let bundle = peer.bundle(pool);
        self.try_begin(peer, &bundle).expect("the bundle is good");
    }

    /// Begins a session with that bundle.
    pub fn try_begin(&mut self, peer: &Self, bundle: &PrekeyBundle) -> Result<(), BeginError> {
        let next = self.with(peer).begin(
            &mut self.rng,
            &self.secret,
            &self.address,
            &peer.address,
            bundle,
            self.now_ms,
        )?;
        self.store(peer, next);
        Ok(())
    }

    /// Seals, and stores the next state.
    pub fn seal(&mut self, peer: &Self, plaintext: &[u8]) -> Vec<u8> {
        let (envelope, next) = self
            .with(peer)
            .seal(&mut self.rng, plaintext)
            .expect("there is a session");
        self.store(peer, next);
        envelope
    }

    /// Opens without storing anything.
    pub fn peek(&self, peer: &Self, envelope: &[u8]) -> Result<Opened, OpenError> {
        self.with(peer).open(
            &self.secret,
            &self.address,
            &peer.address,
            &self.prekeys,
            envelope,
            self.now_ms,
        )
    }

    /// Opens, stores the next state and deletes the prekey that was used up.
    pub fn open(&mut self, peer: &Self, envelope: &[u8]) -> Result<Vec<u8>, OpenError> {
        let opened = self.peek(peer, envelope)?;
        self.store(peer, opened.next);
        if let Some(id) = opened.used_one_time {
            self.prekeys
                .one_time
                .remove(&id)
                .expect("it was there a moment ago");
        }
        Ok(opened.plaintext.to_vec())
    }
}

/// Alice has begun a session with Bob, and neither said anything yet.
pub fn alice_and_bob() -> (Device, Device) {
    let (mut alice, mut bob) = (Device::new(1), Device::new(2));
    alice.begin(&mut bob, Pool::Filled);
    (alice, bob)
}

/// Alice and Bob have both said something and heard it.
pub fn talking() -> (Device, Device) {
    let (mut alice, mut bob) = alice_and_bob();
    let hello = alice.seal(&bob, b"hello");
    assert_eq!(bob.open(&alice, &hello).as_deref(), Ok(&b"hello"[..]));
    let hello = bob.seal(&alice, b"hello too");
    assert_eq!(alice.open(&bob, &hello).as_deref(), Ok(&b"hello too"[..]));
    (alice, bob)
}

/// Where the ratchet key begins in an envelope without X3DH header.
pub const LATER_RATCHET_KEY: usize = 2;
