//! The encodings of everything signed or hashed, byte for byte. A change here breaks
//! every signature and every chain that exists.

use chat_protocol::{AccountId, ConversationId, DeviceId, MessageId};
use chat_verify::prekey::signed_prekey_bytes;
use chat_verify::{DeviceListEntry, Head, LogEntry, PrekeyPublic, direct_id, signed_bytes};
use sha2::{Digest as _, Sha256};

use crate::signer::{Signer, first_entry};

fn sha256(parts: &[&[u8]]) -> String {
    hex::encode(Sha256::digest(parts.concat()))
}

#[test]
fn an_entry_of_a_device_list() {
    let entry = DeviceListEntry {
        seq: 0x0102,
        previous: [0xab; 32],
        ..first_entry(&[2])
    };
    let expected = [
        "01".to_owned(),
        "01".repeat(16),
        hex::encode(Signer::new(100).0.verifying_key().as_bytes()),
        "0000000000000102".to_owned(),
        "ab".repeat(32),
        "0001".to_owned(),
        "02".repeat(16),
        hex::encode(Signer::new(2).0.verifying_key().as_bytes()),
    ];
    assert_eq!(hex::encode(entry.to_bytes()), expected.concat());
    assert_eq!(DeviceListEntry::from_bytes(&entry.to_bytes()), Ok(entry));
}

#[test]
fn the_hash_of_an_entry() {
    let entry = Signer::new(100).sign_entry(&first_entry(&[2]));
    let label = b"Chatalot/v1/sign/device-list-entry";
    assert_eq!(
        hex::encode(entry.hash()),
        sha256(&[&[0, 34], label, &entry.bytes, entry.signature.as_bytes()])
    );
}

#[test]
fn a_signed_prekey() {
    let public = PrekeyPublic::try_from([9; 32]).expect("a canonical coordinate");
    let bytes = signed_prekey_bytes(DeviceId::from_bytes([7; 16]), 0x0102_0304, &public);
    let expected = ["01", &"07".repeat(16), "01020304", &"09".repeat(32)].concat();
    assert_eq!(hex::encode(bytes), expected);
}

#[test]
fn what_a_signature_covers() {
    assert_eq!(
        hex::encode(signed_bytes(b"label", b"\x01\x02")),
        "00056c6162656c0102"
    );
}

#[test]
fn the_id_of_a_direct_conversation() {
    let (low, high) = (
        AccountId::from_bytes([1; 16]),
        AccountId::from_bytes([2; 16]),
    );
    let label = b"Chatalot/v1/hash/direct-conversation";
    let hash = sha256(&[&[0, 36], label, &[1], &[1; 16], &[2; 16]]);
    assert_eq!(direct_id(low, high).to_string(), hash[..32]);
    assert_eq!(direct_id(high, low).to_string(), hash[..32]);
}

#[test]
fn the_head_of_a_conversation() {
    let entry = LogEntry {
        conversation: ConversationId::from_bytes([1; 16]),
        seq: 2,
        at_ms: 3,
        sender: AccountId::from_bytes([4; 16]),
        sender_device: DeviceId::from_bytes([5; 16]),
        message_id: MessageId::from_bytes([6; 16]),
        kind: 7,
        body: b"sealed",
    };
    let label = b"Chatalot/v1/hash/conversation-head";
    let expected = sha256(&[
        &[0, 34],
        label,
        &[1],
        &[0; 32],
        &[1; 16],
        &2_u64.to_be_bytes(),
        &3_u64.to_be_bytes(),
        &[4; 16],
        &[5; 16],
        &[6; 16],
        &7_u16.to_be_bytes(),
        &Sha256::digest(b"sealed"),
    ]);
    assert_eq!(
        hex::encode(Head::default().next(&entry).as_bytes()),
        expected
    );
}
