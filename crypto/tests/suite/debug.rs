//! What `Debug` shows of everything that holds a secret: nothing of it.

use chat_crypto::{
    AccountSecret, BodyContext, DeviceSecret, MessageKeyPayload, PrekeySecret, seal_body,
};
use chat_protocol::{AccountId, ConversationId, DeviceId, MessageId};

use crate::world::{Pool, rng, talking};

#[test]
fn c5_secret_keys_show_their_public_halves_only() {
    insta::assert_snapshot!(
        format!("{:?}", AccountSecret::from_bytes([7; 32])),
        @"AccountSecret { public: AccountKey(ea4a6c…), .. }"
    );
    insta::assert_snapshot!(
        format!("{:?}", DeviceSecret::from_bytes([7; 32])),
        @"DeviceSecret { public: DeviceKey(ea4a6c…), .. }"
    );
    insta::assert_snapshot!(
        format!("{:?}", PrekeySecret::from_bytes([7; 32])),
        @"PrekeySecret { public: PrekeyPublic(13be4f…), .. }"
    );
}

#[test]
fn c5_content_keys_and_payloads_show_nothing() {
    let context = BodyContext {
        conversation: ConversationId::from_bytes([1; 16]),
        message_id: MessageId::from_bytes([2; 16]),
        sender: AccountId::from_bytes([3; 16]),
        sender_device: DeviceId::from_bytes([4; 16]),
    };
    let (body, key) = seal_body(&mut rng(1), &context, b"hello");
    insta::assert_snapshot!(format!("{key:?}"), @"ContentKey(..)");
    insta::assert_snapshot!(
        format!("{:?}", MessageKeyPayload::new(&key, &body)),
        @"MessageKeyPayload { .. }"
    );
}

#[test]
fn c5_sessions_show_no_secret() {
    let (mut alice, mut bob) = talking();
    let _late = alice.seal(&bob, b"late");
    let envelope = alice.seal(&bob, b"hi");
    bob.open(&alice, &envelope).expect("it opens");
    bob.begin(&mut alice, Pool::Dry);
    bob.seal(&alice, b"running");
    insta::assert_snapshot!(format!("{:#?}", bob.with(&alice)));
}

#[test]
fn c5_an_opened_message_shows_no_plaintext() {
    let (mut alice, bob) = talking();
    let envelope = alice.seal(&bob, b"canary");
    let opened = bob.peek(&alice, &envelope).expect("it opens");
    let shown = format!("{opened:?}");
    assert!(!shown.contains("canary"));
    assert!(
        !shown.contains(&format!("{:?}", b"canary").replace(['[', ']'], "")),
        "{shown}"
    );
}

#[test]
fn c5_secret_keys_are_compared_by_value() {
    assert_eq!(
        DeviceSecret::from_bytes([7; 32]),
        DeviceSecret::from_bytes([7; 32])
    );
    assert_ne!(
        DeviceSecret::from_bytes([7; 32]),
        DeviceSecret::from_bytes([8; 32])
    );
    assert_ne!(
        PrekeySecret::from_bytes([7; 32]),
        PrekeySecret::from_bytes([8; 32])
    );
    assert_ne!(
        AccountSecret::from_bytes([7; 32]),
        AccountSecret::from_bytes([8; 32])
    );
}
