//! What is to be sent: kept until the server has acknowledged it and its place
//! in the log is here.
//!
//! ```text
//!  Queued ──seal──▶ Sealed ──acknowledged──▶ (in the log, gone from here)
//!    ▲                │ stale device list
//!    ├────────────────┘
//!    └──retry── Failed ◀── refused, or keys that do not hold
//! ```
//!
//! A message is sealed once and then sent again byte for byte after a lost
//! connection: the server knows its id, so that it is stored once.

use std::collections::{BTreeMap, HashMap, HashSet};

use prost::Message as _;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use chat_crypto::{Address, BodyContext, MessageKeyPayload, seal_body};
use chat_protocol::frame::{self, client_frame};
use chat_protocol::{
    AccountId, ConversationId, DeviceId, ErrorCode, MessageId, MessageKind, limits,
};
use chat_verify::{PrekeyBundle, PrekeyPublic, Signature, SignedPrekey};

use crate::api::{
    CommandId, Event, Failure, FailureCode, MessageRow, Record, Reply, RowKind, RowState, Table,
};
use crate::content::NewContent;
use crate::machine::{Machine, OpenError};
use crate::message::{LogEntry, StoredBody, StoredMessage, Unreadable};
use crate::record;
use crate::request::{Ask, refused, retry_at};
use crate::turn::Turn;

/// How often a message is sealed anew because device lists moved. A server that
/// says "stale" and then shows nothing newer must not keep us busy for ever.
const SEALINGS_MAX: u32 = 8;

#[derive(Clone, Serialize, Deserialize)]
struct StoredItem {
    message_id: MessageId,
    conversation: ConversationId,
    text: String,
    created_ms: u64,
    stage: Stage,
}

#[derive(Clone, Serialize, Deserialize)]
enum Stage {
    Queued,
    Sealed {
        frame: Vec<u8>,
        content_key: Zeroizing<[u8; 32]>,
    },
    Failed {
        reason: String,
    },
}

struct Item {
    stored: StoredItem,
    /// On this connection, and not answered yet.
    transmitted: bool,
    acknowledged: bool,
    not_before_ms: u64,
    sealings: u32,
}

/// Everything that is on its way.
#[derive(Default)]
pub(crate) struct Outbox {
    items: BTreeMap<u64, Item>,
    orders: HashMap<MessageId, u64>,
    waiting: HashMap<MessageId, Vec<CommandId>>,
}

impl Outbox {
    pub fn open(records: &[&Record]) -> Result<Self, OpenError> {
        let mut outbox = Self::default();
        for record in records {
            let damaged = OpenError::Damaged {
                table: Table::Outbox.name(),
            };
            let order = crate::message::seq_of(&record.key).ok_or(damaged)?;
            outbox.insert(order, record::decode(record)?);
        }
        Ok(outbox)
    }

    fn insert(&mut self, order: u64, stored: StoredItem) {
        self.orders.insert(stored.message_id, order);
        let item = Item {
            stored,
            transmitted: false,
            acknowledged: false,
            not_before_ms: 0,
            sealings: 0,
        };
        self.items.insert(order, item);
    }

    fn by_id(&self, id: MessageId) -> Option<(u64, &Item)> {
        let order = *self.orders.get(&id)?;
        self.items.get(&order).map(|item| (order, item))
    }

    fn by_id_mut(&mut self, id: MessageId) -> Option<(u64, &mut Item)> {
        let order = *self.orders.get(&id)?;
        self.items.get_mut(&order).map(|item| (order, item))
    }

    fn remove(&mut self, order: u64) -> Option<Item> {
        let item = self.items.remove(&order)?;
        self.orders.remove(&item.stored.message_id);
        Some(item)
    }

    /// The connection is gone: what was not acknowledged goes out on the next.
    pub fn connection_lost(&mut self) {
        for item in self.items.values_mut() {
            item.transmitted = false;
            item.acknowledged = false;
        }
    }

