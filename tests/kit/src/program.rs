//! Where programs lie: those of the system, and those this workspace builds.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::environment;

/// The repository's root folder, as it was when this crate was compiled.
#[must_use]
pub fn repository() -> PathBuf {
    let kit = Path::new(env!("CARGO_MANIFEST_DIR"));
    kit.ancestors().nth(2).unwrap_or(kit).to_owned()
}

/// Where Cargo puts what it builds: `CARGO_TARGET_DIR`, else `target/` in the
/// repository.
#[must_use]
pub fn target_folder() -> PathBuf {
    match environment::cargo_target_folder() {
        Some(folder) if folder.is_absolute() => folder,
        Some(folder) => repository().join(folder),
        None => repository().join("target"),
    }
}

/// The path of a program that this workspace has built, `chatalot-server`,
/// `chatalot` or `xtask`, in the dev profile.
///
/// `CHATALOT_PROGRAMS` names the folder when somebody else has built them;
/// otherwise a test binary finds them two folders above itself
/// (`target/PROFILE/deps/TEST`), whatever the target folder is called.
///
/// # Errors
/// When it has not been built; the message says how to build it.
pub fn built(name: &str) -> Result<PathBuf> {
    let folders = [
        environment::program_folder(),
        beside_this_program(),
        Some(target_folder().join("debug")),
    ];
    for folder in folders.into_iter().flatten() {
        let candidate = folder.join(name);
        if candidate.is_file() {
            return Ok(candidate);
        }
    }
    bail!(
        "the program {name} has not been built; build it with: \
         cargo build -p chat-server -p chatalot -p xtask"
    )
}

/// Finds a program of the system in `PATH`.
#[must_use]
pub fn lookup(name: &str) -> Option<PathBuf> {
    environment::search_path()
        .into_iter()
        .map(|folder| folder.join(name))
        .find(|candidate| is_program(candidate))
}

/// Finds a program of the system in `PATH`.
///
/// # Errors
/// When it is not there; the message names it.
pub fn find(name: &str) -> Result<PathBuf> {
    lookup(name).with_context(|| format!("the program {name} is not in PATH"))
}

/// True for a file that somebody may execute.
pub(crate) fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path)
        .is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

fn beside_this_program() -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?;
    let folder = program.parent()?;
    if folder.ends_with("deps") {
        return folder.parent().map(Path::to_owned);
    }
    Some(folder.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_repository_holds_the_workspace() {
        let manifest = std::fs::read_to_string(repository().join("Cargo.toml"))
            .expect("the workspace has a manifest");
        assert!(manifest.contains("[workspace]"));
    }

    #[test]
    fn a_program_that_was_not_built_says_how_to_build_it() {
        let error = built("no-such-program").expect_err("there is no such program");
        assert!(error.to_string().contains("cargo build"), "{error}");
    }

    #[test]
    fn a_system_program_is_found_in_the_path() {
        assert!(lookup("sh").is_some());
        assert!(find("no-such-program").is_err());
    }
}
