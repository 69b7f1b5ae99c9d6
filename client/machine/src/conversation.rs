//! Conversations: where each one stands in its log, and what is known beyond.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use chat_protocol::frame;
use chat_protocol::{AccountId, ConversationId, ConversationKind, limits};
use chat_verify::{Head, direct_id};

use crate::api::{ConversationView, Event, Person, Record, Table, ViewKind};
use crate::machine::Machine;
use crate::message::{LogEntry, StoredMessage};
use crate::record::{self, OpenError};
use crate::request::Ask;
use crate::turn::Turn;

/// Heads kept to check what others saw. A sender is rarely further behind.
const RECENT_HEADS: usize = 1024;

#[derive(Serialize, Deserialize)]
struct StoredConversation {
    id: ConversationId,
    peer: AccountId,
    head_seq: u64,
    head: [u8; 32],
    known_seq: u64,
    read_seq: u64,
    unread: u64,
    last: Option<(u64, StoredMessage)>,
}

/// One direct conversation.
pub(crate) struct Conversation {
    pub id: ConversationId,
    pub peer: AccountId,
    /// The newest message that is stored here, and the hash chain up to it.
    pub head_seq: u64,
    pub head: Head,
    /// The newest message that the server is known to have.
    pub known_seq: u64,
    pub read_seq: u64,
    pub unread: u64,
    pub last: Option<(u64, StoredMessage)>,
    /// Messages that came in and are not applied yet, by seq. Bounded by a page:
    /// what does not fit is fetched when its turn comes.
    pub pending: BTreeMap<u64, LogEntry>,
    /// Heads that were computed since the start, oldest first.
    recent_heads: VecDeque<(u64, Head)>,
    /// The server gave nothing where it must have something: asked again on the
    /// next connection only.
    pub stalled: bool,
}

impl Conversation {
    pub fn new(id: ConversationId, peer: AccountId) -> Self {
        Self {
            id,
            peer,
            head_seq: 0,
            head: Head::default(),
            known_seq: 0,
            read_seq: 0,
            unread: 0,
            last: None,
            pending: BTreeMap::new(),
            recent_heads: VecDeque::from([(0, Head::default())]),
            stalled: false,
        }
    }

    pub fn open(record: &Record) -> Result<Self, OpenError> {
        let stored: StoredConversation = record::decode(record)?;
        let head = Head::from_bytes(stored.head);
        Ok(Self {
            head_seq: stored.head_seq,
            head,
            known_seq: stored.known_seq,
            read_seq: stored.read_seq,
            unread: stored.unread,
            last: stored.last,
            recent_heads: VecDeque::from([(stored.head_seq, head)]),
            ..Self::new(stored.id, stored.peer)
        })
    }

    pub fn to_record(&self) -> Record {
        let stored = StoredConversation {
            id: self.id,
            peer: self.peer,
            head_seq: self.head_seq,
            head: *self.head.as_bytes(),
            known_seq: self.known_seq,
            read_seq: self.read_seq,
            unread: self.unread,
            last: self.last.clone(),
        };
        record::record(Table::Conversation, *self.id.as_bytes(), &stored)
    }

    /// Moves on to the next message of the log.
    pub fn advance(&mut self, seq: u64, head: Head) {
        self.head_seq = seq;
        self.head = head;
        self.known_seq = self.known_seq.max(seq);
        if self.recent_heads.len() == RECENT_HEADS {
            self.recent_heads.pop_front();
        }
        self.recent_heads.push_back((seq, head));
    }

    /// The head at a seq, while it is remembered.
    pub fn head_at(&self, seq: u64) -> Option<Head> {
        let at = self
            .recent_heads
            .binary_search_by_key(&seq, |(seq, _)| *seq)
            .ok()?;
        self.recent_heads.get(at).map(|(_, head)| *head)
    }

    /// Whether the server has something that is not here.
    pub fn is_behind(&self) -> bool {
        !self.stalled && (self.known_seq > self.head_seq || !self.pending.is_empty())
    }

    /// The seq after which the next page begins: behind what waits without a gap.
    pub fn next_to_fetch(&self) -> u64 {
        let mut seq = self.head_seq;
        for waiting in self.pending.keys() {
            if *waiting == seq + 1 {
                seq = *waiting;
            } else if *waiting > seq {
                break;
            }
        }
        seq
    }

    /// Keeps a message until its turn; one that finds no place is fetched later.
    pub fn keep(&mut self, entry: LogEntry) {
        self.known_seq = self.known_seq.max(entry.seq);
        let room = usize::try_from(limits::LOG_PAGE_MAX).unwrap_or(usize::MAX);
        let next = entry.seq == self.head_seq + 1;
        if entry.seq > self.head_seq && (next || self.pending.len() < 2 * room) {
            self.pending.entry(entry.seq).or_insert(entry);
        }
    }
}

impl Machine {
    /// The conversation of two accounts, made if need be.
    pub(crate) fn upsert_direct(&mut self, turn: &mut Turn<'_>, peer: &Person) -> ConversationId {
        self.upsert_peer(turn, peer.account, &peer.name);
        let id = direct_id(self.own.account, peer.account);
        if let std::collections::hash_map::Entry::Vacant(vacant) = self.conversations.entry(id) {
            let conversation = vacant.insert(Conversation::new(id, peer.account));
            turn.out.put(conversation.to_record());
            self.tell_conversation(turn, id);
        }
        id
    }

