//! The delivery contract, on one connection and on many.

use bytes::Bytes;
use chat_protocol::frame::server_frame;
use chat_protocol::{ErrorCode, frame, limits};

use crate::device::{Device, known, message_id, pair};
use crate::relay::Relay;

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_sent_again_is_stored_once_and_answered_the_same() {
    let relay = Relay::start().await;
    let (alice, mut from_alice, bob, mut from_bob) = pair(&relay).await;
    // Twice in one breath: the same batch.
    from_alice.send(alice.message(&bob, 1)).await;
    from_alice.send(alice.message(&bob, 1)).await;
    let first = from_alice.acknowledged().await;
    assert_eq!(from_alice.acknowledged().await, first);
    // Later, on another connection, after another message.
    from_alice.send(alice.message(&bob, 2)).await;
    from_alice.acknowledged().await;
    let mut again = alice.connect(&relay).await;
    again.send(alice.message(&bob, 1)).await;
    assert_eq!(again.acknowledged().await, first);
    // On another server: the memory is the database's.
    let other = Relay::start_on(relay.config.clone()).await;
    let mut elsewhere = alice.connect(&other).await;
    elsewhere.send(alice.message(&bob, 1)).await;
    assert_eq!(elsewhere.acknowledged().await, first);

    let log = from_bob.fetch_all(alice.direct_with(&bob)).await;
    assert_eq!(
        log.iter().map(|message| message.seq).collect::<Vec<_>>(),
        [1, 2]
    );
    assert_eq!(from_bob.delivered().await.seq, 1);
    assert_eq!(from_bob.delivered().await.seq, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_senders_get_places_without_gaps_and_in_their_order() {
    const EACH: u64 = 300;
    let relay = Relay::start().await;
    // Two servers on one database, each with one of the two.
    let other = Relay::start_on(relay.config.clone()).await;
    let (alice, mut from_alice, bob, _from_bob) = pair(&relay).await;
    let mut from_bob = bob.connect(&other).await;
    let send = async |socket: &mut crate::device::Socket, own: &Device, peer: &Device, first| {
        // At most as many under way as are read.
        for number in 0..EACH {
            socket.send(own.message(peer, first + number)).await;
        }
        let mut seqs = Vec::new();
        for number in 0..EACH {
            let acknowledged = socket.acknowledged().await;
            assert_eq!(
                acknowledged.message_id,
                message_id(first + number).to_bytes()
            );
            seqs.push(acknowledged.seq);
        }
        seqs
    };
    let (of_alice, of_bob) = tokio::join!(
        send(&mut from_alice, &alice, &bob, 0),
        send(&mut from_bob, &bob, &alice, 1_000_000),
    );
    assert!(
        of_alice.is_sorted() && of_bob.is_sorted(),
        "one sender's order holds"
    );
    let mut all = [of_alice.clone(), of_bob].concat();
    all.sort_unstable();
    assert_eq!(
        all,
        (1..=2 * EACH).collect::<Vec<_>>(),
        "no gap, none twice"
    );
    let log = from_alice.fetch_all(alice.direct_with(&bob)).await;
    assert_eq!(log.len(), all.len());
    for (place, seq) in of_alice.iter().enumerate() {
        let logged = &log[usize::try_from(*seq - 1).unwrap()];
        let number = u64::try_from(place).unwrap();
        assert_eq!(logged.message_id, message_id(number).to_bytes());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_senders_other_sockets_hear_it_too() {
    let relay = Relay::start().await;
    let (alice, mut from_alice, bob, _from_bob) = pair(&relay).await;
    let mut second = alice.connect(&relay).await;
    from_alice.send(alice.message(&bob, 1)).await;
    from_alice.acknowledged().await;
    let heard = second.delivered().await;
    assert_eq!((heard.seq, heard.sealed_key.is_empty()), (1, true));
    // The socket that sent got its acknowledgement, and no copy.
    from_alice.send(alice.message(&bob, 2)).await;
    let next = from_alice
        .until(|frame| match frame {
            server_frame::Frame::ConversationOpened(_) => None,
            other => Some(other.clone()),
        })
        .await;
    assert!(
        matches!(next, server_frame::Frame::Acknowledged(_)),
        "{next:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_sealed_for_an_older_device_list_is_refused() {
    let relay = Relay::start().await;
    let (alice, mut from_alice, bob, mut from_bob) = pair(&relay).await;
    from_alice.send(alice.message(&bob, 1)).await;
    from_alice.acknowledged().await;
    // Bob's list grows, and not by this server: what it remembers is old, and only
    // the transaction that stores the next message can notice.
    relay
        .store
        .append_device_list_entry(bob.account, 1, &bob.second_entry())
        .await
        .expect("it follows");
    from_alice.send(alice.message(&bob, 2)).await;
    let refused = from_alice.refused().await;
    assert_eq!(refused.code, ErrorCode::StaleDeviceList.as_str());
    let mut current = refused.current_lists.clone();
    current.sort_by_key(|list| list.seq);
    assert_eq!(current, [known(alice.account, 0), known(bob.account, 1)]);
    // Sealed anew, under the same id, it is taken; and Bob's own are checked too.
    let mut sealed_anew = alice.message(&bob, 2);
    sealed_anew.known_lists = current;
    from_alice.send(sealed_anew).await;
    assert_eq!(from_alice.acknowledged().await.seq, 2);
    from_bob.send(bob.message(&alice, 3)).await;
    let refused = from_bob.refused().await;
    assert_eq!(refused.code, ErrorCode::StaleDeviceList.as_str());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_message_does_not_take_its_batch_with_it() {
    let relay = Relay::start().await;
    let (alice, mut from_alice, bob, _from_bob) = pair(&relay).await;
    let carol = Device::register(&relay, "carol").await;
    from_alice.open_direct(&alice, &carol).await;
    for (peer, number) in [(&bob, 1), (&carol, 2)] {
        from_alice.send(alice.message(peer, number)).await;
        from_alice.acknowledged().await;
    }
    relay
        .store
        .append_device_list_entry(bob.account, 1, &bob.second_entry())
        .await
        .expect("it follows");
    from_alice.send(alice.message(&bob, 3)).await;
    from_alice.send(alice.message(&carol, 4)).await;
    let refused = from_alice.refused().await;
    assert_eq!(refused.code, ErrorCode::StaleDeviceList.as_str());
    let acknowledged = from_alice.acknowledged().await;
    assert_eq!(acknowledged.message_id, message_id(4).to_bytes());
    assert_eq!(acknowledged.seq, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_of_the_form_is_refused_and_the_next_is_taken() {
    let relay = Relay::start().await;
    let (alice, mut from_alice, bob, _from_bob) = pair(&relay).await;
    let with = |change: fn(&mut frame::Send)| {
        let mut send = alice.message(&bob, 1);
        change(&mut send);
        send
    };
    let cases = [
        (
            with(|send| send.body = Bytes::new()),
            ErrorCode::MalformedRequest,
        ),
        (with(|send| send.kind = 99), ErrorCode::MalformedRequest),
        (
            with(|send| send.conversation = Bytes::new()),
            ErrorCode::MalformedRequest,
        ),
        (
            with(|send| send.keys.push(send.keys[0].clone())),
            ErrorCode::MalformedRequest,
        ),
        (
            with(|send| send.body = vec![1; limits::BODY_MAX_BYTES + 1].into()),
            ErrorCode::TooLarge,
        ),
        (
            with(|send| {
                send.keys[0].sealed = vec![1; limits::KEY_ENVELOPE_MAX_BYTES + 1].into();
            }),
            ErrorCode::TooLarge,
        ),
    ];
    for (send, code) in cases {
        from_alice.send(send).await;
        assert_eq!(from_alice.refused().await.code, code.as_str());
    }
    from_alice.send(alice.message(&bob, 1)).await;
    assert_eq!(from_alice.acknowledged().await.seq, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_ends_at_its_limits_and_the_next_goes_on() {
    let relay = Relay::start().await;
    let (alice, mut from_alice, bob, mut from_bob) = pair(&relay).await;
    for number in 1..=12 {
        let mut send = alice.message(&bob, number);
        send.body = vec![1; limits::BODY_MAX_BYTES].into();
        from_alice.send(send).await;
        from_alice.acknowledged().await;
    }
    let conversation = alice.direct_with(&bob);
    let page = from_bob.fetch(conversation, 0).await;
    assert_eq!(page.head_seq, 12);
    assert!(
        (1..=limits::LOG_PAGE_MAX_BYTES / limits::BODY_MAX_BYTES).contains(&page.messages.len())
    );
    let all = from_bob.fetch_all(conversation).await;
    assert_eq!(all.len(), 12);
    // Beyond the end there is nothing, and that is no error.
    assert!(from_bob.fetch(conversation, 12).await.messages.is_empty());
    assert!(
        from_bob
            .fetch(conversation, u64::MAX)
            .await
            .messages
            .is_empty()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_does_not_read_gets_a_gap_and_loses_nothing() {
    const COUNT: u64 = 400;
    let relay = Relay::start().await;
    let (alice, mut from_alice, bob, mut from_bob) = pair(&relay).await;
    // More than the kernel's buffers and the queue hold together.
    for number in 1..=COUNT {
        let mut send = alice.message(&bob, number);
        send.body = vec![1; limits::BODY_MAX_BYTES].into();
        from_alice.send(send).await;
        from_alice.acknowledged().await;
    }
    let conversation = alice.direct_with(&bob);
    let mut known = 0;
    let head = loop {
        match from_bob.next().await {
            server_frame::Frame::Deliver(deliver) => {
                assert_eq!(deliver.seq, known + 1, "nothing from behind a hole");
                known = deliver.seq;
            }
            server_frame::Frame::Gap(gap) => break gap.head_seq,
            _ => {}
        }
    };
    assert!(known < COUNT && head > known, "{known} {head}");
    let mut missing = from_bob.fetch_all(conversation).await;
    assert_eq!(missing.len() as u64, COUNT);
    assert_eq!(missing.pop().unwrap().seq, COUNT);
    // And live frames go on after it.
    from_alice.send(alice.message(&bob, COUNT + 1)).await;
    let next = from_bob
        .until(|frame| match frame {
            server_frame::Frame::Deliver(deliver) if deliver.seq > COUNT => Some(deliver.seq),
            _ => None,
        })
        .await;
    assert_eq!(next, COUNT + 1);
}
