//! What was acknowledged is read, in order and once, whatever was killed.

use std::collections::HashSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::Stdio;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use chat_e2e::device::{Device, alice_and_bob, texts};
use chat_testkit::test_server::TestServer;
use serde_json::Value;

/// Slower than this is not the load that the promise is about.
const SENDS_PER_SECOND: u32 = 60;
/// Longer than the restarts take.
const LOAD: Duration = Duration::from_secs(9);
/// When something is killed.
const KILLS: [Duration; 2] = [Duration::from_secs(3), Duration::from_secs(6)];

/// A `chatalot send --lines` that is fed at a steady rate.
struct Sender {
    stop: SyncSender<()>,
    feeding: std::thread::JoinHandle<Result<u32>>,
    reading: std::thread::JoinHandle<Result<Vec<Value>>>,
    child: std::process::Child,
}

impl Sender {
    fn start(device: &Device, server: &TestServer, to: &str) -> Result<Self> {
        let mut child = device
            .command(server, &["send", to, "--lines", "--wait", "60"])?
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdin = child.stdin.take().context("stdin is piped")?;
        let stdout = child.stdout.take().context("stdout is piped")?;
        let (stop, stopped) = sync_channel(1);
        let name = device.name().to_owned();
        let feeding = std::thread::spawn(move || feed(stdin, &name, &stopped));
        let reading = std::thread::spawn(move || {
            BufReader::new(stdout)
                .lines()
                .map(|line| Ok(serde_json::from_str(&line?)?))
                .collect()
        });
        Ok(Self {
            stop,
            feeding,
            reading,
            child,
        })
    }

    /// Ends the input; returns how many lines went in and every acknowledgement.
    fn finish(mut self) -> Result<(u32, Vec<Value>)> {
        self.stop.send(()).ok();
        let fed = self.feeding.join().expect("the feeder does not panic")?;
        let rows = self.reading.join().expect("the reader does not panic")?;
        let status = self.child.wait()?;
        ensure!(status.success(), "send --lines ended with {status}");
        Ok((fed, rows))
    }
}

fn feed(mut stdin: std::process::ChildStdin, name: &str, stopped: &Receiver<()>) -> Result<u32> {
    let begun = Instant::now();
    for number in 0.. {
        let due = begun + Duration::from_secs(1) * number / SENDS_PER_SECOND;
        let wait = due.saturating_duration_since(Instant::now());
        if !matches!(stopped.recv_timeout(wait), Err(RecvTimeoutError::Timeout)) {
            return Ok(number);
        }
        writeln!(stdin, "{name} {number}")?;
    }
    Ok(0)
}

/// Both write at once while `kill` happens, twice; then everything is compared.
fn nothing_is_lost(mut kill: impl FnMut(&mut TestServer) -> Result<()>) -> Result<()> {
    let mut server = TestServer::start()?;
    let (alice, bob) = alice_and_bob(&server)?;
    alice.rows(&server, &["send", "@bob", "begin"])?;
    bob.rows(&server, &["send", "@alice", "begin"])?;
    let begun = Instant::now();
    let senders = [
        Sender::start(&alice, &server, "@bob")?,
        Sender::start(&bob, &server, "@alice")?,
    ];
    for at in KILLS {
        wait_until(begun + at);
        kill(&mut server)?;
    }
    wait_until(begun + LOAD);
    let mut acknowledged = Vec::new();
    for sender in senders {
        let (fed, rows) = sender.finish()?;
        ensure!(
            fed > 50 * u32::try_from(LOAD.as_secs())?,
            "only {fed} lines went in"
        );
        ensure!(
            rows.len() == usize::try_from(fed)?,
            "{} of {fed} acknowledged",
            rows.len()
        );
        acknowledged.push(rows);
    }

    let histories = [
        alice.rows(&server, &["read", "@bob"])?,
        bob.rows(&server, &["read", "@alice"])?,
    ];
    assert_eq!(
        texts(&histories[0]),
        texts(&histories[1]),
        "both read the same"
    );
    for history in &histories {
        let seqs: Vec<u64> = history
            .iter()
            .filter_map(|row| row["seq"].as_u64())
            .collect();
        let gapless: Vec<u64> = (1..=u64::try_from(history.len())?).collect();
        assert_eq!(seqs, gapless, "every seq once, without a gap");
        let ids: HashSet<&str> = history
            .iter()
            .filter_map(|row| row["id"].as_str())
            .collect();
        assert_eq!(ids.len(), history.len(), "no message twice");
    }
    let by_id = |id: &Value| histories[0].iter().find(|row| row["id"] == *id);
    for row in acknowledged.iter().flatten() {
        let read = by_id(&row["id"]).with_context(|| format!("{row} was acknowledged and lost"))?;
        assert_eq!(read["seq"], row["seq"], "where it was acknowledged to be");
    }
    assert_eq!(
        histories[0].len(),
        2 + acknowledged[0].len() + acknowledged[1].len()
    );
    for (name, rows) in [("alice", &acknowledged[0]), ("bob", &acknowledged[1])] {
        let own: Vec<&str> = texts(&histories[0])
            .into_iter()
            .filter(|text| text.starts_with(name))
            .collect();
        let sent: Vec<String> = (0..rows.len())
            .map(|number| format!("{name} {number}"))
            .collect();
        assert_eq!(own, sent, "in the order in which they were written");
    }
    Ok(())
}

/// Waits for a moment of the plan; not for something to have happened.
fn wait_until(moment: Instant) {
    let (_keep, never) = sync_channel::<()>(0);
    let wait = moment.saturating_duration_since(Instant::now());
    assert_eq!(never.recv_timeout(wait), Err(RecvTimeoutError::Timeout));
}

#[test]
fn kill_9_of_the_server_loses_nothing_that_was_acknowledged() -> Result<()> {
    nothing_is_lost(|server| {
        server.kill_server()?;
        server.restart_server()
    })
}

#[test]
fn kill_9_of_postgresql_loses_nothing_that_was_acknowledged() -> Result<()> {
    nothing_is_lost(|server| {
        server.kill_postgres()?;
        server.restart_postgres()
    })
}
