//! The program: its verbs, its output, its exit codes.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Output, Stdio};

use chat_testkit::postgres::temporary;
use chat_testkit::process::{Process, Signal};

use crate::device::{PASSWORD, pair};
use crate::relay::Relay;

/// Text that stands nowhere else.
const CANARY: &str = "a canary that sings in no log";

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

/// Whatever is logged, and however much of it: what lets somebody in, and what
/// people say, is not in it.
#[tokio::test(flavor = "multi_thread")]
async fn the_log_holds_no_secret_even_when_it_holds_everything() {
    let url = temporary::shared().fresh_database().expect("a database");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("log");
    let mut child = program(&url)
        .arg("serve")
        .env("CHATALOT_LOG", "trace")
        .stdout(Stdio::piped())
        .stderr(std::fs::File::create(&path).expect("a file"))
        .spawn()
        .expect("the program starts");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("it is piped"))
        .read_line(&mut line)
        .expect("it says where it listens");
    let address = line.split(' ').nth(2).expect("an address").parse();
    let relay = Relay::of_program(address.expect("an address"), url);

    let (alice, mut from_alice, bob, _from_bob) = pair(&relay).await;
    let mut send = alice.message(&bob, 1);
    send.body = CANARY.as_bytes().to_vec().into();
    send.keys[0].sealed = CANARY.as_bytes().to_vec().into();
    from_alice.send(send).await;
    from_alice.acknowledged().await;
    let invite = relay.invite().await;
    let path_of_invite = format!("/api/v1/invites/{}", invite.as_str());
    assert_eq!(relay.get(&path_of_invite).await.status(), 200);
    relay.get(&format!("/invite/{}", invite.as_str())).await;
    let refused = relay
        .http
        .post(relay.url("/api/v1/sessions"))
        .body(format!("{{\"password\": \"{CANARY}\" nonsense"))
        .header("content-type", "application/json")
        .send();
    assert_eq!(refused.await.expect("an answer").status(), 400);

    let process = Process::lookup(child.id()).expect("it runs");
    process.signal(Signal::TERM).expect("it can be told");
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
    let log = std::fs::read(&path).expect("the log is there");
    let log = String::from_utf8_lossy(&log);
    assert!(log.contains("registered"), "the log is the log");
    let token = hex::decode(&alice.token).expect("hexadecimal");
    let secrets = [
        ("the password", PASSWORD.as_bytes()),
        ("the token", &token),
        ("an invite's code", invite.as_str().as_bytes()),
        ("what was said", CANARY.as_bytes()),
    ];
    for (what, secret) in secrets {
        let text = String::from_utf8_lossy(secret).into_owned();
        let numbers = format!("{secret:?}");
        let forms = [
            text,
            hex::encode(secret),
            numbers.trim_matches(['[', ']']).to_owned(),
            format!("{secret:02x?}").trim_matches(['[', ']']).to_owned(),
            format!("{:?}", bytes::Bytes::copy_from_slice(secret))
                .trim_matches(['b', '"'])
                .to_owned(),
        ];
        for form in forms {
            if let Some(place) = log.find(&form) {
                let line = log[..place].lines().count();
                panic!(
                    "{what} is in the log, line {line}: {:?}",
                    log.lines().nth(line - 1)
                );
            }
        }
    }
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
