//! Batches: places, repeats, membership, and two writers on one database.

use std::collections::HashMap;

use chat_domain::message::NewMessage;
use chat_protocol::ConversationId;
use chat_store::Store;
use chat_store::message::{AppendError, Entry, Outcome, Writer};

use crate::database::{NOW_MS, Person, connect, entry, fresh, message, open, register};

const DAY_MS: u64 = 86_400_000;

fn from<'a>(person: &Person, message: &'a NewMessage) -> Entry<'a> {
    Entry {
        message,
        sender: person.account,
        device: person.device,
        membership_version: 1,
    }
}

async fn seqs(store: &Store, conversation: ConversationId, reader: &Person) -> Vec<u64> {
    let page = store
        .list_log_page(conversation, reader.account, 0, 500)
        .await
        .unwrap()
        .expect("the reader is in it");
    assert_eq!(page.head_seq, page.messages.len() as u64);
    page.messages.iter().map(|message| message.seq).collect()
}

#[tokio::test]
async fn a_batch_gives_places_in_its_order_and_knows_repeats() {
    let (store, _) = fresh().await;
    let (alice, bob) = (register(&store, 1).await, register(&store, 2).await);
    let carol = register(&store, 3).await;
    let with_bob = open(&store, &alice, &bob).await;
    let with_carol = open(&store, &alice, &carol).await;
    let mut writer = store.writer();
    let messages = [
        message(with_bob, 1),
        message(with_carol, 2),
        message(with_bob, 3),
        message(with_bob, 1),
    ];
    let entries: Vec<_> = messages.iter().map(|one| from(&alice, one)).collect();
    let outcomes = writer.append(&entries, NOW_MS).await.unwrap();
    let expected = [
        Outcome::Stored { seq: 1 },
        Outcome::Stored { seq: 1 },
        Outcome::Stored { seq: 2 },
        Outcome::Repeated {
            seq: 1,
            at_ms: NOW_MS,
        },
    ];
    assert_eq!(outcomes, expected);
    // Again, days later and by another writer, beside a new one.
    let new = message(with_bob, 4);
    let entries = [from(&alice, &messages[2]), from(&alice, &new)];
    let later = NOW_MS + 2 * DAY_MS;
    let outcomes = store.writer().append(&entries, later).await.unwrap();
    let expected = [
        Outcome::Repeated {
            seq: 2,
            at_ms: NOW_MS,
        },
        Outcome::Stored { seq: 3 },
    ];
    assert_eq!(outcomes, expected);
    // The same id from another device is another message.
    let outcomes = writer
        .append(&[from(&bob, &messages[0])], later)
        .await
        .unwrap();
    assert_eq!(outcomes, [Outcome::Stored { seq: 4 }]);
    assert_eq!(seqs(&store, with_bob, &bob).await, [1, 2, 3, 4]);
    let none = store
        .list_log_page(with_bob, carol.account, 0, 10)
        .await
        .unwrap();
    assert_eq!(none, None, "only members read");
}

#[tokio::test]
async fn a_batch_is_not_stored_against_another_membership() {
    let (store, _) = fresh().await;
    let (alice, bob) = (register(&store, 1).await, register(&store, 2).await);
    let carol = register(&store, 3).await;
    let with_bob = open(&store, &alice, &bob).await;
    let with_carol = open(&store, &alice, &carol).await;
    store
        .append_device_list_entry(bob.account, 1, &entry(1))
        .await
        .unwrap();
    let nowhere = ConversationId::from_bytes([0; 16]);
    let messages = [
        message(with_bob, 1),
        message(with_carol, 2),
        message(nowhere, 3),
    ];
    let entries: Vec<_> = messages.iter().map(|one| from(&alice, one)).collect();
    let mut writer = store.writer();
    let Err(AppendError::MembershipChanged(mut changed)) = writer.append(&entries, NOW_MS).await
    else {
        panic!("it is not stored");
    };
    let mut expected = [with_bob, nowhere];
    expected.sort_unstable();
    changed.sort_unstable();
    assert_eq!(changed, expected);
    assert!(
        seqs(&store, with_carol, &carol).await.is_empty(),
        "nothing of it is"
    );
    // Checked against the new version, it is.
    let checked = Entry {
        membership_version: 2,
        ..entries[0]
    };
    let outcomes = writer.append(&[checked, entries[1]], NOW_MS).await.unwrap();
    assert_eq!(outcomes, [Outcome::Stored { seq: 1 }; 2]);
}

/// Two servers that store into the same conversations, in opposite orders, with
/// some of each other's messages among their own.
#[tokio::test(flavor = "multi_thread")]
async fn two_writers_neither_block_each_other_for_ever_nor_double_anything() {
    const ROUNDS: u64 = 40;
    let (store, url) = fresh().await;
    let alice = register(&store, 1).await;
    let mut conversations = Vec::new();
    for number in 2..8 {
        let peer = register(&store, number).await;
        conversations.push(open(&store, &alice, &peer).await);
    }
    let write = async |mut writer: Writer, forwards: bool| {
        let mut places = HashMap::new();
        for round in 0..ROUNDS {
            let mut messages: Vec<NewMessage> = conversations
                .iter()
                .enumerate()
                .flat_map(|(place, conversation)| {
                    let shared = round * 100 + place as u64;
                    let own = 1_000_000 + u64::from(forwards) * 1_000_000 + shared;
                    [message(*conversation, shared), message(*conversation, own)]
                })
                .collect();
            if !forwards {
                messages.reverse();
            }
            let entries: Vec<_> = messages.iter().map(|one| from(&alice, one)).collect();
            let outcomes = writer.append(&entries, NOW_MS).await.unwrap();
            for (message, outcome) in messages.iter().zip(outcomes) {
                let (Outcome::Stored { seq } | Outcome::Repeated { seq, .. }) = outcome;
                places.insert((message.conversation, message.id), seq);
            }
        }
        places
    };
    let other = connect(&url);
    let (one, two) = tokio::join!(write(store.writer(), true), write(other.writer(), false));
    for (message, seq) in &one {
        if let Some(other) = two.get(message) {
            assert_eq!(seq, other, "both were told the same place");
        }
    }
    for conversation in conversations {
        let expected: Vec<u64> = (1..=3 * ROUNDS).collect();
        assert_eq!(seqs(&store, conversation, &alice).await, expected);
    }
}

#[tokio::test]
async fn a_change_is_listed_from_the_position_before_it_on() {
    let (store, _) = fresh().await;
    let (alice, bob) = (register(&store, 1).await, register(&store, 2).await);
    let conversation = open(&store, &alice, &bob).await;
    let everything = store.list_changes(bob.account, None).await.unwrap();
    assert!(!everything.resumed);
    assert_eq!(everything.conversations.len(), 1);
    let first = message(conversation, 1);
    store
        .writer()
        .append(&[from(&alice, &first)], NOW_MS)
        .await
        .unwrap();
    let changes = store
        .list_changes(bob.account, Some(everything.position))
        .await
        .unwrap();
    assert!(changes.resumed);
    assert_eq!(changes.conversations[0].head_seq, 1);
    // Not necessarily beyond it: another test's transaction may be open.
    assert!(changes.position.position >= everything.position.position);
}
