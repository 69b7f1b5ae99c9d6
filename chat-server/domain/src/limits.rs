//! Limits that only a server needs to know. Those that clients keep to as well
//! stand in `chat_protocol::limits`; `docs/limits.md` explains both.

/// Conversations of one account. A full list of them must fit into one frame.
pub const CONVERSATIONS_PER_ACCOUNT: u32 = 2000;
/// Invites of one account that are neither used up nor expired.
pub const OPEN_INVITES_PER_ACCOUNT: u32 = 100;
/// Logins of one device that are open at once; a new one ends the oldest.
pub const LOGINS_PER_DEVICE: u32 = 5;
/// How long a repeated send is known for what it is, in days.
pub const SEND_DEDUP_DAYS: u64 = 7;
/// Body of an HTTP request, in bytes.
pub const HTTP_BODY_MAX_BYTES: usize = 64 * 1024;
/// How long a client may take for the head of an HTTP request, in seconds.
pub const HTTP_HEADER_TIMEOUT_SECONDS: u64 = 10;
/// How long an HTTP request may take, with its answer, in seconds.
pub const HTTP_REQUEST_TIMEOUT_SECONDS: u64 = 30;
/// How long a socket may take until its Hello, in seconds.
pub const HELLO_TIMEOUT_SECONDS: u64 = 10;
/// How long a frame may take to leave for a slow client, in seconds.
pub const WRITE_TIMEOUT_SECONDS: u64 = 30;
/// Open TCP connections of one server program.
pub const CONNECTIONS: usize = 100_000;
/// Bytes of live frames waiting for one connection; then a `Gap` takes their place.
pub const CONNECTION_QUEUE_BYTES: usize = 1024 * 1024;
/// Answers waiting for one connection; a client that lets more pile up is cut off.
pub const CONNECTION_OWED_FRAMES: usize = 1024;
/// Messages waiting for the database; a connection with more is not read meanwhile.
pub const SEND_QUEUE_MESSAGES: usize = 4096;
/// Bytes of messages waiting for the database.
pub const SEND_QUEUE_BYTES: usize = 64 * 1024 * 1024;
/// Messages of one transaction.
pub const BATCH_MESSAGES: usize = 256;
/// Bytes of one transaction; one message may exceed it alone.
pub const BATCH_BYTES: usize = 4 * 1024 * 1024;
/// Passwords that wait to be hashed; beyond, a client is told to come back.
pub const PASSWORDS_WAITING: usize = 64;
/// Attempts to sign in to one name from one address, at once.
pub const LOGIN_ATTEMPTS_PER_NAME: u32 = 10;
/// After those, one more every so many seconds.
pub const LOGIN_ATTEMPT_EVERY_SECONDS: u64 = 30;
/// Registrations and logins from one address, at once.
pub const CREDENTIALS_PER_ADDRESS: u32 = 300;
/// After those, so many more each second.
pub const CREDENTIALS_PER_ADDRESS_PER_SECOND: u32 = 5;
/// Names, addresses or pairs that a rate limit remembers.
pub const RATE_LIMIT_KEYS: usize = 50_000;
/// Conversations that the server remembers the members of.
pub const CONVERSATION_CACHE: usize = 50_000;
