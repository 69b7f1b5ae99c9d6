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
        let mut folders = vec![std::path::PathBuf::from(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/src"
        ))];
        let mut count = 0;
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).expect("the source is here") {
                let path = entry.expect("the source is here").path();
                if path.is_dir() {
                    folders.push(path);
                } else if !path.ends_with("labels.rs") && !path.ends_with("tests.rs") {
                    let source = std::fs::read_to_string(&path).expect("text");
                    assert!(!source.contains("Chatalot/v"), "a label in {path:?}");
                    count += 1;
                }
            }
        }
        assert!(count > 10, "{count} files");
    }
}
