//! What goes into the machine and what comes out of it.
//!
//! Inputs and effects are the driver's side; commands, replies, failures and
//! events are the person's side. The latter have a JSON form (tag `type`, names
//! in camel case) that the browser and the command line's `-o json` share.

use serde::{Deserialize, Serialize};

use chat_protocol::{AccountId, ConversationId, DeviceId, MessageId};

/// The tables of a device's store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Table {
    /// The account, this device's secrets, session token, prekeys.
    Device,
    /// What is pinned of other accounts, by account id.
    Peer,
    /// Pairwise sessions, by the peer's device id.
    Session,
    /// Conversations, by id.
    Conversation,
    /// Messages, by conversation id and seq (u64, big-endian).
    Message,
    /// What is to be sent, by order (u64, big-endian).
    Outbox,
}

impl Table {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::Device,
        Self::Peer,
        Self::Session,
        Self::Conversation,
        Self::Message,
        Self::Outbox,
    ];

    /// Those that [`crate::Machine::open`] needs whole. The others grow with the
    /// history, and are asked for by [`Effect::Load`].
    pub const AT_OPEN: &'static [Self] =
        &[Self::Device, Self::Peer, Self::Conversation, Self::Outbox];

    /// The name under which stores keep it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Device => "device",
            Self::Peer => "peer",
            Self::Session => "session",
            Self::Conversation => "conversation",
            Self::Message => "message",
            Self::Outbox => "outbox",
        }
    }

    /// The table of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|table| table.name() == name)
    }
}

/// One record of the store. Values hold secrets: drivers seal them before they
/// touch a disk.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    /// Where it stands.
    pub table: Table,
    /// Its key; keys compare as bytes.
    pub key: Vec<u8>,
    /// Its value, beginning with a format version.
    pub value: Vec<u8>,
}

impl std::fmt::Debug for Record {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Record({}, {} bytes)",
            self.table.name(),
            self.value.len()
        )
    }
}

/// One change of the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Sets a record, over what stood there.
    Put(Record),
    /// Removes a record; it need not be there.
    Delete {
        /// Where it stands.
        table: Table,
        /// Its key.
        key: Vec<u8>,
    },
}

/// Names one question to the store.
pub type LoadId = u64;

/// Names one command; drawn by the driver, unique while it is unanswered.
pub type CommandId = u64;

/// A question to the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Query {
    /// The records of these keys; those that are missing are left out.
    Keys {
        /// The table.
        table: Table,
        /// The keys.
        keys: Vec<Vec<u8>>,
    },
    /// The records whose key begins with a prefix, in the order of their keys.
    Range {
        /// The table.
        table: Table,
        /// What the keys begin with.
        prefix: Vec<u8>,
        /// Only keys below this one.
        before: Option<Vec<u8>>,
        /// Only keys above this one.
        after: Option<Vec<u8>>,
        /// At most so many.
        limit: usize,
        /// Which end the limit counts from, and the order of the answer.
        order: Order,
    },
}

/// The order of a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Lowest key first.
    Ascending,
    /// Highest key first.
    Descending,
}

/// What a driver hands to the machine.
#[derive(Debug)]
pub enum Input {
    /// A socket to the server is open.
    Connected,
    /// The socket is gone.
    Disconnected,
    /// A binary message came in.
    Frame(Vec<u8>),
    /// The answer to [`Effect::Load`].
    Loaded {
        /// Which question.
        load: LoadId,
        /// What the store has, in the order that was asked for.
        records: Vec<Record>,
    },
    /// A person or a script wants something.
    Command {
        /// The driver's name for it.
        id: CommandId,
        /// What is wanted.
        command: Command,
    },
    /// About a second went by.
    Tick,
}

/// What a driver does for the machine, strictly in the order given.
#[derive(Debug)]
pub enum Effect {
    /// Store all of these or none, durably, before any effect after this one.
    Persist(Vec<Change>),
    /// Ask the store, and hand the answer back as [`Input::Loaded`].
    Load {
        /// The machine's name for the question.
        load: LoadId,
        /// The question.
        query: Query,
    },
    /// Send one binary message. Without a connection it is dropped: the machine
    /// sends again what matters after the next [`Input::Connected`].
    Transmit(Vec<u8>),
    /// A command has its answer.
    Answer {
        /// The driver's name for the command.
        id: CommandId,
        /// How it ended.
        outcome: Result<Reply, Failure>,
    },
    /// Something changed that a person may want to see.
    Event(Event),
    /// Close the connection; connect again as after a loss.
    CloseConnection {
        /// For the log.
        reason: &'static str,
    },
}

