//! Every limit of the cryptography, in this one place.

/// How far a message may run ahead of what was received, in messages. Deriving
/// the keys in between costs time that an attacker could otherwise choose.
pub const MESSAGES_AHEAD_MAX: u32 = 2_000;
/// Keys that one session keeps for messages that are still missing.
pub const SKIPPED_KEYS_MAX: usize = 2_000;
/// How long a key is kept for a message that is still missing, in milliseconds.
pub const SKIPPED_KEY_AGE_MAX_MS: u64 = 14 * 24 * 3_600_000;
/// Receiving chains that one session keeps: the running one and those before it.
pub const RECEIVING_CHAINS_MAX: usize = 5;
/// Sessions with one device that still receive, beside the one that sends.
pub const ARCHIVED_SESSIONS_MAX: usize = 8;
/// First messages without a one-time prekey that are remembered of one device.
/// They are forgotten with the signed prekey that they used.
pub const BASE_KEYS_MAX: usize = 256;
/// Longest envelope that is made or opened, in bytes: what a frame can carry.
pub const ENVELOPE_MAX_BYTES: usize = chat_protocol::limits::KEY_ENVELOPE_MAX_BYTES;
/// Longest plaintext of an envelope, in bytes; the rest is for the longest header.
pub const PLAINTEXT_MAX_BYTES: usize = 3_840;

/// 16 bytes of authentication and at most 2 + 73 + 32 + 5 + 5 + 12 of header.
const LONGEST_OVERHEAD_BYTES: usize = 145;
const _: () = assert!(
    ENVELOPE_MAX_BYTES - PLAINTEXT_MAX_BYTES >= LONGEST_OVERHEAD_BYTES,
    "the longest plaintext fits into an envelope with the longest header"
);
