//! Processes by identity: a process id with the time at which it started.
//!
//! Ids are reused. A pid file from before a crash may name a process that has
//! nothing to do with us, so every question and every signal here goes to the
//! pair of id and start time, through a pidfd: what is checked is what is hit.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use rustix::process::{Pid, PidfdFlags, pidfd_open, pidfd_send_signal};
use serde::{Deserialize, Serialize};

pub use rustix::process::Signal;

use crate::wait;

/// How long a process may take to vanish after SIGKILL. The kernel does it at
/// once unless the process hangs in a device.
const AFTER_KILL: Duration = Duration::from_secs(10);

/// One process of this boot of the machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// The process id.
    pub pid: u32,
    /// When it started, in clock ticks since the boot (field 22 of
    /// `/proc/PID/stat`).
    pub started: u64,
    /// Which boot that was; ticks of another boot mean nothing.
    pub boot: String,
}

/// How [`Process::stop`] ended it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It was not running any more.
    AlreadyGone,
    /// It ended by itself when asked.
    Asked,
    /// It did not end in time and was killed.
    Killed,
}

impl Process {
    /// The process that has this id now; `None` when there is none, or only a
    /// zombie that nobody has collected.
    #[must_use]
    pub fn lookup(pid: u32) -> Option<Self> {
        let started = started(pid)?;
        Some(Self {
            pid,
            started,
            boot: boot(),
        })
    }

    /// True while exactly this process runs.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.boot == boot() && started(self.pid) == Some(self.started)
    }

    /// Sends a signal to exactly this process; nothing happens when it has
    /// ended.
    ///
    /// # Errors
    /// When the kernel refuses, for example because it belongs to someone else.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let Some(pid) = i32::try_from(self.pid).ok().and_then(Pid::from_raw) else {
            return Ok(());
        };
        // The pidfd first and the identity after: once the descriptor is open,
        // the id cannot be given to another process behind its back.
        let Ok(descriptor) = pidfd_open(pid, PidfdFlags::empty()) else {
            return Ok(());
        };
        if !self.is_running() {
            return Ok(());
        }
        match pidfd_send_signal(&descriptor, signal) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
            Err(error) => Err(error).with_context(|| format!("cannot signal process {}", self.pid)),
        }
    }

    /// Asks the process to end with `signal`, waits up to `bound`, then kills it.
    ///
    /// # Errors
    /// When it cannot be signalled, or is there even after SIGKILL.
    pub fn stop(&self, signal: Signal, bound: Duration) -> Result<Ending> {
        if !self.is_running() {
            return Ok(Ending::AlreadyGone);
        }
        self.signal(signal)?;
        let ended = wait::until_true("the process ends", bound, || !self.is_running());
        if ended.is_ok() {
            return Ok(Ending::Asked);
        }
        self.kill()?;
        Ok(Ending::Killed)
    }

    /// Kills the process with SIGKILL and waits until it is gone.
    ///
    /// # Errors
    /// As [`Process::stop`].
    pub fn kill(&self) -> Result<()> {
        self.signal(Signal::KILL)?;
        wait::until_true(
            &format!("process {} is gone after SIGKILL", self.pid),
            AFTER_KILL,
            || !self.is_running(),
        )
    }
}

/// A file that names a process, for whoever comes later to find it.
#[derive(Clone, Debug)]
pub struct PidFile {
    path: PathBuf,
}

impl PidFile {
    /// The pid file at `path`, whether it exists or not.
    #[must_use]
    pub fn at(path: PathBuf) -> Self {
        Self { path }
    }