/// What a person or a script can want.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(
    tag = "type",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(export_to = "machine.ts"))]
pub enum Command {
    /// Finds somebody by name and opens the direct conversation with them.
    OpenDirect {
        /// The exact name.
        name: String,
    },
    /// Lists the conversations, newest message first.
    Conversations,
    /// Sends a text; answered once the server has acknowledged it.
    Send {
        /// Where to.
        #[cfg_attr(feature = "ts", ts(type = "string"))]
        conversation: ConversationId,
        /// Drawn by the caller: the same id again is the same message.
        #[cfg_attr(feature = "ts", ts(type = "string"))]
        message_id: MessageId,
        /// What.
        text: String,
    },
    /// Reads a stretch of the history.
    Timeline {
        /// Of which conversation.
        #[cfg_attr(feature = "ts", ts(type = "string"))]
        conversation: ConversationId,
        /// Only what stands before this seq; then the newest of those.
        #[serde(default)]
        before: Option<u64>,
        /// Only what stands after this seq; then the oldest of those.
        #[serde(default)]
        after: Option<u64>,
        /// At most so many rows.
        limit: u32,
    },
    /// Answered when everything that the server has is here.
    Sync,
    /// The number that both sides compare.
    SafetyNumber {
        /// With whom.
        #[cfg_attr(feature = "ts", ts(type = "string"))]
        account: AccountId,
    },
    /// Makes an invite to this server.
    CreateInvite {
        /// How many people may use it.
        uses: u32,
    },
    /// Who this device speaks for.
    WhoAmI,
    /// Tries a failed message again.
    Retry {
        /// Which one.
        #[cfg_attr(feature = "ts", ts(type = "string"))]
        message_id: MessageId,
    },
    /// The person has read up to here.
    MarkRead {
        /// Of which conversation.
        #[cfg_attr(feature = "ts", ts(type = "string"))]
        conversation: ConversationId,
        /// Up to which seq.
        seq: u64,
    },
}

/// How a command ended well.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(
    tag = "type",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(export_to = "machine.ts"))]
pub enum Reply {
    /// The conversation that was opened.
    Conversation {
        /// It.
        conversation: ConversationView,
    },
    /// All conversations.
    Conversations {
        /// Newest message first.
        conversations: Vec<ConversationView>,
    },
    /// The server has stored the message.
    Sent {
        /// Where.
        #[cfg_attr(feature = "ts", ts(type = "string"))]
        conversation: ConversationId,
        /// Which.
        #[cfg_attr(feature = "ts", ts(type = "string"))]
        message_id: MessageId,
        /// Its place in the conversation.
        seq: u64,
        /// When the server took it, in milliseconds since 1970.
        at: u64,
    },
    /// A stretch of the history.
    Timeline {
        /// Oldest first; what is still to be sent comes last and has no seq.
        rows: Vec<MessageRow>,
        /// Whether there is more in the direction that was asked for.
        more: bool,
    },
    /// Everything that the server has is here.
    Synced,
    /// The 60 digits.
    SafetyNumber {
        /// Without spaces.
        digits: String,
    },
    /// An invite.
    Invite {
        /// The link to hand on.
        url: String,
        /// The code in it.
        code: String,
        /// How many people may use it.
        uses: u32,
    },
    /// Who this device speaks for.
    WhoAmI {
        /// The account.
        #[cfg_attr(feature = "ts", ts(type = "string"))]
        account: AccountId,
        /// The device.
        #[cfg_attr(feature = "ts", ts(type = "string"))]
        device: DeviceId,
        /// The account's name.
        name: String,
        /// The server's address.
        server: String,
    },
    /// Done; there is nothing to say.
    Done,
}

/// Why a command could not be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(export_to = "machine.ts"))]
#[error("{message}")]
pub struct Failure {
    /// The closed reason.
    pub code: FailureCode,
    /// The server's error code, when it was the server that refused.
    pub reason: Option<String>,
    /// One sentence that says what to do.
    pub message: String,
}

