//! Commands of a person or a script, and those that wait for something.

use chat_protocol::frame;
use chat_protocol::{AccountId, ConversationId};

use crate::api::{Command, CommandId, Failure, FailureCode, Order, Query, Record, Reply, Table};
use crate::machine::{Loading, Machine};
use crate::message::{self, StoredMessage};
use crate::outbox::unknown_conversation;
use crate::request::Ask;
use crate::turn::Turn;

/// A command that cannot be answered yet.
pub(crate) enum Waiting {
    /// Somebody is being looked up.
    OpenByName { id: CommandId, name: String },
    /// Their conversation is being opened.
    OpenByAccount { id: CommandId, account: AccountId },
    /// Until everything is here.
    Sync { id: CommandId },
    /// Until somebody's list is here.
    SafetyNumber {
        id: CommandId,
        account: AccountId,
        since: u64,
    },
}

impl Waiting {
    fn id(&self) -> CommandId {
        match self {
            Self::OpenByName { id, .. }
            | Self::OpenByAccount { id, .. }
            | Self::Sync { id }
            | Self::SafetyNumber { id, .. } => *id,
        }
    }
}

impl Machine {
    pub(crate) fn on_command(&mut self, turn: &mut Turn<'_>, id: CommandId, command: Command) {
        match command {
            Command::OpenDirect { name } => self.open_direct(turn, id, &name),
            Command::Conversations => {
                let reply = Reply::Conversations {
                    conversations: self.views(),
                };
                turn.out.answer(id, Ok(reply));
            }
            Command::Send {
                conversation,
                message_id,
                text,
            } => {
                self.send_text(turn, id, conversation, message_id, text);
            }
            Command::Timeline {
                conversation,
                before,
                after,
                limit,
            } => {
                self.load_timeline(
                    turn,
                    Stretch {
                        id,
                        conversation,
                        before,
                        after,
                        limit,
                    },
                );
            }
            Command::Sync => self.wait(turn, Waiting::Sync { id }),
            Command::SafetyNumber { account } => {
                let since = self.turn_number;
                self.wait(turn, Waiting::SafetyNumber { id, account, since });
            }
            Command::CreateInvite { uses } => {
                if self.connection.is_given_up() || self.connection.is_signed_out() {
                    let failure = self.unreachable();
                    return turn.out.answer(id, Err(failure));
                }
                self.invites.insert(id);
                self.ask(turn, Ask::CreateInvite { uses, command: id });
            }
            Command::WhoAmI => {
                let reply = Reply::WhoAmI {
                    account: self.own.account,
                    device: self.own.address.device,
                    name: self.own.name.clone(),
                    server: self.own.server.clone(),
                };
                turn.out.answer(id, Ok(reply));
            }
            Command::Retry { message_id } => self.retry(turn, id, message_id),
            Command::MarkRead { conversation, seq } => {
                self.mark_read(turn, conversation, seq);
                turn.out.answer(id, Ok(Reply::Done));
            }
        }
    }

    /// All conversations, the one with the newest message first.
    fn views(&self) -> Vec<crate::api::ConversationView> {
        let mut views: Vec<_> = self
            .conversations
            .keys()
            .filter_map(|id| self.view(*id))
            .collect();
        views.sort_by_key(|view| {
            let newest = view.last.as_ref().map_or(0, |row| row.sent_at);
            (std::cmp::Reverse(newest), view.title.clone())
        });
        views
    }

    fn open_direct(&mut self, turn: &mut Turn<'_>, id: CommandId, name: &str) {
        let name = name.trim().to_lowercase();
        if name == self.own.name {
            let message = "That is your own name; a conversation takes two.".to_owned();
            let failure = Failure {
                code: FailureCode::PersonNotFound,
                reason: None,
                message,
            };
            return turn.out.answer(id, Err(failure));
        }
        let here = self.conversations.values().find(|here| {
            self.peers
                .get(&here.peer)
                .is_some_and(|peer| peer.name == name)
        });
        if let Some(conversation) = here.and_then(|here| self.view(here.id)) {
            return turn
                .out
                .answer(id, Ok(Reply::Conversation { conversation }));
        }
        self.wait(
            turn,
            Waiting::OpenByName {
                id,
                name: name.clone(),
            },
        );
        if self.waits(id) {
            self.ask_once(turn, Ask::FindPerson { name });
        }
    }

    fn waits(&self, id: CommandId) -> bool {
        self.waiting.iter().any(|waiting| waiting.id() == id)
    }

