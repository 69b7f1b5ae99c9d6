//! `cargo xtask test --deep NAME`: what takes too long for every run.
//!
//! To add one (fuzzing, mutants, chaos), add an entry to [`DEEP`]; its figures
//! belong with their date into `docs/measurements.md`.

use std::process::ExitCode;

use anyhow::{Context as _, Result};

use crate::progress::Progress;
use crate::repository::Repository;

/// One deep test.
struct Deep {
    name: &'static str,
    what: &'static str,
    run: fn(&Repository, Progress) -> Result<ExitCode>,
}

const DEEP: &[Deep] = &[];

pub fn run(repository: &Repository, progress: Progress, name: &str) -> Result<ExitCode> {
    if name == "list" {
        for deep in DEEP {
            println!("{:<12}{}", deep.name, deep.what);
        }
        progress.note(&format!("{} deep tests", DEEP.len()));
        return Ok(ExitCode::SUCCESS);
    }
    let deep = DEEP
        .iter()
        .find(|deep| deep.name == name)
        .with_context(|| {
            let known: Vec<&str> = DEEP.iter().map(|deep| deep.name).collect();
            match known.as_slice() {
                [] => format!("there is no deep test {name}; there is none at all yet"),
                _ => format!(
                    "there is no deep test {name}; there are: {}",
                    known.join(", ")
                ),
            }
        })?;
    (deep.run)(repository, progress)
}
