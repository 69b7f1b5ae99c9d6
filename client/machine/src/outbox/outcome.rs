//! What becomes of what was sent: acknowledged, refused, or found in the log.

use prost::Message as _;

use chat_crypto::Address;
use chat_protocol::frame::{self, client_frame};
use chat_protocol::{AccountId, ConversationId, ErrorCode, MessageId};

use super::{Stage, StoredItem};
use crate::api::{Event, Failure, MessageRow, Reply, RowState, Table};
use crate::machine::Machine;
use crate::message::{LogEntry, StoredBody, StoredMessage, Unreadable};
use crate::request::{refused, retry_at};
use crate::turn::Turn;

impl Machine {
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

    pub(super) fn fail(&mut self, turn: &mut Turn<'_>, order: u64, failure: &Failure) {
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
