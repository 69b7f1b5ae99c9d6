//! One data folder, and what runs on it.
//!
//! ```text
//! DATA/postgres/      the database
//! DATA/run/           socket and pid files, for the owner alone
//! DATA/log/           what PostgreSQL and the server say
//! DATA/invite         the last invite code
//! DATA/instance.json  the port it was last started on
//! DATA/lock           held while something is started or stopped
//! ```
//!
//! What runs is read from the processes themselves, the files only help to find
//! them: a file from before a crash never counts as a running program.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use chat_testkit::postgres::{self, Cluster, folder, remains};
use chat_testkit::process::{self, PidFile, Process};
use chat_testkit::{server, wait};
use serde::{Deserialize, Serialize};

use crate::progress::Progress;

/// The names that this program gives to things in a data folder. `--reset`
/// deletes these and nothing else: `--data` may name a folder with other things.
const OWN_NAMES: &[&str] = &[
    "postgres",
    "postgres.initialising",
    "run",
    "log",
    "invite",
    "instance.json",
    "lock",
];

/// How long to wait for another `up` on the same folder: it may be building.
const LOCK_BOUND: Duration = Duration::from_mins(20);

/// A data folder.
#[derive(Clone, Debug)]
pub struct Instance {
    folder: PathBuf,
}

/// What is kept about the last start.
#[derive(Debug, Serialize, Deserialize)]
pub struct LastStart {
    pub port: u16,
}

/// Held while something is started or stopped on a folder.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Instance {
    /// The instance in this folder, which need not exist.
    pub fn at(folder: &Path) -> Result<Self> {
        let folder = std::path::absolute(folder)
            .with_context(|| format!("{} is no path", folder.display()))?;
        // Resolved as far as it exists, so that one folder has one name.
        let folder = folder.canonicalize().unwrap_or(folder);
        Ok(Self { folder })
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Makes the folder, and holds it against another start or stop.
    pub fn lock(&mut self, progress: Progress) -> Result<Lock> {
        folder::make_private(&self.folder)?;
        self.folder = self
            .folder
            .canonicalize()
            .with_context(|| format!("cannot resolve {}", self.folder.display()))?;
        let path = self.folder.join("lock");
        let file =
            File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
        if is_held(&file)? {
            progress.note("Waiting for another `cargo xtask` that is at work on this folder");
            wait::until("the other `cargo xtask` is done", LOCK_BOUND, || {
                Ok((!is_held(&file)?).then_some(()))
            })?;
        }
        Ok(Lock { _file: file })
    }

    pub fn invite_path(&self) -> PathBuf {
        self.folder.join("invite")
    }

    pub fn server_log(&self) -> PathBuf {
        self.folder.join("log/server.log")
    }

    pub fn server_pid(&self) -> PidFile {
        PidFile::at(self.folder.join("run/server.pid"))
    }

    pub fn postgres_pid(&self) -> PidFile {
        PidFile::at(self.folder.join("run/postgres.pid"))
    }

    /// The port of the last start, if there was one.
    pub fn last_port(&self) -> Option<u16> {
        let text = std::fs::read_to_string(self.folder.join("instance.json")).ok()?;
        let last: LastStart = serde_json::from_str(&text).ok()?;
        Some(last.port)
    }

    pub fn set_last_port(&self, port: u16) -> Result<()> {
        let path = self.folder.join("instance.json");
        let text = serde_json::to_string(&LastStart { port }).context("a port has a JSON form")?;
        std::fs::write(&path, text + "\n")
            .with_context(|| format!("cannot write {}", path.display()))
    }

    /// The running PostgreSQL.
    pub fn postgres(&self) -> Option<Process> {
        remains::postmaster(&folder::data(&self.folder))
    }

    /// Every running server of this folder: the one that the pid file names, and
    /// those that work on its database without one.
    pub fn servers(&self) -> Vec<Process> {
        let mut found: Vec<Process> = self.server_pid().running().into_iter().collect();
        for process in servers_of(&self.folder) {
            if !found.contains(&process) {
                found.push(process);
            }
        }
        found
    }

    /// Stops the server, then PostgreSQL under it. Returns the names of what was
    /// running.
    pub fn stop(&self) -> Result<Vec<&'static str>> {
        let mut stopped = Vec::new();
        // Without its pid files it was stopped on purpose: an `up` in a terminal
        // tells by them whether its programs ended or crashed.
        self.server_pid().remove()?;
        self.postgres_pid().remove()?;
        for process in self.servers() {
            server::stop(&process)?;
            stopped.push("server");
        }
        let data = folder::data(&self.folder);
        if let Some(process) = self.postgres() {
            postgres::stop(&data, &process)?;
            stopped.push("PostgreSQL");
        } else if !remains::processes(&data).is_empty() {
            remains::clear(&data)?;
            stopped.push("what was left of PostgreSQL");
        }
        Ok(stopped)
    }

    /// Deletes everything that this program has put into the folder, and the
    /// folder if nothing else lies in it.
    pub fn delete(&self) -> Result<()> {
        if self.postgres().is_some() || !self.servers().is_empty() {
            bail!("something still runs in {}", self.folder.display());
        }
        for name in OWN_NAMES {
            let path = self.folder.join(name);
            let removed = if path.is_dir() {
                std::fs::remove_dir_all(&path)
            } else {
                std::fs::remove_file(&path)
            };
            match removed {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(error).with_context(|| format!("cannot delete {}", path.display()));
                }
                _ => {}
            }
        }
        // Fails when somebody keeps other things there, which is theirs.
        std::fs::remove_dir(&self.folder).ok();
        Ok(())
    }

    /// Notes down who runs, for later runs and for people.
    pub fn note(&self, cluster: &Cluster, server: &Process) -> Result<()> {
        // The socket may lie elsewhere, see chat_testkit::postgres::socket.
        folder::make_private(&self.folder.join("run"))?;
        self.postgres_pid().write(cluster.process())?;
        self.server_pid().write(server)
    }
}

