//! The folders of a cluster: made once, complete or not there.

use std::fs::{DirBuilder, Permissions};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, Result, bail};

use super::account::{self, Session};
use super::{Binaries, OWNER};

/// The cluster's own folder below a root.
#[must_use]
pub fn data(root: &Path) -> PathBuf {
    root.join("postgres")
}

/// Where `initdb` works before the result gets its name.
fn initialising(root: &Path) -> PathBuf {
    root.join("postgres.initialising")
}

/// Makes a folder, with those above it, that only its owner may enter. One that
/// exists keeps its mode, and must belong to this user.
///
/// # Errors
/// When it cannot be made, or belongs to somebody else.
pub fn make_private(folder: &Path) -> Result<()> {
    if folder.is_dir() {
        return check_owner(folder);
    }
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    std::fs::set_permissions(folder, Permissions::from_mode(0o700))
        .with_context(|| format!("cannot close the folder {}", folder.display()))
}

/// The major version of the cluster in `data`; `None` when there is none yet.
///
/// # Errors
/// When something lies there that is not a whole cluster.
pub fn version(data: &Path) -> Result<Option<u32>> {
    let is_empty = match std::fs::read_dir(data) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(error).with_context(|| format!("cannot read {}", data.display()));
        }
        Ok(mut entries) => entries.next().is_none(),
    };
    if is_empty {
        return Ok(None);
    }
    // initdb writes the version early and the control file late: a folder with
    // both was finished, as far as a look from outside can tell.
    let version = std::fs::read_to_string(data.join("PG_VERSION"))
        .ok()
        .and_then(|text| text.trim().parse().ok());
    match version {
        Some(version) if data.join("global/pg_control").is_file() => Ok(Some(version)),
        _ => bail!(
            "{} is not a complete PostgreSQL cluster: its initialisation was interrupted, or \
             something else lies there. Nothing was changed. Move it away, or delete the whole \
             data folder with `cargo xtask up --reset`.",
            data.display()
        ),
    }
}

/// Makes the cluster if there is none. An earlier attempt that was interrupted
/// is thrown away: it never held anything, for a cluster gets its name last.
///
/// # Errors
/// When `initdb` fails, or the folder belongs to somebody else.
pub fn ensure_complete(root: &Path, binaries: &Binaries) -> Result<()> {
    let data = data(root);
    if version(&data)?.is_some() {
        return check_owner(&data);
    }
    account::check()?;
    let beside = initialising(root);
    remove(&beside)?;
    make_private(&beside)?;
    let output = account::command(binaries.program("initdb"), Session::Shared)?
        .arg("--pgdata")
        .arg(&beside)
        .args([
            "--username",
            OWNER,
            "--auth-local=trust",
            "--auth-host=reject",
        ])
        .args(["--encoding=UTF8", "--locale=C", "--data-checksums"])
        .arg("--no-instructions")
        .stdin(Stdio::null())
        .output()
        .context("cannot run initdb")?;
    if !output.status.success() {
        bail!(
            "initdb failed:\n{}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    // An empty folder of that name may be there; rename(2) replaces it.
    std::fs::rename(&beside, &data)
        .with_context(|| format!("cannot give {} its name", data.display()))?;
    sync(root)
}

fn remove(folder: &Path) -> Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}

/// Writes the renaming itself to the disk.
fn sync(folder: &Path) -> Result<()> {
    std::fs::File::open(folder)
        .and_then(|folder| folder.sync_all())
        .with_context(|| format!("cannot sync {}", folder.display()))
}

/// PostgreSQL takes only a folder of its own user; say so before it does.
fn check_owner(folder: &Path) -> Result<()> {
    let owner = std::fs::metadata(folder)
        .with_context(|| format!("cannot look at {}", folder.display()))?
        .uid();
    let me = rustix::process::geteuid().as_raw();
    if owner != me {
        bail!(
            "{} belongs to user id {owner}, and this is user id {me}: run this as its owner, \
             or choose another folder with --data",
            folder.display()
        );
    }
    Ok(())
}
