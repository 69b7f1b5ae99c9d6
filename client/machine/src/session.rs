//! The pairwise sessions that are loaded, and loading the others.

use std::collections::{HashMap, HashSet};

use chat_crypto::DeviceSessions;
use chat_protocol::DeviceId;

use crate::api::{Query, Record, Table};
use crate::machine::{Loading, Machine};
use crate::turn::Turn;

/// The format version that stands before a session in its record.
const VERSION: u8 = 1;

/// Sessions in memory. Loaded as messages need them; a store that holds ten
/// thousand of them opens as fast as one that holds ten.
#[derive(Default)]
pub(crate) struct Sessions {
    loaded: HashMap<DeviceId, DeviceSessions>,
    loading: HashSet<DeviceId>,
}

impl Machine {
    /// The sessions with a device; `None` while the store is asked for them.
    pub(crate) fn sessions_with(
        &mut self,
        turn: &mut Turn<'_>,
        device: DeviceId,
    ) -> Option<&DeviceSessions> {
        if !self.sessions.loaded.contains_key(&device) {
            if self.sessions.loading.insert(device) {
                let query = Query::Keys {
                    table: Table::Session,
                    keys: vec![device.as_bytes().to_vec()],
                };
                self.load(turn, Loading::Session(device), query);
            }
            return None;
        }
        self.sessions.loaded.get(&device)
    }

    /// The next state of the sessions with a device: stored and used from now on.
    pub(crate) fn commit_sessions(
        &mut self,
        turn: &mut Turn<'_>,
        device: DeviceId,
        next: DeviceSessions,
    ) {
        let mut value = vec![VERSION];
        value.extend_from_slice(&next.to_bytes());
        turn.out.put(Record {
            table: Table::Session,
            key: device.as_bytes().to_vec(),
            value,
        });
        self.sessions.loaded.insert(device, next);
    }

    /// The store's answer. A record that cannot be read counts as no session: the
    /// next message begins a new one, and what needed the old one says so.
    pub(crate) fn on_session_loaded(&mut self, device: DeviceId, records: &[Record]) {
        self.sessions.loading.remove(&device);
        let sessions = records
            .first()
            .and_then(|record| match record.value.split_first() {
                Some((&VERSION, rest)) => DeviceSessions::from_bytes(rest).ok(),
                _ => None,
            })
            .unwrap_or_else(DeviceSessions::empty);
        self.sessions.loaded.insert(device, sessions);
    }
}