    /// The rows of a conversation that have no place in the log yet.
    pub fn rows_of(&self, machine: &Machine, conversation: ConversationId) -> Vec<MessageRow> {
        self.items
            .values()
            .filter(|item| item.stored.conversation == conversation)
            .map(|item| item.stored.to_row(machine))
            .collect()
    }

    /// Takes the commands that wait for an acknowledgement.
    pub fn take_waiting(&mut self) -> Vec<CommandId> {
        std::mem::take(&mut self.waiting)
            .into_values()
            .flatten()
            .collect()
    }

    fn unanswered(&self) -> usize {
        self.items
            .values()
            .filter(|item| item.transmitted && !item.acknowledged)
            .count()
    }
}

impl StoredItem {
    fn to_record(&self, order: u64) -> Record {
        record::record(Table::Outbox, order.to_be_bytes(), self)
    }

    fn to_row(&self, machine: &Machine) -> MessageRow {
        let (state, reason) = match &self.stage {
            Stage::Failed { reason } => (RowState::Failed, Some(reason.clone())),
            Stage::Queued | Stage::Sealed { .. } => (RowState::Sending, None),
        };
        MessageRow {
            id: self.message_id,
            conversation: self.conversation,
            seq: None,
            sent_at: self.created_ms,
            from: machine.own.person(),
            own: true,
            kind: RowKind::Text,
            text: self.text.clone(),
            state,
            reason,
        }
    }
}

impl Machine {
    /// Takes a text to be sent. The command is answered when the server has it.
    pub(crate) fn send_text(
        &mut self,
        turn: &mut Turn<'_>,
        command: CommandId,
        conversation: ConversationId,
        message_id: MessageId,
        text: String,
    ) {
        if text.is_empty() || text.len() > limits::TEXT_MAX_BYTES {
            let message = format!(
                "A message has 1 to {} bytes of text; this one has {}. Send it in parts.",
                limits::TEXT_MAX_BYTES,
                text.len()
            );
            let failure = Failure {
                code: FailureCode::TextLength,
                reason: None,
                message,
            };
            return turn.out.answer(command, Err(failure));
        }
        if !self.conversations.contains_key(&conversation) {
            return turn.out.answer(command, Err(unknown_conversation()));
        }
        self.outbox
            .waiting
            .entry(message_id)
            .or_default()
            .push(command);
        if self.outbox.orders.contains_key(&message_id) {
            return;
        }
        let order = self
            .outbox
            .items
            .last_key_value()
            .map_or(0, |(order, _)| order + 1);
        let stored = StoredItem {
            message_id,
            conversation,
            text,
            created_ms: turn.now_ms,
            stage: Stage::Queued,
        };
        turn.out.put(stored.to_record(order));
        turn.out.event(Event::Message {
            row: stored.to_row(self),
        });
        self.outbox.insert(order, stored);
        self.tell_conversation(turn, conversation);
    }

    /// Tries a failed message again.
    pub(crate) fn retry(&mut self, turn: &mut Turn<'_>, command: CommandId, id: MessageId) {
        let Some((order, item)) = self.outbox.by_id_mut(id) else {
            let message = "This device has no such message on its way.".to_owned();
            let failure = Failure {
                code: FailureCode::UnknownMessage,
                reason: None,
                message,
            };
            return turn.out.answer(command, Err(failure));
        };
        if matches!(item.stored.stage, Stage::Failed { .. }) {
            item.stored.stage = Stage::Queued;
            item.transmitted = false;
            item.sealings = 0;
            let stored = item.stored.clone();
            turn.out.put(stored.to_record(order));
            turn.out.event(Event::Message {
                row: stored.to_row(self),
            });
        }
        turn.out.answer(command, Ok(Reply::Done));
    }

