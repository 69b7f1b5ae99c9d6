//! One call of the machine: what it was given, and what it has to say so far.

use std::collections::BTreeMap;

use prost::Message as _;
use rand_core::CryptoRng;

use chat_protocol::frame;

use crate::api::{Change, CommandId, Effect, Event, Failure, LoadId, Query, Record, Reply, Table};

/// The inputs that are not in [`crate::Input`], and the effects so far.
pub(crate) struct Turn<'a> {
    pub now_ms: u64,
    pub rng: &'a mut dyn CryptoRng,
    pub out: Out,
}

/// Effects, gathered by kind. [`Out::finish`] puts them in the one order that is
/// safe: what changed is stored before anything leaves the device or is told.
#[derive(Default)]
pub(crate) struct Out {
    changes: BTreeMap<(Table, Vec<u8>), Option<Vec<u8>>>,
    transmits: Vec<Vec<u8>>,
    answers: Vec<(CommandId, Result<Reply, Failure>)>,
    events: Vec<Event>,
    loads: Vec<(LoadId, Query)>,
    close: Option<&'static str>,
}

impl Out {
    /// Stores a record; a later change of the same key in this turn replaces it.
    pub fn put(&mut self, record: Record) {
        self.changes
            .insert((record.table, record.key), Some(record.value));
    }

    /// Removes a record.
    pub fn delete(&mut self, table: Table, key: Vec<u8>) {
        self.changes.insert((table, key), None);
    }

    /// Sends a frame.
    pub fn transmit(&mut self, frame: frame::client_frame::Frame) {
        self.transmits
            .push(frame::ClientFrame { frame: Some(frame) }.encode_to_vec());
    }

    /// Sends bytes that are a frame already.
    pub fn transmit_encoded(&mut self, frame: Vec<u8>) {
        self.transmits.push(frame);
    }

    /// Answers a command.
    pub fn answer(&mut self, id: CommandId, outcome: Result<Reply, Failure>) {
        self.answers.push((id, outcome));
    }

    /// Tells of a change.
    pub fn event(&mut self, event: Event) {
        self.events.push(event);
    }

    /// Asks the store.
    pub fn load(&mut self, id: LoadId, query: Query) {
        self.loads.push((id, query));
    }

    /// Gives the connection up.
    pub fn close(&mut self, reason: &'static str) {
        self.close = Some(reason);
    }

    pub fn finish(self) -> Vec<Effect> {
        let mut effects = Vec::new();
        if !self.changes.is_empty() {
            let changes = self
                .changes
                .into_iter()
                .map(|((table, key), value)| match value {
                    Some(value) => Change::Put(Record { table, key, value }),
                    None => Change::Delete { table, key },
                });
            effects.push(Effect::Persist(changes.collect()));
        }
        effects.extend(self.transmits.into_iter().map(Effect::Transmit));
        effects.extend(self.events.into_iter().map(Effect::Event));
        effects.extend(
            self.answers
                .into_iter()
                .map(|(id, outcome)| Effect::Answer { id, outcome }),
        );
        effects.extend(
            self.loads
                .into_iter()
                .map(|(load, query)| Effect::Load { load, query }),
        );
        effects.extend(self.close.map(|reason| Effect::CloseConnection { reason }));
        effects
    }
}
