//! The descriptions of chat-store's queries in `.sqlx`, so that a build needs no
//! database.
//!
//! sqlx's macros write them while compiling, when `SQLX_OFFLINE` is false,
//! `DATABASE_URL` names a database and `SQLX_OFFLINE_DIR` a folder: that is all
//! that `cargo sqlx prepare` does too. The database is a private PostgreSQL with
//! the migrations applied, so what is checked is what will run.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use chat_testkit::postgres::{OWNER, TemporaryCluster};

use super::{Mode, add, draft_folder, files, settle};
use crate::command::{self, Output};
use crate::progress::{Progress, Step};
use crate::repository::Repository;

const STORE: &str = "chat-server/store";

pub fn run(repository: &Repository, progress: Progress, mode: Mode) -> Result<()> {
    let cluster = progress.step("Starting a private PostgreSQL", |_| {
        TemporaryCluster::start()
    })?;
    progress.step("Applying the migrations", |step| {
        for migration in migrations(&repository.path(STORE).join("migrations"))? {
            step.detail(&migration.display().to_string());
            cluster.apply(OWNER, &migration)?;
        }
        Ok(())
    })?;
    progress.step("Describing the queries of chat-store", |step| {
        let draft = draft_folder(repository, "sqlx")?;
        let committed = repository.path(".sqlx");
        let output = check(repository, step, &cluster.url(OWNER), &draft)?;
        if !output.succeeded {
            if mode == Mode::Write {
                // What was described before the compiler stopped is right, and
                // lets the next `cargo check` show the real mistakes alone.
                add(&files(&draft)?, &committed)?;
            }
            bail!("chat-store does not compile:\n{}", output.end());
        }
        settle(&draft, &committed, mode, "cargo xtask gen sqlx")
    })
}

fn check(repository: &Repository, step: &Step, url: &str, draft: &Path) -> Result<Output> {
    // The macros run only for what is compiled, and Cargo does not know that
    // they look at a database: a newer time on the roots makes it compile.
    for root in roots(&repository.path(STORE))? {
        command::run(step, Command::new("touch").arg("--no-create").arg(root))?;
    }
    command::run_to_end(
        step,
        repository
            .cargo(&["check", "--package", "chat-store", "--lib", "--tests"])
            .env("DATABASE_URL", url)
            .env("SQLX_OFFLINE", "false")
            .env("SQLX_OFFLINE_DIR", draft),
    )
}

/// The root files of what Cargo compiles of the store: its library and the files
/// in `tests/`.
fn roots(store: &Path) -> Result<Vec<PathBuf>> {
    let mut roots = vec![store.join("src/lib.rs")];
    let tests = store.join("tests");
    if tests.is_dir() {
        for entry in std::fs::read_dir(&tests).context("the folder of tests can be read")? {
            let path = entry.context("the folder of tests can be read")?.path();
            if path.extension().is_some_and(|ending| ending == "rs") {
                roots.push(path);
            }
        }
    }
    Ok(roots)
}

/// The migrations in the order of their numbers, as sqlx applies them.
fn migrations(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder)
        .with_context(|| format!("cannot read the migrations in {}", folder.display()))?;
    let mut found = Vec::new();
    for entry in entries {
        let path = entry
            .context("the folder of migrations can be read")?
            .path();
        if let Some(number) = number(&path) {
            found.push((number, path));
        }
    }
    found.sort();
    Ok(found.into_iter().map(|(_, path)| path).collect())
}

/// The number that a migration's name begins with; `None` for other files.
fn number(path: &Path) -> Option<u64> {
    let is_sql = path.extension().is_some_and(|ending| ending == "sql");
    let name = path.file_stem()?.to_str()?;
    let is_step_back = Path::new(name)
        .extension()
        .is_some_and(|ending| ending == "down");
    if !is_sql || is_step_back {
        return None;
    }
    let (number, _) = name.split_once('_')?;
    number.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn migrations_are_known_by_their_number() {
        assert_eq!(number(Path::new("/m/0010_accounts.sql")), Some(10));
        assert_eq!(number(Path::new("/m/0010_accounts.down.sql")), None);
        assert_eq!(number(Path::new("/m/README.md")), None);
    }
}
