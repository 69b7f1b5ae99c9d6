//! What this crate reads from the environment: this module is the only reader.

use std::path::PathBuf;

/// The folders of `PATH`, in their order.
#[must_use]
pub fn search_path() -> Vec<PathBuf> {
    std::env::var_os("PATH")
        .map(|path| std::env::split_paths(&path).collect())
        .unwrap_or_default()
}

/// Where Cargo puts what it builds, when `CARGO_TARGET_DIR` moves it.
#[must_use]
pub fn cargo_target_folder() -> Option<PathBuf> {
    std::env::var_os("CARGO_TARGET_DIR")
        .filter(|value| !value.is_empty())
        .map(PathBuf::from)
}

/// The folder of the programs under test, when `cargo xtask test` names it, so
/// that a test never looks for them itself.
#[must_use]
pub fn program_folder() -> Option<PathBuf> {
    std::env::var_os("CHATALOT_PROGRAMS").map(PathBuf::from)
}

/// The user's own folder for sockets (`XDG_RUNTIME_DIR`): short, owner-only, and
/// gone after the last logout.
#[must_use]
pub fn runtime_folder() -> Option<PathBuf> {
    std::env::var_os("XDG_RUNTIME_DIR")
        .filter(|value| !value.is_empty())
        .map(PathBuf::from)
        .filter(|folder| folder.is_absolute() && folder.is_dir())
}

/// A browser that is not where Debian puts it (`CHATALOT_CHROMIUM`).
#[must_use]
pub fn chromium() -> Option<PathBuf> {
    std::env::var_os("CHATALOT_CHROMIUM").map(PathBuf::from)
}

/// True when this process runs as root, which PostgreSQL refuses to do and
/// Chromium does without its sandbox only.
#[must_use]
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
