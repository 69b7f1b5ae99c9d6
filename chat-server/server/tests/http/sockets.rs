//! The socket itself: how it opens, and what ends it.

use bytes::Bytes;
use chat_protocol::frame::{client_frame, server_frame};
use chat_protocol::{ErrorCode, frame, limits};
use futures_util::SinkExt as _;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{self, Message};

use crate::device::{Device, Socket};
use crate::relay::{Relay, expect_problem};

/// The code of the problem that an upgrade was refused with.
fn refused(opened: Result<Socket, tungstenite::Error>) -> String {
    match opened {
        Err(tungstenite::Error::Http(response)) => {
            let body = response.into_body().expect("a problem document");
            let document: serde_json::Value = serde_json::from_slice(&body).unwrap();
            document["code"].as_str().unwrap().to_owned()
        }
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it was opened"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_own_page_opens_a_socket() {
    let relay = Relay::start().await;
    let own = relay.url("");
    assert!(Socket::open_with(&relay, &[("origin", &own)]).await.is_ok());
    let opened = Socket::open_with(&relay, &[("origin", "https://evil.example")]).await;
    assert_eq!(refused(opened), ErrorCode::NotAllowed.as_str());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_speaks_our_subprotocol() {
    let relay = Relay::start().await;
    let address = relay.url("/api/v1/socket").replacen("http", "ws", 1);
    let request = address.into_client_request().unwrap();
    let opened = tokio_tungstenite::connect_async(request).await;
    assert_eq!(
        refused(opened.map(|_| panic!("it was opened"))),
        ErrorCode::UnsupportedVersion.as_str()
    );
    expect_problem(
        relay.get("/api/v1/socket").await,
        ErrorCode::MalformedRequest,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_breaks_the_protocol_ends_the_socket_with_its_reason() {
    let relay = Relay::start().await;
    let alice = Device::register(&relay, "alice").await;

    let mut socket = Socket::open(&relay).await;
    socket
        .push(client_frame::Frame::Ping(frame::Ping { nonce: 1 }))
        .await;
    let (problem, close) = socket.ended().await;
    assert_eq!(
        (&problem.unwrap().code[..], close),
        ("malformed_request", 1002)
    );

    let mut socket = alice.connect(&relay).await;
    socket
        .push(client_frame::Frame::Hello(alice.hello(None)))
        .await;
    let (problem, close) = socket.ended().await;
    assert_eq!(
        (&problem.unwrap().code[..], close),
        ("malformed_request", 1002)
    );

    let mut socket = alice.connect(&relay).await;
    socket.socket.send(Message::text("{}")).await.unwrap();
    let (problem, close) = socket.ended().await;
    assert_eq!(
        (&problem.unwrap().code[..], close),
        ("malformed_request", 1003)
    );

    let mut socket = alice.connect(&relay).await;
    let noise = Message::Binary(Bytes::from_static(&[0xff; 40]));
    socket.socket.send(noise).await.unwrap();
    let (problem, close) = socket.ended().await;
    assert_eq!(
        (&problem.unwrap().code[..], close),
        ("malformed_request", 1002)
    );

    let mut socket = alice.connect(&relay).await;
    let large = Message::Binary(vec![0; limits::FRAME_MAX_BYTES + 1].into());
    socket.socket.send(large).await.unwrap();
    let (problem, close) = socket.ended().await;
    assert_eq!((&problem.unwrap().code[..], close), ("too_large", 1009));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ping_is_answered_with_its_number() {
    let relay = Relay::start().await;
    let alice = Device::register(&relay, "alice").await;
    let mut socket = alice.connect(&relay).await;
    socket
        .push(client_frame::Frame::Ping(frame::Ping { nonce: 42 }))
        .await;
    assert_eq!(
        socket.next().await,
        server_frame::Frame::Pong(frame::Pong { nonce: 42 })
    );
    // A browser's own pings too.
    socket
        .socket
        .send(Message::Ping(Bytes::new()))
        .await
        .unwrap();
    socket
        .push(client_frame::Frame::Ping(frame::Ping { nonce: 43 }))
        .await;
    assert!(matches!(socket.next().await, server_frame::Frame::Pong(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn more_requests_than_may_be_under_way_are_all_answered() {
    let relay = Relay::start().await;
    let alice = Device::register(&relay, "alice").await;
    let mut socket = alice.connect(&relay).await;
    let count = u32::try_from(limits::REQUESTS_IN_FLIGHT).unwrap() * 3;
    for id in 0..count {
        let ask = frame::request::Ask::CountPrekeys(frame::CountPrekeys {});
        let request = frame::Request { id, ask: Some(ask) };
        socket.push(client_frame::Frame::Request(request)).await;
    }
    let mut answered = Vec::new();
    for _ in 0..count {
        match socket.next().await {
            server_frame::Frame::Response(response) => answered.push(response.id),
            other => panic!("{other:?}"),
        }
    }
    answered.sort_unstable();
    assert_eq!(answered, (0..count).collect::<Vec<_>>());
}
