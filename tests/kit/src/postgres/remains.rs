//! What an earlier run has left: a postmaster that runs, one that is ending, its
//! orphaned children, or a stale `postmaster.pid`.
//!
//! `postmaster.pid` names a process id only, and ids are reused. So a process
//! counts as one of a cluster when it is called `postgres` and works in the
//! cluster's folder: postmaster and children both do, from their first instant.
//! The children matter: after `kill -9` of the postmaster they live on for a
//! moment with the old shared memory, and a second postmaster beside them would
//! destroy the cluster.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::process::{self, Process, Signal};
use crate::wait;

/// How long to wait for what is ending by itself before helping it along.
const ENDING_BOUND: Duration = Duration::from_secs(40);

/// The state that PostgreSQL writes into line 8 of `postmaster.pid`.
const READY: &str = "ready";
const STOPPING: &str = "stopping";

/// The lines of `postmaster.pid`.
struct LockFile {
    pid: u32,
    socket_folder: Option<PathBuf>,
    state: String,
}

/// Waits until the cluster in `data` either runs or is at rest: returns its
/// postmaster, or `None` once no process of it is left and its stale lock file
/// is gone.
///
/// # Errors
/// When something of it can neither end nor be ended.
pub fn settle(data: &Path) -> Result<Option<Process>> {
    let settled = wait::until("the earlier PostgreSQL ends", ENDING_BOUND, || {
        if is_stopping(data) {
            return Ok(None);
        }
        if let Some(postmaster) = postmaster(data) {
            return Ok(Some(Some(postmaster)));
        }
        Ok(processes(data).is_empty().then_some(None))
    });
    if let Ok(Some(postmaster)) = settled {
        return Ok(Some(postmaster));
    }
    // At rest; or it hangs, which `clear` ends.
    clear(data)?;
    Ok(None)
}

/// Ends every process of the cluster in `data` that is left and removes the
/// stale lock file. The caller has asked the postmaster to end before.
///
/// # Errors
/// When one cannot be killed.
pub fn clear(data: &Path) -> Result<()> {
    // Orphaned children end by themselves within moments; a query in the middle
    // of a long computation is the exception.
    let gone = wait::until_true(
        "the last PostgreSQL processes end",
        Duration::from_secs(10),
        || processes(data).is_empty(),
    );
    if gone.is_err() {
        for process in processes(data) {
            process.signal(Signal::KILL)?;
        }
        wait::until_true(
            &format!("every PostgreSQL process of {} is gone", data.display()),
            Duration::from_secs(10),
            || processes(data).is_empty(),
        )?;
    }
    match std::fs::remove_file(lock_path(data)) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", lock_path(data).display()))
        }
        _ => Ok(()),
    }
}

/// The running postmaster of the cluster in `data`.
#[must_use]
pub fn postmaster(data: &Path) -> Option<Process> {
    let lock = read(data)?;
    let process = Process::lookup(lock.pid)?;
    belongs(process.pid, data).then_some(process)
}

/// True when the postmaster with this id answers connections.
#[must_use]
pub fn is_ready(data: &Path, pid: u32) -> bool {
    read(data).is_some_and(|lock| lock.pid == pid && lock.state == READY)
}

/// The folder of its socket, as the running postmaster wrote it down.
#[must_use]
pub fn socket_folder(data: &Path) -> Option<PathBuf> {
    read(data)?.socket_folder
}

/// Every process of the cluster in `data`.
#[must_use]
pub fn processes(data: &Path) -> Vec<Process> {
    process::all_ids()
        .into_iter()
        .filter(|&pid| belongs(pid, data))
        .filter_map(Process::lookup)
        .collect()
}

fn is_stopping(data: &Path) -> bool {
    read(data).is_some_and(|lock| lock.state == STOPPING) && postmaster(data).is_some()
}

fn belongs(pid: u32, data: &Path) -> bool {
    process::name(pid).is_some_and(|name| name == "postgres")
        && std::fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|folder| folder == data)
}

fn lock_path(data: &Path) -> PathBuf {
    data.join("postmaster.pid")
}

fn read(data: &Path) -> Option<LockFile> {
    let text = std::fs::read_to_string(lock_path(data)).ok()?;
    let lines: Vec<&str> = text.lines().collect();
    let pid = lines.first()?.trim().parse().ok()?;
    let socket_folder = lines
        .get(4)
        .map(|line| line.trim())
        .filter(|line| !line.is_empty())
        .map(PathBuf::from);
    let state = lines.get(7).map(|line| line.trim()).unwrap_or_default();
    Some(LockFile {
        pid,
        socket_folder,
        state: state.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_file_of_a_reused_id_is_nobody_and_goes() {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let data = folder.path();
        // This very process runs, and is no PostgreSQL.
        let text = format!(
            "{}\n{}\n1\n5432\n/run\n\n  1 2\nready   \n",
            std::process::id(),
            data.display()
        );
        std::fs::write(lock_path(data), text).expect("the file can be written");
        assert!(postmaster(data).is_none());
        assert!(is_ready(data, std::process::id()));
        assert_eq!(settle(data).expect("nothing hinders it"), None);
        assert!(!lock_path(data).exists());
    }

    #[test]
    fn half_a_lock_file_is_nobody() {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        std::fs::write(lock_path(folder.path()), "").expect("the file can be written");
        assert_eq!(settle(folder.path()).expect("nothing hinders it"), None);
    }
}
