//! Where the socket lies.
//!
//! The path of a Unix socket has at most 107 bytes (`sun_path` of Linux, less
//! its end mark). A data folder deep in somebody's home passes that easily, so
//! the socket then lies in a short folder elsewhere, named after the data
//! folder and open to its owner alone.

use std::fs::DirBuilder;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use super::folder;
use crate::environment;

/// Longest path of a Unix socket, in bytes.
const LONGEST_PATH: usize = 107;

/// What PostgreSQL adds to the folder for the socket of its default port.
const NAME: &str = "/.s.PGSQL.5432";

/// The folder for the socket of the cluster in `root`, made and checked.
///
/// # Errors
/// When the folder cannot be made, or somebody else owns it.
pub fn choose(root: &Path) -> Result<PathBuf> {
    let inside = root.join("run");
    if fits(&inside) {
        folder::make_private(&inside)?;
        return Ok(inside);
    }
    let me = rustix::process::geteuid().as_raw();
    let name = format!("chatalot-{me}-{:016x}", fingerprint(root));
    let short = environment::runtime_folder()
        .into_iter()
        .chain([PathBuf::from("/tmp")])
        .map(|folder| folder.join(&name))
        .find(|folder| fits(folder))
        .with_context(|| {
            format!(
                "no folder is short enough for a socket of {}",
                root.display()
            )
        })?;
    make_in_public(&short, me)?;
    Ok(short)
}

/// Removes a socket that a crash has left, and its lock. The caller knows that
/// no process of the cluster is left, and the folder is the cluster's alone.
/// PostgreSQL would do it by itself, unless the old process is a zombie that
/// nobody collects, as in a container whose first process does not: it takes
/// that for a running one and refuses to start.
///
/// # Errors
/// When one of them cannot be removed.
pub fn clear(folder: &Path) -> Result<()> {
    for name in [NAME.to_owned(), format!("{NAME}.lock")] {
        let path = folder.join(name.trim_start_matches('/'));
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("cannot remove {}", path.display()));
            }
            _ => {}
        }
    }
    Ok(())
}

fn fits(folder: &Path) -> bool {
    folder.as_os_str().as_bytes().len() + NAME.len() <= LONGEST_PATH
}

/// Makes a folder where everybody may write. Somebody may have been there first:
/// a link or a foreign folder of that name would hand them the database.
fn make_in_public(folder: &Path, me: u32) -> Result<()> {
    match DirBuilder::new().mode(0o700).create(folder) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
        Err(error) => {
            return Err(error).with_context(|| format!("cannot make {}", folder.display()));
        }
    }
    let found = std::fs::symlink_metadata(folder)
        .with_context(|| format!("cannot look at {}", folder.display()))?;
    if !found.is_dir() || found.uid() != me || found.mode() & 0o077 != 0 {
        bail!(
            "{} exists and is not a folder that only user id {me} may enter; remove it",
            folder.display()
        );
    }
    Ok(())
}

/// FNV-1a. It only keeps the folders of different data folders apart; the owner
/// and mode are what protects them.
fn fingerprint(path: &Path) -> u64 {
    path.as_os_str()
        .as_bytes()
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_short_root_keeps_its_socket() {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let socket = choose(folder.path()).expect("the folder can be made");
        assert_eq!(socket, folder.path().join("run"));
        let mode = std::fs::metadata(&socket)
            .expect("it exists")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o700);
    }

    #[test]
    fn a_long_root_gets_a_short_folder_of_its_owner() {
        let root = PathBuf::from(format!("/{}", "deep/".repeat(30)));
        let socket = choose(&root).expect("the folder can be made");
        assert!(fits(&socket));
        assert_eq!(choose(&root).expect("it is there already"), socket);
        std::fs::set_permissions(&socket, std::fs::Permissions::from_mode(0o755))
            .expect("the mode can be changed");
        let error = choose(&root).expect_err("an open folder is refused");
        assert!(error.to_string().contains("remove it"), "{error}");
        std::fs::remove_dir(&socket).expect("the folder can be removed");
    }
}
