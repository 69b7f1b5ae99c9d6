//! Ids and hash chains of conversations.

use chat_protocol::{AccountId, ConversationId, DeviceId, MessageId};
use sha2::{Digest, Sha256};

use crate::label;
use crate::signed::signed_bytes;

/// The id of the direct conversation of two accounts: both derive it, so that
/// the server cannot hand a message to another pair.
///
/// The first 16 bytes of SHA-256 over label, lower id, higher id.
///
/// # Panics
/// Never: a SHA-256 has more than 16 bytes.
#[must_use]
pub fn direct_id(one: AccountId, other: AccountId) -> ConversationId {
    let (low, high) = if one <= other {
        (one, other)
    } else {
        (other, one)
    };
    let mut ids = Vec::with_capacity(33);
    ids.push(1);
    ids.extend_from_slice(low.as_bytes());
    ids.extend_from_slice(high.as_bytes());
    let hash: [u8; 32] = Sha256::digest(signed_bytes(label::DIRECT_CONVERSATION, &ids)).into();
    let id = hash.first_chunk().expect("a SHA-256 has 32 bytes");
    ConversationId::from_bytes(*id)
}

/// What the hash chain covers of one message: all that the server says of it.
#[derive(Debug, Clone, Copy)]
pub struct LogEntry<'a> {
    /// The conversation that it stands in.
    pub conversation: ConversationId,
    /// Its place in it; the first is 1.
    pub seq: u64,
    /// When the server took it, in milliseconds since 1970.
    pub at_ms: u64,
    /// Whose it is.
    pub sender: AccountId,
    /// The device that sealed it.
    pub sender_device: DeviceId,
    /// The id that the device drew.
    pub message_id: MessageId,
    /// The number of its [`chat_protocol::MessageKind`].
    pub kind: u16,
    /// The sealed body.
    pub body: &'a [u8],
}

/// The head of a conversation's hash chain, 32 bytes; all zero before the first
/// message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Head([u8; 32]);

impl Head {
    /// Takes the bytes as they are.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes as they travel inside a sealed message.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The head after one more message: SHA-256 over label, version 1, this
    /// head, conversation, seq, time, sender, device, message id, kind, and the
    /// SHA-256 of the body, all of fixed length.
    #[must_use]
    pub fn next(&self, entry: &LogEntry<'_>) -> Self {
        let mut bytes = Vec::with_capacity(163);
        bytes.push(1);
        bytes.extend_from_slice(&self.0);
        bytes.extend_from_slice(entry.conversation.as_bytes());
        bytes.extend_from_slice(&entry.seq.to_be_bytes());
        bytes.extend_from_slice(&entry.at_ms.to_be_bytes());
        bytes.extend_from_slice(entry.sender.as_bytes());
        bytes.extend_from_slice(entry.sender_device.as_bytes());
        bytes.extend_from_slice(entry.message_id.as_bytes());
        bytes.extend_from_slice(&entry.kind.to_be_bytes());
        bytes.extend_from_slice(&Sha256::digest(entry.body));
        Self(Sha256::digest(signed_bytes(label::CONVERSATION_HEAD, &bytes)).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_direct_conversation_has_one_id_from_both_sides() {
        let alice = AccountId::from_bytes([1; 16]);
        let bob = AccountId::from_bytes([2; 16]);
        assert_eq!(direct_id(alice, bob), direct_id(bob, alice));
        assert_ne!(direct_id(alice, bob), direct_id(alice, alice));
    }

    #[test]
    fn every_field_moves_the_head() {
        let entry = LogEntry {
            conversation: ConversationId::from_bytes([1; 16]),
            seq: 1,
            at_ms: 2,
            sender: AccountId::from_bytes([3; 16]),
            sender_device: DeviceId::from_bytes([4; 16]),
            message_id: MessageId::from_bytes([5; 16]),
            kind: 1,
            body: b"sealed",
        };
        let others = [
            LogEntry {
                conversation: ConversationId::from_bytes([9; 16]),
                ..entry
            },
            LogEntry { seq: 9, ..entry },
            LogEntry { at_ms: 9, ..entry },
            LogEntry {
                sender: AccountId::from_bytes([9; 16]),
                ..entry
            },
            LogEntry {
                sender_device: DeviceId::from_bytes([9; 16]),
                ..entry
            },
            LogEntry {
                message_id: MessageId::from_bytes([9; 16]),
                ..entry
            },
            LogEntry { kind: 9, ..entry },
            LogEntry {
                body: b"other",
                ..entry
            },
        ];
        let head = Head::default().next(&entry);
        assert_ne!(head.next(&entry), head);
        for other in others {
            assert_ne!(Head::default().next(&other), head, "{other:?}");
        }
    }
}
