//! Prekeys, each handed out once.

use std::collections::HashSet;

use chat_protocol::frame::request::Ask;
use chat_protocol::frame::response::Answer;
use chat_protocol::{AccountId, ErrorCode, frame, limits};
use futures_util::future::join_all;

use crate::device::{Device, Socket};
use crate::relay::Relay;

fn claim(account: AccountId) -> Ask {
    Ask::ClaimPrekeys(frame::ClaimPrekeys {
        account: account.to_bytes(),
        devices: Vec::new(),
    })
}

async fn claimed(socket: &mut Socket, account: AccountId) -> frame::PrekeyBundle {
    match socket.ask(claim(account)).await {
        Answer::PrekeyBundles(bundles) => {
            let [bundle] = &bundles.bundles[..] else {
                panic!("one device, one bundle: {bundles:?}");
            };
            bundle.clone()
        }
        other => panic!("not claimed: {other:?}"),
    }
}

async fn count(socket: &mut Socket) -> frame::PrekeyCount {
    match socket.ask(Ask::CountPrekeys(frame::CountPrekeys {})).await {
        Answer::PrekeyCount(count) => count,
        other => panic!("not counted: {other:?}"),
    }
}

fn upload(signed: Option<frame::SignedPrekey>, ids: std::ops::Range<u32>) -> Ask {
    Ask::UploadPrekeys(frame::UploadPrekeys {
        prekeys: Some(frame::Prekeys {
            signed,
            one_time: Device::one_time(ids),
        }),
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gets_a_one_time_prekey_that_somebody_else_got() {
    let relay = Relay::start().await;
    let alice = Device::register(&relay, "alice").await;
    let mut sockets = Vec::new();
    for number in 0..5 {
        let peer = Device::register(&relay, &format!("peer{number}")).await;
        sockets.push(peer.connect(&relay).await);
    }
    // Thirty at once for twenty prekeys.
    let claims = sockets.iter_mut().map(async |socket| {
        let mut bundles = Vec::new();
        for _ in 0..6 {
            bundles.push(claimed(socket, alice.account).await);
        }
        bundles
    });
    let bundles: Vec<_> = join_all(claims).await.into_iter().flatten().collect();
    let taken: Vec<u32> = bundles
        .iter()
        .filter_map(|bundle| bundle.one_time.as_ref().map(|prekey| prekey.id))
        .collect();
    let unique: HashSet<u32> = taken.iter().copied().collect();
    assert_eq!(taken.len(), 20, "all are handed out");
    assert_eq!(unique.len(), 20, "each once");
    // A pool that ran dry says so by leaving it out.
    assert_eq!(
        bundles
            .iter()
            .filter(|bundle| bundle.one_time.is_none())
            .count(),
        10
    );
    assert!(
        bundles
            .iter()
            .all(|bundle| bundle.signed == Some(alice.signed_prekey(1)))
    );
    let mut from_alice = alice.connect(&relay).await;
    assert_eq!(count(&mut from_alice).await.one_time, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_fills_its_pool_up_to_the_limit() {
    let relay = Relay::start().await;
    let alice = Device::register(&relay, "alice").await;
    let mut socket = alice.connect(&relay).await;
    let before = count(&mut socket).await;
    assert_eq!((before.one_time, before.signed_prekey_id), (20, 1));
    let uploaded = socket
        .ask(upload(Some(alice.signed_prekey(2)), 21..101))
        .await;
    let expected = frame::PrekeyCount {
        one_time: 100,
        signed_prekey_id: 2,
    };
    assert_eq!(uploaded, Answer::PrekeyCount(expected));
    // The same again changes nothing: an upload whose answer was lost is repeated.
    let again = socket.ask(upload(None, 21..101)).await;
    assert_eq!(again, Answer::PrekeyCount(expected));
    let most = u32::try_from(limits::ONE_TIME_PREKEYS_MAX).unwrap();
    socket
        .expect_refused(upload(None, 101..most + 2), ErrorCode::LimitExceeded)
        .await;
    assert_eq!(count(&mut socket).await, expected, "nothing of it remains");
}

#[tokio::test(flavor = "multi_thread")]
async fn claims_of_one_person_by_another_are_limited() {
    let relay = Relay::start().await;
    let alice = Device::register(&relay, "alice").await;
    let bob = Device::register(&relay, "bob").await;
    let mut from_bob = bob.connect(&relay).await;
    for _ in 0..limits::PREKEY_CLAIMS_PER_HOUR {
        claimed(&mut from_bob, alice.account).await;
    }
    let Answer::Problem(problem) = from_bob.ask(claim(alice.account)).await else {
        panic!("one more is refused");
    };
    assert_eq!(problem.code, ErrorCode::RateLimited.as_str());
    assert!(
        (1000..=61_000).contains(&problem.retry_after_ms),
        "{problem:?}"
    );
    // That was about this pair, not about either of them.
    let mut from_alice = alice.connect(&relay).await;
    claimed(&mut from_alice, bob.account).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn prekeys_of_nobody_and_of_too_many_devices_are_refused() {
    let relay = Relay::start().await;
    let alice = Device::register(&relay, "alice").await;
    let mut socket = alice.connect(&relay).await;
    let nobody = Device::new("nobody");
    socket
        .expect_refused(claim(nobody.account), ErrorCode::PersonNotFound)
        .await;
    let devices = |count: usize, length: usize| {
        Ask::ClaimPrekeys(frame::ClaimPrekeys {
            account: alice.account.to_bytes(),
            devices: vec![vec![7; length].into(); count],
        })
    };
    socket
        .expect_refused(
            devices(limits::DEVICES_PER_ACCOUNT + 1, 16),
            ErrorCode::LimitExceeded,
        )
        .await;
    socket
        .expect_refused(devices(1, 15), ErrorCode::MalformedRequest)
        .await;
    // A device that is not the account's is left out.
    let Answer::PrekeyBundles(bundles) = socket.ask(devices(1, 16)).await else {
        panic!("an answer without bundles");
    };
    assert!(bundles.bundles.is_empty());
}
