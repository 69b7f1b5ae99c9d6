//! People in Chromium: the scenarios in `browser/`, against a real server.
//!
//! Each scenario is a program for Node that drives real browser profiles and
//! prints one JSON line per fact that it has checked. Here the server is
//! started, restarted where the scenario asks for it, and every fact counted.

use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context as _, Result, bail, ensure};
use chat_e2e::device::{Device, texts};
use chat_testkit::server::For;
use chat_testkit::test_server::TestServer;
use chat_testkit::{browser, program};
use serde_json::{Value, json};

/// A running scenario.
struct Scenario {
    child: Child,
    stdin: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
    checked: usize,
    failed: Vec<Value>,
}

impl Scenario {
    fn start(file: &str, arguments: &[&str]) -> Result<Self> {
        browser::find()?;
        let script = program::repository().join("tests/e2e/browser").join(file);
        let mut child = Command::new(program::find("node")?)
            .arg(script)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("node starts")?;
        let stdin = child.stdin.take().context("stdin is piped")?;
        let stdout = child.stdout.take().context("stdout is piped")?;
        let lines = BufReader::new(stdout).lines();
        Ok(Self {
            child,
            stdin,
            lines,
            checked: 0,
            failed: Vec::new(),
        })
    }

    /// The next line that is not a checked fact: `READY …` or an answer.
    fn next(&mut self) -> Result<Option<String>> {
        for line in self.lines.by_ref() {
            let line = line?;
            match serde_json::from_str::<Value>(&line) {
                Ok(fact) if fact["check"].is_string() => {
                    self.checked += 1;
                    if fact["ok"] != true {
                        self.failed.push(fact);
                    }
                }
                _ => return Ok(Some(line)),
            }
        }
        Ok(None)
    }

    /// Says one line to the scenario.
    fn say(&mut self, line: &str) -> Result<()> {
        writeln!(self.stdin, "{line}").context("the scenario still listens")
    }

    /// Hands over one step and waits for its answer.
    fn ask(&mut self, step: &Value) -> Result<Value> {
        self.say(&step.to_string())?;
        let line = self
            .next()?
            .with_context(|| format!("{step}: {:?}", self.failed))?;
        Ok(serde_json::from_str(&line)?)
    }

    /// Waits for the end; every fact must have held.
    fn finish(mut self) -> Result<()> {
        if let Some(line) = self.next()? {
            bail!("the scenario asks for what the test does not know: {line}");
        }
        let status = self.child.wait()?;
        ensure!(
            self.failed.is_empty(),
            "{:#}",
            Value::from(std::mem::take(&mut self.failed))
        );
        ensure!(
            status.success() && self.checked > 0,
            "{status}, {} facts",
            self.checked
        );
        Ok(())
    }
}

impl Drop for Scenario {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[test]
fn two_profiles_talk_through_a_restart_of_the_relay() -> Result<()> {
    let mut server = TestServer::start()?;
    let invite = server.invite(For::Owner)?;
    let mut scenario = Scenario::start("two_profiles.mjs", &["--invite", &invite.url])?;
    let ready = scenario.next()?;
    ensure!(
        ready.as_deref() == Some("READY restart"),
        "{ready:?} {:?}",
        scenario.failed
    );
    server.kill_server()?;
    server.restart_server()?;
    scenario.say("restarted")?;
    scenario.finish()
}

#[test]
fn two_tabs_work_at_once_and_hand_over() -> Result<()> {
    let server = TestServer::start()?;
    let invite = server.invite(For::Owner)?;
    Scenario::start("two_tabs.mjs", &["--invite", &invite.url])?.finish()
}

#[test]
fn every_state_can_be_used_without_seeing_or_pointing() -> Result<()> {
    let mut server = TestServer::start()?;
    let invite = server.invite(For::Owner)?;
    let pictures = server.home("pictures")?;
    let out = pictures.path().to_string_lossy().into_owned();
    let arguments = ["--invite", &invite.url, "--out", &out, "--hooks", "yes"];
    let mut scenario = Scenario::start("a11y_and_looks.mjs", &arguments)?;
    while let Some(line) = scenario.next()? {
        match line.as_str() {
            "READY stop" => server.stop_server()?,
            "READY start" => server.restart_server()?,
            other => bail!("the scenario asks for {other}"),
        }
        scenario.say("done")?;
    }
    scenario.finish()
}

#[test]
fn browser_and_command_line_talk_to_each_other() -> Result<()> {
    let server = TestServer::start()?;
    let alice = Device::register(&server, "alice", &server.invite(For::Owner)?.code)?;
    let invite = server.invite(For::Member)?;
    let mut bob = Scenario::start("with_cli.mjs", &["--invite", &invite.url, "--name", "bob"])?;
    let registered = bob.next()?.context("bob registers")?;
    ensure!(registered.contains("register"), "{registered}");
    bob.ask(&json!({ "do": "open", "name": "alice" }))?;
    bob.ask(&json!({ "do": "send", "text": "from the browser" }))?;
    alice.rows(&server, &["send", "@bob", "from the command line"])?;
    bob.ask(&json!({ "do": "expect", "text": "from the command line" }))?;
    bob.ask(&json!({ "do": "send", "text": "and back" }))?;
    let history = alice.rows(&server, &["read", "@bob"])?;
    assert_eq!(
        texts(&history),
        ["from the browser", "from the command line", "and back"]
    );

    let number = bob.ask(&json!({ "do": "number" }))?;
    let digits = &alice.rows(&server, &["verify", "@bob"])?[0]["safety_number"];
    assert_eq!(&number["safety_number"], digits);

    bob.ask(&json!({ "do": "reload" }))?;
    let shown = bob.ask(&json!({ "do": "history" }))?;
    let shown: Vec<&str> = shown["history"]
        .as_array()
        .context("the page has a history")?
        .iter()
        .filter_map(|row| row["text"].as_str())
        .collect();
    assert_eq!(shown, texts(&history));
    bob.say(&json!({ "do": "end" }).to_string())?;
    while bob.next()?.is_some() {}
    bob.finish()
}
