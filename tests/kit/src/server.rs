//! The server program: `chatalot-server serve` on a port of loopback.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use crate::process::{Ending, Process, Signal};
use crate::{http, log, port, wait};

/// How long a start may take: migrations run first.
const READY_BOUND: Duration = Duration::from_mins(1);

/// How long a shutdown may take: the server drains its sockets.
const STOP_BOUND: Duration = Duration::from_secs(20);

/// What a server is started with.
#[derive(Clone, Debug)]
pub struct Options {
    /// The built program.
    pub program: PathBuf,
    /// The port on loopback that it listens on.
    pub port: u16,
    /// The database, see [`crate::postgres::Cluster::url`].
    pub database_url: String,
    /// Where its log goes.
    pub log: PathBuf,
    /// More of its environment, for example `CHATALOT_LOG`.
    pub environment: Vec<(String, String)>,
}

impl Options {
    /// The address that people and programs reach it by.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://localhost:{}", self.port)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    /// The server program with its environment, for any of its verbs. What the
    /// caller's own environment says about another server is left out.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        self.wrapped(&[], arguments)
    }

    fn wrapped(&self, wrapper: &[&str], arguments: &[&str]) -> Command {
        let mut words = wrapper
            .iter()
            .map(PathBuf::from)
            .chain([self.program.clone()]);
        let mut command = Command::new(words.next().unwrap_or_default());
        command
            .args(words)
            .args(arguments)
            .env_remove("CHATALOT_CONFIG")
            .env("DATABASE_URL", &self.database_url)
            .env("CHATALOT_LISTEN", self.address().to_string())
            .env("CHATALOT_PUBLIC_URL", self.url())
            .envs(self.environment.iter().cloned())
            .stdin(Stdio::null());
        command
    }
}

/// A running server. Dropping it leaves it running, like a cluster.
#[derive(Debug)]
pub struct Server {
    options: Options,
    process: Process,
    child: Option<Child>,
}

impl Server {
    /// Starts one in a session of its own, and returns once it answers
    /// `/readyz`.
    ///
    /// # Errors
    /// When the port is taken, or it ends or does not become ready; the message
    /// has the end of its log.
    pub fn start(options: Options) -> Result<Self> {
        if !port::is_free(options.port) {
            bail!(
                "port {} is taken by {}",
                options.port,
                port::holder(options.port).unwrap_or_else(|| "another program".to_owned())
            );
        }
        let log_file = log::open(&options.log)?;
        // `setsid` replaces itself by the server: the process id stays.
        let mut child = options
            .wrapped(&["setsid"], &["serve"])
            .stdout(log_file.try_clone().context("the log can be shared")?)
            .stderr(log_file)
            .spawn()
            .with_context(|| format!("cannot start {}", options.program.display()))?;
        let process = Process::lookup(child.id());
        let address = options.address();
        let ready = wait::until("the server is ready", READY_BOUND, || {
            if let Some(status) = child.try_wait()? {
                bail!("the server ended at its start ({status})");
            }
            Ok(http::is_ok(address, "/readyz").then_some(()))
        });
        let process = match ready.and_then(|()| process.context("the server ended at its start")) {
            Ok(process) => process,
            Err(error) => {
                child.kill().ok();
                child.wait().ok();
                return Err(error.context(format!(
                    "the server does not start. The end of {}:\n{}\n",
                    options.log.display(),
                    log::tail(&options.log, 12)
                )));
            }
        };
        Ok(Self {
            options,
            process,
            child: Some(child),
        })
    }

    /// What it was started with.
    #[must_use]
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Its process.
    #[must_use]
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// Asks it to drain and end, and kills it if it does not.
    ///
    /// # Errors
    /// When it cannot be ended at all.
    pub fn stop(&mut self) -> Result<Ending> {
        let ending = stop(&self.process)?;
        self.collect();
        Ok(ending)
    }

    /// Kills it with SIGKILL, as a crash does.
    ///
    /// # Errors
    /// When it cannot be killed.
    pub fn kill(&mut self) -> Result<()> {
        self.process.kill()?;
        self.collect();
        Ok(())
    }

    fn collect(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.wait().ok();
        }
    }
}

/// Asks a server to drain and end, and kills it if it does not.
///
/// # Errors
/// When it cannot be ended at all.
pub fn stop(process: &Process) -> Result<Ending> {
    process.stop(Signal::TERM, STOP_BOUND)
}

/// A way to register on a server.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Invite {
    /// The link that a person opens.
    pub url: String,
    /// The code in it.
    pub code: String,
}

/// For whom an invite is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum For {
    /// The first account, which owns the server. Refused once there is one.
    Owner,
    /// An account like any other.
    Member,
}

/// Makes an invite with `chatalot-server invite create`.
///
/// # Errors
/// When the program refuses; the message is its own.
pub fn invite(options: &Options, whom: For) -> Result<Invite> {
    invite_by(options, whom, &[])
}

/// [`invite`] for this many accounts.
///
/// # Errors
/// As [`invite`].
pub fn invite_with_uses(options: &Options, whom: For, uses: u32) -> Result<Invite> {
    invite_by(options, whom, &["--uses", &uses.to_string()])
}

fn invite_by(options: &Options, whom: For, more: &[&str]) -> Result<Invite> {
    let mut command = options.command(&["invite", "create", "-o", "json"]);
    command.args(more);
    if whom == For::Owner {
        command.arg("--owner");
    }
    let output = command.output().context("cannot run chatalot-server")?;
    if !output.status.success() {
        bail!(
            "chatalot-server invite create failed: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    serde_json::from_slice(&output.stdout)
        .context("chatalot-server invite create prints one JSON object with url and code")
}
