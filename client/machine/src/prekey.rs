//! This device's own prekeys: made, counted on the server, rotated, used up.

use std::collections::BTreeMap;

use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use chat_crypto::{DeviceSecret, PrekeyLookup, PrekeySecret, sign_prekey};
use chat_protocol::{DeviceId, frame, limits};

use crate::api::{Record, Table};
use crate::machine::Machine;
use crate::record::{self, OpenError};
use crate::request::Ask;
use crate::turn::Turn;

/// The key of the record that holds them.
const KEY: &[u8] = b"prekeys";
/// A signed prekey is replaced when it is this old.
const SIGNED_ROTATE_MS: u64 = 7 * 24 * 3_600_000;
/// A replaced signed prekey still opens sessions for this long.
const SIGNED_KEEP_MS: u64 = 30 * 24 * 3_600_000;

#[derive(Serialize, Deserialize)]
struct StoredPrekeys {
    next_id: u32,
    signed: Vec<StoredSigned>,
    one_time: Vec<(u32, Zeroizing<[u8; 32]>)>,
}

#[derive(Serialize, Deserialize)]
struct StoredSigned {
    id: u32,
    made_ms: u64,
    secret: Zeroizing<[u8; 32]>,
}

struct Signed {
    id: u32,
    made_ms: u64,
    secret: PrekeySecret,
}

/// The secret halves that this device holds.
pub(crate) struct OwnPrekeys {
    next_id: u32,
    /// Newest last.
    signed: Vec<Signed>,
    one_time: BTreeMap<u32, PrekeySecret>,
}

impl PrekeyLookup for OwnPrekeys {
    fn signed(&self, id: u32) -> Option<&PrekeySecret> {
        self.signed
            .iter()
            .find(|signed| signed.id == id)
            .map(|signed| &signed.secret)
    }

    fn one_time(&self, id: u32) -> Option<&PrekeySecret> {
        self.one_time.get(&id)
    }
}

impl OwnPrekeys {
    /// The first set of a new device.
    pub fn generate(rng: &mut dyn CryptoRng, now_ms: u64) -> Self {
        let mut prekeys = Self {
            next_id: 1,
            signed: Vec::new(),
            one_time: BTreeMap::new(),
        };
        prekeys.add_signed(rng, now_ms);
        prekeys.add_one_time(rng, limits::ONE_TIME_PREKEYS);
        prekeys
    }

    pub fn open(stored: Option<&Record>) -> Result<Self, OpenError> {
        let record = stored.ok_or(OpenError::NoAccount)?;
        let stored: StoredPrekeys = record::decode(record)?;
        Ok(Self {
            next_id: stored.next_id,
            signed: stored
                .signed
                .into_iter()
                .map(|signed| Signed {
                    id: signed.id,
                    made_ms: signed.made_ms,
                    secret: PrekeySecret::from_bytes(*signed.secret),
                })
                .collect(),
            one_time: stored
                .one_time
                .into_iter()
                .map(|(id, secret)| (id, PrekeySecret::from_bytes(*secret)))
                .collect(),
        })
    }

    /// Whether a record of the device table is this one.
    pub fn is_record(record: &Record) -> bool {
        record.table == Table::Device && record.key == KEY
    }

    pub fn to_record(&self) -> Record {
        let stored = StoredPrekeys {
            next_id: self.next_id,
            signed: self
                .signed
                .iter()
                .map(|signed| StoredSigned {
                    id: signed.id,
                    made_ms: signed.made_ms,
                    secret: signed.secret.to_bytes(),
                })
                .collect(),
            one_time: self
                .one_time
                .iter()
                .map(|(id, key)| (*id, key.to_bytes()))
                .collect(),
        };
        record::record(Table::Device, KEY, &stored)
    }

    /// The public halves for the server: the newest signed one, and every
    /// one-time prekey numbered `from` or higher.
    pub fn to_frame(&self, device: DeviceId, key: &DeviceSecret, from: u32) -> frame::Prekeys {
        let signed = self.signed.last().map(|signed| {
            let signed = sign_prekey(device, key, signed.id, &signed.secret);
            frame::SignedPrekey {
                id: signed.id,
                public: signed.public.as_bytes().to_vec().into(),
                signature: signed.signature.as_bytes().to_vec().into(),
            }
        });
        let one_time = self
            .one_time
            .range(from..)
            .map(|(id, key)| frame::OneTimePrekey {
                id: *id,
                public: key.public().as_bytes().to_vec().into(),
            })
            .collect();
        frame::Prekeys { signed, one_time }
    }

    /// Forgets a one-time prekey: stored together with the session that used it.
    pub fn use_up(&mut self, id: u32) {
        self.one_time.remove(&id);
    }

    fn take_id(&mut self) -> u32 {
        let id = self.next_id;
        // Four billion prekeys: a device does not live that long.
        self.next_id = self.next_id.wrapping_add(1);
        id
    }

    fn add_signed(&mut self, rng: &mut dyn CryptoRng, now_ms: u64) {
        let id = self.take_id();
        let secret = PrekeySecret::generate(&mut &mut *rng);
        self.signed.push(Signed {
            id,
            made_ms: now_ms,
            secret,
        });
    }

    fn add_one_time(&mut self, rng: &mut dyn CryptoRng, count: usize) {
        for _ in 0..count {
            let id = self.take_id();
            self.one_time
                .insert(id, PrekeySecret::generate(&mut &mut *rng));
        }
    }
}

impl Machine {
    /// The server says how many it still has: make up for what was handed out,
    /// and replace a signed prekey that has grown old.
    pub(crate) fn on_prekey_count(&mut self, turn: &mut Turn<'_>, count: frame::PrekeyCount) {
        let on_server = usize::try_from(count.one_time).unwrap_or(usize::MAX);
        let newest = self.prekeys.signed.last();
        let old = newest
            .is_none_or(|signed| turn.now_ms.saturating_sub(signed.made_ms) >= SIGNED_ROTATE_MS);
        let unknown = newest.is_some_and(|signed| signed.id != count.signed_prekey_id);
        let few = on_server < limits::ONE_TIME_PREKEYS_REFILL_BELOW;
        if !(old || unknown || few) {
            return;
        }
        let first_new = self.prekeys.next_id;
        if old {
            self.prekeys.add_signed(turn.rng, turn.now_ms);
            let now_ms = turn.now_ms;
            self.prekeys
                .signed
                .retain(|signed| now_ms.saturating_sub(signed.made_ms) < SIGNED_KEEP_MS);
        }
        if few {
            self.prekeys
                .add_one_time(turn.rng, limits::ONE_TIME_PREKEYS - on_server);
        }
        // Stored before the upload leaves: the server must never hand out a
        // prekey whose secret half was lost.
        turn.out.put(self.prekeys.to_record());
        let prekeys =
            self.prekeys
                .to_frame(self.own.address.device, &self.own.device_secret, first_new);
        self.ask(turn, Ask::UploadPrekeys(prekeys));
    }
}
