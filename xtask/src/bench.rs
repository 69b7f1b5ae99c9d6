//! `cargo xtask bench NAME`: figures that can be made again.
//!
//! A bench is a program of its own, a process apart from what it measures, so
//! that the load's own work is not counted. For `relay` this module builds the
//! release profile, starts a private PostgreSQL (fsync on) and the release server
//! in a temporary folder, and hands over to `bench-relay`:
//!
//! | option | what it is handed |
//! |---|---|
//! | `--url` | the server, plain HTTP on loopback |
//! | `--invite` | the code of an invite with enough uses for every account |
//! | `--server-pid`, `--database-pid` | the server's process, the postmaster |
//! | `--psql`, `--database-url` | for the floor: the same rows straight into PostgreSQL |
//!
//! What follows `--` is handed over as it is. The bench prints one line of JSON,
//! `{"rows":[{"name","unit","value",…}]}`, on stdout and everything else on
//! stderr. `-o json` passes the line on; without it the rows are a table.
//!
//! To add one, add an entry to [`BENCHES`].

use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use chat_testkit::need::{self, Need};
use chat_testkit::port;
use chat_testkit::postgres::{OWNER, TemporaryCluster};
use chat_testkit::server::{self, For, Options, Server};
use clap::Args;

use crate::application;
use crate::command;
use crate::progress::Progress;
use crate::repository::Repository;
use crate::up::Output;
use crate::wasm;

/// The most uses the server gives an invite; more than the bench has accounts.
const INVITE_USES: u32 = 1000;

#[derive(Debug, Args)]
pub struct Arguments {
    /// Which one; all are listed when the name is unknown.
    #[arg(value_name = "NAME")]
    name: String,
    /// What to print on stdout.
    #[arg(short = 'o', long = "output", value_enum, default_value_t)]
    output: Output,
    /// Options for the bench itself.
    #[arg(last = true)]
    options: Vec<String>,
}

/// One bench: it returns the line of JSON that it has measured.
struct Bench {
    name: &'static str,
    what: &'static str,
    run: fn(&Repository, Progress, &[String]) -> Result<String>,
}

const BENCHES: &[Bench] = &[Bench {
    name: "relay",
    what: "sends per second, latency and costs of the relay",
    run: relay,
}];

pub fn run(repository: &Repository, progress: Progress, arguments: &Arguments) -> Result<()> {
    let name = &arguments.name;
    let bench = BENCHES
        .iter()
        .find(|bench| bench.name == name)
        .with_context(|| {
            let known: Vec<String> = BENCHES
                .iter()
                .map(|bench| format!("{} ({})", bench.name, bench.what))
                .collect();
            format!("there is no bench {name}; there are: {}", known.join(", "))
        })?;
    let line = (bench.run)(repository, progress, &arguments.options)?;
    let rows = rows(&line)?;
    match arguments.output {
        Output::Json => println!("{line}"),
        Output::Text => {
            for row in rows {
                println!("{row}");
            }
        }
    }
    Ok(())
}

fn relay(repository: &Repository, progress: Progress, options: &[String]) -> Result<String> {
    progress.step("Looking for what this machine lacks", |step| {
        need::ensure(&[Need::Postgres, Need::Node], &mut |line| step.detail(line))
    })?;
    // The server carries the web client, in a measurement too.
    wasm::run(repository, progress)?;
    application::web(repository, progress)?;
    progress.step("Building the server and the bench for release", |step| {
        let packages = ["--package", "chat-server", "--package", "bench-relay"];
        command::run(
            step,
            repository.cargo(&["build", "--release"]).args(packages),
        )
    })?;
    let cluster = progress.step("Starting PostgreSQL", |_| TemporaryCluster::start())?;
    let release = repository.target().join("release");
    let options_of_server = Options {
        program: release.join("chatalot-server"),
        port: port::free()?,
        database_url: cluster.url(OWNER),
        log: cluster.root().join("log/server.log"),
        environment: Vec::new(),
    };
    let mut server = progress.step("Starting the server", |_| {
        Server::start(options_of_server.clone())
    })?;
    cluster.guard(server.process())?;
    let invite = server::invite_with_uses(&options_of_server, For::Member, INVITE_USES)?;
    progress.note("Measuring; what the bench says follows");
    let output = Command::new(release.join("bench-relay"))
        .args(["--url", &format!("http://{}", options_of_server.address())])
        .args(["--invite", &invite.code])
        .args(["--server-pid", &server.process().pid.to_string()])
        .args(["--database-pid", &cluster.process().pid.to_string()])
        .arg("--psql")
        .arg(cluster.program("psql"))
        .args(["--database-url", &options_of_server.database_url])
        .args(options)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start bench-relay");
    server.stop()?;
    let output = output?;
    if !output.status.success() {
        bail!("bench-relay failed ({})", output.status);
    }
    let text = String::from_utf8(output.stdout).context("bench-relay prints UTF-8")?;
    Ok(text.trim().to_owned())
}

/// The rows of a bench's line, for people.
fn rows(line: &str) -> Result<Vec<String>> {
    let report: serde_json::Value =
        serde_json::from_str(line).with_context(|| format!("a bench prints JSON, not: {line}"))?;
    let rows = report
        .get("rows")
        .and_then(|rows| rows.as_array())
        .context("a bench prints an object with rows")?;
    rows.iter().map(row).collect()
}

fn row(row: &serde_json::Value) -> Result<String> {
    let text = |key: &str| row.get(key).and_then(|value| value.as_str());
    let name = text("name").context("a row has a name")?;
    let unit = text("unit").context("a row has a unit")?;
    let figures: Vec<String> = row
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(key, _)| *key != "name" && *key != "unit")
        .map(|(key, value)| match key.as_str() {
            "value" => value.to_string(),
            _ => format!("{key} {value}"),
        })
        .collect();
    Ok(format!("{name:<28}{} {unit}", figures.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_shown_and_anything_else_is_refused() {
        let line = r#"{"rows":[{"name":"sends_per_s","unit":"1/s","value":8123.5}]}"#;
        assert_eq!(
            rows(line).expect("it has rows"),
            ["sends_per_s                 8123.5 1/s"]
        );
        assert!(rows("warming up").is_err());
        assert!(rows(r#"{"rows":[{"value":1}]}"#).is_err());
    }
}
