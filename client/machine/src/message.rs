//! Messages of the log: taken in order, opened, checked, stored.

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use chat_crypto::{Address, BodyContext, MessageKeyPayload, OpenError, open_body};
use chat_protocol::frame;
use chat_protocol::{AccountId, ConversationId, DeviceId, MessageId, MessageKind};
use chat_verify::conversation;

use crate::api::{Event, MessageRow, Person, Record, RowKind, RowState, Table};
use crate::content::{self, ContentError, ReadContent};
use crate::machine::Machine;
use crate::peer::KnownKey;
use crate::record;
use crate::turn::Turn;

/// A message as the log holds it.
pub(crate) struct LogEntry {
    pub conversation: ConversationId,
    pub seq: u64,
    pub at_ms: u64,
    pub sender: AccountId,
    pub sender_device: DeviceId,
    pub message_id: MessageId,
    pub kind: u16,
    pub body: Vec<u8>,
    pub sealed_key: Vec<u8>,
    /// The turn in which it came in.
    pub since: u64,
}

impl LogEntry {
    /// Reads a frame; `None` when it is not of the documented form.
    pub fn from_frame(frame: frame::Deliver, since: u64) -> Option<Self> {
        Some(Self {
            conversation: ConversationId::try_from(&frame.conversation[..]).ok()?,
            seq: frame.seq,
            at_ms: frame.at_ms,
            sender: AccountId::try_from(&frame.sender[..]).ok()?,
            sender_device: DeviceId::try_from(&frame.sender_device[..]).ok()?,
            message_id: MessageId::try_from(&frame.message_id[..]).ok()?,
            kind: u16::try_from(frame.kind).ok()?,
            body: frame.body.into(),
            sealed_key: frame.sealed_key.into(),
            since,
        })
    }

    fn chained(&self) -> conversation::LogEntry<'_> {
        conversation::LogEntry {
            conversation: self.conversation,
            seq: self.seq,
            at_ms: self.at_ms,
            sender: self.sender,
            sender_device: self.sender_device,
            message_id: self.message_id,
            kind: self.kind,
            body: &self.body,
        }
    }
}

/// A message as the store keeps it.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct StoredMessage {
    pub message_id: MessageId,
    pub at_ms: u64,
    pub sender: AccountId,
    pub sender_device: DeviceId,
    pub body: StoredBody,
    /// Opens the body that the server keeps: what a new device is given.
    pub content_key: Option<Zeroizing<[u8; 32]>>,
}

/// What became of a body.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) enum StoredBody {
    Text { text: String, sent_at_ms: u64 },
    Unreadable(Unreadable),
}

/// Why a message cannot be read. There is no other way out: what does not
/// authenticate is never shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Unreadable {
    /// The sender is not of this conversation.
    NotAMember,
    /// The sender's verified device list does not hold the device.
    UnknownDevice,
    /// The server's keys for the sender are not believed.
    IdentityRefused,
    /// Nothing was sealed for this device.
    NotForThisDevice,
    /// It was sealed in a session that this device does not have.
    NoSession,
    /// Its message key was used before.
    Replayed,
    /// It, or what surrounds it, was changed.
    Altered,
    /// It needs a later version of this program.
    Newer,
    /// Written by a copy of this very device.
    Copied,
}

impl Unreadable {
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::NotAMember => {
                "The server added a message of somebody who is not in this conversation."
            }
            Self::UnknownDevice => "It came from a device that the sender has not signed for.",
            Self::IdentityRefused => "The sender's keys changed in a way that cannot be verified.",
            Self::NotForThisDevice => "It was not encrypted for this device.",
            Self::NoSession => {
                "It belongs to an encryption session that this device does not have. Ask for it to be sent again."
            }
            Self::Replayed => "It repeats a message that was received before.",
            Self::Altered => "It was changed on its way and does not authenticate.",
            Self::Newer => "It needs a newer version of this program.",
            Self::Copied => "It was sent from a copy of this device.",
        }
    }

    fn of(error: OpenError) -> Self {
        match error {
            OpenError::Duplicate => Self::Replayed,
            OpenError::NoSession
            | OpenError::UnknownPrekey
            | OpenError::TooFarAhead
            | OpenError::KeyForgotten => Self::NoSession,
            OpenError::Version(_) => Self::Newer,
            _ => Self::Altered,
        }
    }
}

impl StoredMessage {
    pub fn open(record: &Record) -> Option<Self> {
        record::decode(record).ok()
    }