    /// Sends what can be sent now, in order. A message that must wait makes the
    /// later ones of its conversation wait too.
    pub(crate) fn pump_outbox(&mut self, turn: &mut Turn<'_>) {
        if !self.connection.is_online() {
            return;
        }
        let mut room = limits::SENDS_IN_FLIGHT.saturating_sub(self.outbox.unanswered());
        let mut blocked: HashSet<ConversationId> = HashSet::new();
        let orders: Vec<u64> = self.outbox.items.keys().copied().collect();
        for order in orders {
            if room == 0 {
                return;
            }
            let Some(item) = self.outbox.items.get(&order) else {
                continue;
            };
            let conversation = item.stored.conversation;
            if item.transmitted
                || matches!(item.stored.stage, Stage::Failed { .. })
                || blocked.contains(&conversation)
            {
                continue;
            }
            let waits = item.not_before_ms > turn.now_ms;
            if !waits && self.transmit(turn, order) {
                room -= 1;
            } else {
                blocked.insert(conversation);
            }
        }
    }

    /// Seals if need be, and sends; false when the message has to wait.
    fn transmit(&mut self, turn: &mut Turn<'_>, order: u64) -> bool {
        let Some(item) = self.outbox.items.get(&order) else {
            return false;
        };
        if matches!(item.stored.stage, Stage::Queued) && !self.seal(turn, order) {
            return false;
        }
        let Some(item) = self.outbox.items.get_mut(&order) else {
            return false;
        };
        let Stage::Sealed { frame, .. } = &item.stored.stage else {
            return false;
        };
        turn.out.transmit_encoded(frame.clone());
        item.transmitted = true;
        true
    }

    /// The devices that a message of a conversation is sealed for: all of the
    /// peer's and our own others. `None` while something has to be fetched.
    fn recipients(&mut self, turn: &mut Turn<'_>, peer: AccountId) -> Option<Vec<Address>> {
        let Some(list) = self.peers.get(&peer).and_then(|peer| peer.list.as_ref()) else {
            self.ask_device_list(turn, peer);
            return None;
        };
        let own = self.own.address.device;
        let addresses = [list, &self.own.list]
            .into_iter()
            .flat_map(|list| {
                let account = list.latest().account;
                list.latest().devices.iter().map(move |device| Address {
                    account,
                    device: device.id,
                    key: device.key,
                })
            })
            .filter(|address| address.device != own)
            .collect();
        Some(addresses)
    }

    /// Whether there is a session to seal in for each device. Loads and claims
    /// what is missing.
    fn sessions_ready(&mut self, turn: &mut Turn<'_>, addresses: &[Address]) -> bool {
        let mut ready = true;
        let mut missing: BTreeMap<AccountId, Vec<DeviceId>> = BTreeMap::new();
        for address in addresses {
            match self.sessions_with(turn, address.device) {
                None => ready = false,
                Some(sessions) if !sessions.can_send() => {
                    ready = false;
                    missing
                        .entry(address.account)
                        .or_default()
                        .push(address.device);
                }
                Some(_) => {}
            }
        }
        for (account, devices) in missing {
            self.ask_once(turn, Ask::ClaimPrekeys { account, devices });
        }
        ready
    }

    fn seal(&mut self, turn: &mut Turn<'_>, order: u64) -> bool {
        let Some(item) = self.outbox.items.get(&order) else {
            return false;
        };
        let stored = item.stored.clone();
        let too_often = item.sealings >= SEALINGS_MAX;
        let Some(peer) = self
            .conversations
            .get(&stored.conversation)
            .map(|here| here.peer)
        else {
            return false;
        };
        let refusal = self.peers.get(&peer).and_then(|peer| peer.refused.clone());
        if let Some(reason) = refusal {
            let failure = Failure {
                code: FailureCode::NotVerified,
                reason: None,
                message: reason,
            };
            self.fail(turn, order, &failure);
            return false;
        }
        if too_often {
            let message = "The server keeps refusing the recipients' devices without showing \
                           newer ones. Try again later, or ask its administrator."
                .to_owned();
            let failure = Failure {
                code: FailureCode::Refused,
                reason: None,
                message,
            };
            self.fail(turn, order, &failure);
            return false;
        }
        let Some(addresses) = self.recipients(turn, peer) else {
            return false;
        };
        if !self.sessions_ready(turn, &addresses) {
            return false;
        }
        self.seal_for(turn, order, stored, peer, &addresses)
    }

