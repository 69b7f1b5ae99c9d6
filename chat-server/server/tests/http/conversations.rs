//! Opening conversations, and the invites that people make.

use chat_protocol::frame::request::Ask;
use chat_protocol::frame::response::Answer;
use chat_protocol::frame::{self, server_frame};
use chat_protocol::{ErrorCode, limits};

use crate::device::Device;
use crate::relay::Relay;

#[tokio::test(flavor = "multi_thread")]
async fn both_sides_who_open_at_once_open_one_conversation() {
    let relay = Relay::start().await;
    let alice = Device::register(&relay, "alice").await;
    let bob = Device::register(&relay, "bob").await;
    let mut from_alice = alice.connect(&relay).await;
    let mut from_bob = bob.connect(&relay).await;
    let (one, other) = tokio::join!(
        from_alice.open_direct(&alice, &bob),
        from_bob.open_direct(&bob, &alice)
    );
    assert_eq!(one, other);
    // Whoever was connected heard of it, once.
    for socket in [&mut from_alice, &mut from_bob] {
        let opened = socket
            .until(|frame| match frame {
                server_frame::Frame::ConversationOpened(opened) => opened.state.clone(),
                _ => None,
            })
            .await;
        assert_eq!(opened, one);
    }
    // Opening it again is no news.
    assert_eq!(from_alice.open_direct(&alice, &bob).await, one);
    from_alice.send(alice.message(&bob, 1)).await;
    from_alice.acknowledged().await;
    assert!(matches!(
        from_bob.next().await,
        server_frame::Frame::Deliver(_)
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_needs_a_peer_and_the_derived_id() {
    let relay = Relay::start().await;
    let alice = Device::register(&relay, "alice").await;
    let nobody = Device::new("nobody");
    let mut socket = alice.connect(&relay).await;
    let open = |conversation: &[u8], peer: &Device| {
        Ask::OpenDirect(frame::OpenDirect {
            conversation: conversation.to_vec().into(),
            peer: peer.account.to_bytes(),
        })
    };
    let derived = alice.direct_with(&nobody);
    socket
        .expect_refused(open(derived.as_bytes(), &nobody), ErrorCode::PersonNotFound)
        .await;
    for id in [&[7; 16][..], &[7; 3][..]] {
        socket
            .expect_refused(open(id, &nobody), ErrorCode::MalformedRequest)
            .await;
    }
    let own = alice.direct_with(&alice);
    socket
        .expect_refused(open(own.as_bytes(), &alice), ErrorCode::MalformedRequest)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_invites_within_limits() {
    let relay = Relay::start().await;
    let alice = Device::register(&relay, "alice").await;
    let mut socket = alice.connect(&relay).await;
    let ask = |uses, expires_hours| {
        Ask::CreateInvite(frame::CreateInvite {
            uses,
            expires_hours,
        })
    };
    let Answer::Invite(invite) = socket.ask(ask(3, 0)).await else {
        panic!("an invite is made");
    };
    assert_eq!(invite.uses, 3);
    assert_eq!(invite.url, relay.url(&format!("/invite/{}", invite.code)));
    let path = format!("/api/v1/invites/{}", invite.code);
    let described: serde_json::Value = relay.get(&path).await.json().await.unwrap();
    assert_eq!(described["invited_by"], "alice");
    assert_eq!(described["uses_left"], 3);
    for (uses, hours) in [
        (limits::INVITE_USES_MAX + 1, 1),
        (1, limits::INVITE_MAX_HOURS + 1),
    ] {
        socket
            .expect_refused(ask(uses, hours), ErrorCode::LimitExceeded)
            .await;
    }
    for _ in 1..chat_domain::limits::OPEN_INVITES_PER_ACCOUNT {
        assert!(matches!(socket.ask(ask(1, 1)).await, Answer::Invite(_)));
    }
    socket
        .expect_refused(ask(1, 1), ErrorCode::LimitExceeded)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_asks_nothing_known_is_answered_too() {
    let relay = Relay::start().await;
    let alice = Device::register(&relay, "alice").await;
    let mut socket = alice.connect(&relay).await;
    let request = frame::Request { id: 77, ask: None };
    socket
        .push(frame::client_frame::Frame::Request(request))
        .await;
    let answer = socket
        .until(|frame| match frame {
            server_frame::Frame::Response(response) => Some(response.clone()),
            _ => None,
        })
        .await;
    assert_eq!(answer.id, 77);
    assert!(matches!(answer.answer, Some(Answer::Problem(_))));
}
