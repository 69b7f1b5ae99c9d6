//! What is pinned of other accounts: their names and verified device lists.

use serde::{Deserialize, Serialize};

use chat_protocol::{AccountId, DeviceId, frame};
use chat_verify::{DeviceKey, DeviceList, DeviceListError, Signature, SignedEntry};

use crate::account::{StoredEntry, verify_stored};
use crate::api::{Event, Person, Record, Table};
use crate::machine::Machine;
use crate::record::{self, OpenError};
use crate::request::Ask;
use crate::turn::Turn;

#[derive(Serialize, Deserialize)]
struct StoredPeer {
    account: AccountId,
    name: String,
    entries: Vec<StoredEntry>,
}

/// Another account.
pub(crate) struct Peer {
    pub account: AccountId,
    pub name: String,
    pub list: Option<DeviceList>,
    entries: Vec<StoredEntry>,
    /// Why the list that the server served last is not believed. Nothing is
    /// sealed for this account while it stands.
    pub refused: Option<String>,
    /// The turn in which the server last answered for this list.
    pub asked_at: u64,
}

impl Peer {
    pub fn new(account: AccountId, name: String) -> Self {
        Self {
            account,
            name,
            list: None,
            entries: Vec::new(),
            refused: None,
            asked_at: 0,
        }
    }

    pub fn open(record: &Record) -> Result<Self, OpenError> {
        let stored: StoredPeer = record::decode(record)?;
        let list = verify_stored(stored.account, &stored.entries);
        if list.is_none() && !stored.entries.is_empty() {
            return Err(OpenError::Damaged {
                table: Table::Peer.name(),
            });
        }
        let mut peer = Self::new(stored.account, stored.name);
        peer.list = list;
        peer.entries = stored.entries;
        Ok(peer)
    }

    pub fn to_record(&self) -> Record {
        let stored = StoredPeer {
            account: self.account,
            name: self.name.clone(),
            entries: self.entries.clone(),
        };
        record::record(Table::Peer, *self.account.as_bytes(), &stored)
    }

    pub fn person(&self) -> Person {
        Person {
            account: self.account,
            name: self.name.clone(),
        }
    }

    /// Takes what the server served after the pinned entry, if all of it follows.
    fn extend(&mut self, entries: &[SignedEntry]) -> Result<(), DeviceListError> {
        let mut list = self.list.clone();
        for entry in entries {
            list = Some(match list {
                None => DeviceList::begin(self.account, entry)?,
                Some(list) => list.append(entry)?,
            });
        }
        if list.is_none() {
            // An account without a single entry is none.
            return Err(DeviceListError::Chain);
        }
        self.list = list;
        self.entries.extend(entries.iter().map(StoredEntry::from));
        Ok(())
    }
}

/// What is known of the key of a device.
pub(crate) enum KnownKey {
    Key(DeviceKey),
    /// The list has to be fetched first; it was asked for.
    NotYet,
    /// The current list does not hold this device.
    NotListed,
    /// The list that the server serves is not believed.
    Refused,
}

impl Machine {
    /// The peer of that id, made if need be.
    pub(crate) fn upsert_peer(&mut self, turn: &mut Turn<'_>, account: AccountId, name: &str) {
        let known = self
            .peers
            .get(&account)
            .is_some_and(|peer| peer.name == name);
        if known {
            return;
        }
        let peer = self
            .peers
            .entry(account)
            .or_insert_with(|| Peer::new(account, String::new()));
        name.clone_into(&mut peer.name);
        turn.out.put(peer.to_record());
    }

    /// Asks for what the server has of a list beyond what is pinned.
    pub(crate) fn ask_device_list(&mut self, turn: &mut Turn<'_>, account: AccountId) {
        self.ask_once(turn, Ask::FetchDeviceList { account });
    }

    /// The key of a device as the account's verified list names it.
    ///
    /// `since` is the turn in which the device was first heard of: a list that
    /// was fetched later and does not hold it settles the question.
    pub(crate) fn known_key(
        &mut self,
        turn: &mut Turn<'_>,
        account: AccountId,
        device: DeviceId,
        since: u64,
    ) -> KnownKey {
        if account == self.own.account {
            return self
                .own
                .list
                .device_key(device)
                .map_or(KnownKey::NotListed, |key| KnownKey::Key(*key));
        }
        let Some(peer) = self.peers.get(&account) else {
            return KnownKey::NotListed;
        };
        if let Some(key) = peer.list.as_ref().and_then(|list| list.device_key(device)) {
            return KnownKey::Key(*key);
        }
        if peer.refused.is_some() {
            return KnownKey::Refused;
        }
        if peer.asked_at > since {
            return KnownKey::NotListed;
        }
        self.ask_device_list(turn, account);
        KnownKey::NotYet
    }

    /// The server's answer to [`Ask::FetchDeviceList`]; `None` when it refused.
    pub(crate) fn on_device_list(
        &mut self,
        turn: &mut Turn<'_>,
        account: AccountId,
        served: Option<&frame::DeviceList>,
    ) {
        let turn_number = self.turn_number;
        let Some(peer) = self.peers.get_mut(&account) else {
            return;
        };
        peer.asked_at = turn_number;
        self.work_everywhere();
        let Some(served) = served else {
            return;
        };
        let Some(peer) = self.peers.get_mut(&account) else {
            return;
        };
        let entries: Option<Vec<SignedEntry>> = served
            .entries
            .iter()
            .map(|entry| {
                let signature = Signature::try_from(&entry.signature[..]).ok()?;
                Some(SignedEntry {
                    bytes: entry.bytes.to_vec(),
                    signature,
                })
            })
            .collect();
        let outcome = match entries {
            Some(entries) => peer.extend(&entries),
            None => Err(DeviceListError::Encoding),
        };
        match outcome {
            Ok(()) => {
                peer.refused = None;
                turn.out.put(peer.to_record());
            }
            Err(error) => {
                // The pinned list stays: somebody between the two of us cannot
                // replace it, only be noticed.
                peer.refused = Some(format!(
                    "The server gave keys for {} that do not hold: {error}. Nothing is sent to \
                     them until that is cleared up; compare safety numbers with them in person.",
                    peer.name
                ));
                turn.out.event(Event::IdentityChanged {
                    account,
                    name: peer.name.clone(),
                });
            }
        }
    }
}
