//! Message bodies and the payload that carries their keys.

use chat_crypto::{
    BodyContext, BodyError, ContentKey, DecodeError, MessageKeyPayload, open_body, seal_body,
};
use chat_protocol::{AccountId, ConversationId, DeviceId, MessageId};

use crate::world::rng;

fn context() -> BodyContext {
    BodyContext {
        conversation: ConversationId::from_bytes([1; 16]),
        message_id: MessageId::from_bytes([2; 16]),
        sender: AccountId::from_bytes([3; 16]),
        sender_device: DeviceId::from_bytes([4; 16]),
    }
}

#[test]
fn a_body_opens_where_it_was_sealed_and_nowhere_else() {
    let (body, key) = seal_body(&mut rng(1), &context(), b"hello");
    assert_eq!(body[0], 1, "the format version");
    assert_eq!(body.len(), 5 + 17);
    assert_eq!(
        open_body(&key, &context(), &body).expect("it opens")[..],
        b"hello"[..]
    );
    let elsewhere = [
        BodyContext {
            conversation: ConversationId::from_bytes([9; 16]),
            ..context()
        },
        BodyContext {
            message_id: MessageId::from_bytes([9; 16]),
            ..context()
        },
        BodyContext {
            sender: AccountId::from_bytes([9; 16]),
            ..context()
        },
        BodyContext {
            sender_device: DeviceId::from_bytes([9; 16]),
            ..context()
        },
    ];
    for place in elsewhere {
        assert_eq!(
            open_body(&key, &place, &body),
            Err(BodyError::Altered),
            "{place:?}"
        );
    }
}

#[test]
fn a_changed_body_does_not_open() {
    let (body, key) = seal_body(&mut rng(1), &context(), b"hello");
    for at in 1..body.len() {
        let mut changed = body.clone();
        changed[at] ^= 1;
        assert_eq!(
            open_body(&key, &context(), &changed),
            Err(BodyError::Altered),
            "byte {at}"
        );
    }
    let mut newer = body.clone();
    newer[0] = 2;
    assert_eq!(
        open_body(&key, &context(), &newer),
        Err(BodyError::Version(2))
    );
    assert_eq!(
        open_body(&key, &context(), &body[..16]),
        Err(BodyError::Malformed)
    );
    assert_eq!(open_body(&key, &context(), &[]), Err(BodyError::Malformed));
    let other = ContentKey::from_stored([9; 32]);
    assert_eq!(
        open_body(&other, &context(), &body),
        Err(BodyError::Altered)
    );
}

#[test]
fn c8_every_body_has_a_key_of_its_own() {
    let mut rng = rng(1);
    let (one, first) = seal_body(&mut rng, &context(), b"hello");
    let (two, second) = seal_body(&mut rng, &context(), b"hello");
    assert_ne!(one, two);
    assert_ne!(first, second);
}

#[test]
fn a_payload_names_its_body() {
    let (body, key) = seal_body(&mut rng(1), &context(), b"hello");
    let payload = MessageKeyPayload::new(&key, &body);
    let bytes = payload.to_bytes();
    assert_eq!(bytes.len(), 65);
    let read = MessageKeyPayload::from_bytes(&bytes).expect("as written");
    assert_eq!(read, payload);
    assert_eq!(*read.key.to_bytes(), *key.to_bytes());
    assert!(read.matches(&body));
    assert!(!read.matches(b"another body"));
    assert_eq!(
        MessageKeyPayload::from_bytes(&bytes[..64]),
        Err(DecodeError::Malformed)
    );
    let mut newer = bytes.to_vec();
    newer[0] = 2;
    assert_eq!(
        MessageKeyPayload::from_bytes(&newer),
        Err(DecodeError::Version(2))
    );
    newer[0] = 1;
    newer.push(0);
    assert_eq!(
        MessageKeyPayload::from_bytes(&newer),
        Err(DecodeError::Malformed)
    );
}
