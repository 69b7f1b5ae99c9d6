//! The server's side never holds what people say, or a key of theirs.
//!
//! Alice's client runs in this process with a random source that remembers what
//! it gave, so that every private key and content key of hers is known to the
//! test. Then everything that the server's side keeps (a dump, the data files,
//! the WAL, the logs) is searched for them and for the texts, in every form that
//! somebody might have written them in.

#[path = "secrets/client.rs"]
mod client;
#[path = "secrets/needle.rs"]
mod needle;

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use chat_e2e::device::{Device, PASSWORD, texts};
use chat_testkit::postgres::OWNER;
use chat_testkit::server::For;
use chat_testkit::test_server::TestServer;

use client::Client;
use needle::Needle;

const FROM_ALICE: &str = "canary-of-alice-7f3a91 the bridge opens at noon";
const FROM_BOB: &str = "canary-of-bob-c04d55 then we meet at the north end";

#[test]
fn neither_texts_nor_private_keys_lie_on_the_servers_side() -> Result<()> {
    let server = TestServer::start()?;
    let mut alice = Client::register(&server.url(), "alice", &server.invite(For::Owner)?.code)?;
    let bob = Device::register(&server, "bob", &server.invite(For::Member)?.code)?;
    alice.say("bob", FROM_ALICE)?;
    assert_eq!(
        texts(&bob.rows(&server, &["read", "@alice"])?),
        [FROM_ALICE]
    );
    bob.rows(&server, &["send", "@alice", FROM_BOB])?;
    assert_eq!(alice.texts()?, [FROM_ALICE, FROM_BOB]);

    let mut needles = vec![
        Needle::new("what alice said", FROM_ALICE.as_bytes()),
        Needle::new("what bob said", FROM_BOB.as_bytes()),
        Needle::new("bob's password", PASSWORD.as_bytes()),
        Needle::new("alice's password", client::PASSWORD.as_bytes()),
        Needle::new("alice's session token", &alice.token()),
        Needle::new("bob's store key", &hex::decode(store_key(&bob)?)?),
    ];
    let drawn = alice.secrets();
    // Account, device, one signed and a hundred one-time prekeys, and sealing.
    ensure!(drawn.len() > 103, "only {} secrets were drawn", drawn.len());
    needles.extend(
        drawn
            .iter()
            .map(|secret| Needle::new("a private key of alice's", secret)),
    );

    let found = search(&server, &needles)?;
    assert_eq!(found, Vec::<String>::new());

    // The search itself: what is planted is found, in every form.
    let planted = Needle::new("planted", drawn.first().context("a secret")?);
    let forms = planted.forms().len();
    for (number, form) in planted.forms().iter().enumerate() {
        let escaped = hex::encode(form);
        let statement =
            format!("CREATE TABLE planted_{number} AS SELECT '\\x{escaped}'::bytea AS it");
        sql(&server, &statement)?;
    }
    fs::write(server.folder().join("log/planted.log"), FROM_ALICE)?;
    needles.push(planted);
    let found = search(&server, &needles)?.join("\n");
    for number in 0..forms {
        let form = format!("planted (form {number})");
        ensure!(found.contains(&form), "{form} was planted and not found");
    }
    ensure!(found.contains("planted.log"), "{found}");
    Ok(())
}

fn store_key(device: &Device) -> Result<String> {
    let text = fs::read_to_string(device.home().file("key"))?;
    Ok(text.trim().to_owned())
}

/// Every place in which one of the needles is found.
fn search(server: &TestServer, needles: &[Needle]) -> Result<Vec<String>> {
    // What is still in PostgreSQL's memory is written out first.
    sql(server, "CHECKPOINT")?;
    let mut found = needle::find(needles, "the dump", &dump(server)?);
    let mut folders = vec![server.folder().to_path_buf()];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            let kind = fs::symlink_metadata(&path)?.file_type();
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file() {
                files += 1;
                found.extend(needle::find(
                    needles,
                    &path.to_string_lossy(),
                    &read(&path)?,
                ));
            }
        }
    }
    ensure!(
        files > 500,
        "only {files} files were searched: where is the cluster?"
    );
    Ok(found)
}

/// A file; one that PostgreSQL has just removed holds nothing.
fn read(path: &Path) -> Result<Vec<u8>> {
    match fs::read(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        read => read.with_context(|| path.display().to_string()),
    }
}

fn dump(server: &TestServer) -> Result<Vec<u8>> {
    let cluster = server.cluster();
    let output = Command::new(cluster.program("pg_dump"))
        .arg("--inserts")
        .arg(cluster.url(OWNER))
        .output()?;
    ensure!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    ensure!(output.stdout.len() > 10_000, "an empty dump");
    Ok(output.stdout)
}

fn sql(server: &TestServer, statement: &str) -> Result<()> {
    let cluster = server.cluster();
    let output = Command::new(cluster.program("psql"))
        .args([
            "--no-psqlrc",
            "--quiet",
            "--set",
            "ON_ERROR_STOP=1",
            "--command",
            statement,
        ])
        .arg(cluster.url(OWNER))
        .output()?;
    ensure!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}
