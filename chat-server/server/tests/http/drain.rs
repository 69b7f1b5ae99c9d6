//! The end of a server.

use chat_protocol::frame::server_frame;

use crate::device::{Device, message_id, pair};
use crate::relay::Relay;

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_ends_tells_its_clients_and_answers_what_it_took() {
    const COUNT: u64 = 100;
    let relay = Relay::start().await;
    let config = relay.config.clone();
    let (alice, mut from_alice, bob, mut from_bob) = pair(&relay).await;
    for number in 1..=COUNT {
        from_alice.send(alice.message(&bob, number)).await;
    }
    // The first is acknowledged: the others are under way, or not read yet.
    let mut acknowledged = vec![from_alice.acknowledged().await.message_id];
    let address = relay.address;
    let stopping = relay.stop();
    let watching = async {
        let mut told = false;
        let close = loop {
            match from_alice.next_or_close().await {
                Ok(server_frame::Frame::Acknowledged(one)) => acknowledged.push(one.message_id),
                Ok(server_frame::Frame::Drain(drain)) => {
                    assert!(drain.jitter_ms > 0);
                    told = true;
                }
                Ok(_) => {}
                Err(close) => break close,
            }
        };
        assert!(told, "a Drain comes before the close");
        assert_eq!(close, 1012);
        let (_, close) = from_bob.ended().await;
        assert_eq!(close, 1012);
    };
    tokio::join!(stopping, watching);
    assert!(tokio::net::TcpStream::connect(address).await.is_err());

    // What was acknowledged is in the log, once; what was not, the client sends
    // again, and then all of it is.
    let relay = Relay::start_on(config).await;
    let mut from_alice = alice.connect(&relay).await;
    let conversation = alice.direct_with(&bob);
    let logged: Vec<_> = from_alice
        .fetch_all(conversation)
        .await
        .into_iter()
        .map(|message| message.message_id)
        .collect();
    assert_eq!(
        logged, acknowledged,
        "exactly what was acknowledged, in order"
    );
    for number in 1..=COUNT {
        from_alice.send(alice.message(&bob, number)).await;
        from_alice.acknowledged().await;
    }
    let log = from_alice.fetch_all(conversation).await;
    let numbers: Vec<_> = log.into_iter().map(|message| message.message_id).collect();
    let expected: Vec<_> = (1..=COUNT)
        .map(|number| message_id(number).to_bytes())
        .collect();
    assert_eq!(numbers, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_take_nothing_do_not_hold_up_the_end() {
    let relay = Relay::start().await;
    let alice = Device::register(&relay, "alice").await;
    let silent = alice.connect(&relay).await;
    let idle = tokio::net::TcpStream::connect(relay.address).await.unwrap();
    tokio::time::timeout(std::time::Duration::from_secs(15), relay.stop())
        .await
        .expect("the end has a bound");
    drop((silent, idle));
}
