//! All sessions with one device: one that sends, and an archive that receives.

use std::fmt;
use std::sync::Arc;

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use chat_verify::{PrekeyBundle, PrekeyPublic};

use crate::address::Address;
use crate::encoding::Malformed;
use crate::keys::{DeviceSecret, PrekeyLookup};
use crate::limits::{ARCHIVED_SESSIONS_MAX, BASE_KEYS_MAX, PLAINTEXT_MAX_BYTES};
use crate::ratchet::RatchetError;
use crate::session::envelope::Envelope;
use crate::session::single::{Ends, NamedPrekeys, Session};
use crate::x3dh::FirstHeader;

/// Every session with one device of somebody.
///
/// A value: operations take `&self` and return the next value, which the caller
/// stores before anything leaves, in one transaction with what it stores of the
/// message. Copying one is cheap.
///
/// ```text
///  begin ─▶ active ◀─ a message opened in it ─ archive (at most 8, newest first)
///             └─── another one became active ───▶
/// ```
/// Only the active session seals (S5). Whatever opens a message becomes active, so
/// that two devices that began at the same time end up in one session (S4).
#[derive(Debug, Clone, Default)]
pub struct DeviceSessions {
    pub(crate) active: Option<Arc<Session>>,
    /// Newest first.
    pub(crate) archived: Vec<Arc<Session>>,
    pub(crate) base_keys: Arc<Vec<SeenBaseKey>>,
}

/// A session that began without a one-time prekey. Nothing was used up by it, so that
/// only this memory keeps its first message from beginning it once more (X7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SeenBaseKey {
    pub(crate) base: PrekeyPublic,
    /// When this signed prekey is gone, the message cannot begin anything any more.
    pub(crate) signed_id: u32,
}

/// A message that was opened.
pub struct Opened {
    /// What was sealed.
    pub plaintext: Zeroizing<Vec<u8>>,
    /// The sessions from now on.
    pub next: DeviceSessions,
    /// The one-time prekey that was used up: delete it in the transaction that stores
    /// `next`, not before (X4).
    pub used_one_time: Option<u32>,
    /// Whether the other side began a new session with this message.
    pub began: bool,
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opened")
            .field("next", &self.next)
            .field("used_one_time", &self.used_one_time)
            .field("began", &self.began)
            .finish_non_exhaustive()
    }
}

/// Why a session cannot begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BeginError {
    /// The bundle is not of the device that it should begin a session with.
    #[error("the prekeys belong to another device")]
    AnotherDevice,
    /// A device has nothing to say to itself.
    #[error("the prekeys are this device's own")]
    OwnDevice,
    /// A key in the bundle would give a secret that everybody knows.
    #[error("a prekey is of small order and agrees to nothing secret")]
    SmallOrder,
}

/// Why nothing can be sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// There is no session that sends; begin one.
    #[error("there is no session with this device")]
    NoSession,
    /// Longer than [`PLAINTEXT_MAX_BYTES`].
    #[error("{0} bytes are more than one envelope carries")]
    TooLong(usize),
    /// The chain has no number left; begin another session.
    #[error("the session's message counter is used up")]
    CounterExhausted,
    /// The other side's ratchet key would give a secret that everybody knows.
    #[error("the other device's ratchet key is of small order")]
    SmallOrder,
}

/// Why an envelope does not open. Nothing has changed by it, and nothing of its
/// content is given out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// It was opened before. Asks for nothing.
    #[error("the message was received before")]
    Duplicate,
    /// It is not of the documented form.
    #[error("the envelope is not of the documented form")]
    Malformed,
    /// The prekey that it names is used up, too old, or never was.
    #[error("the envelope names a prekey that this device does not hold any more")]
    UnknownPrekey,
    /// No session with that device is in a state in which it could be the envelope's.
    #[error("no session with this device fits the envelope")]
    NoSession,
    /// It, or the place where it stands, was changed on its way; or it belongs to a
    /// session that was lost here.
    #[error("the envelope does not authenticate")]
    BadCiphertext,
    /// More messages are missing before it than the limit allows.
    #[error("too many messages are missing before this one")]
    TooFarAhead,
    /// Its key was kept while it was missing, and then given up.
    #[error("the message came so late that its key was given up")]
    KeyForgotten,
    /// Sealed by, or for, another identity than the one that is expected.
    #[error("the envelope was made between other identities than these two")]
    WrongIdentity,
    /// A first message without one-time prekey that began a session before.
    #[error("the envelope repeats the beginning of a session")]
    BaseKeyReused,
    /// More sessions began without one-time prekey than are remembered.
    #[error("the other device began too many sessions without a one-time prekey")]
    TooManyBeginnings,
    /// A key in it would give a secret that everybody knows.
    #[error("a key in the envelope is of small order")]
    SmallOrder,
    /// The counter is at its end.
    #[error("the session's message counter is used up")]
    CounterExhausted,
    /// A format that this version does not know.
    #[error("the envelope has format version {0}, which this version does not know")]
    Version(u8),
}

