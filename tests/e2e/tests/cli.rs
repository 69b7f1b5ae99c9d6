//! The command line against the real server on a real PostgreSQL: two people
//! talk, and everything that the command line promises to scripts holds.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdout, Output};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use chat_e2e::device::{
    Device, PASSWORD, alice_and_bob, registration, rows, texts, without_keychain,
};
use chat_testkit::postgres::OWNER;
use chat_testkit::process::{Process, Signal};
use chat_testkit::server::For;
use chat_testkit::test_server::TestServer;
use serde_json::Value;

fn code(output: &Output) -> Option<i32> {
    output.status.code()
}

fn error(output: &Output) -> Result<Value> {
    let value: Value = serde_json::from_slice(&output.stderr)
        .with_context(|| format!("stderr is one object: {output:?}"))?;
    Ok(value["error"].clone())
}

/// Rows of a program that goes on running.
struct Listening {
    child: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
}

impl Listening {
    fn start(device: &Device, server: &TestServer, arguments: &[&str]) -> Result<Self> {
        let mut child = device.spawn(server, &[&["listen"], arguments].concat())?;
        let stdout = child.stdout.take().context("stdout is piped")?;
        Ok(Self {
            child,
            lines: BufReader::new(stdout).lines(),
        })
    }

    fn next(&mut self) -> Result<Value> {
        let line = self.lines.next().context("listen goes on")??;
        Ok(serde_json::from_str(&line)?)
    }

