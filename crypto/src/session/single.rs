//! One session: who it binds, and its ratchet.

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use chat_verify::{PrekeyBundle, PrekeyPublic};

use crate::address::{Address, AssociatedData};
use crate::agreement::NotContributory;
use crate::encoding::{Malformed, Presence, Reader};
use crate::keys::{DeviceSecret, PrekeySecret};
use crate::ratchet::message::{Salt, Sealed};
use crate::ratchet::{Ratchet, RatchetError};
use crate::session::envelope::{Envelope, write_header};
use crate::x3dh::{self, FirstHeader};

/// Which side of the agreement this device was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Initiator,
    Responder,
}

/// A session with one device.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    role: Role,
    /// The initiator's ephemeral key: it names the session on both sides.
    base: PrekeyPublic,
    associated_data: AssociatedData,
    /// When it began here, in milliseconds since 1970.
    began_ms: u64,
    /// What to say in front of every message while nothing came back (X9).
    unanswered: Option<FirstHeader>,
    ratchet: Ratchet,
}

/// Both ends of a session, as the caller knows them.
#[derive(Clone, Copy)]
pub(crate) struct Ends<'a> {
    pub(crate) own: &'a Address,
    pub(crate) peer: &'a Address,
}

impl Ends<'_> {
    pub(crate) fn associated_data(&self, role: Role) -> AssociatedData {
        match role {
            Role::Initiator => AssociatedData::new(self.own, self.peer),
            Role::Responder => AssociatedData::new(self.peer, self.own),
        }
    }
}

/// The prekeys that a first message names.
#[derive(Clone, Copy)]
pub(crate) struct NamedPrekeys<'a> {
    pub(crate) signed: &'a PrekeySecret,
    pub(crate) one_time: Option<&'a PrekeySecret>,
}

impl Session {
    /// Begins a session with a device that is perhaps away.
    pub(crate) fn initiate(
        rng: &mut (impl CryptoRng + ?Sized),
        own: &DeviceSecret,
        ends: Ends<'_>,
        bundle: &PrekeyBundle,
        now_ms: u64,
    ) -> Result<Self, NotContributory> {
        let (secret, first) = x3dh::initiate(rng, own, bundle)?;
        Ok(Self {
            role: Role::Initiator,
            base: first.base,
            associated_data: ends.associated_data(Role::Initiator),
            began_ms: now_ms,
            unanswered: Some(first),
            ratchet: Ratchet::initiate(&secret, bundle.signed().public),
        })
    }

    /// Takes up a session that the other side began, if its message opens.
    pub(crate) fn respond(
        own: &DeviceSecret,
        ends: Ends<'_>,
        prekeys: NamedPrekeys<'_>,
        first: &FirstHeader,
        envelope: &Envelope<'_>,
        now_ms: u64,
    ) -> Result<(Zeroizing<Vec<u8>>, Self), RatchetError> {
        let NamedPrekeys { signed, one_time } = prekeys;
        let secret = x3dh::respond(own, signed, one_time, &ends.peer.key, &first.base)?;
        let associated_data = ends.associated_data(Role::Responder);
        let bytes = joined(&associated_data, envelope.header_bytes);
        let (plaintext, ratchet) = Ratchet::respond(
            &secret,
            signed.pair(),
            &envelope.header,
            &sealed(&bytes, envelope),
            now_ms,
        )?;
        let session = Self {
            role: Role::Responder,
            base: first.base,
            associated_data,
            began_ms: now_ms,
            unanswered: None,
            ratchet,
        };
        Ok((plaintext, session))
    }

    /// Seals one message.
    pub(crate) fn seal(
        &self,
        rng: &mut (impl CryptoRng + ?Sized),
        plaintext: &[u8],
    ) -> Result<(Vec<u8>, Self), RatchetError> {
        let (header, key, ratchet) = self.ratchet.next_to_send(rng)?;
        let mut salt: Salt = [0; 12];
        rng.fill_bytes(&mut salt);
        let mut envelope = write_header(self.unanswered.as_ref(), &header, &salt);
        let associated_data = joined(&self.associated_data, &envelope);
        key.seal(&salt, &associated_data, plaintext, &mut envelope);
        Ok((envelope, self.after(self.unanswered, ratchet)))
    }

    /// Opens one message.
    pub(crate) fn open(
        &self,
        envelope: &Envelope<'_>,
        now_ms: u64,
    ) -> Result<(Zeroizing<Vec<u8>>, Self), RatchetError> {
        let bytes = joined(&self.associated_data, envelope.header_bytes);
        let (plaintext, ratchet) =
            self.ratchet
                .open(&envelope.header, &sealed(&bytes, envelope), now_ms)?;
        // They hold the session: nothing has to be said in front of messages any more.
        Ok((plaintext, self.after(None, ratchet)))
    }

    /// When it began here, in milliseconds since 1970.
    pub(crate) const fn began_ms(&self) -> u64 {
        self.began_ms
    }

    /// Whether the session was made between exactly these two.
    pub(crate) fn binds(&self, ends: Ends<'_>) -> bool {
        self.associated_data == ends.associated_data(self.role)
    }

    /// Whether this is the session that the other side began with that base key.
    pub(crate) fn began_with(&self, base: &PrekeyPublic) -> bool {
        self.role == Role::Responder && self.base == *base
    }

    /// Whether a message with this ratchet key belongs to a chain of this session.
    pub(crate) fn knows(&self, public: &PrekeyPublic) -> bool {
        self.ratchet.knows(public)
    }

    fn after(&self, unanswered: Option<FirstHeader>, ratchet: Ratchet) -> Self {
        Self {
            role: self.role,
            base: self.base,
            associated_data: self.associated_data.clone(),
            began_ms: self.began_ms,
            unanswered,
            ratchet,
        }
    }

    /// Role (1 initiator, 2 responder) ‖ base key (32) ‖ associated data (138) ‖ began
    /// (u64) ‖ 0, or 1 ‖ X3DH header ‖ ratchet.
    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        out.push(match self.role {
            Role::Initiator => 1,
            Role::Responder => 2,
        });
        out.extend_from_slice(self.base.as_bytes());
        out.extend_from_slice(self.associated_data.as_bytes());
        out.extend_from_slice(&self.began_ms.to_be_bytes());
        match &self.unanswered {
            None => out.push(0),
            Some(first) => {
                out.push(1);
                first.put(out);
            }
        }
        self.ratchet.put(out);
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let role = match reader.u8()? {
            1 => Role::Initiator,
            2 => Role::Responder,
            _ => return Err(Malformed),
        };
        let base = PrekeyPublic::try_from(reader.array::<32>()?).map_err(|_| Malformed)?;
        let associated_data =
            AssociatedData::from_bytes(reader.array::<{ AssociatedData::LENGTH }>()?);
        let began_ms = reader.u64()?;
        let unanswered = match reader.presence()? {
            Presence::Absent => None,
            Presence::Present => Some(FirstHeader::read(reader)?),
        };
        let ratchet = Ratchet::read(reader)?;
        Ok(Self {
            role,
            base,
            associated_data,
            began_ms,
            unanswered,
            ratchet,
        })
    }
}

fn joined(associated_data: &AssociatedData, header: &[u8]) -> Vec<u8> {
    [associated_data.as_bytes(), header].concat()
}

fn sealed<'a>(associated_data: &'a [u8], envelope: &'a Envelope<'a>) -> Sealed<'a> {
    Sealed {
        associated_data,
        salt: &envelope.salt,
        ciphertext: envelope.ciphertext,
    }
}
