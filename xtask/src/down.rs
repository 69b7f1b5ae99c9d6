//! `cargo xtask down`: stops what `up` has started on a data folder.

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use clap::Args;

use crate::instance::Instance;
use crate::progress::Progress;
use crate::repository::Repository;

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    pub place: Place,
}

/// Which data folder, and whether to keep what is in it.
#[derive(Debug, Args)]
pub struct Place {
    /// The data folder; `.chatalot` in the repository when not given.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Delete the data: every account and message on this server.
    #[arg(long)]
    pub reset: bool,
    /// Do not ask before deleting.
    #[arg(long, requires = "reset")]
    pub yes: bool,
}

impl Place {
    /// The instance that is meant.
    pub fn instance(&self, repository: &Repository) -> Result<Instance> {
        match &self.data {
            Some(folder) => Instance::at(folder),
            None => Instance::at(&repository.path(".chatalot")),
        }
    }
}

pub fn run(repository: &Repository, progress: Progress, arguments: &Arguments) -> Result<()> {
    let mut instance = arguments.place.instance(repository)?;
    if !instance.folder().is_dir() {
        progress.note(&format!(
            "Nothing runs: there is no {}",
            instance.folder().display()
        ));
        return Ok(());
    }
    confirm(&instance, &arguments.place)?;
    let _lock = instance.lock(progress)?;
    stop(&instance, progress)?;
    if arguments.place.reset {
        delete(&instance, progress)?;
    }
    Ok(())
}

/// Stops everything on the folder.
pub fn stop(instance: &Instance, progress: Progress) -> Result<()> {
    let name = format!("Stopping what runs in {}", instance.folder().display());
    let stopped = progress.step(&name, |_| instance.stop())?;
    if stopped.is_empty() {
        progress.note("Nothing was running");
    }
    Ok(())
}

/// Deletes the data of a folder in which nothing runs any more.
pub fn delete(instance: &Instance, progress: Progress) -> Result<()> {
    let name = format!("Deleting the data in {}", instance.folder().display());
    progress.step(&name, |_| instance.delete())
}

/// Asks before data is deleted, when there is somebody to ask. Without a
/// terminal `--reset` itself is the answer: a script has written it on purpose.
pub fn confirm(instance: &Instance, place: &Place) -> Result<()> {
    let stdin = std::io::stdin();
    if !place.reset || place.yes || !stdin.is_terminal() || !instance.folder().is_dir() {
        return Ok(());
    }
    eprint!(
        "Delete every account and message in {}? Type yes: ",
        instance.folder().display()
    );
    std::io::stderr()
        .flush()
        .context("the question can be shown")?;
    let mut answer = String::new();
    stdin
        .lock()
        .read_line(&mut answer)
        .context("the answer can be read")?;
    if answer.trim() != "yes" {
        bail!("nothing was deleted");
    }
    Ok(())
}