    pub fn to_row(&self, machine: &Machine, conversation: ConversationId, seq: u64) -> MessageRow {
        let own = self.sender == machine.own.account;
        let (kind, text, state, reason) = match &self.body {
            StoredBody::Text { text, .. } => {
                let state = if own {
                    RowState::Sent
                } else {
                    RowState::Received
                };
                (RowKind::Text, text.clone(), state, None)
            }
            StoredBody::Unreadable(why) => (
                RowKind::Unreadable,
                String::new(),
                RowState::Unreadable,
                Some(why.sentence().to_owned()),
            ),
        };
        let from = machine.person(self.sender);
        MessageRow {
            id: self.message_id,
            conversation,
            seq: Some(seq),
            sent_at: self.at_ms,
            from,
            own,
            kind,
            text,
            state,
            reason,
        }
    }
}

/// The key of a message's record: its conversation, then its seq, big-endian.
pub(crate) fn key(conversation: ConversationId, seq: u64) -> Vec<u8> {
    let mut key = conversation.as_bytes().to_vec();
    key.extend_from_slice(&seq.to_be_bytes());
    key
}

/// The seq in such a key.
pub(crate) fn seq_of(key: &[u8]) -> Option<u64> {
    key.last_chunk().map(|bytes| u64::from_be_bytes(*bytes))
}

/// How far opening a message came.
enum Opening {
    Done(Box<StoredMessage>, Option<ReadContent>),
    /// Something was asked for; the message waits.
    Waits,
}

impl Machine {
    /// A name for an account, whoever it is.
    pub(crate) fn person(&self, account: AccountId) -> Person {
        if account == self.own.account {
            return self.own.person();
        }
        self.peers.get(&account).map_or_else(
            || Person {
                account,
                name: account.to_string(),
            },
            crate::peer::Peer::person,
        )
    }

    /// Applies what waits in a conversation, in order and without a gap.
    pub(crate) fn apply_pending(&mut self, turn: &mut Turn<'_>, id: ConversationId) {
        let mut changed = false;
        while let Some(conversation) = self.conversations.get_mut(&id) {
            let head_seq = conversation.head_seq;
            // Repeats of what is here already.
            conversation.pending.retain(|seq, _| *seq > head_seq);
            let Some(entry) = conversation.pending.remove(&(head_seq + 1)) else {
                break;
            };
            match self.open_entry(turn, &entry) {
                Opening::Waits => {
                    if let Some(conversation) = self.conversations.get_mut(&id) {
                        conversation.pending.insert(entry.seq, entry);
                    }
                    break;
                }
                Opening::Done(message, content) => {
                    self.commit_message(turn, &entry, &message, content.as_ref());
                    changed = true;
                }
            }
        }
        if changed {
            if let Some(conversation) = self.conversations.get(&id) {
                turn.out.put(conversation.to_record());
            }
            self.tell_conversation(turn, id);
        }
        self.fetch_if_behind(turn, id);
    }

    fn open_entry(&mut self, turn: &mut Turn<'_>, entry: &LogEntry) -> Opening {
        if entry.sender_device == self.own.address.device && entry.sender == self.own.account {
            return Opening::Done(Box::new(self.own_entry(entry)), None);
        }
        let unreadable = |why| {
            Opening::Done(
                Box::new(entry.stored(StoredBody::Unreadable(why), None)),
                None,
            )
        };
        let Some(conversation) = self.conversations.get(&entry.conversation) else {
            return Opening::Waits;
        };
        if entry.sender != conversation.peer && entry.sender != self.own.account {
            return unreadable(Unreadable::NotAMember);
        }
        if MessageKind::from_number(entry.kind).is_none() {
            return unreadable(Unreadable::Newer);
        }
        if entry.sealed_key.is_empty() {
            return unreadable(Unreadable::NotForThisDevice);
        }
        let key = match self.known_key(turn, entry.sender, entry.sender_device, entry.since) {
            KnownKey::Key(key) => key,
            KnownKey::NotYet => return Opening::Waits,
            KnownKey::NotListed => return unreadable(Unreadable::UnknownDevice),
            KnownKey::Refused => return unreadable(Unreadable::IdentityRefused),
        };
        let address = Address {
            account: entry.sender,
            device: entry.sender_device,
            key,
        };
        if self.sessions_with(turn, entry.sender_device).is_none() {
            return Opening::Waits;
        }
        match self.open_sealed(turn, entry, &address) {
            Ok((content, content_key)) => {
                let body = StoredBody::Text {
                    text: content.text.clone(),
                    sent_at_ms: content.sent_at_ms,
                };
                Opening::Done(
                    Box::new(entry.stored(body, Some(content_key))),
                    Some(content),
                )
            }
            Err(why) => unreadable(why),
        }
    }

