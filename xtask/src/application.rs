//! Building what `up` starts: the browser's machine, the web client, the
//! programs. Every step is skipped while its inputs are what they were.

use std::fs::File;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};

use crate::command;
use crate::progress::Progress;
use crate::repository::Repository;
use crate::stamp::Stamp;
use crate::wasm;

/// Builds everything, in the order in which one needs the other: the server
/// carries the web client, which carries the machine. One at a time: two `up` on
/// two data folders write the same files.
pub fn build(repository: &Repository, progress: Progress) -> Result<()> {
    let folder = repository.scratch();
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("cannot make {}", folder.display()))?;
    let path = folder.join("build.lock");
    let lock = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    if lock.try_lock().is_err() {
        progress.step("Waiting for another `up` that builds", |_| {
            lock.lock().context("the build cannot be locked")
        })?;
    }
    wasm::run(repository, progress)?;
    web(repository, progress)?;
    programs(repository, progress)
}

/// The web client's npm packages, exactly those of its lock file.
pub fn npm_packages(repository: &Repository, progress: Progress) -> Result<()> {
    let manifest = repository.path("web/package.json");
    let lock = repository.path("web/package-lock.json");
    for file in [&manifest, &lock] {
        if !file.is_file() {
            bail!(
                "{} is missing: this checkout has no web client",
                file.display()
            );
        }
    }
    let stamp = Stamp::of(repository, "npm", &[manifest, lock])?;
    // npm writes this file last: a folder without it was interrupted.
    let done = repository.path("web/node_modules/.package-lock.json");
    if stamp.is_fresh(&[done]) {
        return Ok(());
    }
    progress.step("Installing the npm packages of the web client", |step| {
        command::run(step, &mut repository.npm(&["ci", "--no-progress"]))
            .context("the npm packages cannot be installed; is the npm registry reachable?")?;
        stamp.set()
    })
}

/// The web client in `web/dist`.
pub fn web(repository: &Repository, progress: Progress) -> Result<()> {
    npm_packages(repository, progress)?;
    let inputs: Vec<PathBuf> = vec![
        repository.path("web"),
        repository.path("web/package-lock.json"),
    ];
    let stamp = Stamp::of(repository, "web", &inputs)?;
    if stamp.is_fresh(&[repository.path("web/dist/index.html")]) {
        return Ok(());
    }
    progress.step("Building the web client", |step| {
        command::run(step, &mut repository.npm(&["run", "build"]))?;
        stamp.set()
    })
}

/// The server, with the web client in it, and the command line.
pub fn programs(repository: &Repository, progress: Progress) -> Result<()> {
    progress.step("Building the server and the command line", |step| {
        let arguments = ["build", "--package", "chat-server", "--package", "chatalot"];
        command::run(step, &mut repository.cargo(&arguments))?;
        Ok(())
    })
}
