//! The context labels of everything that is signed or hashed here.
//!
//! No two are equal, and none begins another: bytes signed for one purpose can
//! never be taken for another's. The labels of key derivations stand in
//! chat-crypto's `labels.rs`.

/// Signature and hash of an entry of a device list.
pub const DEVICE_LIST_ENTRY: &[u8] = b"Chatalot/v1/sign/device-list-entry";
/// Signature of a signed prekey.
pub const SIGNED_PREKEY: &[u8] = b"Chatalot/v1/sign/signed-prekey";
/// Hash that makes the id of a direct conversation.
pub const DIRECT_CONVERSATION: &[u8] = b"Chatalot/v1/hash/direct-conversation";
/// Hash chain over the log of a conversation.
pub const CONVERSATION_HEAD: &[u8] = b"Chatalot/v1/hash/conversation-head";

/// All of them, for the test that compares them.
pub const ALL: &[&[u8]] = &[
    DEVICE_LIST_ENTRY,
    SIGNED_PREKEY,
    DIRECT_CONVERSATION,
    CONVERSATION_HEAD,
];

#[cfg(test)]
mod tests {
    #[test]
    fn no_label_begins_another() {
        for (i, one) in super::ALL.iter().enumerate() {
            for (j, other) in super::ALL.iter().enumerate() {
                assert!(i == j || !other.starts_with(one), "labels {i} and {j}");
            }
        }
    }
}
