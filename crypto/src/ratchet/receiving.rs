//! The receiving side: the running chain, and those before it while messages of
//! theirs are missing.

use std::sync::Arc;

use zeroize::Zeroizing;

use chat_verify::PrekeyPublic;

use crate::encoding::{Malformed, Presence, Reader, put_count};
use crate::limits::{
    MESSAGES_AHEAD_MAX, RECEIVING_CHAINS_MAX, SKIPPED_KEY_AGE_MAX_MS, SKIPPED_KEYS_MAX,
};
use crate::ratchet::RatchetError;
use crate::ratchet::chain::ChainKey;
use crate::ratchet::header::Header;
use crate::ratchet::message::{MessageKey, Sealed};
use crate::ratchet::skipped::SkippedKeys;

/// What is known of one chain of the other side, running or not.
#[derive(Debug, Clone)]
struct Chain {
    /// The ratchet key that names it.
    public: PrekeyPublic,
    /// The number of the first message whose key was not derived yet; when the
    /// chain is closed, its length.
    next: u32,
    /// Every kept key below this number was given up: too old, or one too many.
    forgotten_below: u32,
    skipped: SkippedKeys,
}

/// All receiving chains of a session.
#[derive(Debug, Clone)]
pub(crate) struct Receiving {
    running: Option<Running>,
    /// Oldest first. Their chain keys are gone: `previous_length` said how long they
    /// are (D7), so nothing beyond can ever come.
    closed: Arc<Vec<Chain>>,
}

/// What was sealed.
type Plaintext = Zeroizing<Vec<u8>>;
/// A message that was opened, and the chains after it.
type OpenedIn = (Plaintext, Receiving);
/// A running chain, and its key.
type Running = (Chain, ChainKey);

impl Receiving {
    pub(crate) fn none() -> Self {
        Self {
            running: None,
            closed: Arc::default(),
        }
    }

    /// Whether a message with this ratchet key belongs to a chain of this session.
    pub(crate) fn knows(&self, public: &PrekeyPublic) -> bool {
        self.chains().any(|chain| chain.public == *public)
    }

    /// Opens a message of a known chain; `None` if its chain is not known.
    pub(crate) fn open(
        &self,
        header: &Header,
        sealed: &Sealed<'_>,
        now_ms: u64,
    ) -> Option<Result<OpenedIn, RatchetError>> {
        if let Some((chain, key)) = &self.running
            && chain.public == header.public
        {
            return Some(if header.number < chain.next {
                chain
                    .open_skipped(header.number, sealed)
                    .map(|(plaintext, chain)| {
                        let next = Self {
                            running: Some((chain, key.clone())),
                            ..self.clone()
                        };
                        (plaintext, next.tidied(now_ms))
                    })
            } else {
                chain
                    .open_ahead(key, header.number, sealed, now_ms)
                    .map(|(plaintext, running)| {
                        let next = Self {
                            running: Some(running),
                            closed: Arc::clone(&self.closed),
                        };
                        (plaintext, next.tidied(now_ms))
                    })
            });
        }
        let at = self
            .closed
            .iter()
            .position(|chain| chain.public == header.public)?;
        let chain = self.closed.get(at)?;
        if header.number >= chain.next {
            // The sender itself said that its chain ends before this number.
            return Some(Err(RatchetError::BadCiphertext));
        }
        Some(
            chain
                .open_skipped(header.number, sealed)
                .map(|(plaintext, chain)| {
                    let mut next = self.clone();
                    if let Some(place) = Arc::make_mut(&mut next.closed).get_mut(at) {
                        *place = chain;
                    }
                    (plaintext, next.tidied(now_ms))
                }),
        )
    }