    /// Lets a command wait, unless there is no use in it.
    fn wait(&mut self, turn: &mut Turn<'_>, waiting: Waiting) {
        let settled = match &waiting {
            Waiting::SafetyNumber { account, .. } => self.safety_number(*account).is_some(),
            _ => false,
        };
        if !settled && (self.connection.is_given_up() || self.connection.is_signed_out()) {
            let failure = self.unreachable();
            return turn.out.answer(waiting.id(), Err(failure));
        }
        self.waiting.push(waiting);
    }

    fn unreachable(&self) -> Failure {
        if self.connection.is_signed_out() {
            return Failure {
                code: FailureCode::SignedOut,
                reason: None,
                message: "This device's session has ended. Sign in again with your password."
                    .to_owned(),
            };
        }
        Failure {
            code: FailureCode::Offline,
            reason: None,
            message: format!(
                "The server {} cannot be reached. Check the connection and try again.",
                self.own.server
            ),
        }
    }

    /// The server could not be reached: whoever waits for it learns so.
    pub(crate) fn fail_waiting_offline(&mut self, turn: &mut Turn<'_>) {
        let failure = self.unreachable();
        for waiting in std::mem::take(&mut self.waiting) {
            turn.out.answer(waiting.id(), Err(failure.clone()));
        }
        for id in std::mem::take(&mut self.invites) {
            self.requests.forget_command(id);
            turn.out.answer(id, Err(failure.clone()));
        }
    }

    /// The session has ended: what waits for the server fails, and so does what
    /// is to be sent, until somebody signs in again.
    pub(crate) fn fail_waiting_signed_out(&mut self, turn: &mut Turn<'_>) {
        self.fail_waiting_offline(turn);
        let failure = self.unreachable();
        for id in self.outbox.take_waiting() {
            turn.out.answer(id, Err(failure.clone()));
        }
    }

    /// Answers what can be answered by now.
    pub(crate) fn settle_waiting(&mut self, turn: &mut Turn<'_>) {
        for waiting in std::mem::take(&mut self.waiting) {
            match waiting {
                Waiting::Sync { id } if self.is_synced() => {
                    turn.out.answer(id, Ok(Reply::Synced));
                }
                Waiting::SafetyNumber { id, account, since } => {
                    self.settle_safety_number(turn, id, account, since);
                }
                waiting => self.waiting.push(waiting),
            }
        }
    }

    fn is_synced(&self) -> bool {
        self.connection.is_online()
            && !self.requests.holds_fetch()
            && !self
                .conversations
                .values()
                .any(crate::conversation::Conversation::is_behind)
    }

    fn safety_number(&self, account: AccountId) -> Option<String> {
        let list = self.peers.get(&account)?.list.as_ref()?;
        let own = (self.own.account, &self.own.list.latest().account_key);
        let peer = (account, &list.latest().account_key);
        Some(chat_crypto::safety_number(own, peer).to_string())
    }

    fn settle_safety_number(
        &mut self,
        turn: &mut Turn<'_>,
        id: CommandId,
        account: AccountId,
        since: u64,
    ) {
        if let Some(digits) = self.safety_number(account) {
            return turn.out.answer(id, Ok(Reply::SafetyNumber { digits }));
        }
        let failure = match self.peers.get(&account) {
            None => Some(Failure {
                code: FailureCode::PersonNotFound,
                reason: None,
                message: "This device does not know that account; open a conversation first."
                    .to_owned(),
            }),
            Some(peer) if peer.asked_at > since => Some(Failure {
                code: FailureCode::NotVerified,
                reason: None,
                message: peer.refused.clone().unwrap_or_else(|| {
                    "The server did not give the keys of that account.".to_owned()
                }),
            }),
            Some(_) => None,
        };
        if let Some(failure) = failure {
            return turn.out.answer(id, Err(failure));
        }
        self.ask_device_list(turn, account);
        self.waiting
            .push(Waiting::SafetyNumber { id, account, since });
    }

    /// Somebody was found by name.
    pub(crate) fn on_person(&mut self, turn: &mut Turn<'_>, name: &str, served: &frame::Person) {
        let Ok(account) = AccountId::try_from(&served.account[..]) else {
            return;
        };
        if account == self.own.account || served.name != name {
            let message = "The server answered with another person than was asked for.".to_owned();
            let failure = Failure {
                code: FailureCode::NotVerified,
                reason: None,
                message,
            };
            return self.fail_open_by_name(turn, name, &failure);
        }
        self.upsert_peer(turn, account, name);
        for waiting in &mut self.waiting {
            if let Waiting::OpenByName { id, name: wanted } = waiting
                && wanted == name
            {
                *waiting = Waiting::OpenByAccount { id: *id, account };
            }
        }
        // The list is pinned before the first message, so that a safety number
        // can be compared beforehand.
        self.ask_device_list(turn, account);
        self.ask_once(turn, Ask::OpenDirect { peer: account });
    }