impl From<Malformed> for OpenError {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

impl From<RatchetError> for OpenError {
    fn from(error: RatchetError) -> Self {
        match error {
            RatchetError::Duplicate => Self::Duplicate,
            RatchetError::Forgotten => Self::KeyForgotten,
            RatchetError::TooFarAhead => Self::TooFarAhead,
            RatchetError::NotContributory => Self::SmallOrder,
            RatchetError::BadCiphertext => Self::BadCiphertext,
            RatchetError::Exhausted => Self::CounterExhausted,
            RatchetError::UnknownChain => Self::NoSession,
        }
    }
}

impl DeviceSessions {
    /// No session yet.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// Whether there is a session that seals.
    #[must_use]
    pub const fn can_send(&self) -> bool {
        self.active.is_some()
    }

    /// When the session that seals began here, in milliseconds since 1970: whoever
    /// wants another one first asks whether this one is old enough.
    #[must_use]
    pub fn active_since_ms(&self) -> Option<u64> {
        self.active.as_ref().map(|session| session.began_ms())
    }

    /// The same sessions with none that seals: what was active receives only.
    ///
    /// For a session that cannot go on. [`Self::empty`] instead would lose the archive,
    /// and with the remembered base keys the guard against repeated beginnings (X7).
    #[must_use]
    pub fn retired(&self) -> Self {
        let archived = self
            .active
            .iter()
            .chain(&self.archived)
            .take(ARCHIVED_SESSIONS_MAX)
            .cloned()
            .collect();
        Self {
            active: None,
            archived,
            base_keys: Arc::clone(&self.base_keys),
        }
    }

    /// Begins a session by X3DH; what was active receives only from now on.
    ///
    /// `own` is the secret of `own_address`. `now_ms` is milliseconds since 1970.
    ///
    /// # Errors
    /// [`BeginError`].
    pub fn begin(
        &self,
        rng: &mut (impl CryptoRng + ?Sized),
        own: &DeviceSecret,
        own_address: &Address,
        peer: &Address,
        bundle: &PrekeyBundle,
        now_ms: u64,
    ) -> Result<Self, BeginError> {
        if bundle.device() != peer.device || *bundle.device_key() != peer.key {
            return Err(BeginError::AnotherDevice);
        }
        // A reflected message must never open (C10): it would if both ends were one.
        if peer.device == own_address.device || peer.key == own_address.key {
            return Err(BeginError::OwnDevice);
        }
        let ends = Ends {
            own: own_address,
            peer,
        };
        let session = Session::initiate(rng, own, ends, bundle, now_ms)
            .map_err(|_| BeginError::SmallOrder)?;
        Ok(self.with_new_active(session))
    }

    /// Seals `plaintext`, at most [`PLAINTEXT_MAX_BYTES`], in the active session.
    ///
    /// Store the next value before the envelope leaves: sealed twice from one value,
    /// two messages would share a number and one of them would be refused.
    ///
    /// # Errors
    /// [`SealError`].
    pub fn seal(
        &self,
        rng: &mut (impl CryptoRng + ?Sized),
        plaintext: &[u8],
    ) -> Result<(Vec<u8>, Self), SealError> {
        if plaintext.len() > PLAINTEXT_MAX_BYTES {
            return Err(SealError::TooLong(plaintext.len()));
        }
        let session = self.active.as_ref().ok_or(SealError::NoSession)?;
        let (envelope, session) = session.seal(rng, plaintext).map_err(|error| match error {
            RatchetError::NotContributory => SealError::SmallOrder,
            _ => SealError::CounterExhausted,
        })?;
        Ok((
            envelope,
            Self {
                active: Some(Arc::new(session)),
                ..self.clone()
            },
        ))
    }

    /// Opens an envelope that the server says is from `peer`.
    ///
    /// `peer` carries the key that the account's verified device list names: whoever
    /// holds another key does not get through (C10). Needs no randomness: the answer's
    /// key is made when an answer is sealed (D8). `now_ms` is milliseconds since 1970.
    ///
    /// # Errors
    /// [`OpenError`]; this value stays good for the next attempt.
    pub fn open(
        &self,
        own: &DeviceSecret,
        own_address: &Address,
        peer: &Address,
        prekeys: &impl PrekeyLookup,
        envelope: &[u8],
        now_ms: u64,
    ) -> Result<Opened, OpenError> {
        let envelope = Envelope::read(envelope)?;
        let ends = Ends {
            own: own_address,
            peer,
        };
        match &envelope.first {
            None => self.open_later(ends, &envelope, now_ms),
            Some(first) => {
                if first.device_key != *peer.key.as_bytes() {
                    return Err(OpenError::WrongIdentity);
                }
                if let Some(place) = self.place_of(|session| session.began_with(&first.base)) {
                    return self.open_in(place, ends, &envelope, now_ms);
                }
                self.open_first(own, ends, prekeys, first, &envelope, now_ms)
            }
        }
    }

