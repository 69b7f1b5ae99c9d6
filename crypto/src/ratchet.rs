//! The Double Ratchet: a new key for every message, a new agreement for every turn.
//!
//! ```text
//!            first send: new key pair                    a new ratchet key came in
//! Owed ───────────────────────────────▶ Running ───────────────────────────────▶ Owed
//!  ▲ the initiator starts here            │ ▲                (the responder starts by it)
//!                                         └─┘ seal, open in a known chain
//! ```
//! The key pair for answering is made when there is an answer to send (D8), so that
//! opening needs no randomness and nothing waits in memory without need.

pub(crate) mod chain;
pub(crate) mod header;
pub(crate) mod message;
mod receiving;
mod skipped;

use rand_core::CryptoRng;
use x25519_dalek::StaticSecret;
use zeroize::Zeroizing;

use chat_verify::PrekeyPublic;

use crate::agreement::{KeyPair, NotContributory};
use crate::encoding::{Malformed, Reader};
use crate::limits::MESSAGES_AHEAD_MAX;
use crate::ratchet::chain::{ChainKey, RootKey};
use crate::ratchet::header::Header;
use crate::ratchet::message::{MessageKey, Sealed};
use crate::ratchet::receiving::Receiving;
use crate::x3dh::SharedSecret;

/// Why the ratchet does not open or seal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RatchetError {
    /// Its key was used before.
    Duplicate,
    /// Its key was kept and given up: too old, or one too many.
    Forgotten,
    /// It runs further ahead than the limit.
    TooFarAhead,
    /// A ratchet key that agrees to nothing.
    NotContributory,
    /// It does not authenticate.
    BadCiphertext,
    /// The chain has no number left.
    Exhausted,
    /// The ratchet key is new, and none of ours is out there that it could answer.
    UnknownChain,
}

impl From<NotContributory> for RatchetError {
    fn from(_: NotContributory) -> Self {
        Self::NotContributory
    }
}

/// One side of a session.
#[derive(Debug, Clone)]
pub(crate) struct Ratchet {
    root: RootKey,
    sending: Sending,
    receiving: Receiving,
}

#[derive(Debug, Clone)]
enum Sending {
    /// Their newest key is known, ours in answer is not made yet.
    Owed {
        their: PrekeyPublic,
        previous_length: u32,
    },
    /// Messages leave under `own`; `next` is the number of the next one.
    Running {
        own: KeyPair,
        chain: ChainKey,
        next: u32,
        previous_length: u32,
    },
}

impl Ratchet {
    /// The initiator's start: the signed prekey is the other side's first ratchet key.
    pub(crate) fn initiate(secret: &SharedSecret, their: PrekeyPublic) -> Self {
        Self {
            root: RootKey::new(secret),
            sending: Sending::Owed {
                their,
                previous_length: 0,
            },
            receiving: Receiving::none(),
        }
    }

    /// The responder's start: opens the first message that came, with the signed
    /// prekey as its own first ratchet key.
    pub(crate) fn respond(
        secret: &SharedSecret,
        own: &KeyPair,
        header: &Header,
        sealed: &Sealed<'_>,
        now_ms: u64,
    ) -> Result<(Zeroizing<Vec<u8>>, Self), RatchetError> {
        let start = Turn {
            root: &RootKey::new(secret),
            own,
            sent: 0,
            before: &Receiving::none(),
        };
        start.open(header, sealed, now_ms)
    }