    /// The server has opened a direct conversation.
    pub(crate) fn on_direct_opened(
        &mut self,
        turn: &mut Turn<'_>,
        peer: AccountId,
        state: &frame::ConversationState,
    ) {
        let opened = self
            .on_conversation_state(turn, state)
            .filter(|id| *id == chat_verify::direct_id(self.own.account, peer))
            .and_then(|id| self.view(id));
        let Some(conversation) = opened else {
            let message = "The server opened another conversation than was asked for.".to_owned();
            let failure = Failure {
                code: FailureCode::NotVerified,
                reason: None,
                message,
            };
            return self.fail_open_by_account(turn, peer, &failure);
        };
        for waiting in std::mem::take(&mut self.waiting) {
            match waiting {
                Waiting::OpenByAccount { id, account } if account == peer => {
                    let conversation = conversation.clone();
                    turn.out
                        .answer(id, Ok(Reply::Conversation { conversation }));
                }
                waiting => self.waiting.push(waiting),
            }
        }
    }

    pub(crate) fn fail_open_by_name(&mut self, turn: &mut Turn<'_>, name: &str, why: &Failure) {
        self.fail_waiting(
            turn,
            why,
            |waiting| matches!(waiting, Waiting::OpenByName { name: wanted, .. } if wanted == name),
        );
    }

    pub(crate) fn fail_open_by_account(
        &mut self,
        turn: &mut Turn<'_>,
        peer: AccountId,
        why: &Failure,
    ) {
        self.fail_waiting(
            turn,
            why,
            |waiting| matches!(waiting, Waiting::OpenByAccount { account, .. } if *account == peer),
        );
    }

    fn fail_waiting(
        &mut self,
        turn: &mut Turn<'_>,
        why: &Failure,
        which: impl Fn(&Waiting) -> bool,
    ) {
        let (failed, rest) = std::mem::take(&mut self.waiting)
            .into_iter()
            .partition(which);
        self.waiting = rest;
        let failed: Vec<Waiting> = failed;
        for waiting in failed {
            turn.out.answer(waiting.id(), Err(why.clone()));
        }
    }
}

/// A stretch of a conversation's history that a command asked for.
pub(crate) struct Stretch {
    id: CommandId,
    conversation: ConversationId,
    before: Option<u64>,
    after: Option<u64>,
    limit: u32,
}

impl Machine {
    fn load_timeline(&mut self, turn: &mut Turn<'_>, stretch: Stretch) {
        if !self.conversations.contains_key(&stretch.conversation) {
            return turn.out.answer(stretch.id, Err(unknown_conversation()));
        }
        let key = |seq: u64| message::key(stretch.conversation, seq);
        let query = Query::Range {
            table: Table::Message,
            prefix: stretch.conversation.as_bytes().to_vec(),
            before: stretch.before.map(key),
            after: stretch.after.map(key),
            // One more than wanted tells whether there is more.
            limit: usize::try_from(stretch.limit)
                .unwrap_or(usize::MAX)
                .saturating_add(1),
            order: if stretch.after.is_some() {
                Order::Ascending
            } else {
                Order::Descending
            },
        };
        self.load(turn, Loading::Timeline(stretch), query);
    }

    /// The store's answer. Rows that the outbox still holds follow the newest.
    pub(crate) fn on_timeline_loaded(
        &mut self,
        turn: &mut Turn<'_>,
        stretch: &Stretch,
        mut records: Vec<Record>,
    ) {
        let limit = usize::try_from(stretch.limit).unwrap_or(usize::MAX);
        let more = records.len() > limit;
        records.truncate(limit);
        if stretch.after.is_none() {
            records.reverse();
        }
        let rows: Option<Vec<_>> = records
            .iter()
            .map(|record| {
                let seq = message::seq_of(&record.key)?;
                Some(StoredMessage::open(record)?.to_row(self, stretch.conversation, seq))
            })
            .collect();
        let Some(mut rows) = rows else {
            let message =
                "The store of this device is damaged: a message does not read back.".to_owned();
            let failure = Failure {
                code: FailureCode::Store,
                reason: None,
                message,
            };
            return turn.out.answer(stretch.id, Err(failure));
        };
        let at_newest = stretch.before.is_none() && (stretch.after.is_none() || !more);
        if at_newest {
            rows.extend(self.outbox.rows_of(self, stretch.conversation));
        }
        turn.out
            .answer(stretch.id, Ok(Reply::Timeline { rows, more }));
    }
}
