//! Resuming: what a device is told that was away.

use chat_protocol::ConversationId;
use chat_protocol::frame::{self, server_frame};

use crate::device::{Device, PATIENCE, Socket, pair};
use crate::relay::Relay;

fn heads(welcome: &frame::Welcome) -> Vec<(ConversationId, u64)> {
    let mut heads: Vec<_> = welcome
        .conversations
        .iter()
        .map(|state| {
            let id = ConversationId::try_from(&state.conversation[..]).unwrap();
            (id, state.head_seq)
        })
        .collect();
    heads.sort_unstable();
    heads
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_comes_back_is_told_what_has_changed() {
    let relay = Relay::start().await;
    let (alice, mut from_alice, bob, from_bob) = pair(&relay).await;
    assert!(!from_bob.welcome.resumed, "the first time is a full list");
    let carol = Device::register(&relay, "carol").await;
    let mut from_carol = carol.connect(&relay).await;
    from_carol.open_direct(&carol, &bob).await;
    drop(from_bob);

    let first = bob.connect(&relay).await;
    let mut both = [(alice.direct_with(&bob), 0), (carol.direct_with(&bob), 0)];
    both.sort_unstable();
    assert_eq!(heads(&first.welcome), both);
    let resume = first.welcome.resume;
    drop(first);

    from_alice.send(alice.message(&bob, 1)).await;
    from_alice.acknowledged().await;
    let second = bob.connect_from(&relay, resume).await;
    assert!(second.welcome.resumed);
    assert!(heads(&second.welcome).contains(&(alice.direct_with(&bob), 1)));
    let resume = second.welcome.resume;
    // Nothing has changed since: what has not is left out, as soon as no other
    // transaction of the cluster (other tests' too) holds the position back.
    let mut quiet = bob.connect_from(&relay, resume).await;
    assert!(quiet.welcome.resumed);
    assert!(quiet.welcome.device_generation > second.welcome.device_generation);
    let unchanged = (carol.direct_with(&bob), 0);
    let waiting = async {
        while heads(&quiet.welcome).contains(&unchanged) {
            quiet = bob.connect_from(&relay, quiet.welcome.resume).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting)
        .await
        .expect("what has not changed is left out");

    // The point holds on another server, and after a restart.
    let other = Relay::start_on(relay.config.clone()).await;
    from_alice.send(alice.message(&bob, 2)).await;
    from_alice.acknowledged().await;
    let elsewhere = bob.connect_from(&other, resume).await;
    assert!(elsewhere.welcome.resumed);
    assert!(heads(&elsewhere.welcome).contains(&(alice.direct_with(&bob), 2)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_point_of_another_history_is_answered_with_everything() {
    let relay = Relay::start().await;
    let (alice, _from_alice, bob, from_bob) = pair(&relay).await;
    let now = from_bob.welcome.resume.unwrap();
    let strange = [
        frame::ResumePoint {
            epoch: now.epoch + 1,
            ..now
        },
        frame::ResumePoint {
            position: now.position + 1_000_000,
            ..now
        },
    ];
    for resume in strange {
        let socket = bob.connect_from(&relay, Some(resume)).await;
        assert!(!socket.welcome.resumed);
        assert_eq!(heads(&socket.welcome), [(alice.direct_with(&bob), 0)]);
    }
    // A restore begins a new epoch: what was a good point is none any more.
    relay.store.begin_epoch(0).await.unwrap();
    let socket = bob.connect_from(&relay, Some(now)).await;
    assert!(!socket.welcome.resumed);
    assert_eq!(socket.welcome.resume.unwrap().epoch, now.epoch + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_with_traffic_gets_newer_points() {
    let relay = Relay::start().await;
    let (alice, mut from_alice, bob, mut from_bob) = pair(&relay).await;
    from_alice.send(alice.message(&bob, 1)).await;
    from_alice.acknowledged().await;
    let resume = from_bob
        .until(|frame| match frame {
            server_frame::Frame::Position(position) => Some(position.resume),
            _ => None,
        })
        .await;
    // It came after the message that it covers.
    assert_eq!(from_bob.delivered().await.seq, 1);
    assert!(resume.unwrap().position >= from_bob.welcome.resume.unwrap().position);
    let back = bob.connect_from(&relay, resume).await;
    assert!(back.welcome.resumed);
}

/// Whoever comes and goes while others send never misses a change: whatever the
/// list at the opening leaves out is delivered live, and the other way round.
#[tokio::test(flavor = "multi_thread")]
async fn coming_and_going_under_load_leaves_no_hole() {
    const COUNT: u64 = 1500;
    let relay = Relay::start().await;
    let (alice, mut from_alice, bob, from_bob) = pair(&relay).await;
    let mut resume = from_bob.welcome.resume;
    drop(from_bob);
    let conversation = alice.direct_with(&bob);
    let sending = async {
        for number in 1..=COUNT {
            from_alice.send(alice.message(&bob, number)).await;
            if number % 50 == 0 {
                for _ in 0..50 {
                    from_alice.acknowledged().await;
                }
            }
        }
    };
    let reading = async {
        let mut known = 0;
        while known < COUNT {
            let mut socket: Socket = bob.connect_from(&relay, resume).await;
            assert!(socket.welcome.resumed);
            for (_, head) in heads(&socket.welcome) {
                assert!(head >= known, "{head} {known}");
                known = head;
            }
            resume = socket.welcome.resume;
            // Some live ones, then away again: each is the next, or known already.
            for _ in 0..40 {
                if known >= COUNT {
                    break;
                }
                match socket.next().await {
                    server_frame::Frame::Deliver(deliver) => {
                        assert!(deliver.seq <= known + 1, "{} after {known}", deliver.seq);
                        known = known.max(deliver.seq);
                    }
                    server_frame::Frame::Position(position) => resume = position.resume,
                    other => panic!("{other:?}"),
                }
            }
        }
        let mut socket = bob.connect(&relay).await;
        socket.fetch_all(conversation).await.len() as u64
    };
    let ((), logged) = tokio::join!(sending, reading);
    assert_eq!(logged, COUNT);
}
