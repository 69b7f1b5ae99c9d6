//! Steps that are skipped while nothing they depend on has changed.
//!
//! A stamp is the SHA-256 over the names and contents of a step's inputs, kept
//! in `target/xtask/`. Contents, not times: a fresh checkout or a branch visited
//! and left again rebuilds nothing.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use sha2::{Digest as _, Sha256};

use crate::repository::Repository;

/// Folders that are results or belong to others, never inputs.
const LEFT_OUT: &[&str] = &["node_modules", "dist", "target", ".git", ".svelte-kit"];

/// The stamp of one step.
#[derive(Debug)]
pub struct Stamp {
    path: PathBuf,
    digest: String,
}

impl Stamp {
    /// The stamp of the step `name` with these inputs: files, and folders with
    /// all that lies in them.
    ///
    /// # Errors
    /// When an input cannot be read.
    pub fn of(repository: &Repository, name: &str, inputs: &[PathBuf]) -> Result<Self> {
        let mut hasher = Sha256::new();
        for input in inputs {
            add(&mut hasher, repository.root(), input)?;
        }
        let digest = hasher
            .finalize()
            .iter()
            .fold(String::new(), |mut text, byte| {
                use std::fmt::Write as _;
                write!(text, "{byte:02x}").expect("writing to a String never fails");
                text
            });
        Ok(Self {
            path: repository.scratch().join(format!("{name}.stamp")),
            digest,
        })
    }

    /// True when the step was done with exactly these inputs, and what it made
    /// is still there.
    pub fn is_fresh(&self, results: &[PathBuf]) -> bool {
        results.iter().all(|result| result.exists())
            && std::fs::read_to_string(&self.path).is_ok_and(|kept| kept == self.digest)
    }

    /// Notes that the step is done.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn set(&self) -> Result<()> {
        if let Some(folder) = self.path.parent() {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("cannot make {}", folder.display()))?;
        }
        std::fs::write(&self.path, &self.digest)
            .with_context(|| format!("cannot write {}", self.path.display()))
    }
}

fn add(hasher: &mut Sha256, root: &Path, path: &Path) -> Result<()> {
    let name = path.strip_prefix(root).unwrap_or(path).to_string_lossy();
    if path.is_dir() {
        for entry in sorted(path)? {
            let left_out = entry
                .file_name()
                .and_then(|name| name.to_str())
                .is_some_and(|name| LEFT_OUT.contains(&name));
            if !left_out {
                add(hasher, root, &entry)?;
            }
        }
        return Ok(());
    }
    let content = match std::fs::read(path) {
        // An editor's file that vanished in between, or an input that is
        // optional: absent is a state like any other.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        other => other.with_context(|| format!("cannot read {}", path.display()))?,
    };
    // Lengths before contents: no two lists of files give the same bytes.
    for part in [name.as_bytes(), content.as_slice()] {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    Ok(())
}

fn sorted(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder)
        .with_context(|| format!("cannot read {}", folder.display()))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    entries.sort();
    Ok(entries)
}
