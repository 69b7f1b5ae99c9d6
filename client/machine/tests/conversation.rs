//! Two machines and a relay in memory: what people may rely on.
#![allow(
    missing_docs,
    clippy::pedantic,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

mod common;

use chat_client::{Command, Event, FailureCode, Reply, RowState};
use chat_protocol::frame::{response, server_frame};
use common::World;
use proptest::prelude::*;

fn two() -> World {
    let mut world = World::new(&["alice", "bob"]);
    world.connect(0);
    world.connect(1);
    world.settle();
    world
}

#[test]
fn two_people_talk_both_ways() {
    let mut world = two();
    let here = world.open_direct(0, "bob");
    world.say(0, here, "hello");
    world.settle();
    world.say(1, here, "hello yourself");
    world.settle();
    for who in 0..2 {
        assert_eq!(world.texts(who, here), ["hello", "hello yourself"]);
    }
    let rows = world.timeline(1, here);
    assert_eq!(rows[0].state, RowState::Received);
    assert_eq!(rows[1].state, RowState::Sent);
    assert_eq!(
        rows.iter().map(|row| row.seq).collect::<Vec<_>>(),
        [Some(1), Some(2)]
    );
}

#[test]
fn both_begin_at_once_and_understand_each_other() {
    let mut world = two();
    let here = world.open_direct(0, "bob");
    world.open_direct(1, "alice");
    world.say(0, here, "from alice");
    world.say(1, here, "from bob");
    world.settle();
    world.say(0, here, "again");
    world.say(1, here, "and again");
    world.settle();
    let mut texts = world.texts(0, here);
    assert_eq!(texts, world.texts(1, here));
    texts.sort();
    assert_eq!(texts, ["again", "and again", "from alice", "from bob"]);
}

#[test]
fn safety_numbers_are_the_same_on_both_sides() {
    let mut world = two();
    world.open_direct(0, "bob");
    let (alice, bob) = (world.devices[0].account, world.devices[1].account);
    let number = |world: &mut World, who: usize, account| match world
        .run(who, Command::SafetyNumber { account })
    {
        Ok(Reply::SafetyNumber { digits }) => digits,
        other => panic!("{other:?}"),
    };
    let one = number(&mut world, 0, bob);
    assert_eq!(one, number(&mut world, 1, alice));
    assert_eq!(one.len(), 60);
}

#[test]
fn a_text_written_offline_leaves_when_the_server_is_back() {
    let mut world = two();
    let here = world.open_direct(0, "bob");
    world.disconnect(0);
    let command = world.say(0, here, "later");
    world.settle();
    assert!(!world.devices[0].answers.contains_key(&command));
    assert_eq!(world.timeline(0, here)[0].state, RowState::Sending);
    world.connect(0);
    world.settle();
    assert!(matches!(
        world.devices[0].answers[&command],
        Ok(Reply::Sent { seq: 1, .. })
    ));
    assert_eq!(world.texts(1, here), ["later"]);
}

#[test]
fn the_outbox_survives_the_end_of_the_process() {
    let mut world = two();
    let here = world.open_direct(0, "bob");
    world.say(0, here, "first");
    world.settle();
    world.disconnect(0);
    world.say(0, here, "kept");
    world.restart(0);
    world.connect(0);
    world.settle();
    assert_eq!(world.texts(1, here), ["first", "kept"]);
    assert_eq!(world.texts(0, here), ["first", "kept"]);
}

#[test]
fn an_unknown_name_is_said_to_be_unknown() {
    let mut world = two();
    let failure = world
        .run(
            0,
            Command::OpenDirect {
                name: "nobody".to_owned(),
            },
        )
        .unwrap_err();
    assert_eq!(failure.code, FailureCode::PersonNotFound);
}

#[test]
fn a_server_that_cannot_be_reached_twice_is_said_so() {
    let mut world = World::new(&["alice", "bob"]);
    let command = world.command(
        0,
        Command::OpenDirect {
            name: "bob".to_owned(),
        },
    );
    world.disconnect(0);
    world.disconnect(0);
    let failure = world.devices[0]
        .answers
        .remove(&command)
        .unwrap()
        .unwrap_err();
    assert_eq!(failure.code, FailureCode::Offline);
}

#[test]
fn a_swapped_prekey_is_refused_and_nothing_is_sent() {
    let mut world = two();
    world.relay.tamper = Some(Box::new(|_, frame| {
        if let server_frame::Frame::Response(response) = frame
            && let Some(response::Answer::PrekeyBundles(bundles)) = &mut response.answer
        {
            let signed = bundles.bundles[0].signed.as_mut().unwrap();
            let mut public = signed.public.to_vec();
            public[0] ^= 1;
            signed.public = public.into();
        }
    }));
    let here = world.open_direct(0, "bob");
    let command = world.say(0, here, "secret");
    world.settle();
    let failure = world.devices[0]
        .answers
        .remove(&command)
        .unwrap()
        .unwrap_err();
    assert_eq!(failure.code, FailureCode::NotVerified);
    assert_eq!(world.timeline(0, here)[0].state, RowState::Failed);
    assert!(world.texts(1, here).is_empty());
}

