//! Clusters of tests: in a temporary folder, gone with the test.

use std::ops::{Deref, DerefMut};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context as _, Result};
use tempfile::TempDir;

use super::Cluster;
use crate::process::Process;

/// A cluster in a temporary folder. Dropping it stops it and removes the folder;
/// a guardian does the same when the test's process ends without dropping it
/// (a static, a `kill -9`, a panic that aborts).
#[derive(Debug)]
pub struct TemporaryCluster {
    cluster: Cluster,
    guardian: Child,
    // Dropped last, after nothing runs in it any more.
    folder: TempDir,
}

/// What the guardian does: it waits for the end of its standard input, whose
/// other end only the test's process holds. $1 is the folder; the postmaster's
/// id is read when it is needed, for a test may have restarted it. A process is
/// ended only while its start time (field 22 of its stat) is the one noted.
const GUARDIAN: &str = r#"
read -r _
if [ -e "$1/guarded" ]; then
    while read -r pid started; do
        if [ "$(cut -d ' ' -f 22 "/proc/$pid/stat" 2>/dev/null)" = "$started" ]; then
            kill -s KILL "$pid"
        fi
    done < "$1/guarded"
fi
pid=$(head -n 1 "$1/postgres/postmaster.pid" 2>/dev/null)
ours() {
    [ -n "$pid" ] && [ "$(readlink "/proc/$pid/cwd")" = "$1/postgres" ]
}
if ours "$1"; then
    kill -s INT "$pid"
    while ours "$1"; do sleep 0.1; done
fi
rm -rf -- "$1"
"#;

impl TemporaryCluster {
    /// Makes and starts one.
    ///
    /// # Errors
    /// As [`Cluster::start`].
    pub fn start() -> Result<Self> {
        Self::start_with(&[])
    }

    /// Makes and starts one with more settings.
    ///
    /// # Errors
    /// As [`Cluster::start`].
    pub fn start_with(settings: &[(&str, &str)]) -> Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("chatalot-test-")
            .tempdir()
            .context("cannot make a temporary folder")?;
        let root = folder
            .path()
            .canonicalize()
            .context("the temporary folder is there")?;
        let guardian = guard(&root)?;
        let cluster = Cluster::start_with(&root, settings)?;
        Ok(Self {
            cluster,
            guardian,
            folder,
        })
    }

    /// Starts it again after [`Cluster::kill`] or [`Cluster::stop`], on the same
    /// files.
    ///
    /// # Errors
    /// As [`Cluster::start`].
    pub fn restart(&mut self) -> Result<()> {
        self.cluster = Cluster::start(self.folder.path())?;
        Ok(())
    }

    /// Has a process that a test starts on this cluster ended by the guardian
    /// too, when the test's process ends without doing it.
    ///
    /// # Errors
    /// When it cannot be noted down.
    pub fn guard(&self, process: &Process) -> Result<()> {
        use std::io::Write as _;
        let path = self.folder.path().join("guarded");
        std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .and_then(|mut file| writeln!(file, "{} {}", process.pid, process.started))
            .with_context(|| format!("cannot write {}", path.display()))
    }

    /// Makes an empty database with a name nobody else in this process has, and
    /// returns its URL: one per test, so that tests run side by side.
    ///
    /// # Errors
    /// When PostgreSQL refuses.
    pub fn fresh_database(&self) -> Result<String> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        self.cluster.create_database(&format!("test_{number}"))
    }
}

/// The one cluster that the tests of a test binary share; started by whoever
/// asks first, stopped when the binary ends.
///
/// # Panics
/// When it cannot be started: then no test that needs it can say anything.
pub fn shared() -> &'static TemporaryCluster {
    static SHARED: OnceLock<TemporaryCluster> = OnceLock::new();
    SHARED.get_or_init(|| {
        TemporaryCluster::start().expect("PostgreSQL is installed and starts; see the cause")
    })
}

impl Deref for TemporaryCluster {
    type Target = Cluster;

    fn deref(&self) -> &Cluster {
        &self.cluster
    }
}

impl DerefMut for TemporaryCluster {
    fn deref_mut(&mut self) -> &mut Cluster {
        &mut self.cluster
    }
}

impl Drop for TemporaryCluster {
    fn drop(&mut self) {
        // Nobody can be told about an error here, and the guardian comes after.
        self.cluster.stop().ok();
        drop(self.guardian.stdin.take());
        self.guardian.wait().ok();
    }
}

fn guard(root: &Path) -> Result<Child> {
    Command::new("setsid")
        .args(["sh", "-c", GUARDIAN, "guardian"])
        .arg(root)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context("cannot start the guardian of a temporary cluster")
}