    /// What the server says of a conversation: believed only as far as it can be
    /// checked. Its id must be that of its two members, one of them ours.
    pub(crate) fn on_conversation_state(
        &mut self,
        turn: &mut Turn<'_>,
        state: &frame::ConversationState,
    ) -> Option<ConversationId> {
        if u16::try_from(state.kind) != Ok(ConversationKind::Direct.number()) {
            // A kind of a later version: this one cannot show it.
            return None;
        }
        let id = ConversationId::try_from(&state.conversation[..]).ok()?;
        let own = self.own.account;
        let members: Vec<Person> = state
            .members
            .iter()
            .filter_map(|member| {
                let account = AccountId::try_from(&member.account[..]).ok()?;
                Some(Person {
                    account,
                    name: member.name.clone(),
                })
            })
            .collect();
        let peer = members.iter().find(|person| person.account != own)?;
        if direct_id(own, peer.account) != id {
            turn.out.event(Event::HistoryBroken {
                conversation: id,
                message: format!(
                    "The server gave a conversation with {} the wrong id. It was left out.",
                    peer.name
                ),
            });
            return None;
        }
        self.upsert_direct(turn, peer);
        let conversation = self.conversations.get_mut(&id)?;
        if state.head_seq > conversation.known_seq {
            conversation.known_seq = state.head_seq;
            turn.out.put(conversation.to_record());
        } else if state.head_seq < conversation.head_seq {
            turn.out.event(Event::HistoryBroken {
                conversation: id,
                message: "The server has lost messages that it had acknowledged; they are still \
                          on this device."
                    .to_owned(),
            });
        }
        self.work.insert(id);
        Some(id)
    }

    /// A page of the log came in.
    pub(crate) fn on_log_page(
        &mut self,
        turn: &mut Turn<'_>,
        id: ConversationId,
        after_seq: u64,
        page: frame::LogPage,
    ) {
        let Some(conversation) = self.conversations.get_mut(&id) else {
            return;
        };
        conversation.known_seq = conversation.known_seq.max(page.head_seq);
        let next = after_seq + 1;
        let withheld =
            page.head_seq >= next && !page.messages.iter().any(|message| message.seq == next);
        for delivered in page.messages {
            if let Some(entry) = LogEntry::from_frame(delivered, self.turn_number)
                && entry.conversation == id
            {
                conversation.keep(entry);
            }
        }
        if withheld && conversation.head_seq < next {
            conversation.stalled = true;
            turn.out.event(Event::HistoryBroken {
                conversation: id,
                message: format!(
                    "The server withholds message number {next}: what comes later is not shown."
                ),
            });
        }
        self.work.insert(id);
    }

    /// The server will not give the log now.
    pub(crate) fn on_fetch_refused(&mut self, id: ConversationId) {
        if let Some(conversation) = self.conversations.get_mut(&id) {
            conversation.stalled = true;
        }
    }

    /// Asks for the rest of a log, if there is more than is here.
    pub(crate) fn fetch_if_behind(&mut self, turn: &mut Turn<'_>, id: ConversationId) {
        let after_seq = match self.conversations.get(&id) {
            Some(here) if !here.stalled && here.known_seq > here.next_to_fetch() => {
                here.next_to_fetch()
            }
            _ => return,
        };
        if !self.requests.holds_fetch_of(id) {
            self.ask(
                turn,
                Ask::Fetch {
                    conversation: id,
                    after_seq,
                },
            );
        }
    }

    /// The person has read up to `seq`.
    pub(crate) fn mark_read(&mut self, turn: &mut Turn<'_>, id: ConversationId, seq: u64) {
        let Some(conversation) = self.conversations.get_mut(&id) else {
            return;
        };
        let seq = seq.min(conversation.head_seq);
        if seq <= conversation.read_seq {
            return;
        }
        conversation.read_seq = seq;
        conversation.unread = conversation.unread.min(conversation.head_seq - seq);
        turn.out.put(conversation.to_record());
        self.tell_conversation(turn, id);
    }

    /// Tells what a conversation looks like now.
    pub(crate) fn tell_conversation(&mut self, turn: &mut Turn<'_>, id: ConversationId) {
        if let Some(conversation) = self.view(id) {
            turn.out.event(Event::Conversation { conversation });
        }
    }

    /// A conversation as a person sees it.
    pub(crate) fn view(&self, id: ConversationId) -> Option<ConversationView> {
        let conversation = self.conversations.get(&id)?;
        let peer = self.peers.get(&conversation.peer)?;
        let on_its_way = self.outbox.rows_of(self, id).pop();
        let last = on_its_way.or_else(|| {
            conversation
                .last
                .as_ref()
                .map(|(seq, message)| message.to_row(self, id, *seq))
        });
        Some(ConversationView {
            id,
            kind: ViewKind::Direct,
            title: peer.name.clone(),
            peer: peer.person(),
            head_seq: conversation.head_seq,
            read_seq: conversation.read_seq,
            unread: conversation.unread,
            last,
            identity_changed: peer.refused.is_some(),
        })
    }
}
