//! PostgreSQL and a server in a temporary folder, for end-to-end tests.
//!
//! ```no_run
//! use chat_testkit::server::For;
//! use chat_testkit::test_server::TestServer;
//!
//! # fn main() -> anyhow::Result<()> {
//! let mut server = TestServer::start()?;
//! let invite = server.invite(For::Owner)?;
//! let alice = server.home("alice")?;
//! let output = server
//!     .chatalot(&alice, &["register", "--server", &server.url(), "--invite", &invite.code])?
//!     .args(["--name", "alice", "--password-stdin"])
//!     .output()?;
//! server.kill_server()?; // kill -9
//! server.restart_server()?; // on the same port and data
//! # Ok(())
//! # }
//! ```

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::postgres::{OWNER, TemporaryCluster};
use crate::server::{self, For, Invite, Options, Server};
use crate::{log, port, program};

/// How often another port is tried when somebody took the first one.
const TRIES: u32 = 5;

/// A server with its PostgreSQL. Dropping it stops both and removes everything.
#[derive(Debug)]
pub struct TestServer {
    // The server first: it is stopped before the database under it.
    server: Server,
    cluster: TemporaryCluster,
}

impl TestServer {
    /// Starts both.
    ///
    /// # Errors
    /// When a program has not been built, or one of them does not start.
    pub fn start() -> Result<Self> {
        Self::start_with(&[])
    }

    /// Starts both with more of the server's environment.
    ///
    /// # Errors
    /// As [`TestServer::start`].
    pub fn start_with(environment: &[(&str, &str)]) -> Result<Self> {
        let program = program::built("chatalot-server")?;
        let cluster = TemporaryCluster::start()?;
        let environment = environment
            .iter()
            .map(|&(key, value)| (key.to_owned(), value.to_owned()))
            .collect();
        let mut options = Options {
            program,
            port: port::free()?,
            database_url: cluster.url(OWNER),
            log: cluster.root().join("log/server.log"),
            environment,
        };
        let mut tries = 1;
        let server = loop {
            match Server::start(options.clone()) {
                Ok(server) => break server,
                // Somebody else was faster on this port.
                Err(_) if tries < TRIES && !port::is_free(options.port) => {
                    tries += 1;
                    options.port = port::free()?;
                }
                Err(error) => return Err(error),
            }
        };
        cluster.guard(server.process())?;
        Ok(Self { server, cluster })
    }

    /// `http://localhost:PORT`; it stays the same over restarts.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.options().url()
    }

    /// Where the server listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.server.options().address()
    }

    /// What the server was started with; `command` runs another of its verbs.
    #[must_use]
    pub fn options(&self) -> &Options {
        self.server.options()
    }

    /// The database under it.
    #[must_use]
    pub fn cluster(&self) -> &TemporaryCluster {
        &self.cluster
    }

    /// The folder with everything the server's side keeps: database, WAL, logs.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.cluster.root()
    }

    /// What the server has logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        log::tail(&self.server.options().log, usize::MAX)
    }

    /// Makes an invite.
    ///
    /// # Errors
    /// When the server's program refuses.
    pub fn invite(&self, whom: For) -> Result<Invite> {
        server::invite(self.server.options(), whom)
    }

    /// Makes an invite for this many accounts.
    ///
    /// # Errors
    /// When the server's program refuses.
    pub fn invite_with_uses(&self, whom: For, uses: u32) -> Result<Invite> {
        server::invite_with_uses(self.server.options(), whom, uses)
    }

    /// A folder for one device of the command line, for its `--home`. It lies
    /// apart from [`TestServer::folder`], which is the server's side alone.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn home(&self, name: &str) -> Result<Home> {
        let folder = tempfile::Builder::new()
            .prefix(&format!("chatalot-home-{name}-"))
            .tempdir()
            .context("cannot make a folder for a device")?;
        Ok(Home(folder))
    }

    /// The command line `chatalot` on a device's folder, ready for more
    /// arguments.
    ///
    /// # Errors
    /// When it has not been built.
    pub fn chatalot(&self, home: &Home, arguments: &[&str]) -> Result<Command> {
        let mut command = Command::new(program::built("chatalot")?);
        command.arg("--home").arg(home.path()).args(arguments);
        Ok(command)
    }

    /// Kills the server with SIGKILL.
    ///
    /// # Errors
    /// When it cannot be killed.
    pub fn kill_server(&mut self) -> Result<()> {
        self.server.kill()
    }

    /// Stops the server as an operator does: it drains first.
    ///
    /// # Errors
    /// When it cannot be ended.
    pub fn stop_server(&mut self) -> Result<()> {
        self.server.stop().map(drop)
    }

    /// Starts the server again, on the same port and data.
    ///
    /// # Errors
    /// When it does not start.
    pub fn restart_server(&mut self) -> Result<()> {
        let options = self.server.options().clone();
        self.server = Server::start(options)?;
        self.cluster.guard(self.server.process())
    }

    /// Kills PostgreSQL with SIGKILL.
    ///
    /// # Errors
    /// When it cannot be killed.
    pub fn kill_postgres(&mut self) -> Result<()> {
        self.cluster.kill()
    }

    /// Starts PostgreSQL again, on the same data.
    ///
    /// # Errors
    /// When it does not start.
    pub fn restart_postgres(&mut self) -> Result<()> {
        self.cluster.restart()
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.server.stop().ok();
    }
}

/// A folder for one device; gone when it is dropped.
#[derive(Debug)]
pub struct Home(tempfile::TempDir);

impl Home {
    /// Where it lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// A file in it.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }
}
