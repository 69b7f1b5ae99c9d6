//! Accounts, devices, prekeys, invites under concurrency.

use std::collections::HashSet;

use chat_domain::permission::Role;
use chat_store::account::RegisterError;
use chat_store::device::AppendEntryError;
use futures_util::future::join_all;

use crate::database::{NOW_MS, entry, fresh, invite, open, person, prekeys, register, register_as};

#[tokio::test(flavor = "multi_thread")]
async fn two_owner_invites_at_once_make_one_owner() {
    let (store, _) = fresh().await;
    let first = invite(&store, Role::Owner, 1).await;
    let second = invite(&store, Role::Owner, 2).await;
    let (one, other) = (person(1), person(2));
    let results = tokio::join!(
        register_as(&store, &one, &first, "one"),
        register_as(&store, &other, &second, "other"),
    );
    let results = [results.0, results.1];
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    assert!(
        results
            .iter()
            .any(|result| matches!(result, Err(RegisterError::InviteNotFound)))
    );
    // The other's invite is not open any more either.
    let open = store.lookup_invite(second.hash(), NOW_MS).await.unwrap();
    assert_eq!(open, None);
}

#[tokio::test]
async fn a_registration_that_fails_leaves_nothing_and_the_invite() {
    let (store, _) = fresh().await;
    register(&store, 1).await;
    let code = invite(&store, Role::Member, 2).await;
    let newcomer = person(2);
    let taken = register_as(&store, &newcomer, &code, "person1").await;
    assert!(matches!(taken, Err(RegisterError::NameTaken)));
    let same_id = register_as(&store, &person(1), &code, "other").await;
    assert!(matches!(same_id, Err(RegisterError::IdTaken)));
    let login = store.lookup_login(newcomer.token.hash()).await.unwrap();
    assert_eq!(login, None);
    register_as(&store, &newcomer, &code, "person2")
        .await
        .expect("the invite still holds");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_append_to_a_device_list_one_is_first() {
    let (store, _) = fresh().await;
    let person = register(&store, 1).await;
    for seq in 1..4 {
        let entries: Vec<_> = (0..6).map(entry).collect();
        let appending = entries
            .iter()
            .map(|entry| store.append_device_list_entry(person.account, seq, entry));
        let results = join_all(appending).await;
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
        assert!(
            results
                .iter()
                .all(|result| matches!(result, Ok(()) | Err(AppendEntryError::NotNext)))
        );
    }
    // Neither a place that is taken nor one beyond the next.
    for seq in [0, 3, 5] {
        let result = store
            .append_device_list_entry(person.account, seq, &entry(9))
            .await;
        assert!(matches!(result, Err(AppendEntryError::NotNext)), "{seq}");
    }
    let all = store
        .list_device_list_entries(person.account, None, 100)
        .await
        .unwrap();
    assert_eq!(all.len(), 4);
    let after = store
        .list_device_list_entries(person.account, Some(1), 1)
        .await
        .unwrap();
    assert_eq!(after, [all[2].clone()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_list_that_grows_moves_the_version_of_its_conversations() {
    let (store, _) = fresh().await;
    let (alice, bob) = (register(&store, 1).await, register(&store, 2).await);
    let conversation = open(&store, &alice, &bob).await;
    let before = store
        .lookup_membership(conversation)
        .await
        .unwrap()
        .unwrap();
    store
        .append_device_list_entry(bob.account, 1, &entry(1))
        .await
        .unwrap();
    let after = store
        .lookup_membership(conversation)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(after.version, before.version + 1);
    let seq_of = |account| {
        let member = after.members.iter().find(|one| one.account == account);
        member.unwrap().list_seq
    };
    assert_eq!((seq_of(alice.account), seq_of(bob.account)), (0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_time_prekeys_are_handed_out_once_each() {
    let (store, _) = fresh().await;
    let person = register(&store, 1).await;
    store
        .add_prekeys(person.device, &prekeys(None, 6..101))
        .await
        .unwrap();
    let claims = (0..120).map(|_| store.claim_prekeys(person.account, &[]));
    let taken: Vec<u32> = join_all(claims)
        .await
        .into_iter()
        .flat_map(Result::unwrap)
        .filter_map(|claimed| claimed.one_time.map(|prekey| prekey.id))
        .collect();
    // One that another claim holds at this moment is skipped, so that a claim may
    // find none although some are left: never one that somebody else got.
    assert!(taken.len() <= 100);
    assert_eq!(taken.iter().collect::<HashSet<_>>().len(), taken.len());
    let left = store.count_prekeys(person.device).await.unwrap().one_time;
    assert_eq!(taken.len() + usize::try_from(left).unwrap(), 100);
}

#[tokio::test]
async fn ended_invites_are_forgotten() {
    let (store, _) = fresh().await;
    register(&store, 1).await;
    let open = invite(&store, Role::Member, 2).await;
    assert_eq!(store.remove_ended_invites(NOW_MS).await.unwrap(), 1);
    assert!(
        store
            .lookup_invite(open.hash(), NOW_MS)
            .await
            .unwrap()
            .is_some()
    );
    let later = NOW_MS + 3_600_000;
    assert_eq!(store.remove_ended_invites(later).await.unwrap(), 1);
}

#[tokio::test]
async fn each_opened_connection_counts() {
    let (store, _) = fresh().await;
    let person = register(&store, 1).await;
    for generation in 1..4 {
        let opened = store.open_connection(person.token.hash()).await.unwrap();
        let opened = opened.expect("the token holds");
        assert_eq!(opened.generation, generation);
        assert_eq!(opened.login.device, person.device);
    }
    assert!(store.end_login(person.token.hash()).await.unwrap());
    assert!(!store.end_login(person.token.hash()).await.unwrap());
    let none = store.open_connection(person.token.hash()).await.unwrap();
    assert_eq!(none, None);
}
