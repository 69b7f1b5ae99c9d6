//! The database goes away and comes back.

use chat_protocol::ErrorCode;
use chat_protocol::frame::server_frame;
use chat_testkit::postgres::OWNER;
use chat_testkit::postgres::TemporaryCluster;

use crate::device::{PATIENCE, message_id, pair};
use crate::relay::{Relay, config, expect_problem};

async fn is_ready(relay: &Relay) -> bool {
    relay.get("/readyz").await.status() == 200
}

async fn until_ready(relay: &Relay, wanted: bool) {
    let waiting = async {
        while is_ready(relay).await != wanted {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting)
        .await
        .expect("readiness follows the database");
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_wait_for_the_database_and_none_is_lost_or_doubled() {
    const COUNT: u64 = 60;
    let mut cluster = TemporaryCluster::start().expect("PostgreSQL starts");
    let relay = Relay::start_on(config(cluster.url(OWNER))).await;
    let (alice, mut from_alice, bob, mut from_bob) = pair(&relay).await;
    from_alice.send(alice.message(&bob, 1)).await;
    from_alice.acknowledged().await;

    // Killed while messages come in: one batch may be at its commit.
    for number in 2..COUNT / 2 {
        from_alice.send(alice.message(&bob, number)).await;
    }
    cluster.kill().expect("PostgreSQL is killed");
    for number in COUNT / 2..=COUNT {
        from_alice.send(alice.message(&bob, number)).await;
    }
    until_ready(&relay, false).await;
    assert_eq!(relay.get("/livez").await.status(), 200);
    cluster.restart().expect("PostgreSQL comes back");
    for number in 2..=COUNT {
        let acknowledged = from_alice.acknowledged().await;
        assert_eq!(acknowledged.message_id, message_id(number).to_bytes());
        assert_eq!(acknowledged.seq, number);
    }
    until_ready(&relay, true).await;
    let log = from_alice.fetch_all(alice.direct_with(&bob)).await;
    assert_eq!(log.len() as u64, COUNT);
    for seq in 1..=COUNT {
        let delivered = from_bob
            .until(|frame| match frame {
                server_frame::Frame::Deliver(deliver) => Some(deliver.seq),
                _ => None,
            })
            .await;
        assert_eq!(delivered, seq);
    }
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_starts_before_its_database_waits_for_it() {
    let mut cluster = TemporaryCluster::start().expect("PostgreSQL starts");
    let mut config = config(cluster.url(OWNER));
    let port = chat_testkit::port::free().expect("a port is free");
    config.listen.set_port(port);
    cluster.kill().expect("PostgreSQL is killed");
    let starting = Relay::start_on(config);
    let meanwhile = async {
        let http = reqwest::Client::new();
        let get = async |path: &str| {
            let url = format!("http://127.0.0.1:{port}{path}");
            http.get(url).send().await.ok()
        };
        let live = async {
            while get("/livez").await.is_none() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, live)
            .await
            .expect("it listens before the database is there");
        assert_eq!(get("/readyz").await.expect("an answer").status(), 503);
        let early = get("/api/v1/server").await.expect("an answer");
        expect_problem(early, ErrorCode::Overloaded).await;
        cluster.restart().expect("PostgreSQL comes back");
    };
    let (relay, ()) = tokio::join!(starting, meanwhile);
    assert!(is_ready(&relay).await);
    relay.stop().await;
}