    /// The header and key of the next message to send, and the state after it.
    pub(crate) fn next_to_send(
        &self,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<(Header, MessageKey, Self), RatchetError> {
        match &self.sending {
            Sending::Owed {
                their,
                previous_length,
            } => {
                let own = KeyPair::generate(rng);
                let (root, chain) = self.root.step(&*own.agree(their.as_bytes())?);
                let (key, chain) = chain.step();
                let header = Header {
                    public: *own.public(),
                    previous_length: *previous_length,
                    number: 0,
                };
                let sending = Sending::Running {
                    own,
                    chain,
                    next: 1,
                    previous_length: *previous_length,
                };
                Ok((
                    header,
                    key,
                    Self {
                        root,
                        sending,
                        receiving: self.receiving.clone(),
                    },
                ))
            }
            Sending::Running {
                own,
                chain,
                next,
                previous_length,
            } => {
                let after = next.checked_add(1).ok_or(RatchetError::Exhausted)?;
                let (key, chain) = chain.step();
                let header = Header {
                    public: *own.public(),
                    previous_length: *previous_length,
                    number: *next,
                };
                let sending = Sending::Running {
                    own: own.clone(),
                    chain,
                    next: after,
                    previous_length: *previous_length,
                };
                let root = self.root.clone();
                Ok((
                    header,
                    key,
                    Self {
                        root,
                        sending,
                        receiving: self.receiving.clone(),
                    },
                ))
            }
        }
    }

    /// Whether a message with this ratchet key belongs to a chain of this session.
    pub(crate) fn knows(&self, public: &PrekeyPublic) -> bool {
        self.receiving.knows(public)
    }

    /// Opens a message; this state stays as it is, whatever happens (C6).
    pub(crate) fn open(
        &self,
        header: &Header,
        sealed: &Sealed<'_>,
        now_ms: u64,
    ) -> Result<(Zeroizing<Vec<u8>>, Self), RatchetError> {
        if let Some(opened) = self.receiving.open(header, sealed, now_ms) {
            let (plaintext, receiving) = opened?;
            let (root, sending) = (self.root.clone(), self.sending.clone());
            return Ok((
                plaintext,
                Self {
                    root,
                    sending,
                    receiving,
                },
            ));
        }
        match &self.sending {
            Sending::Owed { .. } => Err(RatchetError::UnknownChain),
            Sending::Running { own, next, .. } => Turn {
                root: &self.root,
                own,
                sent: *next,
                before: &self.receiving,
            }
            .open(header, sealed, now_ms),
        }
    }

    /// Root key (32) ‖ 0 ‖ their key (32) ‖ previous length (u32), or 1 ‖ own secret
    /// (32) ‖ own key (32) ‖ chain key (32) ‖ next (u32) ‖ previous length (u32) ‖
    /// receiving chains.
    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.root.as_bytes());
        match &self.sending {
            Sending::Owed {
                their,
                previous_length,
            } => {
                out.push(0);
                out.extend_from_slice(their.as_bytes());
                out.extend_from_slice(&previous_length.to_be_bytes());
            }
            Sending::Running {
                own,
                chain,
                next,
                previous_length,
            } => {
                out.push(1);
                out.extend_from_slice(own.secret().as_bytes());
                out.extend_from_slice(own.public().as_bytes());
                out.extend_from_slice(chain.as_bytes());
                out.extend_from_slice(&next.to_be_bytes());
                out.extend_from_slice(&previous_length.to_be_bytes());
            }
        }
        self.receiving.put(out);
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let public = |bytes: [u8; 32]| PrekeyPublic::try_from(bytes).map_err(|_| Malformed);
        let root = RootKey::from_bytes(reader.array()?);
        let sending = match reader.u8()? {
            0 => Sending::Owed {
                their: public(reader.array()?)?,
                previous_length: reader.u32()?,
            },
            1 => Sending::Running {
                own: KeyPair::from_halves(
                    StaticSecret::from(reader.array::<32>()?),
                    public(reader.array()?)?,
                ),
                chain: ChainKey::from_bytes(reader.array()?),
                next: reader.u32()?,
                previous_length: reader.u32()?,
            },
            _ => return Err(Malformed),
        };
        Ok(Self {
            root,
            sending,
            receiving: Receiving::read(reader)?,
        })
    }
}

/// The other side answered our key `own` with a new one.
struct Turn<'a> {
    root: &'a RootKey,
    own: &'a KeyPair,
    /// Messages that left under `own`.
    sent: u32,
    before: &'a Receiving,
}

impl Turn<'_> {
    fn open(
        &self,
        header: &Header,
        sealed: &Sealed<'_>,
        now_ms: u64,
    ) -> Result<(Zeroizing<Vec<u8>>, Ratchet), RatchetError> {
        // Both gaps together: the keys of one must not push out those of the other.
        if self.before.skipped_by(header) > MESSAGES_AHEAD_MAX {
            return Err(RatchetError::TooFarAhead);
        }
        let (root, chain) = self.root.step(&*self.own.agree(header.public.as_bytes())?);
        let (plaintext, receiving) = self.before.open_new(&chain, header, sealed, now_ms)?;
        let sending = Sending::Owed {
            their: header.public,
            previous_length: self.sent,
        };
        Ok((
            plaintext,
            Ratchet {
                root,
                sending,
                receiving,
            },
        ))
    }
}

#[cfg(test)]
mod tests;
