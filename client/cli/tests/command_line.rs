//! The program itself, as far as it goes without a server.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

struct Run {
    output: Output,
}

impl Run {
    fn code(&self) -> i32 {
        self.output.status.code().unwrap()
    }

    fn stdout(&self) -> &str {
        std::str::from_utf8(&self.output.stdout).unwrap()
    }

    fn stderr(&self) -> &str {
        std::str::from_utf8(&self.output.stderr).unwrap()
    }

    fn error(&self) -> Value {
        let value: Value = serde_json::from_str(self.stderr()).unwrap();
        value["error"].clone()
    }
}

fn program(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chatalot"));
    command
        .env("CHATALOT_HOME", home)
        .env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent")
        .stdin(Stdio::null());
    command
}

fn run(home: &Path, arguments: &[&str]) -> Run {
    Run {
        output: program(home).args(arguments).output().unwrap(),
    }
}

fn run_with_input(home: &Path, arguments: &[&str], input: &str) -> Run {
    let mut child = program(home)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that ends before it reads is part of what is tested.
    let _unread = child.stdin.take().unwrap().write_all(input.as_bytes());
    Run {
        output: child.wait_with_output().unwrap(),
    }
}

fn closed_port() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

#[test]
fn help_names_every_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let help = run(folder.path(), &["--help"]);
    assert_eq!(help.code(), 0);
    for line in [
        "  0  done",
        "  2  the command",
        "  3  the server",
        "  4  refused",
        "  5  ",
    ] {
        assert!(help.stdout().contains(line), "{line}\n{}", help.stdout());
    }
}

#[test]
fn a_wrong_command_line_is_exit_code_2() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [
        &["shout"][..],
        &["send", "bob", "hello"],
        &["send", "group:friends", "hello"],
        &["send", "#home/general", "hello"],
        &["read"],
        &["read", "@bob", "--since", "x"],
        &[
            "register",
            "--invite",
            "c",
            "--name",
            "alice",
            "--password-stdin",
        ],
    ] {
        let text = run(folder.path(), arguments);
        assert_eq!(text.code(), 2, "{arguments:?}: {}", text.stderr());
        assert!(text.stdout().is_empty());
        let json = run(folder.path(), &[&["-o", "json"], arguments].concat());
        assert_eq!(json.code(), 2, "{arguments:?}: {}", json.stderr());
        assert!(json.stdout().is_empty());
        for key in ["code", "message", "next"] {
            assert!(
                json.error()[key].is_string(),
                "{arguments:?}: {}",
                json.stderr()
            );
        }
    }
}

#[test]
fn later_targets_say_what_to_write_instead() {
    let folder = tempfile::tempdir().unwrap();
    for target in ["group:friends", "#home/general", "bob"] {
        let refused = run(folder.path(), &["send", target, "hello"]);
        assert!(refused.stderr().contains('@'), "{}", refused.stderr());
    }
}

#[test]
fn a_home_without_an_account_says_how_to_make_one() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [
        &["whoami"][..],
        &["send", "@bob", "hello"],
        &["listen"],
        &["login", "--password-stdin"],
    ] {
        let refused = run(folder.path(), &[arguments, &["-o", "json"]].concat());
        assert_eq!(refused.code(), 1, "{arguments:?}: {}", refused.stderr());
        assert_eq!(refused.error()["code"], "no_account");
        assert!(
            refused.error()["next"]
                .as_str()
                .unwrap()
                .contains("chatalot register")
        );
    }
    assert_eq!(
        fs::read_dir(folder.path()).unwrap().count(),
        0,
        "asking leaves nothing behind"
    );
}

#[test]
fn a_server_that_is_not_there_is_exit_code_3() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    let server = closed_port();
    let arguments = [
        "register",
        "--server",
        &server,
        "--invite",
        "c",
        "--name",
        "alice",
        "--password-stdin",
    ];
    let refused = run_with_input(&home, &arguments, "long enough\n");
    assert_eq!(refused.code(), 3, "{}", refused.stderr());
    let lines: Vec<_> = refused.stderr().lines().collect();
    assert_eq!(lines.len(), 2, "{}", refused.stderr());
    assert!(lines[0].starts_with("chatalot: "), "{}", lines[0]);
    assert!(lines[1].starts_with("  → "), "{}", lines[1]);
}

#[test]
fn a_password_needs_eight_characters_and_a_name_its_form() {
    let folder = tempfile::tempdir().unwrap();
    let server = closed_port();
    for (name, password, code) in [
        ("alice", "1234567\n", "password_length"),
        ("al ice", "long enough\n", "name_invalid"),
    ] {
        let arguments = [
            "-o",
            "json",
            "register",
            "--server",
            &server,
            "--invite",
            "c",
            "--name",
            name,
            "--password-stdin",
        ];
        let refused = run_with_input(folder.path(), &arguments, password);
        assert_eq!(
            (refused.code(), &refused.error()["code"]),
            (2, &Value::from(code))
        );
    }
}

#[test]
fn plain_http_beyond_this_machine_is_refused_unless_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = [
        "register",
        "--server",
        "http://chat.invalid",
        "--invite",
        "c",
        "--name",
        "alice",
        "--password-stdin",
    ];
    let refused = run_with_input(folder.path(), &arguments, "long enough\n");
    assert_eq!(refused.code(), 2, "{}", refused.stderr());
    assert!(
        refused.stderr().contains("https://"),
        "{}",
        refused.stderr()
    );
    let home = folder.path().join("home");
    let allowed = [&arguments[..], &["--allow-plain-http"]].concat();
    let tried = run_with_input(&home, &allowed, "long enough\n");
    assert_eq!(tried.code(), 3, "{}", tried.stderr());
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = program(folder.path())
        .args(["completion", "bash"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = String::new();
    BufReader::with_capacity(16, child.stdout.take().unwrap())
        .read_line(&mut first)
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
}

#[test]
fn completions_know_the_verbs() {
    let folder = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish"] {
        let script = run(folder.path(), &["completion", shell]);
        assert_eq!(script.code(), 0);
        assert!(script.stdout().contains("listen"), "{shell}");
    }
}