    /// Opens the first message that came of a new chain, and closes the running one.
    ///
    /// `key` is the new chain's first key, which the caller's ratchet step gave.
    pub(crate) fn open_new(
        &self,
        key: &ChainKey,
        header: &Header,
        sealed: &Sealed<'_>,
        now_ms: u64,
    ) -> Result<OpenedIn, RatchetError> {
        let begun = Chain {
            public: header.public,
            next: 0,
            forgotten_below: 0,
            skipped: SkippedKeys::default(),
        };
        // Opened before the old chain is touched: a forgery costs one step, not two
        // thousand more.
        let (plaintext, running) = begun.open_ahead(key, header.number, sealed, now_ms)?;
        let mut closed = Arc::clone(&self.closed);
        if let Some((chain, key)) = &self.running {
            let chains = Arc::make_mut(&mut closed);
            chains.push(chain.closed_at(key, header.previous_length, now_ms));
            // Beside the running one there is room for one chain fewer.
            if chains.len() >= RECEIVING_CHAINS_MAX {
                chains.remove(0);
            }
        }
        Ok((
            plaintext,
            Self {
                running: Some(running),
                closed,
            }
            .tidied(now_ms),
        ))
    }

    /// How many keys a message of a new chain makes us skip, in both chains.
    pub(crate) fn skipped_by(&self, header: &Header) -> u32 {
        let before = self.running.as_ref().map_or(0, |(chain, _)| {
            header.previous_length.saturating_sub(chain.next)
        });
        before.saturating_add(header.number)
    }

    fn chains(&self) -> impl Iterator<Item = &Chain> {
        self.closed
            .iter()
            .chain(self.running.iter().map(|(chain, _)| chain))
    }

    /// Gives up kept keys that are too old, and the oldest of too many (D4).
    fn tidied(mut self, now_ms: u64) -> Self {
        let mut length: usize = self
            .chains()
            .fold(0, |sum, chain| sum.saturating_add(chain.skipped.len()));
        // Chains are in the order of their age, and so are the keys of a chain.
        while let Some((public, number, since_ms)) = self.oldest() {
            let expired = now_ms.saturating_sub(since_ms) > SKIPPED_KEY_AGE_MAX_MS;
            if !expired && length <= SKIPPED_KEYS_MAX {
                break;
            }
            let closed = Arc::make_mut(&mut self.closed).iter_mut();
            let running = self.running.iter_mut().map(|(chain, _)| chain);
            if let Some(chain) = closed.chain(running).find(|chain| chain.public == public) {
                chain.forget(number);
            }
            length = length.saturating_sub(1);
        }
        self
    }

    fn oldest(&self) -> Option<(PrekeyPublic, u32, u64)> {
        self.chains().find_map(|chain| {
            chain
                .skipped
                .oldest()
                .map(|(number, since_ms)| (chain.public, number, since_ms))
        })
    }

    /// Presence ‖ running chain ‖ its key (32); how many closed ‖ closed chains.
    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        match &self.running {
            None => out.push(0),
            Some((chain, key)) => {
                out.push(1);
                chain.put(out);
                out.extend_from_slice(key.as_bytes());
            }
        }
        put_count(out, self.closed.len());
        for chain in self.closed.iter() {
            chain.put(out);
        }
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let running = match reader.presence()? {
            Presence::Absent => None,
            Presence::Present => {
                Some((Chain::read(reader)?, ChainKey::from_bytes(reader.array()?)))
            }
        };
        let count = usize::from(reader.u16()?);
        if count >= RECEIVING_CHAINS_MAX {
            return Err(Malformed);
        }
        let closed: Vec<Chain> = (0..count)
            .map(|_| Chain::read(reader))
            .collect::<Result<_, _>>()?;
        let receiving = Self {
            running,
            closed: Arc::new(closed),
        };
        let kept = receiving.chains().fold(0, |sum: usize, chain| {
            sum.saturating_add(chain.skipped.len())
        });
        if kept > SKIPPED_KEYS_MAX {
            Err(Malformed)
        } else {
            Ok(receiving)
        }
    }

    /// Pretends that `number` messages of the running chain were received.
    #[cfg(test)]
    pub(crate) fn run_to(&mut self, number: u32) {
        if let Some((chain, _)) = &mut self.running {
            chain.next = number;
        }
    }

    #[cfg(test)]
    pub(crate) fn kept_keys(&self) -> usize {
        self.chains().map(|chain| chain.skipped.len()).sum()
    }

    #[cfg(test)]
    pub(crate) fn chain_count(&self) -> usize {
        self.chains().count()
    }

    #[cfg(test)]
    pub(crate) fn blocks_not_shared_with(&self, other: &Self) -> usize {
        self.chains()
            .zip(other.chains())
            .map(|(one, two)| one.skipped.blocks_not_shared_with(&two.skipped))
            .sum()
    }
}

