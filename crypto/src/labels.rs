//! The label of every key derivation and every associated data of this crate.
//!
//! No two are equal and none begins another, so that no derivation can ever give
//! the key of another purpose. The labels of signatures and hashes that servers
//! check too stand in chat-verify.

/// HKDF info of the X3DH shared secret.
pub(crate) const X3DH: &[u8] = b"Chatalot/v1/kdf/x3dh";
/// HKDF info of a step of the root chain.
pub(crate) const RATCHET_ROOT: &[u8] = b"Chatalot/v1/kdf/ratchet-root";
/// HKDF info that turns a message key into a cipher key and a nonce.
pub(crate) const RATCHET_MESSAGE: &[u8] = b"Chatalot/v1/kdf/ratchet-message";
/// Begins the associated data of a message body.
pub(crate) const BODY: &[u8] = b"Chatalot/v1/seal/body";
/// Begins what is hashed for a safety number.
pub(crate) const SAFETY_NUMBER: &[u8] = b"Chatalot/v1/hash/safety-number";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c1_no_label_is_used_for_two_purposes() {
        let ours = [X3DH, RATCHET_ROOT, RATCHET_MESSAGE, BODY, SAFETY_NUMBER];
        let all: Vec<&[u8]> = ours
            .iter()
            .copied()
            .chain(chat_verify::label::ALL.iter().copied())
            .collect();
        for (i, one) in all.iter().enumerate() {
            assert!(one.starts_with(b"Chatalot/v1/"), "label {i}");
            for (j, other) in all.iter().enumerate() {
                assert!(i == j || !other.starts_with(one), "labels {i} and {j}");
            }
        }
    }

    #[test]
    fn c1_every_label_stands_in_this_file_only() {
        // A label written in place would escape the comparison above.
        let sources = [
            include_str!("address.rs"),
            include_str!("agreement.rs"),
            include_str!("body.rs"),
            include_str!("kdf.rs"),
            include_str!("keys.rs"),
            include_str!("ratchet.rs"),
            include_str!("ratchet/chain.rs"),
            include_str!("ratchet/header.rs"),
            include_str!("ratchet/message.rs"),
            include_str!("ratchet/receiving.rs"),
            include_str!("ratchet/skipped.rs"),
            include_str!("safety_number.rs"),
            include_str!("session.rs"),
            include_str!("session/envelope.rs"),
            include_str!("session/device_sessions.rs"),
            include_str!("session/record.rs"),
            include_str!("session/single.rs"),
            include_str!("x3dh.rs"),
        ];
        for source in sources {
            assert!(!source.contains("Chatalot/v"), "a label outside labels.rs");
        }
    }
}
