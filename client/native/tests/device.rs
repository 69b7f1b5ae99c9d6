//! Devices on real folders, with real locks and sockets, against a server that
//! says only what a test wants it to say.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on ends"
)]

#[path = "device/fake_server.rs"]
mod fake_server;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chat_client::{Command, Reply};
use chat_client_native::{
    AccountError, Client, ClientError, ClientOptions, Home, Identity, LinkState, NewAccount,
    NotOnline, PlainHttp, Reach, ServerAddress, SystemClock, SystemRng, Updates, register,
    system_rng,
};
use fake_server::{FakeServer, Manner};

/// Long enough for a busy machine; every wait ends when its condition holds.
const PATIENCE: Duration = Duration::from_secs(20);

fn options(reach: Reach) -> ClientOptions<SystemRng> {
    ClientOptions {
        reach,
        clock: Arc::new(SystemClock),
        rng: system_rng(),
    }
}

async fn open(home: &Home) -> (Client, Updates) {
    Client::open(home, options(Reach::Server)).await.unwrap()
}

/// A home whose key lies in a file: tests leave the keychain of whoever runs them
/// alone.
fn new_home(folder: &Path) -> Home {
    let home = Home::at(folder.join("home"));
    home.create().unwrap();
    std::fs::write(home.folder().join("key"), "5a".repeat(32)).unwrap();
    home
}

async fn make_account(server: &FakeServer, folder: &Path) -> (Home, Identity) {
    let home = new_home(folder);
    let address = ServerAddress::parse(&server.url(), PlainHttp::Loopback).unwrap();
    let new = NewAccount {
        server: &address,
        invite_code: "code",
        name: "alice",
        password: "long enough",
    };
    let own = register(&home, &new, &SystemClock, &mut system_rng())
        .await
        .unwrap();
    (home, own)
}

