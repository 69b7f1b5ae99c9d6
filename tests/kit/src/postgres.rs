//! A private PostgreSQL cluster from the system's own binaries.
//!
//! A cluster lies in one root folder:
//!
//! ```text
//! ROOT/postgres/         the cluster itself (initdb)
//! ROOT/run/              the socket, unless its path would be too long
//! ROOT/log/postgres.log  what PostgreSQL says
//! ```
//!
//! * **Reached by a Unix socket only**, in a folder of mode 0700. There is no TCP
//!   port, so nothing on the network and no other user of the machine reaches
//!   it. Within that folder authentication is `trust`: the kernel has already
//!   decided who gets in, and `peer` would ask the same question a second time
//!   with a map that breaks whenever the user's name differs.
//! * **fsync is on**, in tests too: what a test proves about `kill -9` must be
//!   true of the real thing.
//! * **Never half made**: `initdb` works in `postgres.initialising/` beside it,
//!   which is renamed once complete.
//! * **As root** PostgreSQL refuses to run. It is then started in a user
//!   namespace that maps root to the `postgres` user: inside it is not root,
//!   outside its files are root's, so a data folder below a 0700 folder of root
//!   works like any other (see [`account`]).
//! * **After a crash** the start waits for what is still ending and clears what
//!   is stale (see [`remains`]).

pub mod account;
pub mod binaries;
pub mod folder;
pub mod query;
pub mod remains;
pub mod socket;
pub mod temporary;

use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use crate::log;
use crate::process::{Process, Signal};
use crate::wait;

pub use binaries::Binaries;
pub use temporary::TemporaryCluster;

/// The role that owns everything in the cluster, and its database.
pub const OWNER: &str = "chatalot";

/// How long a start may take. Recovery after `kill -9` replays the log first;
/// with the default settings that is seconds, on a slow disk it may be more.
const READY_BOUND: Duration = Duration::from_mins(2);

/// How long a fast shutdown may take: it writes one checkpoint.
const STOP_BOUND: Duration = Duration::from_secs(30);

/// Settings given to every cluster. What is not here has PostgreSQL's default,
/// `synchronous_commit = on` among them.
const SETTINGS: &[(&str, &str)] = &[
    ("listen_addresses", ""),
    ("unix_socket_permissions", "0700"),
    ("fsync", "on"),
    ("full_page_writes", "on"),
    ("max_connections", "100"),
    ("logging_collector", "off"),
    ("log_line_prefix", "%m [%p] "),
    ("cluster_name", "chatalot"),
];

/// A running cluster. Dropping it leaves it running: `up --detach` wants that;
/// tests take [`TemporaryCluster`], which stops.
#[derive(Debug)]
pub struct Cluster {
    root: PathBuf,
    socket: PathBuf,
    binaries: Binaries,
    process: Process,
    /// Kept to collect the process when this program started it.
    child: Option<Child>,
}

impl Cluster {
    /// Starts the cluster in `root`, and makes it first if there is none. A
    /// cluster that already runs there is taken over as it is. Returns once it
    /// answers and has its database.
    ///
    /// # Errors
    /// When PostgreSQL is missing, the folder is damaged or belongs to somebody
    /// else, or the start fails; the message names the next step.
    pub fn start(root: &Path) -> Result<Self> {
        Self::start_with(root, &[])
    }

    /// [`Cluster::start`] with more settings, for a bench or a test.
    ///
    /// # Errors
    /// As [`Cluster::start`].
    pub fn start_with(root: &Path, settings: &[(&str, &str)]) -> Result<Self> {
        folder::make_private(root)?;
        let root = root
            .canonicalize()
            .with_context(|| format!("cannot resolve {}", root.display()))?;
        let data = folder::data(&root);
        let binaries = match folder::version(&data)? {
            Some(version) => Binaries::of_version(version)?,
            None => Binaries::newest()?,
        };
        let running = remains::settle(&data)?;
        if running.is_none() {
            folder::ensure_complete(&root, &binaries)?;
        }
        let cluster = match running {
            Some(process) => Self::adopt(root, binaries, process)?,
            None => Self::spawn(root, binaries, settings)?,
        };
        cluster.ensure_database(OWNER)?;
        Ok(cluster)
    }

    /// The cluster that runs in `root`, if one does.
    ///
    /// # Errors
    /// When what runs there cannot be read.
    pub fn running(root: &Path) -> Result<Option<Self>> {
        let Ok(root) = root.canonicalize() else {
            return Ok(None);
        };
        let data = folder::data(&root);
        let Some(version) = folder::version(&data)? else {
            return Ok(None);
        };
        let Some(process) = remains::postmaster(&data) else {
            return Ok(None);
        };
        let binaries = Binaries::of_version(version)?;
        Self::adopt(root, binaries, process).map(Some)
    }