    /// Opens the key envelope and with it the body. The session moves on as soon
    /// as the envelope has authenticated, whatever the body turns out to be.
    fn open_sealed(
        &mut self,
        turn: &mut Turn<'_>,
        entry: &LogEntry,
        sender: &Address,
    ) -> Result<(ReadContent, Zeroizing<[u8; 32]>), Unreadable> {
        let sessions = self
            .sessions_with(turn, sender.device)
            .ok_or(Unreadable::NoSession)?
            .clone();
        let opened = sessions
            .open(
                &self.own.device_secret,
                &self.own.address,
                sender,
                &self.prekeys,
                &entry.sealed_key,
                turn.now_ms,
            )
            .map_err(Unreadable::of)?;
        if let Some(id) = opened.used_one_time {
            self.prekeys.use_up(id);
            turn.out.put(self.prekeys.to_record());
        }
        self.commit_sessions(turn, sender.device, opened.next);
        let payload =
            MessageKeyPayload::from_bytes(&opened.plaintext).map_err(|_| Unreadable::Altered)?;
        if !payload.matches(&entry.body) {
            return Err(Unreadable::Altered);
        }
        let content = open_body(&payload.key, &entry.context(), &entry.body)
            .map_err(|_| Unreadable::Altered)?;
        match content::read(&content) {
            Ok(content) => Ok((content, payload.key.to_bytes())),
            Err(ContentError::Newer) => Err(Unreadable::Newer),
            Err(ContentError::Malformed) => Err(Unreadable::Altered),
        }
    }

    fn commit_message(
        &mut self,
        turn: &mut Turn<'_>,
        entry: &LogEntry,
        message: &StoredMessage,
        content: Option<&ReadContent>,
    ) {
        let own = entry.sender == self.own.account;
        if let Some(content) = content {
            self.check_seen(turn, entry, content);
        }
        let Some(conversation) = self.conversations.get_mut(&entry.conversation) else {
            return;
        };
        let head = conversation.head.next(&entry.chained());
        conversation.advance(entry.seq, head);
        if own {
            // Whoever answers has read what stands above.
            conversation.read_seq = entry.seq;
            conversation.unread = 0;
        } else {
            conversation.unread += 1;
        }
        conversation.last = Some((entry.seq, message.clone()));
        let record = Record {
            table: Table::Message,
            key: key(entry.conversation, entry.seq),
            value: record::encode(message),
        };
        turn.out.put(record);
        let told = own && self.settle_sent(turn, entry);
        if !told {
            let row = message.to_row(self, entry.conversation, entry.seq);
            turn.out.event(Event::Message { row });
        }
    }

    /// Compares what the sender saw with what is here: a server that shows two
    /// people two histories, or hides a message from one, is noticed.
    fn check_seen(&mut self, turn: &mut Turn<'_>, entry: &LogEntry, content: &ReadContent) {
        let Some(conversation) = self.conversations.get(&entry.conversation) else {
            return;
        };
        let broken = content.seen.is_some_and(|(seq, head)| {
            seq >= entry.seq || conversation.head_at(seq).is_some_and(|here| here != head)
        });
        if broken {
            let name = self.person(entry.sender).name;
            turn.out.event(Event::HistoryBroken {
                conversation: entry.conversation,
                message: format!(
                    "{name} was shown another history than this device: the server left out, \
                     changed or reordered messages."
                ),
            });
        }
        let Some((seq, hash)) = content.list else {
            return;
        };
        let list = if entry.sender == self.own.account {
            Some(&self.own.list)
        } else {
            self.peers
                .get(&entry.sender)
                .and_then(|peer| peer.list.as_ref())
        };
        let Some(list) = list else {
            return;
        };
        if seq > list.latest().seq {
            self.ask_device_list(turn, entry.sender);
        } else if seq == list.latest().seq && hash != *list.hash() {
            let name = self.person(entry.sender).name;
            turn.out.event(Event::IdentityChanged {
                account: entry.sender,
                name,
            });
        }
    }
}

impl LogEntry {
    pub(crate) fn context(&self) -> BodyContext {
        BodyContext {
            conversation: self.conversation,
            message_id: self.message_id,
            sender: self.sender,
            sender_device: self.sender_device,
        }
    }

    pub(crate) fn stored(
        &self,
        body: StoredBody,
        content_key: Option<Zeroizing<[u8; 32]>>,
    ) -> StoredMessage {
        StoredMessage {
            message_id: self.message_id,
            at_ms: self.at_ms,
            sender: self.sender,
            sender_device: self.sender_device,
            body,
            content_key,
        }
    }
}