/// The closed list of reasons why a command cannot be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(export_to = "machine.ts"))]
pub enum FailureCode {
    /// The server cannot be reached now.
    Offline,
    /// The server said no; `reason` has its code.
    Refused,
    /// Nobody of that name is on this server.
    PersonNotFound,
    /// There is no such conversation on this device.
    UnknownConversation,
    /// There is no such message on this device.
    UnknownMessage,
    /// The text is empty or longer than the limit.
    TextLength,
    /// Keys that the server served do not verify: somebody is in between.
    NotVerified,
    /// The other side's identity is not the one that was pinned.
    IdentityChanged,
    /// The session has ended; sign in again.
    SignedOut,
    /// Another process uses this device's store.
    Superseded,
    /// The store does not hold what it should.
    Store,
}

/// One message as a person sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(export_to = "machine.ts"))]
pub struct MessageRow {
    /// The message id: it stays the same from the first echo on.
    #[cfg_attr(feature = "ts", ts(type = "string"))]
    pub id: MessageId,
    /// Where it stands.
    #[cfg_attr(feature = "ts", ts(type = "string"))]
    pub conversation: ConversationId,
    /// Its place; none while it is on its way.
    pub seq: Option<u64>,
    /// Milliseconds since 1970: the server's time, or this device's until then.
    pub sent_at: u64,
    /// Who said it.
    pub from: Person,
    /// Whether that is this account.
    pub own: bool,
    /// What it is.
    pub kind: RowKind,
    /// The text; empty when it cannot be read.
    pub text: String,
    /// How far it has come.
    pub state: RowState,
    /// Why it failed or cannot be read, as a sentence.
    pub reason: Option<String>,
}

/// Somebody with an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(export_to = "machine.ts"))]
pub struct Person {
    /// The account.
    #[cfg_attr(feature = "ts", ts(type = "string"))]
    pub account: AccountId,
    /// Its name.
    pub name: String,
}

/// What a row holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(export_to = "machine.ts"))]
pub enum RowKind {
    /// A text.
    Text,
    /// Something that could not be decrypted.
    Unreadable,
}

/// How far a row has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(export_to = "machine.ts"))]
pub enum RowState {
    /// Own: kept here, not acknowledged yet.
    Sending,
    /// Own: the server has stored it.
    Sent,
    /// Own: it will not be sent by itself; `reason` says why.
    Failed,
    /// Another's: decrypted.
    Received,
    /// Another's: cannot be decrypted; `reason` says why.
    Unreadable,
}

/// A conversation as a person sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(export_to = "machine.ts"))]
pub struct ConversationView {
    /// Its id.
    #[cfg_attr(feature = "ts", ts(type = "string"))]
    pub id: ConversationId,
    /// `direct`.
    pub kind: ViewKind,
    /// What to call it.
    pub title: String,
    /// The other side.
    pub peer: Person,
    /// The newest seq that is here.
    pub head_seq: u64,
    /// Up to where the person has read.
    pub read_seq: u64,
    /// Messages of others after `read_seq`.
    pub unread: u64,
    /// The newest message.
    pub last: Option<MessageRow>,
    /// Whether sending waits for the person to accept a changed identity.
    pub identity_changed: bool,
}

/// What a conversation is between.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(export_to = "machine.ts"))]
pub enum ViewKind {
    /// Two people.
    Direct,
}

/// Something changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "type",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(export_to = "machine.ts"))]
pub enum Event {
    /// A row is new or other than before; `row.id` says which.
    Message {
        /// It.
        row: MessageRow,
    },
    /// A conversation is new or other than before.
    Conversation {
        /// It.
        conversation: ConversationView,
    },
    /// The server has let this device in, and will deliver what is new.
    Online,
    /// Somebody's identity is not the one that was pinned; sending to them waits.
    IdentityChanged {
        /// Whose.
        #[cfg_attr(feature = "ts", ts(type = "string"))]
        account: AccountId,
        /// Their name.
        name: String,
    },
    /// The server's history of a conversation contradicts itself or what the
    /// other side saw.
    HistoryBroken {
        /// Which one.
        #[cfg_attr(feature = "ts", ts(type = "string"))]
        conversation: ConversationId,
        /// What does not fit, as a sentence.
        message: String,
    },
    /// The session ended on the server.
    SignedOut {
        /// Why, as a sentence.
        reason: String,
    },
}