    /// Where it lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes it in one step, so that a reader never sees half of it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, process: &Process) -> Result<()> {
        let text = serde_json::to_string(process).context("a process has a JSON form")?;
        let beside = self.path.with_extension("pid.new");
        std::fs::write(&beside, text + "\n")
            .and_then(|()| std::fs::rename(&beside, &self.path))
            .with_context(|| format!("cannot write {}", self.path.display()))
    }

    /// The process it names, if that still runs. A missing, damaged or stale
    /// file gives `None`: all three mean that nothing runs.
    #[must_use]
    pub fn running(&self) -> Option<Process> {
        let text = std::fs::read_to_string(&self.path).ok()?;
        let process: Process = serde_json::from_str(&text).ok()?;
        process.is_running().then_some(process)
    }

    /// Removes it; a missing file is fine.
    ///
    /// # Errors
    /// When it is there and cannot be removed.
    pub fn remove(&self) -> Result<()> {
        match std::fs::remove_file(&self.path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("cannot remove {}", self.path.display()))
            }
            _ => Ok(()),
        }
    }
}

/// Every process id of the machine that this process can see.
#[must_use]
pub fn all_ids() -> Vec<u32> {
    std::fs::read_dir("/proc")
        .map(|entries| {
            entries
                .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
                .collect()
        })
        .unwrap_or_default()
}

/// The short name of a process, at most 15 bytes (`/proc/PID/comm`).
#[must_use]
pub fn name(pid: u32) -> Option<String> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
    Some(text.trim_end().to_owned())
}

fn boot() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .map(|text| text.trim().to_owned())
        .unwrap_or_default()
}

/// Field 22 of `/proc/PID/stat`, or `None` for no process or a zombie.
fn started(pid: u32) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in field 2 may hold blanks and brackets; its last bracket ends it.
    let (_, rest) = text.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace();
    let state = fields.next()?;
    if matches!(state, "Z" | "X") {
        return None;
    }
    // `state` was field 3; the start time is field 22, 18 fields after field 4.
    fields.nth(18)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn another_process_with_the_same_id_is_not_it() {
        let myself = Process::lookup(std::process::id()).expect("this process runs");
        assert!(myself.is_running());
        let earlier = Process {
            started: myself.started - 1,
            ..myself.clone()
        };
        assert!(!earlier.is_running());
        let other_boot = Process {
            boot: "another".to_owned(),
            ..myself
        };
        assert!(!other_boot.is_running());
    }

    #[test]
    fn a_recycled_id_is_never_signalled() {
        let mut child = Command::new("sleep").arg("60").spawn().expect("sleep runs");
        let process = Process::lookup(child.id()).expect("the child runs");
        let stale = Process {
            started: process.started + 7,
            ..process.clone()
        };
        let ending = stale
            .stop(Signal::TERM, Duration::from_secs(1))
            .expect("nothing is to be done");
        assert_eq!(ending, Ending::AlreadyGone);
        assert!(process.is_running());
        process.kill().expect("the child can be killed");
        child.wait().expect("the child can be collected");
    }

    #[test]
    fn who_ignores_the_request_is_killed_after_the_bound() {
        let mut child = Command::new("sh")
            .args(["-c", "trap '' TERM; while :; do sleep 1; done"])
            .spawn()
            .expect("sh runs");
        let process = Process::lookup(child.id()).expect("the child runs");
        // The shell needs a moment to set its trap; its first own child shows
        // that it is past it.
        wait::until_true("the trap is set", Duration::from_secs(5), || {
            std::fs::read_to_string(format!("/proc/{}/task/{0}/children", child.id()))
                .is_ok_and(|children| !children.trim().is_empty())
        })
        .expect("the shell gets to its loop");
        let ending = process
            .stop(Signal::TERM, Duration::from_millis(200))
            .expect("the child can be stopped");
        assert_eq!(ending, Ending::Killed);
        child.wait().expect("the child can be collected");
    }

    #[test]
    fn a_pid_file_names_a_running_process_or_nothing() {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let file = PidFile::at(folder.path().join("part.pid"));
        assert_eq!(file.running(), None);
        let myself = Process::lookup(std::process::id()).expect("this process runs");
        file.write(&myself).expect("the file can be written");
        assert_eq!(file.running(), Some(myself));
        std::fs::write(file.path(), "12345\n").expect("the file can be written");
        assert_eq!(file.running(), None, "a damaged file names nobody");
        file.remove().expect("the file can be removed");
        file.remove().expect("a missing file is fine");
    }
}