async fn name_of(client: &Client) -> String {
    match client.command(Command::WhoAmI).await.unwrap() {
        Reply::WhoAmI { name, .. } => name,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_home_is_registered_once() {
    let folder = tempfile::tempdir().unwrap();
    let server = FakeServer::start(Manner::Welcomes).await;
    let empty = Home::at(folder.path().join("home"));
    let opened = Client::open(&empty, options(Reach::ThisDevice)).await;
    assert!(matches!(opened, Err(ClientError::NoAccount)));

    let (home, own) = make_account(&server, folder.path()).await;
    assert_eq!(
        (own.name.as_str(), own.server.as_str()),
        ("alice", server.url().as_str())
    );
    let address = ServerAddress::parse(&server.url(), PlainHttp::Loopback).unwrap();
    let again = NewAccount {
        server: &address,
        invite_code: "code",
        name: "bob",
        password: "long enough",
    };
    let refused = register(&home, &again, &SystemClock, &mut system_rng()).await;
    assert!(matches!(refused, Err(AccountError::AlreadyRegistered { name }) if name == "alice"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_registration_leaves_a_home_that_can_be_used() {
    let folder = tempfile::tempdir().unwrap();
    let server = FakeServer::start(Manner::Refuses).await;
    let home = new_home(folder.path());
    let address = ServerAddress::parse(&server.url(), PlainHttp::Loopback).unwrap();
    let new = NewAccount {
        server: &address,
        invite_code: "code",
        name: "alice",
        password: "long enough",
    };
    let refused = register(&home, &new, &SystemClock, &mut system_rng()).await;
    let Err(AccountError::Refused(problem)) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(problem.code, "invite_not_found");
    server.change(Manner::Welcomes);
    register(&home, &new, &SystemClock, &mut system_rng())
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_on_one_home_share_one_machine_and_hand_it_over() {
    let folder = tempfile::tempdir().unwrap();
    let server = FakeServer::start(Manner::Welcomes).await;
    let (home, _) = make_account(&server, folder.path()).await;
    let (first, _first_updates) = open(&home).await;
    first.online(PATIENCE).await.unwrap();
    let (second, _second_updates) = open(&home).await;
    let (third, _third_updates) = open(&home).await;
    for client in [&second, &third] {
        client.online(PATIENCE).await.unwrap();
        assert_eq!(name_of(client).await, "alice");
    }
    assert_eq!(
        server.connections(),
        1,
        "only the holder talks to the server"
    );

    first.close().await;
    for client in [&second, &third] {
        assert_eq!(name_of(client).await, "alice");
        client.online(PATIENCE).await.unwrap();
    }
    assert_eq!(server.connections(), 2, "and one of the others after it");
    second.close().await;
    third.online(PATIENCE).await.unwrap();
    assert_eq!(name_of(&third).await, "alice");
    third.close().await;
    assert!(!folder.path().join("home/socket").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_without_an_answer_is_asked_of_the_next_holder() {
    let folder = tempfile::tempdir().unwrap();
    let server = FakeServer::start(Manner::Silent).await;
    let (home, _) = make_account(&server, folder.path()).await;
    let (first, _first_updates) = open(&home).await;
    server.until_connected(1).await;
    let (second, _second_updates) = open(&home).await;
    // Nobody can answer this until the server has let the device in.
    let synced = second.submit(Command::Sync).await.unwrap();
    assert_eq!(name_of(&second).await, "alice");
    server.change(Manner::Welcomes);
    first.close().await;
    assert!(matches!(synced.outcome().await, Ok(Reply::Synced)));
    second.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_connection_is_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let server = FakeServer::start(Manner::Welcomes).await;
    let (home, _) = make_account(&server, folder.path()).await;
    let (client, _updates) = open(&home).await;
    client.online(PATIENCE).await.unwrap();
    let mut link = client.watch_link();
    link.mark_unchanged();
    server.drop_connections();
    link.wait_for(|state| matches!(state, LinkState::Lost { .. }))
        .await
        .unwrap();
    client.online(PATIENCE).await.unwrap();
    assert_eq!(server.connections(), 2);
    client.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_says_no_is_told_from_one_that_is_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let server = FakeServer::start(Manner::Welcomes).await;
    let (home, _) = make_account(&server, folder.path()).await;

    server.change(Manner::Refuses);
    let (client, _updates) = open(&home).await;
    let refused = client.online(PATIENCE).await;
    assert!(matches!(refused, Err(NotOnline::Refused(_))), "{refused:?}");
    client.close().await;

    server.change(Manner::NotReady);
    let (client, _updates) = open(&home).await;
    let not_ready = client.online(Duration::from_secs(1)).await;
    assert!(
        matches!(not_ready, Err(NotOnline::Unreachable(_))),
        "{not_ready:?}"
    );
    client.close().await;

    server.stop().await;
    let (client, _updates) = open(&home).await;
    let gone = client.online(Duration::from_secs(1)).await;
    assert!(matches!(gone, Err(NotOnline::Unreachable(_))), "{gone:?}");
    // What is on this device is still there.
    assert_eq!(name_of(&client).await, "alice");
    client.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_ended_is_not_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let server = FakeServer::start(Manner::Welcomes).await;
    let (home, _) = make_account(&server, folder.path()).await;
    server.change(Manner::SignsOut);
    let (client, _updates) = open(&home).await;
    let signed_out = client.online(PATIENCE).await;
    assert!(
        matches!(signed_out, Err(NotOnline::SignedOut(_))),
        "{signed_out:?}"
    );
    client.close().await;
    assert_eq!(server.connections(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_home_far_down_a_tree_works_for_two() {
    let folder = tempfile::tempdir().unwrap();
    let deep = folder
        .path()
        .join("a-folder-with-a-rather-long-name/".repeat(6));
    let server = FakeServer::start(Manner::Welcomes).await;
    let (home, _) = make_account(&server, &deep).await;
    let (first, _first_updates) = open(&home).await;
    let (second, _second_updates) = open(&home).await;
    assert_eq!(name_of(&second).await, "alice");
    first.close().await;
    assert_eq!(name_of(&second).await, "alice");
    second.close().await;
}