    fn adopt(root: PathBuf, binaries: Binaries, process: Process) -> Result<Self> {
        let data = folder::data(&root);
        wait::until_true(
            &format!("the running PostgreSQL in {} is ready", data.display()),
            READY_BOUND,
            || remains::is_ready(&data, process.pid),
        )?;
        let socket = remains::socket_folder(&data)
            .with_context(|| format!("{} names no socket", data.display()))?;
        Ok(Self {
            root,
            socket,
            binaries,
            process,
            child: None,
        })
    }

    fn spawn(root: PathBuf, binaries: Binaries, settings: &[(&str, &str)]) -> Result<Self> {
        let data = folder::data(&root);
        let socket = socket::choose(&root)?;
        socket::clear(&socket)?;
        let log_path = root.join("log/postgres.log");
        let log_file = log::open(&log_path)?;
        let mut command = account::command(binaries.program("postgres"), account::Session::Own)?;
        command
            .arg("-D")
            .arg(&data)
            .arg("-k")
            .arg(&socket)
            .args(
                SETTINGS
                    .iter()
                    .chain(settings)
                    .map(|(key, value)| format!("--{key}={value}")),
            )
            // The processes of a cluster are known by their working folder; the
            // postmaster has it from its first instant.
            .current_dir(&data)
            .stdin(Stdio::null())
            .stdout(log_file.try_clone().context("the log can be shared")?)
            .stderr(log_file);
        let mut child = command.spawn().context("cannot start postgres")?;
        let ready = wait::until(
            &format!("PostgreSQL in {} is ready", data.display()),
            READY_BOUND,
            || {
                if let Some(status) = child.try_wait()? {
                    bail!(
                        "PostgreSQL ended at its start ({status}). The end of {}:\n{}",
                        log_path.display(),
                        log::tail(&log_path, 12)
                    );
                }
                Ok(remains::is_ready(&data, child.id())
                    .then(|| Process::lookup(child.id()))
                    .flatten())
            },
        );
        let process = match ready {
            Ok(process) => process,
            Err(error) => {
                // A start that failed leaves nothing behind.
                child.kill().ok();
                child.wait().ok();
                return Err(error);
            }
        };
        Ok(Self {
            root,
            socket,
            binaries,
            process,
            child: Some(child),
        })
    }

    /// The root folder that was given to [`Cluster::start`], resolved.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The folder of the socket.
    #[must_use]
    pub fn socket_folder(&self) -> &Path {
        &self.socket
    }

    /// The postmaster.
    #[must_use]
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// Where its log lies.
    #[must_use]
    pub fn log_path(&self) -> PathBuf {
        self.root.join("log/postgres.log")
    }

    /// The path of one of its programs, `psql` for example.
    #[must_use]
    pub fn program(&self, name: &str) -> PathBuf {
        self.binaries.program(name)
    }

    /// The URL of a database in it, as sqlx and libpq take it.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        url(&self.socket, database)
    }

    /// Ends the cluster: clients are cut off, a checkpoint is written.
    ///
    /// # Errors
    /// When it cannot be ended at all.
    pub fn stop(&mut self) -> Result<()> {
        let data = folder::data(&self.root);
        stop(&data, &self.process)?;
        self.collect();
        Ok(())
    }

    /// Kills the postmaster with SIGKILL, as a crash does. Its children notice
    /// and end by themselves; the next start waits for them.
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

/// The URL of a database behind the socket in this folder.
#[must_use]
pub fn url(socket_folder: &Path, database: &str) -> String {
    format!(
        "postgres://{OWNER}@localhost/{database}?host={}",
        percent_encoded(socket_folder)
    )
}

/// Ends the postmaster of the cluster in `data`: fast shutdown, then immediate,
/// then SIGKILL for it and its children.
///
/// # Errors
/// When it cannot be ended at all.
pub fn stop(data: &Path, postmaster: &Process) -> Result<()> {
    if postmaster.is_running() {
        postmaster.signal(Signal::INT)?;
        let ended = wait::until_true("PostgreSQL ends", STOP_BOUND, || !postmaster.is_running());
        if ended.is_err() {
            postmaster.stop(Signal::QUIT, Duration::from_secs(5))?;
        }
    }
    remains::clear(data)
}

fn percent_encoded(path: &Path) -> String {
    use std::fmt::Write as _;
    use std::os::unix::ffi::OsStrExt as _;
    let mut text = String::new();
    for &byte in path.as_os_str().as_bytes() {
        if byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            write!(text, "%{byte:02X}").expect("writing to a String never fails");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_path_is_encoded_for_a_url() {
        assert_eq!(
            percent_encoded(Path::new("/a b/c?d&ä")),
            "/a%20b/c%3Fd%26%C3%A4"
        );
    }
}
