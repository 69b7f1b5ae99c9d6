//! The machine itself: its state, and the turn that every input takes.

use std::collections::{BTreeSet, HashMap};

use rand_core::CryptoRng;

use chat_protocol::{AccountId, ConversationId, DeviceId};

use crate::account::{self, Own};
use crate::api::{CommandId, Effect, Input, LoadId, Query, Record, Table};
use crate::command::{Stretch, Waiting};
use crate::connection::Connection;
use crate::conversation::Conversation;
use crate::outbox::Outbox;
use crate::peer::Peer;
use crate::prekey::OwnPrekeys;
use crate::record::OpenError;
use crate::request::Requests;
use crate::session::Sessions;
use crate::turn::{Out, Turn};

/// What an answer of the store is for.
pub(crate) enum Loading {
    Session(DeviceId),
    Timeline(Stretch),
}

/// The state of one device, and every decision that a client takes.
pub struct Machine {
    pub(crate) own: Own,
    pub(crate) prekeys: OwnPrekeys,
    pub(crate) peers: HashMap<AccountId, Peer>,
    pub(crate) sessions: Sessions,
    pub(crate) conversations: HashMap<ConversationId, Conversation>,
    pub(crate) outbox: Outbox,
    pub(crate) connection: Connection,
    pub(crate) requests: Requests,
    pub(crate) waiting: Vec<Waiting>,
    /// Invites that somebody waits for.
    pub(crate) invites: BTreeSet<CommandId>,
    /// Conversations in which something may be possible that was not before.
    pub(crate) work: BTreeSet<ConversationId>,
    /// Counts inputs; tells what was known when.
    pub(crate) turn_number: u64,
    loading: HashMap<LoadId, Loading>,
    next_load: LoadId,
}

impl Machine {
    /// Opens a device from its store.
    ///
    /// `records` are all records of the tables in [`Table::AT_OPEN`].
    ///
    /// # Errors
    /// [`OpenError`] when there is no account, or something does not read back.
    pub fn open(records: &[Record]) -> Result<Self, OpenError> {
        let of = |table: Table| records.iter().filter(move |record| record.table == table);
        let account = of(Table::Device).find(|record| record.key == account::KEY);
        let prekeys = of(Table::Device).find(|record| OwnPrekeys::is_record(record));
        let resume = of(Table::Device).find(|record| Connection::is_record(record));
        let mut peers = HashMap::new();
        for record in of(Table::Peer) {
            let peer = Peer::open(record)?;
            peers.insert(peer.account, peer);
        }
        let mut conversations = HashMap::new();
        for record in of(Table::Conversation) {
            let conversation = Conversation::open(record)?;
            conversations.insert(conversation.id, conversation);
        }
        let outbox: Vec<&Record> = of(Table::Outbox).collect();
        Ok(Self {
            own: Own::open(account)?,
            prekeys: OwnPrekeys::open(prekeys)?,
            peers,
            sessions: Sessions::default(),
            conversations,
            outbox: Outbox::open(&outbox)?,
            connection: Connection::open(resume)?,
            requests: Requests::default(),
            waiting: Vec::new(),
            invites: BTreeSet::new(),
            work: BTreeSet::new(),
            turn_number: 0,
            loading: HashMap::new(),
            next_load: 1,
        })
    }

    /// Takes one input, and says what is to be done about it, in order.
    ///
    /// `now_ms` is the device's clock in milliseconds since 1970.
    pub fn handle(&mut self, input: Input, now_ms: u64, rng: &mut dyn CryptoRng) -> Vec<Effect> {
        self.turn_number += 1;
        let mut turn = Turn {
            now_ms,
            rng,
            out: Out::default(),
        };
        match input {
            Input::Connected => self.on_connected(&mut turn),
            Input::Disconnected => self.on_disconnected(&mut turn),
            Input::Frame(bytes) => self.on_frame(&mut turn, &bytes),
            Input::Loaded { load, records } => self.on_loaded(&mut turn, load, records),
            Input::Command { id, command } => self.on_command(&mut turn, id, command),
            Input::Tick => {}
        }
        self.progress(&mut turn);
        turn.out.finish()
    }

    /// Takes everything that waits as far as it can go now.
    fn progress(&mut self, turn: &mut Turn<'_>) {
        self.pump_requests(turn);
        while let Some(id) = self.work.pop_first() {
            self.apply_pending(turn, id);
        }
        self.pump_outbox(turn);
        self.settle_resume(turn);
        self.settle_waiting(turn);
    }

    /// Asks the store.
    pub(crate) fn load(&mut self, turn: &mut Turn<'_>, what: Loading, query: Query) {
        let id = self.next_load;
        self.next_load += 1;
        self.loading.insert(id, what);
        turn.out.load(id, query);
    }

    fn on_loaded(&mut self, turn: &mut Turn<'_>, load: LoadId, records: Vec<Record>) {
        match self.loading.remove(&load) {
            Some(Loading::Session(device)) => {
                self.on_session_loaded(device, &records);
                self.work_everywhere();
            }
            Some(Loading::Timeline(stretch)) => self.on_timeline_loaded(turn, &stretch, records),
            None => {}
        }
    }

    /// Something was learned that any waiting message may have waited for.
    pub(crate) fn work_everywhere(&mut self) {
        let waiting = self
            .conversations
            .values()
            .filter(|here| !here.pending.is_empty());
        self.work.extend(waiting.map(|here| here.id));
    }
}
