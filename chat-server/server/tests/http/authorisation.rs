//! Every way in has its case here: what somebody gets who may not.

use chat_protocol::frame::request::Ask;
use chat_protocol::frame::{self, client_frame};
use chat_protocol::{ErrorCode, PROTOCOL_VERSION};
use chat_server::ENDPOINTS;

use crate::device::{Device, Socket, pair};
use crate::relay::{Relay, expect_problem};

/// What somebody without a token, an invite or a subprotocol gets.
enum Expected {
    /// Anybody may ask.
    Open,
    /// Refused with a code.
    Refused(ErrorCode),
}

fn expected(method: &str, path: &str) -> Expected {
    match (method, path) {
        // The metrics from loopback, where this test is.
        ("GET", "/api/v1/server" | "/livez" | "/readyz" | "/metrics") => Expected::Open,
        ("GET", "/api/v1/invites/{code}") | ("POST", "/api/v1/accounts") => {
            Expected::Refused(ErrorCode::InviteNotFound)
        }
        ("POST", "/api/v1/sessions") => Expected::Refused(ErrorCode::WrongCredentials),
        ("DELETE", "/api/v1/sessions/current") => Expected::Refused(ErrorCode::NotSignedIn),
        ("GET", "/api/v1/socket") => Expected::Refused(ErrorCode::MalformedRequest),
        other => panic!("{other:?} has no case of authorisation: decide who may"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_endpoint_knows_who_may() {
    let relay = Relay::start().await;
    for (method, path) in ENDPOINTS {
        let request = relay.http.request(
            method.parse().unwrap(),
            relay.url(&path.replace("{code}", &"2".repeat(26))),
        );
        let request = match *path {
            "/api/v1/accounts" => request.json(&Device::new("eve").body(&"2".repeat(26))),
            "/api/v1/sessions" => request.json(&serde_json::json!({
                "name": "eve", "password": "a guessed password", "device_id": "00".repeat(16),
            })),
            _ => request,
        };
        let response = request.send().await.unwrap();
        match expected(method, path) {
            Expected::Open => assert_eq!(response.status(), 200, "{method} {path}"),
            Expected::Refused(code) => expect_problem(response, code).await,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_endpoint_takes_its_method_only() {
    let relay = Relay::start().await;
    for (_, path) in ENDPOINTS {
        let response = relay.http.put(relay.url(path)).send().await.unwrap();
        expect_problem(response, ErrorCode::MethodNotAllowed).await;
    }
    expect_problem(
        relay.get("/api/v1/nothing").await,
        ErrorCode::EndpointNotFound,
    )
    .await;
    let response = relay
        .http
        .post(relay.url("/invite/x"))
        .send()
        .await
        .unwrap();
    expect_problem(response, ErrorCode::MethodNotAllowed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_socket_without_a_token_that_holds() {
    let relay = Relay::start().await;
    let alice = Device::register(&relay, "alice").await;
    let refused = async |hello: frame::Hello, code: ErrorCode| {
        let mut socket = Socket::open(&relay).await;
        socket.push(client_frame::Frame::Hello(hello)).await;
        let (problem, close) = socket.ended().await;
        assert_eq!(problem.expect("a problem").code, code.as_str());
        assert_eq!(close, 1008);
    };
    for token in [vec![], vec![0; 31], vec![0; 32]] {
        let hello = frame::Hello {
            token: token.into(),
            ..alice.hello(None)
        };
        refused(hello, ErrorCode::NotSignedIn).await;
    }
    for protocol_version in [0, PROTOCOL_VERSION + 1] {
        let hello = frame::Hello {
            protocol_version,
            ..alice.hello(None)
        };
        refused(hello, ErrorCode::UnsupportedVersion).await;
    }
}

/// What somebody who is signed in, but in no conversation, gets for each request.
#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_to_a_conversation_learns_and_changes_nothing() {
    let relay = Relay::start().await;
    let (alice, mut from_alice, bob, _from_bob) = pair(&relay).await;
    from_alice.send(alice.message(&bob, 1)).await;
    from_alice.acknowledged().await;
    let eve = Device::register(&relay, "eve").await;
    let mut from_eve = eve.connect(&relay).await;
    assert!(from_eve.welcome.conversations.is_empty());

    let theirs = alice.direct_with(&bob).to_bytes();
    let fetch = Ask::Fetch(frame::Fetch {
        conversation: theirs.clone(),
        after_seq: 0,
        limit: 10,
    });
    from_eve
        .expect_refused(fetch, ErrorCode::ConversationNotFound)
        .await;
    from_eve.send(alice.message(&bob, 2)).await;
    let refused = from_eve.refused().await;
    assert_eq!(refused.code, ErrorCode::ConversationNotFound.as_str());
    // Nor is the id of others' conversation one that she could open.
    let open = Ask::OpenDirect(frame::OpenDirect {
        conversation: theirs,
        peer: bob.account.to_bytes(),
    });
    from_eve
        .expect_refused(open, ErrorCode::MalformedRequest)
        .await;
    // A conversation that does not exist looks the same.
    let nowhere = Ask::Fetch(frame::Fetch {
        conversation: eve.direct_with(&bob).to_bytes(),
        after_seq: 0,
        limit: 10,
    });
    from_eve
        .expect_refused(nowhere, ErrorCode::ConversationNotFound)
        .await;
    assert_eq!(
        from_alice.fetch(alice.direct_with(&bob), 0).await.head_seq,
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn prekeys_are_uploaded_for_the_own_device_only() {
    let relay = Relay::start().await;
    let alice = Device::register(&relay, "alice").await;
    let bob = Device::register(&relay, "bob").await;
    let mut from_alice = alice.connect(&relay).await;
    // Signed by another device: the key is the one of the list, whatever is claimed.
    let upload = Ask::UploadPrekeys(frame::UploadPrekeys {
        prekeys: Some(frame::Prekeys {
            signed: Some(bob.signed_prekey(5)),
            one_time: Vec::new(),
        }),
    });
    from_alice
        .expect_refused(upload, ErrorCode::KeysInvalid)
        .await;
}