    fn seal_for(
        &mut self,
        turn: &mut Turn<'_>,
        order: u64,
        mut stored: StoredItem,
        peer: AccountId,
        addresses: &[Address],
    ) -> bool {
        let Some(conversation) = self.conversations.get(&stored.conversation) else {
            return false;
        };
        let plaintext = NewContent {
            text: &stored.text,
            sent_at_ms: stored.created_ms,
            seen_seq: conversation.head_seq,
            seen_head: conversation.head,
            list_seq: self.own.list.latest().seq,
            list_hash: self.own.list.hash(),
        }
        .encode();
        let context = BodyContext {
            conversation: stored.conversation,
            message_id: stored.message_id,
            sender: self.own.account,
            sender_device: self.own.address.device,
        };
        let (body, content_key) = seal_body(&mut turn.rng, &context, &plaintext);
        let payload = MessageKeyPayload::new(&content_key, &body);
        let mut keys = Vec::with_capacity(addresses.len());
        for address in addresses {
            let sealed = self
                .sessions_with(turn, address.device)
                .cloned()
                .and_then(|sessions| sessions.seal(&mut turn.rng, &payload.to_bytes()).ok());
            let Some((sealed, next)) = sealed else {
                // A session that cannot seal any more counts as none.
                self.commit_sessions(turn, address.device, chat_crypto::DeviceSessions::empty());
                return false;
            };
            self.commit_sessions(turn, address.device, next);
            keys.push(frame::KeyEnvelope {
                device: address.device.to_bytes(),
                sealed: sealed.into(),
            });
        }
        let lists = [
            self.peers.get(&peer).and_then(|peer| peer.list.as_ref()),
            Some(&self.own.list),
        ];
        let known_lists = lists
            .into_iter()
            .flatten()
            .map(|list| frame::KnownDeviceList {
                account: list.latest().account.to_bytes(),
                seq: list.latest().seq,
            })
            .collect();
        let send = frame::Send {
            conversation: stored.conversation.to_bytes(),
            message_id: stored.message_id.to_bytes(),
            kind: u32::from(MessageKind::Content.number()),
            body: body.into(),
            keys,
            known_lists,
        };
        let frame = frame::ClientFrame {
            frame: Some(client_frame::Frame::Send(send)),
        };
        stored.stage = Stage::Sealed {
            frame: frame.encode_to_vec(),
            content_key: content_key.to_bytes(),
        };
        turn.out.put(stored.to_record(order));
        if let Some(item) = self.outbox.items.get_mut(&order) {
            item.stored = stored;
            item.sealings += 1;
        }
        true
    }

    /// Prekey bundles came in: each is verified under the key that the device
    /// list names before anything is computed with it.
    pub(crate) fn on_bundles(
        &mut self,
        turn: &mut Turn<'_>,
        account: AccountId,
        wanted: &[DeviceId],
        served: &frame::PrekeyBundles,
    ) {
        for device in wanted {
            let bundle = served
                .bundles
                .iter()
                .find(|bundle| bundle.device == device.as_bytes()[..]);
            let begun = match bundle {
                Some(bundle) => self.begin_session(turn, account, *device, bundle),
                None => Err("The server has no prekeys of one of their devices.".to_owned()),
            };
            if let Err(message) = begun {
                let failure = Failure {
                    code: FailureCode::NotVerified,
                    reason: None,
                    message,
                };
                return self.fail_outbox_of(turn, account, &failure);
            }
        }
    }

