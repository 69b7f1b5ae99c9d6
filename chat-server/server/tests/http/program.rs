//! The program: its verbs, its output, its exit codes.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Output, Stdio};

use chat_testkit::postgres::temporary;
use chat_testkit::process::{Process, Signal};

fn program(database_url: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chatalot-server"));
    command
        .env_remove("CHATALOT_CONFIG")
        .env_remove("CHATALOT_PUBLIC_URL")
        .env("CHATALOT_LISTEN", "127.0.0.1:0")
        .env("CHATALOT_LOG", "warn")
        .env("DATABASE_URL", database_url);
    command
}

fn run(command: &mut Command) -> (i32, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().expect("the program runs");
    (
        status.code().expect("it ends by itself"),
        String::from_utf8(stdout).expect("text"),
        String::from_utf8(stderr).expect("text"),
    )
}

#[test]
fn it_serves_until_it_is_told_to_end() {
    let url = temporary::shared().fresh_database().expect("a database");
    let (code, _, error) = run(program(&url).args(["invite", "create"]));
    assert_eq!(code, 1, "{error}");
    assert!(
        error.contains("chatalot-server serve"),
        "says what to do: {error}"
    );

    let mut child = program(&url)
        .arg("serve")
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("it is piped"))
        .read_line(&mut line)
        .expect("it says where it listens");
    assert!(line.starts_with("listening on 127.0.0.1:"), "{line}");

    let (code, output, error) = run(program(&url)
        .env("CHATALOT_PUBLIC_URL", "https://chat.example.org/")
        .args(["invite", "create", "--owner", "-o", "json"]));
    assert_eq!(code, 0, "{error}");
    let invite: serde_json::Value = serde_json::from_str(&output).expect("one object");
    let code_text = invite["code"].as_str().expect("a code");
    assert_eq!(
        invite["url"],
        format!("https://chat.example.org/invite/{code_text}")
    );
    let (code, output, _) = run(program(&url).args(["invite", "create", "--uses", "2"]));
    assert_eq!(code, 0);
    assert!(output.starts_with("http://127.0.0.1:"), "{output}");

    let process = Process::lookup(child.id()).expect("it runs");
    process.signal(Signal::TERM).expect("it can be told");
    let status = child.wait().expect("it ends");
    assert_eq!(status.code(), Some(0));
}

#[test]
fn help_teaches_and_is_no_mistake() {
    let (code, output, _) = run(program("").arg("--help"));
    assert_eq!(code, 0);
    for word in ["serve", "config", "invite", "DATABASE_URL", "Exit codes"] {
        assert!(output.contains(word), "{word}");
    }
    let (code, _, error) = run(program("").arg("no-such-verb"));
    assert_eq!(code, 2);
    assert!(error.contains("no-such-verb"));
}

#[test]
fn a_mistake_in_the_configuration_ends_every_verb_with_2() {
    for arguments in [&["config", "check"][..], &["serve"], &["invite", "create"]] {
        let (code, output, error) = run(program("mysql://x").args(arguments));
        assert_eq!(code, 2, "{error}");
        assert!(output.is_empty(), "{output}");
        assert!(error.contains("DATABASE_URL"), "{error}");
        assert!(
            !error.contains("mysql"),
            "a URL may hold a password: {error}"
        );
    }
    let (code, output, _) = run(program("postgres://x/y").args(["config", "check"]));
    assert_eq!(code, 0);
    assert!(output.contains("right"), "{output}");
}