#[test]
fn an_altered_body_is_unreadable_and_the_next_one_is_not() {
    let mut world = two();
    let here = world.open_direct(0, "bob");
    world.relay.tamper = Some(Box::new(|_, frame| {
        if let server_frame::Frame::Deliver(deliver) = frame
            && deliver.seq == 1
        {
            let mut body = deliver.body.to_vec();
            *body.last_mut().unwrap() ^= 1;
            deliver.body = body.into();
        }
    }));
    world.say(0, here, "altered");
    world.say(0, here, "whole");
    world.settle();
    let rows = world.timeline(1, here);
    assert_eq!(rows[0].state, RowState::Unreadable);
    assert_eq!(rows[0].text, "");
    assert_eq!(rows[1].text, "whole");
}

#[test]
fn a_history_that_differs_between_two_people_is_noticed() {
    let mut world = two();
    let here = world.open_direct(0, "bob");
    // Bob is shown another time of the first message than alice.
    world.relay.tamper = Some(Box::new(|_, frame| {
        if let server_frame::Frame::Deliver(deliver) = frame
            && deliver.seq == 1
        {
            deliver.at_ms += 1;
        }
    }));
    world.say(0, here, "one");
    world.settle();
    world.say(1, here, "two");
    world.settle();
    let broken = world.devices[0]
        .events
        .iter()
        .any(|event| matches!(event, Event::HistoryBroken { .. }));
    assert!(broken);
}

#[test]
fn a_withheld_message_stops_the_history_and_is_named() {
    let mut world = two();
    let here = world.open_direct(0, "bob");
    world.relay.tamper = Some(Box::new(|_, frame| match frame {
        server_frame::Frame::Deliver(deliver) if deliver.seq == 1 => deliver.seq = 2,
        server_frame::Frame::Response(response) => {
            if let Some(response::Answer::LogPage(page)) = &mut response.answer {
                page.messages.retain(|message| message.seq != 1);
            }
        }
        _ => {}
    }));
    world.say(0, here, "one");
    world.say(0, here, "two");
    world.settle();
    let broken = world.devices[1]
        .events
        .iter()
        .any(|event| matches!(event, Event::HistoryBroken { .. }));
    assert!(broken);
}

#[test]
fn prekeys_are_made_up_for_before_they_run_out() {
    let mut world = two();
    let here = world.open_direct(0, "bob");
    world.say(0, here, "hello");
    world.settle();
    // Only reading and acknowledging: nobody's pool may fall below the mark.
    world.disconnect(1);
    world.connect(1);
    world.settle();
    assert_eq!(world.texts(1, here), ["hello"]);
}

/// What can happen to two people who talk.
#[derive(Debug, Clone)]
enum Act {
    Say(usize),
    Deliver(usize),
    Disconnect(usize),
    Connect(usize),
    Restart(usize),
}

fn act() -> impl Strategy<Value = Act> {
    let who = 0..2_usize;
    prop_oneof![
        5 => who.clone().prop_map(Act::Say),
        8 => who.clone().prop_map(Act::Deliver),
        1 => who.clone().prop_map(Act::Disconnect),
        2 => who.clone().prop_map(Act::Connect),
        1 => who.prop_map(Act::Restart),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn whatever_happens_both_read_every_text_once_and_in_one_order(acts in prop::collection::vec(act(), 0..80)) {
        let mut world = two();
        let here = world.open_direct(0, "bob");
        let mut said = Vec::new();
        for (number, act) in acts.into_iter().enumerate() {
            world.now_ms += 10;
            match act {
                Act::Say(who) => {
                    let text = format!("{who}-{number}");
                    world.say(who, here, &text);
                    said.push(text);
                }
                Act::Deliver(who) => { world.step(who); }
                Act::Disconnect(who) => world.disconnect(who),
                Act::Connect(who) if !world.devices[who].online => world.connect(who),
                Act::Connect(_) => {}
                Act::Restart(who) => world.restart(who),
            }
        }
        for who in 0..2 {
            if !world.devices[who].online {
                world.connect(who);
            }
        }
        world.settle();
        let texts = world.texts(0, here);
        prop_assert_eq!(&texts, &world.texts(1, here));
        let mut sorted = texts;
        sorted.sort();
        said.sort();
        prop_assert_eq!(sorted, said);
        let rows = world.timeline(0, here);
        prop_assert!(rows.iter().enumerate().all(|(at, row)| row.seq == Some(at as u64 + 1)));
    }
}