    /// A message of a session that the other side took for known.
    fn open_later(
        &self,
        ends: Ends<'_>,
        envelope: &Envelope<'_>,
        now_ms: u64,
    ) -> Result<Opened, OpenError> {
        let public = &envelope.header.public;
        if let Some(place) = self.place_of(|session| session.knows(public)) {
            return self.open_in(place, ends, envelope, now_ms);
        }
        // A ratchet key that no session has seen: the one that it belongs to, if any,
        // shows itself by opening the message.
        let mut reason = OpenError::NoSession;
        for place in self.places() {
            match self.open_in(place, ends, envelope, now_ms) {
                Ok(opened) => return Ok(opened),
                // Not this one, and no answer of ours is out there that it could reply to.
                Err(OpenError::NoSession) => {}
                // Perhaps this one: what says more than that it does not authenticate
                // is not covered up by another session's guess.
                Err(OpenError::BadCiphertext) if reason != OpenError::NoSession => {}
                Err(error) => reason = error,
            }
        }
        Err(reason)
    }

    /// A message that begins a session here.
    fn open_first(
        &self,
        own: &DeviceSecret,
        ends: Ends<'_>,
        prekeys: &impl PrekeyLookup,
        first: &FirstHeader,
        envelope: &Envelope<'_>,
        now_ms: u64,
    ) -> Result<Opened, OpenError> {
        if self.base_keys.iter().any(|seen| seen.base == first.base) {
            return Err(OpenError::BaseKeyReused);
        }
        let signed = prekeys
            .signed(first.signed_id)
            .ok_or(OpenError::UnknownPrekey)?;
        let one_time = match first.one_time_id {
            None => None,
            Some(id) => Some(prekeys.one_time(id).ok_or(OpenError::UnknownPrekey)?),
        };
        let base_keys = match one_time {
            Some(_) => Arc::clone(&self.base_keys),
            None => self.base_keys_with(first, prekeys)?,
        };
        let named = NamedPrekeys { signed, one_time };
        let (plaintext, session) = Session::respond(own, ends, named, first, envelope, now_ms)?;
        Ok(Opened {
            plaintext,
            next: Self {
                base_keys,
                ..self.with_new_active(session)
            },
            used_one_time: first.one_time_id,
            began: true,
        })
    }

    /// The remembered base keys with one more; those of signed prekeys that are gone
    /// are forgotten.
    fn base_keys_with(
        &self,
        first: &FirstHeader,
        prekeys: &impl PrekeyLookup,
    ) -> Result<Arc<Vec<SeenBaseKey>>, OpenError> {
        let mut seen: Vec<SeenBaseKey> = self
            .base_keys
            .iter()
            .filter(|seen| prekeys.signed(seen.signed_id).is_some())
            .copied()
            .collect();
        // Forgetting one would let the server repeat that session's beginning.
        if seen.len() >= BASE_KEYS_MAX {
            return Err(OpenError::TooManyBeginnings);
        }
        seen.push(SeenBaseKey {
            base: first.base,
            signed_id: first.signed_id,
        });
        Ok(Arc::new(seen))
    }

    /// Opens an envelope in one session, which becomes the active one.
    fn open_in(
        &self,
        place: Place,
        ends: Ends<'_>,
        envelope: &Envelope<'_>,
        now_ms: u64,
    ) -> Result<Opened, OpenError> {
        let session = self.at(place).ok_or(OpenError::NoSession)?;
        if !session.binds(ends) {
            return Err(OpenError::WrongIdentity);
        }
        let (plaintext, session) = session.open(envelope, now_ms)?;
        let next = match place {
            Place::Active => Self {
                active: Some(Arc::new(session)),
                ..self.clone()
            },
            Place::Archived(at) => {
                let mut without = self.clone();
                without.archived.remove(at);
                without.with_new_active(session)
            }
        };
        Ok(Opened {
            plaintext,
            next,
            used_one_time: None,
            began: false,
        })
    }

    fn with_new_active(&self, session: Session) -> Self {
        Self {
            active: Some(Arc::new(session)),
            ..self.retired()
        }
    }

    fn places(&self) -> impl Iterator<Item = Place> + use<> {
        let active = self.active.as_ref().map(|_| Place::Active);
        active
            .into_iter()
            .chain((0..self.archived.len()).map(Place::Archived))
    }

    fn at(&self, place: Place) -> Option<&Session> {
        match place {
            Place::Active => self.active.as_deref(),
            Place::Archived(at) => self.archived.get(at).map(AsRef::as_ref),
        }
    }

    fn place_of(&self, wanted: impl Fn(&Session) -> bool) -> Option<Place> {
        self.places()
            .find(|place| self.at(*place).is_some_and(&wanted))
    }
}

/// Where a session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Active,
    Archived(usize),
}
