//! The lock that lets one program at a time run a home's machine.
//!
//! It is a `flock` on a file of its own: the kernel releases it when the program
//! ends, however it ends, so that there is nothing stale to clean up.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::home::Home;

/// How long a program waits for a home that another one holds without serving.
pub(crate) const LOCK_WAIT: Duration = Duration::from_secs(10);

/// How long it waits before it says so.
pub(crate) const LOCK_WAIT_SILENT: Duration = Duration::from_secs(1);

/// How often it looks.
pub(crate) const LOCK_POLL: Duration = Duration::from_millis(20);

/// Why a home cannot be held.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// The lock file cannot be opened.
    #[error("the file {} cannot be locked", file.display())]
    File {
        /// Which file.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another program holds the home and does not let go.
    #[error("another program uses {}", folder.display())]
    Held {
        /// Which home.
        folder: PathBuf,
    },
}

/// The home is held as long as this value lives.
#[derive(Debug)]
pub(crate) struct HomeLock {
    _file: File,
}

impl HomeLock {
    /// Takes the lock, or answers at once that another program has it.
    pub fn try_take(home: &Home) -> Result<Option<Self>, LockError> {
        let path = home.lock();
        let failed = |source| LockError::File {
            file: path.clone(),
            source,
        };
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(failed)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(failed(error.into())),
        }
    }

    /// Takes the lock, waiting for another program to let go of it.
    ///
    /// Dropping the future gives up waiting and holds nothing.
    pub async fn take(home: &Home) -> Result<Self, LockError> {
        let mut waited = Duration::ZERO;
        loop {
            if let Some(lock) = Self::try_take(home)? {
                return Ok(lock);
            }
            if waited >= LOCK_WAIT {
                return Err(LockError::Held {
                    folder: home.folder().to_owned(),
                });
            }
            tokio::time::sleep(LOCK_POLL).await;
            waited += LOCK_POLL;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_holds_a_home() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        let first = HomeLock::try_take(&home).unwrap();
        assert!(first.is_some());
        assert!(HomeLock::try_take(&home).unwrap().is_none());
        drop(first);
        assert!(HomeLock::try_take(&home).unwrap().is_some());
    }
}
