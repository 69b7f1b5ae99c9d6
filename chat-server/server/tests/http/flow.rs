//! The one thing that all of this is for.

use chat_protocol::frame::request::Ask;
use chat_protocol::frame::response::Answer;
use chat_protocol::{ErrorCode, frame};

use crate::device::Device;
use crate::relay::Relay;

#[tokio::test(flavor = "multi_thread")]
async fn two_people_find_each_other_and_talk() {
    let relay = Relay::start().await;
    let alice = Device::register(&relay, "alice").await;
    let bob = Device::register(&relay, "bob").await;
    let mut from_alice = alice.connect(&relay).await;
    let mut from_bob = bob.connect(&relay).await;

    let find = |name: &str| Ask::FindPerson(frame::FindPerson { name: name.into() });
    let Answer::Person(person) = from_alice.ask(find("bob")).await else {
        panic!("bob is found");
    };
    assert_eq!(
        (&person.account[..], &person.name[..]),
        (&bob.account.as_bytes()[..], "bob")
    );
    from_alice
        .expect_refused(find("carol"), ErrorCode::PersonNotFound)
        .await;
    from_alice
        .expect_refused(find("B O B"), ErrorCode::PersonNotFound)
        .await;

    let ask = Ask::FetchDeviceList(frame::FetchDeviceList {
        account: bob.account.to_bytes(),
        after_seq: 0,
        from_start: true,
    });
    let Answer::DeviceList(list) = from_alice.ask(ask).await else {
        panic!("bob has a device list");
    };
    assert_eq!(list.entries, [bob.setup().device_list.unwrap()]);

    let state = from_alice.open_direct(&alice, &bob).await;
    assert_eq!(state.head_seq, 0);
    let mut names: Vec<_> = state
        .members
        .iter()
        .map(|member| &member.name[..])
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["alice", "bob"]);

    from_alice.send(alice.message(&bob, 1)).await;
    let acknowledged = from_alice.acknowledged().await;
    assert_eq!(acknowledged.seq, 1);
    let delivered = from_bob.delivered().await;
    let sent = alice.message(&bob, 1);
    assert_eq!(delivered.seq, 1);
    assert_eq!(delivered.at_ms, acknowledged.at_ms);
    assert_eq!(delivered.sender, alice.account.to_bytes());
    assert_eq!(delivered.sender_device, alice.device.to_bytes());
    assert_eq!(delivered.body, sent.body);
    assert_eq!(delivered.sealed_key, sent.keys[0].sealed);

    from_bob.send(bob.message(&alice, 2)).await;
    assert_eq!(from_bob.acknowledged().await.seq, 2);
    assert_eq!(from_alice.delivered().await.seq, 2);

    // Each reads the log with the keys that were sealed to its own device.
    let conversation = alice.direct_with(&bob);
    let of_bob = from_bob.fetch(conversation, 0).await;
    assert_eq!(of_bob.head_seq, 2);
    assert_eq!(of_bob.messages[0], delivered);
    assert!(of_bob.messages[1].sealed_key.is_empty());
    let of_alice = from_alice.fetch(conversation, 1).await;
    assert_eq!(of_alice.messages.len(), 1);
    assert!(!of_alice.messages[0].sealed_key.is_empty());
}
