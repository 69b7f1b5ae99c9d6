//! `cargo xtask gen`: everything that is generated and committed.
//!
//! Each kind writes a draft into `target/xtask/` and gives it to [`settle`],
//! which replaces the committed files, or with `--check` compares and fails on
//! drift. To add a kind, give it a variant of [`Kind`] and a module with `run`.

mod proto;
mod sqlx;
mod typescript;

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use clap::{Args, ValueEnum};

use crate::progress::Progress;
use crate::repository::Repository;

#[derive(Debug, Args)]
pub struct Arguments {
    /// What to make; everything when nothing is named.
    #[arg(value_enum)]
    kinds: Vec<Kind>,
    /// Change nothing; fail when a committed file is not what would be made.
    #[arg(long)]
    check: bool,
}

/// The kinds of generated files, in the order in which they are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// Rust code of the frames, from protocol/wire/proto.
    Proto,
    /// Descriptions of the queries of chat-store, from a real PostgreSQL.
    Sqlx,
    /// TypeScript types of the client machine's commands and events.
    Ts,
}

/// What to do with a draft that differs from what is committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Write,
    Check,
}

pub fn run(repository: &Repository, progress: Progress, arguments: &Arguments) -> Result<()> {
    let mode = if arguments.check {
        Mode::Check
    } else {
        Mode::Write
    };
    let wanted = |kind| arguments.kinds.is_empty() || arguments.kinds.contains(&kind);
    for &kind in Kind::value_variants() {
        if wanted(kind) {
            make(repository, progress, kind, mode)?;
        }
    }
    Ok(())
}

/// Makes one kind.
pub fn make(repository: &Repository, progress: Progress, kind: Kind, mode: Mode) -> Result<()> {
    match kind {
        Kind::Proto => proto::run(repository, progress, mode),
        Kind::Sqlx => sqlx::run(repository, progress, mode),
        Kind::Ts => typescript::run(repository, progress, mode),
    }
}

/// Files of one folder by name, with their contents.
type Files = BTreeMap<String, Vec<u8>>;

/// Makes `committed` hold exactly what `draft` holds, or checks that it does.
fn settle(draft: &Path, committed: &Path, mode: Mode, verb: &str) -> Result<()> {
    let new = files(draft)?;
    let old = files(committed)?;
    let changed: Vec<&String> = new
        .keys()
        .chain(old.keys())
        .filter(|name| new.get(*name) != old.get(*name))
        .collect();
    if changed.is_empty() {
        return Ok(());
    }
    if mode == Mode::Check {
        let mut names: Vec<&str> = changed.iter().map(|name| name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        bail!(
            "{} is not what `{verb}` makes ({}). Run `{verb}` and commit the result.",
            committed.display(),
            names.join(", ")
        );
    }
    add(&new, committed)?;
    for name in old.keys().filter(|name| !new.contains_key(*name)) {
        std::fs::remove_file(committed.join(name))
            .with_context(|| format!("cannot remove {name} from {}", committed.display()))?;
    }
    Ok(())
}

/// Writes files that are new or changed, and removes none.
fn add(new: &Files, committed: &Path) -> Result<()> {
    std::fs::create_dir_all(committed)
        .with_context(|| format!("cannot make {}", committed.display()))?;
    for (name, content) in new {
        let path = committed.join(name);
        // An unchanged file keeps its time, so that nothing is built anew.
        if std::fs::read(&path).is_ok_and(|old| old == *content) {
            continue;
        }
        std::fs::write(&path, content)
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// An empty folder for a draft.
fn draft_folder(repository: &Repository, name: &str) -> Result<std::path::PathBuf> {
    let folder = repository.scratch().join(name);
    if folder.exists() {
        std::fs::remove_dir_all(&folder)
            .with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("cannot make {}", folder.display()))?;
    Ok(folder)
}

fn files(folder: &Path) -> Result<Files> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Files::new()),
        other => other.with_context(|| format!("cannot read {}", folder.display()))?,
    };
    let mut found = Files::new();
    for entry in entries {
        let entry = entry.with_context(|| format!("cannot read {}", folder.display()))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let content = std::fs::read(entry.path())
            .with_context(|| format!("cannot read {}", entry.path().display()))?;
        found.insert(name, content);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drift_is_refused_and_then_settled() {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let draft = folder.path().join("draft");
        let committed = folder.path().join("committed");
        std::fs::create_dir_all(&draft).expect("the folder can be made");
        std::fs::create_dir_all(&committed).expect("the folder can be made");
        std::fs::write(draft.join("kept"), "new").expect("the file can be written");
        std::fs::write(committed.join("kept"), "old").expect("the file can be written");
        std::fs::write(committed.join("gone"), "old").expect("the file can be written");

        let error = settle(&draft, &committed, Mode::Check, "cargo xtask gen x")
            .expect_err("both files have drifted");
        let text = error.to_string();
        assert!(text.contains("gone, kept"), "{text}");
        assert!(committed.join("gone").exists(), "a check changes nothing");

        settle(&draft, &committed, Mode::Write, "").expect("the files can be written");
        assert!(!committed.join("gone").exists());
        settle(&draft, &committed, Mode::Check, "").expect("nothing differs any more");
    }
}
