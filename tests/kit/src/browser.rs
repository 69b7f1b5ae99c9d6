//! Chromium: where it lies and how it is started for a test.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tempfile::TempDir;

use crate::process::{Process, Signal};
use crate::{environment, log, program, wait};

/// How long a start may take until the debugging port is named.
const READY_BOUND: Duration = Duration::from_secs(30);

/// The names under which distributions ship it.
const NAMES: &[&str] = &[
    "chromium",
    "chromium-browser",
    "google-chrome-stable",
    "google-chrome",
];

/// Flags for a browser that a program drives: no window, no visits to its
/// maker's servers, nothing that waits for a person.
const FLAGS: &[&str] = &[
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--remote-debugging-port=0",
];

/// Finds Chromium: `CHATALOT_CHROMIUM`, else in `PATH`.
#[must_use]
pub fn lookup() -> Option<PathBuf> {
    environment::chromium()
        .filter(|path| program::is_program(path))
        .or_else(|| NAMES.iter().find_map(|name| program::lookup(name)))
}

/// Finds Chromium.
///
/// # Errors
/// When there is none; the message says how to get it.
pub fn find() -> Result<PathBuf> {
    lookup().context(
        "Chromium is missing; on Debian: sudo apt-get install --yes chromium. \
         CHATALOT_CHROMIUM names one that lies elsewhere",
    )
}

/// The flags a test starts Chromium with; as root they leave its sandbox out,
/// without which it refuses to start as root.
#[must_use]
pub fn flags() -> Vec<&'static str> {
    let mut flags = FLAGS.to_vec();
    if environment::is_root() {
        flags.push("--no-sandbox");
    }
    flags
}

/// A running browser with a profile of its own. Dropping it ends it and throws
/// the profile away.
#[derive(Debug)]
pub struct Browser {
    process: Process,
    child: Child,
    endpoint: String,
    profile: TempDir,
}

impl Browser {
    /// Starts one, and returns once it can be driven.
    ///
    /// # Errors
    /// When Chromium is missing or does not come up.
    pub fn start() -> Result<Self> {
        let profile = tempfile::Builder::new()
            .prefix("chatalot-browser-")
            .tempdir()
            .context("cannot make a folder for the browser's profile")?;
        let log_path = profile.path().join("browser.log");
        let log_file = log::open(&log_path)?;
        let mut child = Command::new(find()?)
            .args(flags())
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("about:blank")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log_file)
            .spawn()
            .context("cannot start Chromium")?;
        let process = Process::lookup(child.id()).context("Chromium ended at its start")?;
        let endpoint = wait::until("Chromium names its debugging port", READY_BOUND, || {
            if let Some(status) = child.try_wait()? {
                bail!(
                    "Chromium ended at its start ({status}):\n{}",
                    log::tail(&log_path, 12)
                );
            }
            Ok(endpoint(&log_path))
        })?;
        Ok(Self {
            process,
            child,
            endpoint,
            profile,
        })
    }

    /// The WebSocket address of its debugging protocol.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The browser's main process.
    #[must_use]
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// The folder of its profile, where a test looks for what must not be there.
    #[must_use]
    pub fn profile(&self) -> &Path {
        self.profile.path()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        self.process.stop(Signal::TERM, Duration::from_secs(5)).ok();
        self.child.wait().ok();
    }
}

fn endpoint(log: &Path) -> Option<String> {
    let text = std::fs::read_to_string(log).ok()?;
    let address = text
        .lines()
        .find_map(|line| line.strip_prefix("DevTools listening on "))?;
    Some(address.trim().to_owned())
}