fn is_held(file: &File) -> Result<bool> {
    match file.try_lock() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(error).context("the folder cannot be locked"),
    }
}

/// Servers by what they work on: the environment they were started with names
/// the socket of their database. Finds one whose pid file is lost.
fn servers_of(folder: &Path) -> Vec<Process> {
    let Ok(socket) = postgres::socket::choose(folder) else {
        return Vec::new();
    };
    let url = postgres::url(&socket, postgres::OWNER);
    let wanted = format!("DATABASE_URL={url}");
    process::all_ids()
        .into_iter()
        .filter(|&pid| process::name(pid).is_some_and(|name| name == "chatalot-server"))
        .filter(|pid| {
            std::fs::read(format!("/proc/{pid}/environ")).is_ok_and(|environment| {
                environment
                    .split(|&byte| byte == 0)
                    .any(|entry| entry == wanted.as_bytes())
            })
        })
        .filter_map(Process::lookup)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reset_leaves_what_is_not_ours() {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let theirs = folder.path().join("holiday.jpg");
        std::fs::write(&theirs, "a picture").expect("the file can be written");
        std::fs::write(folder.path().join("invite"), "code").expect("the file can be written");
        std::fs::create_dir(folder.path().join("log")).expect("the folder can be made");
        let instance = Instance::at(folder.path()).expect("it is a path");
        instance.delete().expect("ours can be deleted");
        assert!(theirs.exists());
        assert!(!instance.invite_path().exists());
        assert!(!folder.path().join("log").exists());
    }

    #[test]
    fn a_second_start_sees_the_first_ones_lock() {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let mut instance = Instance::at(folder.path()).expect("it is a path");
        let lock = instance.lock(Progress::new()).expect("nobody holds it");
        let file = File::create(folder.path().join("lock")).expect("the file can be opened");
        assert!(is_held(&file).expect("it can be asked"));
        drop(lock);
        assert!(!is_held(&file).expect("it can be asked"));
    }

    #[test]
    fn the_last_port_is_kept() {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let instance = Instance::at(folder.path()).expect("it is a path");
        assert_eq!(instance.last_port(), None);
        instance.set_last_port(8123).expect("it can be written");
        assert_eq!(instance.last_port(), Some(8123));
    }

    #[test]
    fn nothing_runs_in_an_empty_folder() {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let instance = Instance::at(folder.path()).expect("it is a path");
        assert!(
            instance
                .stop()
                .expect("nothing is to be stopped")
                .is_empty()
        );
    }
}