    fn begin_session(
        &mut self,
        turn: &mut Turn<'_>,
        account: AccountId,
        device: DeviceId,
        served: &frame::PrekeyBundle,
    ) -> Result<(), String> {
        let list = if account == self.own.account {
            Some(&self.own.list)
        } else {
            self.peers.get(&account).and_then(|peer| peer.list.as_ref())
        };
        let Some(key) = list.and_then(|list| list.device_key(device)).copied() else {
            // The list moved on while the answer was under way: sealing looks again.
            return Ok(());
        };
        let bundle = read_bundle(device, key, served).ok_or_else(|| {
            let name = self.person(account).name;
            format!(
                "The server gave prekeys for {name} that their device did not sign. Somebody may \
                 be between you; nothing was sent."
            )
        })?;
        let Some(sessions) = self.sessions_with(turn, device).cloned() else {
            return Ok(());
        };
        let peer = Address {
            account,
            device,
            key,
        };
        let next = sessions
            .begin(
                &mut turn.rng,
                &self.own.device_secret,
                &self.own.address,
                &peer,
                &bundle,
                turn.now_ms,
            )
            .map_err(|error| format!("No encrypted session could be opened: {error}."))?;
        self.commit_sessions(turn, device, next);
        Ok(())
    }

    /// The server has stored a message.
    pub(crate) fn on_acknowledged(&mut self, turn: &mut Turn<'_>, ack: &frame::Acknowledged) {
        let Ok(id) = MessageId::try_from(&ack.message_id[..]) else {
            return;
        };
        let turn_number = self.turn_number;
        let Some((order, item)) = self.outbox.by_id_mut(id) else {
            return;
        };
        item.acknowledged = true;
        let stored = item.stored.clone();
        let Stage::Sealed { frame, .. } = &stored.stage else {
            return;
        };
        let entry = own_log_entry(frame, &self.own.address, ack, turn_number);
        let row = MessageRow {
            seq: Some(ack.seq),
            sent_at: ack.at_ms,
            state: RowState::Sent,
            ..stored.to_row(self)
        };
        self.answer_sent(turn, &row);
        turn.out.event(Event::Message { row });
        let Some(conversation) = self.conversations.get_mut(&stored.conversation) else {
            return;
        };
        if ack.seq <= conversation.head_seq {
            // Its place in the log is here already.
            self.outbox.remove(order);
            turn.out.delete(Table::Outbox, order.to_be_bytes().to_vec());
        } else if let Some(entry) = entry {
            conversation.keep(entry);
            self.work.insert(stored.conversation);
        }
    }

    fn answer_sent(&mut self, turn: &mut Turn<'_>, row: &MessageRow) {
        for command in self.outbox.waiting.remove(&row.id).unwrap_or_default() {
            let reply = Reply::Sent {
                conversation: row.conversation,
                message_id: row.id,
                seq: row.seq.unwrap_or_default(),
                at: row.sent_at,
            };
            turn.out.answer(command, Ok(reply));
        }
    }

    /// An own message of the log, as it was sealed here.
    pub(crate) fn own_entry(&self, entry: &LogEntry) -> StoredMessage {
        let item = self
            .outbox
            .by_id(entry.message_id)
            .map(|(_, item)| &item.stored);
        match item {
            Some(StoredItem {
                text,
                created_ms,
                stage: Stage::Sealed { content_key, .. },
                ..
            }) => {
                let body = StoredBody::Text {
                    text: text.clone(),
                    sent_at_ms: *created_ms,
                };
                entry.stored(body, Some(content_key.clone()))
            }
            _ => entry.stored(StoredBody::Unreadable(Unreadable::Copied), None),
        }
    }

    /// An own message has its place in the log: it leaves the outbox. True when
    /// its acknowledgement has told of it already.
    pub(crate) fn settle_sent(&mut self, turn: &mut Turn<'_>, entry: &LogEntry) -> bool {
        let Some((order, item)) = self.outbox.by_id(entry.message_id) else {
            return false;
        };
        let told = item.acknowledged;
        let row = MessageRow {
            seq: Some(entry.seq),
            sent_at: entry.at_ms,
            state: RowState::Sent,
            ..item.stored.to_row(self)
        };
        self.answer_sent(turn, &row);
        self.outbox.remove(order);
        turn.out.delete(Table::Outbox, order.to_be_bytes().to_vec());
        told
    }

