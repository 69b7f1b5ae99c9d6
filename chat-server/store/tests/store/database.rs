//! A database of its own for each test, and people in it.

use bytes::Bytes;
use chat_domain::account::AccountName;
use chat_domain::conversation::NewDirect;
use chat_domain::device::NewDevice;
use chat_domain::invite::{InviteCode, InviteTerms};
use chat_domain::login::SessionToken;
use chat_domain::message::NewMessage;
use chat_domain::permission::Role;
use chat_domain::prekey::{NewPrekeys, OneTimePrekey};
use chat_protocol::{AccountId, ConversationId, DeviceId, frame};
use chat_store::account::{NewAccount, RegisterError};
use chat_store::invite::NewInvite;
use chat_store::{Store, StoreOptions};
use chat_testkit::postgres::temporary;
use chat_verify::{PrekeyPublic, Signature, SignedEntry, SignedPrekey, direct_id};

/// 2026-11-24, at noon.
pub const NOW_MS: u64 = 1_795_521_600_000;

/// A store on a fresh database, and its URL.
pub async fn fresh() -> (Store, String) {
    let url = temporary::shared()
        .fresh_database()
        .expect("a database is made");
    let store = connect(&url);
    store.migrate().await.expect("the schema is made");
    store.settle_epoch(NOW_MS).await.expect("an epoch begins");
    store
        .settle_partitions(NOW_MS)
        .await
        .expect("partitions are made");
    (store, url)
}

pub fn connect(url: &str) -> Store {
    Store::new(&StoreOptions {
        database_url: url.to_owned(),
        max_connections: 8,
    })
    .expect("the URL is one")
}

/// Somebody with one device; the store does not look at signatures.
pub struct Person {
    pub account: AccountId,
    pub device: DeviceId,
    pub token: SessionToken,
}

pub fn person(number: u8) -> Person {
    Person {
        account: AccountId::from_bytes([number; 16]),
        device: DeviceId::from_bytes([number ^ 0x80; 16]),
        token: SessionToken::from_random([number; 32]),
    }
}

pub fn entry(number: u8) -> SignedEntry {
    SignedEntry {
        bytes: vec![1, number],
        signature: Signature::from_bytes([number; 64]),
    }
}

pub fn prekeys(signed: Option<u32>, one_time: std::ops::Range<u32>) -> NewPrekeys {
    let public = PrekeyPublic::try_from([9; 32]).unwrap();
    NewPrekeys {
        signed: signed.map(|id| SignedPrekey {
            id,
            public,
            signature: Signature::from_bytes([1; 64]),
        }),
        one_time: one_time.map(|id| OneTimePrekey { id, public }).collect(),
    }
}

pub async fn invite(store: &Store, role: Role, number: u8) -> InviteCode {
    let code = InviteCode::from_random([number; 26]);
    let new = NewInvite {
        hash: code.hash(),
        role,
        invited_by: None,
        terms: InviteTerms::new(1, 1, NOW_MS).unwrap(),
    };
    store.add_invite(&new, NOW_MS).await.unwrap();
    code
}

pub async fn register(store: &Store, number: u8) -> Person {
    let code = invite(store, Role::Member, number).await;
    let person = person(number);
    register_as(store, &person, &code, &format!("person{number}"))
        .await
        .expect("somebody registers");
    person
}

pub async fn register_as(
    store: &Store,
    person: &Person,
    code: &InviteCode,
    name: &str,
) -> Result<Role, RegisterError> {
    let device = NewDevice {
        account: person.account,
        device: person.device,
        entry: entry(0),
        prekeys: prekeys(Some(1), 1..6),
    };
    store
        .register(&NewAccount {
            name: &AccountName::parse(name).unwrap(),
            password_hash: "$argon2id$",
            invite: code.hash(),
            device: &device,
            token: person.token.hash(),
            now_ms: NOW_MS,
        })
        .await
}

pub async fn open(store: &Store, one: &Person, other: &Person) -> ConversationId {
    let id = direct_id(one.account, other.account);
    let new = NewDirect::check(id, one.account, other.account).unwrap();
    store.open_direct(&new).await.expect("it is opened");
    id
}

pub fn message(conversation: ConversationId, number: u64) -> NewMessage {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&number.to_be_bytes());
    NewMessage::check(frame::Send {
        conversation: conversation.to_bytes(),
        message_id: Bytes::copy_from_slice(&id),
        kind: 1,
        body: Bytes::from_static(&[1, 2, 3]),
        keys: Vec::new(),
        known_lists: Vec::new(),
    })
    .unwrap()
}
