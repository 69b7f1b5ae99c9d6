//! The log files of started programs.

use std::fs::{File, OpenOptions};
use std::path::Path;

use anyhow::{Context as _, Result};

/// A log that has grown past this is set aside at the next start, so that a
/// development folder never fills a disk with logs: two of them at most remain.
const SET_ASIDE_AFTER_BYTES: u64 = 10 * 1024 * 1024;

/// Opens `path` for appending, and makes its folder.
///
/// # Errors
/// When the folder or the file cannot be made.
pub fn open(path: &Path) -> Result<File> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    }
    let large = std::fs::metadata(path).is_ok_and(|file| file.len() > SET_ASIDE_AFTER_BYTES);
    if large {
        std::fs::rename(path, path.with_extension("log.1"))
            .with_context(|| format!("cannot set aside {}", path.display()))?;
    }
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .with_context(|| format!("cannot open the log {}", path.display()))
}

/// The end of a log, at most `lines` lines of it, for an error message. A log
/// that cannot be read gives an empty text: it must not hide the first error.
#[must_use]
pub fn tail(path: &Path, lines: usize) -> String {
    let bytes = std::fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let all: Vec<&str> = text.lines().collect();
    let from = all.len().saturating_sub(lines);
    all.get(from..).unwrap_or_default().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_is_the_end() {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let path = folder.path().join("some.log");
        std::fs::write(&path, "one\ntwo\nthree\n").expect("the file can be written");
        assert_eq!(tail(&path, 2), "two\nthree");
        assert_eq!(tail(&path, 9), "one\ntwo\nthree");
        assert_eq!(tail(&folder.path().join("none"), 2), "");
    }
}