    fn interrupt(mut self) -> Result<Option<i32>> {
        let process = Process::lookup(self.child.id()).context("listen still runs")?;
        process.signal(Signal::INT)?;
        Ok(self.child.wait()?.code())
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[test]
fn two_people_talk_compare_numbers_and_keep_their_history() -> Result<()> {
    let server = TestServer::start()?;
    let (alice, bob) = alice_and_bob(&server)?;

    let who = &alice.rows(&server, &["whoami"])?[0];
    assert_eq!(who["name"], "alice");
    assert_eq!(who["server"], server.url());

    // Each command is a program of its own: everything below is read back from
    // the sealed store.
    let sent = alice.rows(&server, &["send", "@bob", "hello bob"])?;
    assert_eq!(sent[0]["seq"], 1);
    let sent = bob.rows(&server, &["send", "@alice", "hello alice\nsecond line"])?;
    assert_eq!(sent[0]["seq"], 2);
    let stdin = alice.run_with_input(&server, &["send", "@bob", "-"], "from stdin\n")?;
    assert_eq!(rows(&stdin)?[0]["seq"], 3);

    for (device, peer, own) in [(&alice, "@bob", "alice"), (&bob, "@alice", "bob")] {
        let history = device.rows(&server, &["read", peer])?;
        assert_eq!(
            texts(&history),
            ["hello bob", "hello alice\nsecond line", "from stdin"]
        );
        for (row, from) in history.iter().zip(["alice", "bob", "alice"]) {
            assert_eq!(row["from"], from);
            assert_eq!(row["kind"], "text");
            assert_eq!(row["state"], if from == own { "sent" } else { "received" });
            let sent_at = row["sent_at"].as_str().context("a row has its time")?;
            assert!(sent_at.len() == 24 && sent_at.ends_with('Z'), "{sent_at}");
        }
        let later = device.rows(&server, &["read", peer, "--since", "2"])?;
        assert_eq!(texts(&later), ["from stdin"]);
        assert!(
            device
                .rows(&server, &["read", peer, "--since", "3"])?
                .is_empty()
        );
    }

    let number = |device: &Device, peer: &str| -> Result<String> {
        let mut command = server.chatalot(device.home(), &["verify", peer])?;
        let output = without_keychain(&mut command).output()?;
        Ok(String::from_utf8(output.stdout)?)
    };
    let digits = number(&alice, "@bob")?;
    assert_eq!(digits, number(&bob, "@alice")?);
    assert_eq!(digits.trim_end().len(), 60, "{digits:?}");
    assert!(
        digits.trim_end().bytes().all(|byte| byte.is_ascii_digit()),
        "{digits:?}"
    );
    assert_eq!(
        alice.rows(&server, &["verify", "@bob"])?[0]["safety_number"],
        digits.trim_end()
    );
    Ok(())
}

#[test]
fn the_same_message_id_is_stored_once() -> Result<()> {
    let server = TestServer::start()?;
    let (alice, bob) = alice_and_bob(&server)?;
    let id = "0123456789abcdef0123456789abcdef";
    for _ in 0..2 {
        let sent = alice.rows(&server, &["send", "@bob", "once", "--id", id])?;
        assert_eq!((&sent[0]["seq"], &sent[0]["id"]), (&1.into(), &id.into()));
    }
    assert_eq!(texts(&bob.rows(&server, &["read", "@alice"])?), ["once"]);
    Ok(())
}

#[test]
fn refusals_are_exit_code_4_and_say_what_to_do() -> Result<()> {
    let server = TestServer::start()?;
    let (alice, _bob) = alice_and_bob(&server)?;
    let nobody = alice.run(&server, &["send", "@nobody", "hello"])?;
    assert_eq!(code(&nobody), Some(4), "{nobody:?}");
    assert!(nobody.stdout.is_empty());
    assert!(error(&nobody)?["next"].is_string());

    let carol = Device::unregistered(&server, "carol")?;
    let url = server.url();
    let register = |invite: &str, name: &str| {
        carol.run_with_input(&server, &registration(&url, name, invite), PASSWORD)
    };
    let unknown = register("no-such-code", "carol")?;
    assert_eq!(
        (code(&unknown), &error(&unknown)?["code"]),
        (Some(4), &"invite_not_found".into())
    );
    let invite = server.invite(For::Member)?;
    let taken = register(&invite.code, "bob")?;
    assert_eq!(
        (code(&taken), &error(&taken)?["code"]),
        (Some(4), &"name_taken".into())
    );
    // The home is not spoiled, and neither is the invite.
    rows(&register(&invite.code, "carol")?)?;
    let again = register(&invite.code, "carol")?;
    assert_eq!(
        (code(&again), &error(&again)?["code"]),
        (Some(1), &"already_registered".into())
    );
    Ok(())
}

#[test]
fn without_its_server_a_device_says_so_and_still_shows_its_history() -> Result<()> {
    let mut server = TestServer::start()?;
    let (alice, bob) = alice_and_bob(&server)?;
    bob.rows(&server, &["send", "@alice", "before"])?;
    alice.rows(&server, &["read", "@bob"])?;
    let mut listening = Listening::start(&alice, &server, &["@bob", "--since", "1"])?;
    bob.rows(&server, &["send", "@alice", "heard"])?;
    assert_eq!(listening.next()?["text"], "heard");

    server.kill_server()?;
    let lost = bob.run(&server, &["send", "@alice", "lost", "--wait", "0.5"])?;
    assert_eq!(code(&lost), Some(3), "{lost:?}");
    let lost = alice.run(&server, &["read", "@bob", "--wait", "0.5"])?;
    assert_eq!(code(&lost), Some(3), "{lost:?}");
    assert!(lost.stdout.is_empty());
    let offline = alice.rows(&server, &["read", "@bob", "--offline"])?;
    assert_eq!(texts(&offline), ["before", "heard"]);
    assert_eq!(alice.rows(&server, &["whoami"])?[0]["name"], "alice");

    // Listening survives; what was not sent was not kept for later.
    server.restart_server()?;
    bob.rows(&server, &["send", "@alice", "after", "--wait", "20"])?;
    assert_eq!(listening.next()?["text"], "after");
    assert_eq!(listening.interrupt()?, Some(0));
    Ok(())
}

#[test]
fn programs_on_one_home_share_it() -> Result<()> {
    let server = TestServer::start()?;
    let (alice, bob) = alice_and_bob(&server)?;
    alice.rows(&server, &["send", "@bob", "first"])?;
    let mut first = Listening::start(&alice, &server, &["--own"])?;
    alice.rows(&server, &["send", "@bob", "from the same home"])?;
    assert_eq!(first.next()?["text"], "from the same home");

    // A second listener on the same home takes over when the first one ends, and
    // misses nothing.
    let mut second = Listening::start(&alice, &server, &["--own"])?;
    bob.rows(&server, &["send", "@alice", "to both"])?;
    for listening in [&mut first, &mut second] {
        let row = loop {
            let row = listening.next()?;
            if row["from"] == "bob" {
                break row;
            }
        };
        assert_eq!(
            (&row["text"], &row["target"]),
            (&"to both".into(), &"@bob".into())
        );
    }
    assert_eq!(first.interrupt()?, Some(0));
    bob.rows(&server, &["send", "@alice", "to the one that is left"])?;
    assert_eq!(second.next()?["text"], "to the one that is left");
    alice.rows(&server, &["send", "@bob", "still here"])?;
    assert_eq!(second.next()?["text"], "still here");
    assert_eq!(second.interrupt()?, Some(0));

    // One that is killed leaves a home that works.
    let mut third = Listening::start(&alice, &server, &[])?;
    bob.rows(&server, &["send", "@alice", "to the third"])?;
    assert_eq!(third.next()?["text"], "to the third");
    third.child.kill()?;
    third.child.wait()?;
    let history = alice.rows(&server, &["read", "@bob"])?;
    assert_eq!(history.len(), 6);
    Ok(())
}

#[test]
fn many_programs_send_from_one_home_at_once() -> Result<()> {
    let server = TestServer::start()?;
    let (alice, bob) = alice_and_bob(&server)?;
    let wanted: BTreeSet<String> = (0..8).map(|number| format!("message {number}")).collect();
    let running: Vec<Child> = wanted
        .iter()
        .map(|text| alice.spawn(&server, &["send", "@bob", text]))
        .collect::<Result<_>>()?;
    let mut seqs = BTreeSet::new();
    for child in running {
        let sent = rows(&child.wait_with_output()?)?;
        seqs.insert(
            sent[0]["seq"]
                .as_u64()
                .context("an acknowledged message has a seq")?,
        );
    }
    assert_eq!(seqs, (1..=8).collect());
    let read = bob.rows(&server, &["read", "@alice"])?;
    assert!(
        read.iter().all(|row| row["state"] == "received"),
        "{read:?}"
    );
    assert_eq!(
        texts(&read)
            .into_iter()
            .map(str::to_owned)
            .collect::<BTreeSet<_>>(),
        wanted
    );
    Ok(())
}

#[test]
fn lines_are_sent_in_order_and_fast() -> Result<()> {
    const LINES: u64 = 500;
    let server = TestServer::start()?;
    let (alice, bob) = alice_and_bob(&server)?;
    let expected: Vec<String> = (1..=LINES).map(|number| format!("line {number}")).collect();
    let input = expected.join("\n");
    let started = Instant::now();
    let sent = rows(&alice.run_with_input(&server, &["send", "@bob", "--lines"], &input)?)?;
    let took = started.elapsed();
    let seqs: Vec<u64> = sent.iter().filter_map(|row| row["seq"].as_u64()).collect();
    assert_eq!(seqs, (1..=LINES).collect::<Vec<_>>());
    let read = bob.rows(&server, &["read", "@alice"])?;
    let expected: Vec<String> = (1..=LINES).map(|number| format!("line {number}")).collect();
    assert_eq!(texts(&read), expected);
    let ids = |rows: &[Value]| {
        rows.iter()
            .map(|row| row["id"].to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(&sent), ids(&read));
    println!("{LINES} lines acknowledged in {took:?}");
    // Ten times what tests need (50/s) leaves room for a busy machine.
    assert!(took < Duration::from_secs(10), "{took:?}");
    Ok(())
}

#[test]
fn acknowledged_lines_survive_a_killed_server() -> Result<()> {
    let mut server = TestServer::start()?;
    let (alice, bob) = alice_and_bob(&server)?;
    let mut child = alice.spawn(&server, &["send", "@bob", "--lines", "--wait", "60"])?;
    let mut stdin = child.stdin.take().context("stdin is piped")?;
    let stdout = BufReader::new(child.stdout.take().context("stdout is piped")?);
    let mut acknowledged = Vec::new();
    let mut lines = stdout.lines();
    let mut next_row = || -> Result<Value> {
        Ok(serde_json::from_str(
            &lines.next().context("there are more rows")??,
        )?)
    };
    for number in 1..=100 {
        writeln!(stdin, "line {number}")?;
    }
    for _ in 0..20 {
        acknowledged.push(next_row()?["id"].clone());
    }
    server.kill_server()?;
    server.restart_server()?;
    for number in 101..=150 {
        writeln!(stdin, "line {number}")?;
    }
    drop(stdin);
    while acknowledged.len() < 150 {
        acknowledged.push(next_row()?["id"].clone());
    }
    assert!(child.wait()?.success());
    let read = bob.rows(&server, &["read", "@alice", "--wait", "20"])?;
    let ids: Vec<Value> = read.iter().map(|row| row["id"].clone()).collect();
    assert_eq!(ids, acknowledged, "all of them, in order, none twice");
    Ok(())
}

#[test]
fn listening_ends_as_a_script_asks() -> Result<()> {
    let server = TestServer::start()?;
    let (alice, bob) = alice_and_bob(&server)?;
    bob.rows(&server, &["send", "@alice", "one"])?;
    bob.rows(&server, &["send", "@alice", "two"])?;
    let counted = ["listen", "@bob", "--since", "0", "--count", "2"];
    assert_eq!(texts(&alice.rows(&server, &counted)?), ["one", "two"]);
    assert!(
        alice
            .rows(&server, &["listen", "--timeout", "0.2"])?
            .is_empty()
    );
    let too_few = alice.run(&server, &["listen", "--count", "1", "--timeout", "0.2"])?;
    assert_eq!(
        (code(&too_few), &error(&too_few)?["code"]),
        (Some(1), &"too_few".into())
    );
    Ok(())
}

#[test]
fn a_device_signs_in_again_with_its_password() -> Result<()> {
    let server = TestServer::start()?;
    let (alice, bob) = alice_and_bob(&server)?;
    alice.rows(&server, &["send", "@bob", "before"])?;
    let wrong = alice.run_with_input(&server, &["login", "--password-stdin"], "another one\n")?;
    assert_eq!(
        (code(&wrong), &error(&wrong)?["code"]),
        (Some(4), &"wrong_credentials".into())
    );
    let signed_in = alice.run_with_input(&server, &["login", "--password-stdin"], PASSWORD)?;
    assert_eq!(rows(&signed_in)?[0]["name"], "alice");
    alice.rows(&server, &["send", "@bob", "after"])?;
    assert_eq!(
        texts(&bob.rows(&server, &["read", "@alice"])?),
        ["before", "after"]
    );
    Ok(())
}

#[test]
fn what_was_altered_on_the_server_is_never_shown_and_is_exit_code_5() -> Result<()> {
    let server = TestServer::start()?;
    let (alice, bob) = alice_and_bob(&server)?;
    bob.rows(&server, &["send", "@alice", "altered"])?;
    bob.rows(&server, &["send", "@alice", "untouched"])?;
    server.cluster().psql(
        OWNER,
        "UPDATE conversation_log SET body = set_byte(body, 0, get_byte(body, 0) # 1) WHERE seq = 1",
    )?;
    let read = alice.run(&server, &["read", "@bob"])?;
    assert_eq!(code(&read), Some(5), "{read:?}");
    let stdout = std::str::from_utf8(&read.stdout)?;
    let printed: Vec<Value> = stdout
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()?;
    assert_eq!(texts(&printed), ["", "untouched"]);
    assert_eq!(printed[0]["state"], "unreadable");
    assert_eq!(printed[0]["kind"], "unreadable");
    assert!(printed[0]["reason"].is_string(), "{printed:?}");
    // Bob saw another first message than Alice, and his second one says so.
    let stderr = std::str::from_utf8(&read.stderr)?;
    let said: Vec<Value> = stderr
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()?;
    assert_eq!(said[0]["warning"]["code"], "history_broken", "{stderr}");
    assert_eq!(said[1]["error"]["code"], "cannot_decrypt", "{stderr}");
    Ok(())
}
