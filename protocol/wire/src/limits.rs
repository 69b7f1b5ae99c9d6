//! Every limit of the protocol, in this one place. `docs/limits.md` explains
//! them to people and is checked against this file.

/// Shortest password, in characters. There is no other rule.
pub const PASSWORD_MIN_CHARS: usize = 8;
/// Longest password, in bytes: hashing must not become a way to load a server.
pub const PASSWORD_MAX_BYTES: usize = 1024;
/// Shortest and longest account name, in characters of `a–z 0–9 . _ -`.
pub const NAME_MIN_CHARS: usize = 1;
/// See [`NAME_MIN_CHARS`].
pub const NAME_MAX_CHARS: usize = 32;
/// Largest frame that either side accepts, in bytes.
pub const FRAME_MAX_BYTES: usize = 512 * 1024;
/// Largest sealed body of one message, in bytes.
pub const BODY_MAX_BYTES: usize = 64 * 1024;
/// Longest text of one message, in bytes of UTF-8; leaves room for sealing.
pub const TEXT_MAX_BYTES: usize = 60 * 1024;
/// Largest key envelope, in bytes.
pub const KEY_ENVELOPE_MAX_BYTES: usize = 4 * 1024;
/// Devices of one account.
pub const DEVICES_PER_ACCOUNT: usize = 10;
/// Devices that one direct message is sealed to: both accounts' but the sender's own.
pub const KEY_ENVELOPES_MAX: usize = 2 * DEVICES_PER_ACCOUNT - 1;
/// One-time prekeys that a device keeps on the server.
pub const ONE_TIME_PREKEYS: usize = 100;
/// A device makes new one-time prekeys below this number.
pub const ONE_TIME_PREKEYS_REFILL_BELOW: usize = 25;
/// Most one-time prekeys that the server keeps for a device.
pub const ONE_TIME_PREKEYS_MAX: usize = 200;
/// Claims of prekeys by one account for another, per hour.
pub const PREKEY_CLAIMS_PER_HOUR: u32 = 60;
/// Messages on one page of a conversation's log.
pub const LOG_PAGE_MAX: u32 = 500;
/// Bytes of bodies and keys on one page; a page ends early when it is reached.
pub const LOG_PAGE_MAX_BYTES: usize = 256 * 1024;
/// Uses of one invite.
pub const INVITE_USES_MAX: u32 = 1000;
/// How long an invite holds when nobody says otherwise, in hours.
pub const INVITE_DEFAULT_HOURS: u32 = 7 * 24;
/// Longest life of an invite, in hours.
pub const INVITE_MAX_HOURS: u32 = 365 * 24;
/// Requests of one connection that may be unanswered.
pub const REQUESTS_IN_FLIGHT: usize = 32;
/// Sends of one connection that may be unacknowledged.
pub const SENDS_IN_FLIGHT: usize = 256;
/// Frames waiting for one connection; the next live frame makes a `Gap` instead.
pub const CONNECTION_QUEUE_FRAMES: usize = 256;
/// Silence after which either side takes a connection for lost, in seconds.
pub const IDLE_TIMEOUT_SECONDS: u64 = 90;
/// How often a client pings, in seconds.
pub const PING_INTERVAL_SECONDS: u64 = 30;
