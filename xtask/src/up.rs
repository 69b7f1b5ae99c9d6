//! `cargo xtask up`: everything, from a fresh checkout to a running server.
//!
//! The order keeps a failure cheap: what can be known at once (a taken port, a
//! damaged data folder) is looked at before minutes of building.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use chat_testkit::http;
use chat_testkit::need::{self, Need};
use chat_testkit::port;
use chat_testkit::postgres::{self, Cluster, folder};
use chat_testkit::process::Process;
use chat_testkit::server::{self, For, Options, Server};
use clap::{Args, ValueEnum};
use serde::Serialize;

use crate::application;
use crate::down::{self, Place};
use crate::foreground::{self, Interrupt};
use crate::instance::Instance;
use crate::progress::Progress;
use crate::repository::Repository;

/// The port of a folder that was never started.
const DEFAULT_PORT: u16 = 8080;

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    place: Place,
    /// The port on this machine; when not given the one of the last start, at
    /// first 8080.
    #[arg(long, value_name = "N")]
    port: Option<u16>,
    /// Leave it running and return once it answers.
    #[arg(long)]
    detach: bool,
    /// What to print on stdout once it answers.
    #[arg(short = 'o', long = "output", value_enum, default_value_t)]
    output: Output,
}

/// The form of what is printed on stdout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    #[default]
    Text,
    /// One JSON object on one line.
    Json,
}

/// What is printed about a running instance.
#[derive(Debug, Serialize)]
struct Report {
    url: String,
    invite_url: String,
    invite_code: String,
    data: PathBuf,
    chatalot: PathBuf,
    pids: BTreeMap<&'static str, u32>,
}

pub fn run(repository: &Repository, progress: Progress, arguments: &Arguments) -> Result<()> {
    let mut instance = arguments.place.instance(repository)?;
    down::confirm(&instance, &arguments.place)?;
    let lock = instance.lock(progress)?;
    let lock = if arguments.place.reset {
        down::stop(&instance, progress)?;
        down::delete(&instance, progress)?;
        drop(lock);
        instance.lock(progress)?
    } else {
        lock
    };
    let port = arguments
        .port
        .or_else(|| instance.last_port())
        .unwrap_or(DEFAULT_PORT);
    if let Some(running) = running(repository, &instance)? {
        if running.options.port != port {
            bail!(
                "{} is running already, on port {}. To change its port: cargo xtask down --data {0}",
                instance.folder().display(),
                running.options.port
            );
        }
        let report = report(repository, &instance, &running)?;
        progress.note("It is running already; `cargo xtask down` stops it");
        return print(&report, arguments.output);
    }
    clean_up(&instance, progress)?;
    folder::version(&folder::data(instance.folder()))?;
    check_port(port)?;

    progress.step("Looking for what this machine lacks", |step| {
        need::ensure(&[Need::Postgres, Need::Node], &mut |line| step.detail(line))
    })?;
    application::build(repository, progress)?;

    let interrupt = Interrupt::listen()?;
    let started = start(repository, &instance, progress, port).and_then(|started| {
        if interrupt.came() {
            bail!("interrupted");
        }
        let report = report(repository, &instance, &started)?;
        print(&report, arguments.output)?;
        Ok(started)
    });
    let started = match started {
        Ok(started) => started,
        Err(error) => {
            // Half of it running helps nobody, nor does all of it when nobody
            // was told where.
            down::stop(&instance, progress)?;
            return Err(error);
        }
    };
    drop(lock);
    if arguments.detach {
        return Ok(());
    }
    progress.note("Ctrl-C stops it");
    foreground::watch(
        &instance,
        progress,
        &interrupt,
        &started.server,
        &started.postgres,
    )
}

/// A server with its database, running.
struct Running {
    options: Options,
    server: Process,
    postgres: Process,
}

/// What runs on the folder, when it runs as it should.
fn running(repository: &Repository, instance: &Instance) -> Result<Option<Running>> {
    let (Some(server), Some(port)) = (instance.server_pid().running(), instance.last_port()) else {
        return Ok(None);
    };
    let Some(cluster) = Cluster::running(instance.folder())? else {
        return Ok(None);
    };
    let options = options(repository, instance, &cluster, port);
    if !http::is_ok(options.address(), "/readyz") {
        return Ok(None);
    }
    Ok(Some(Running {
        options,
        server,
        postgres: cluster.process().clone(),
    }))
}

/// Ends a server whose database is gone, and the like. A PostgreSQL that runs
/// well stays: the start takes it over.
fn clean_up(instance: &Instance, progress: Progress) -> Result<()> {
    let servers = instance.servers();
    if servers.is_empty() {
        return Ok(());
    }
    progress.step("Ending a server that is not as it should be", |_| {
        for process in servers {
            server::stop(&process)?;
        }
        instance.server_pid().remove()
    })
}

fn check_port(port: u16) -> Result<()> {
    if port::is_free(port) {
        return Ok(());
    }
    let holder = port::holder(port).unwrap_or_else(|| "another program".to_owned());
    bail!("port {port} is taken by {holder}. End that, or choose another port with --port N")
}

fn options(repository: &Repository, instance: &Instance, cluster: &Cluster, port: u16) -> Options {
    Options {
        program: repository.debug_program("chatalot-server"),
        port,
        database_url: cluster.url(postgres::OWNER),
        log: instance.server_log(),
        environment: Vec::new(),
    }
}

fn start(
    repository: &Repository,
    instance: &Instance,
    progress: Progress,
    port: u16,
) -> Result<Running> {
    let cluster = progress.step("Starting PostgreSQL", |_| Cluster::start(instance.folder()))?;
    let options = options(repository, instance, &cluster, port);
    let server = progress.step("Starting the server", |_| Server::start(options.clone()))?;
    instance.note(&cluster, server.process())?;
    instance.set_last_port(port)?;
    Ok(Running {
        options,
        server: server.process().clone(),
        postgres: cluster.process().clone(),
    })
}

fn report(repository: &Repository, instance: &Instance, running: &Running) -> Result<Report> {
    let code = invite_code(instance, &running.options)?;
    let url = running.options.url();
    Ok(Report {
        invite_url: format!("{url}/invite/{code}"),
        url,
        invite_code: code,
        data: instance.folder().to_owned(),
        chatalot: repository.debug_program("chatalot"),
        pids: BTreeMap::from([
            ("postgres", running.postgres.pid),
            ("server", running.server.pid),
        ]),
    })
}

/// The last invite while it can be used, else a new one: for the owner as long
/// as the server has none.
fn invite_code(instance: &Instance, options: &Options) -> Result<String> {
    let path = instance.invite_path();
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    let kept = kept.trim();
    let usable = !kept.is_empty()
        && kept
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    if usable && http::is_ok(options.address(), &format!("/api/v1/invites/{kept}")) {
        return Ok(kept.to_owned());
    }
    let invite =
        server::invite(options, For::Owner).or_else(|_| server::invite(options, For::Member))?;
    std::fs::write(&path, format!("{}\n", invite.code))
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(invite.code)
}

fn print(report: &Report, output: Output) -> Result<()> {
    let text = match output {
        Output::Json => serde_json::to_string(report).context("a report has a JSON form")?,
        Output::Text => format!(
            "\nChatalot is at       {}\nInvite link          {}\nCommand line         {}\nData and logs        {}\n",
            report.url,
            report.invite_url,
            report.chatalot.display(),
            report.data.display()
        ),
    };
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{text}")
        .and_then(|()| stdout.flush())
        .context("stdout can be written")
}