    /// The server refused a message.
    pub(crate) fn on_refused_send(&mut self, turn: &mut Turn<'_>, refusal: &frame::Refused) {
        let problem = refusal.problem.clone().unwrap_or_default();
        let Ok(id) = MessageId::try_from(&refusal.message_id[..]) else {
            return;
        };
        let now_ms = turn.now_ms;
        let Some((order, item)) = self.outbox.by_id_mut(id) else {
            return;
        };
        item.transmitted = false;
        if ErrorCode::from_code(&problem.code) == Some(ErrorCode::StaleDeviceList) {
            // Sealed anew, for the devices that there are now.
            item.stored.stage = Stage::Queued;
            for list in &problem.current_lists {
                if let Ok(account) = AccountId::try_from(&list.account[..]) {
                    self.ask_device_list(turn, account);
                }
            }
        } else if let Some(due_ms) = retry_at(now_ms, &problem) {
            item.not_before_ms = due_ms;
        } else {
            self.fail(turn, order, &refused(&problem));
        }
    }

    /// Nothing can be sealed for an account now: what waits for it has failed.
    pub(crate) fn fail_outbox_of(
        &mut self,
        turn: &mut Turn<'_>,
        account: AccountId,
        failure: &Failure,
    ) {
        let orders: Vec<u64> = self
            .outbox
            .items
            .iter()
            .filter(|(_, item)| {
                let conversation = self.conversations.get(&item.stored.conversation);
                matches!(item.stored.stage, Stage::Queued)
                    && (account == self.own.account
                        || conversation.is_some_and(|here| here.peer == account))
            })
            .map(|(order, _)| *order)
            .collect();
        for order in orders {
            self.fail(turn, order, failure);
        }
    }

    fn fail(&mut self, turn: &mut Turn<'_>, order: u64, failure: &Failure) {
        let Some(item) = self.outbox.items.get_mut(&order) else {
            return;
        };
        item.stored.stage = Stage::Failed {
            reason: failure.message.clone(),
        };
        let stored = item.stored.clone();
        turn.out.put(stored.to_record(order));
        turn.out.event(Event::Message {
            row: stored.to_row(self),
        });
        for command in self
            .outbox
            .waiting
            .remove(&stored.message_id)
            .unwrap_or_default()
        {
            turn.out.answer(command, Err(failure.clone()));
        }
    }
}

pub(crate) fn unknown_conversation() -> Failure {
    Failure {
        code: FailureCode::UnknownConversation,
        reason: None,
        message: "This device has no such conversation; open one by name first.".to_owned(),
    }
}

fn read_bundle(
    device: DeviceId,
    key: chat_verify::DeviceKey,
    served: &frame::PrekeyBundle,
) -> Option<PrekeyBundle> {
    let signed = served.signed.as_ref()?;
    let signed = SignedPrekey {
        id: signed.id,
        public: PrekeyPublic::try_from(&signed.public[..]).ok()?,
        signature: Signature::try_from(&signed.signature[..]).ok()?,
    };
    let one_time = match &served.one_time {
        Some(prekey) => Some((prekey.id, PrekeyPublic::try_from(&prekey.public[..]).ok()?)),
        None => None,
    };
    PrekeyBundle::verify(device, key, signed, one_time).ok()
}

/// The log entry that the server made of a frame of ours.
fn own_log_entry(
    frame: &[u8],
    own: &Address,
    ack: &frame::Acknowledged,
    since: u64,
) -> Option<LogEntry> {
    let Some(client_frame::Frame::Send(send)) = frame::ClientFrame::decode(frame).ok()?.frame
    else {
        return None;
    };
    Some(LogEntry {
        conversation: ConversationId::try_from(&send.conversation[..]).ok()?,
        seq: ack.seq,
        at_ms: ack.at_ms,
        sender: own.account,
        sender_device: own.device,
        message_id: MessageId::try_from(&send.message_id[..]).ok()?,
        kind: u16::try_from(send.kind).ok()?,
        body: send.body.into(),
        sealed_key: Vec::new(),
        since,
    })
}
