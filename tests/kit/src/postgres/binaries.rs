//! The system's PostgreSQL programs.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::program;

/// Where Debian and its relatives put each major version.
const DEBIAN: &str = "/usr/lib/postgresql";

/// The oldest major version that the SQL of chat-store is written for: the one
/// of Debian 12.
pub const OLDEST: u32 = 15;

/// One installed version: a folder with `postgres`, `initdb` and `psql`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binaries {
    folder: PathBuf,
    version: u32,
}

impl Binaries {
    /// The newest installed version.
    ///
    /// # Errors
    /// When there is none that is new enough.
    pub fn newest() -> Result<Self> {
        installed().pop().with_context(|| {
            format!(
                "PostgreSQL {OLDEST} or newer is not installed; \
                 on Debian: sudo apt-get install --yes postgresql"
            )
        })
    }

    /// The installed version that a cluster was made by.
    ///
    /// # Errors
    /// When that version is not installed: another one cannot read its files.
    pub fn of_version(version: u32) -> Result<Self> {
        installed()
            .into_iter()
            .find(|binaries| binaries.version == version)
            .with_context(|| {
                format!(
                    "this data folder was made by PostgreSQL {version}, which is not installed; \
                     on Debian: sudo apt-get install --yes postgresql-{version}"
                )
            })
    }

    /// The path of one of its programs.
    #[must_use]
    pub fn program(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The major version.
    #[must_use]
    pub fn version(&self) -> u32 {
        self.version
    }
}

/// Every usable version, the newest last.
#[must_use]
pub fn installed() -> Vec<Binaries> {
    let mut found: Vec<Binaries> = debian_folders()
        .into_iter()
        .chain(folder_in_path())
        .filter_map(|folder| complete(&folder))
        .filter(|binaries| binaries.version >= OLDEST)
        .collect();
    found.sort_by_key(|binaries| binaries.version);
    found.dedup_by_key(|binaries| binaries.version);
    found
}

fn debian_folders() -> Vec<PathBuf> {
    std::fs::read_dir(DEBIAN)
        .map(|entries| {
            entries
                .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
                .collect()
        })
        .unwrap_or_default()
}

/// The folder of the `postgres` in `PATH`, through its links: `initdb` looks for
/// `postgres` beside itself.
fn folder_in_path() -> Option<PathBuf> {
    let program = program::lookup("postgres")?.canonicalize().ok()?;
    program.parent().map(Path::to_owned)
}

fn complete(folder: &Path) -> Option<Binaries> {
    let all = ["postgres", "initdb", "psql"];
    if !all
        .iter()
        .all(|name| program::is_program(&folder.join(name)))
    {
        return None;
    }
    // "postgres (PostgreSQL) 15.18 (Debian …)", or "17beta1" before a release.
    let output = std::process::Command::new(folder.join("postgres"))
        .arg("--version")
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    Some(Binaries {
        folder: folder.to_owned(),
        version: major(&text)?,
    })
}

fn major(version: &str) -> Option<u32> {
    let (_, number) = version.split_once(") ")?;
    let digits: String = number.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_read() {
        assert_eq!(
            major("postgres (PostgreSQL) 15.18 (Debian 15.18-0)"),
            Some(15)
        );
        assert_eq!(major("postgres (PostgreSQL) 17beta1"), Some(17));
        assert_eq!(major("something else"), None);
    }
}
