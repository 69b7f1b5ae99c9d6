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

mod outcome;
mod sealing;

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use chat_protocol::{ConversationId, MessageId, limits};

use crate::api::{
    CommandId, Event, Failure, FailureCode, MessageRow, Record, Reply, RowKind, RowState, Table,
};
use crate::machine::Machine;
use crate::record::{self, OpenError};
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
}

pub(crate) fn unknown_conversation() -> Failure {
    Failure {
        code: FailureCode::UnknownConversation,
        reason: None,
        message: "This device has no such conversation; open one by name first.".to_owned(),
    }
}