impl Chain {
    /// Opens a message whose key was kept when others overtook it.
    fn open_skipped(
        &self,
        number: u32,
        sealed: &Sealed<'_>,
    ) -> Result<(Plaintext, Self), RatchetError> {
        let Some(key) = self.skipped.get(number) else {
            // A key that was given up is a loss that has to be told. One that was
            // used asks for nothing (D6).
            return Err(if number < self.forgotten_below {
                RatchetError::Forgotten
            } else {
                RatchetError::Duplicate
            });
        };
        let plaintext = key.open(sealed).ok_or(RatchetError::BadCiphertext)?;
        let mut next = self.clone();
        next.skipped.remove(number);
        Ok((plaintext, next))
    }

    /// Opens the message `number`, keeping the keys of those before it.
    fn open_ahead(
        &self,
        key: &ChainKey,
        number: u32,
        sealed: &Sealed<'_>,
        now_ms: u64,
    ) -> Result<(Plaintext, Running), RatchetError> {
        if number.saturating_sub(self.next) > MESSAGES_AHEAD_MAX {
            return Err(RatchetError::TooFarAhead);
        }
        // The last number has no successor to wait for (D11).
        let next = number.checked_add(1).ok_or(RatchetError::Exhausted)?;
        let (skipped, key) = derive(key, self.next..number);
        let (message_key, key) = key.step();
        let plaintext = message_key
            .open(sealed)
            .ok_or(RatchetError::BadCiphertext)?;
        let mut chain = self.clone();
        chain.keep(skipped, now_ms);
        chain.next = next;
        Ok((plaintext, (chain, key)))
    }

    /// The chain at its end: the keys of what is missing are kept, the chain key
    /// is not.
    fn closed_at(&self, key: &ChainKey, length: u32, now_ms: u64) -> Self {
        let mut chain = self.clone();
        let (skipped, _) = derive(key, self.next..length);
        chain.keep(skipped, now_ms);
        chain.next = self.next.max(length);
        chain
    }

    fn keep(&mut self, keys: Vec<(u32, MessageKey)>, now_ms: u64) {
        for (number, key) in keys {
            self.skipped.add(number, key, now_ms);
        }
    }

    fn forget(&mut self, number: u32) {
        self.skipped.remove(number);
        self.forgotten_below = self.forgotten_below.max(number.saturating_add(1));
    }

    /// Ratchet key (32) ‖ next (u32) ‖ forgotten below (u32) ‖ kept keys.
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.public.as_bytes());
        out.extend_from_slice(&self.next.to_be_bytes());
        out.extend_from_slice(&self.forgotten_below.to_be_bytes());
        self.skipped.put(out);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let public = PrekeyPublic::try_from(reader.array::<32>()?).map_err(|_| Malformed)?;
        let next = reader.u32()?;
        let forgotten_below = reader.u32()?;
        if forgotten_below > next {
            return Err(Malformed);
        }
        Ok(Self {
            public,
            next,
            forgotten_below,
            skipped: SkippedKeys::read(reader, next)?,
        })
    }
}

/// The message keys of `numbers`, and the chain key after them.
fn derive(key: &ChainKey, numbers: std::ops::Range<u32>) -> (Vec<(u32, MessageKey)>, ChainKey) {
    let mut key = key.clone();
    let keys = numbers
        .map(|number| {
            let (message_key, next) = key.step();
            key = next;
            (number, message_key)
        })
        .collect();
    (keys, key)
}
