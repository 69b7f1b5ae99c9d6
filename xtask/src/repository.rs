//! Where things lie in the repository.

use std::path::{Path, PathBuf};
use std::process::Command;

use chat_testkit::program;

/// The repository and its target folder.
#[derive(Clone, Debug)]
pub struct Repository {
    root: PathBuf,
    target: PathBuf,
}

impl Repository {
    /// The repository that this program was built in.
    pub fn find() -> Self {
        Self {
            root: program::repository(),
            target: program::target_folder(),
        }
    }

    /// Its root folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Something below its root.
    pub fn path(&self, below: &str) -> PathBuf {
        self.root.join(below)
    }

    /// Where Cargo puts what it builds.
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// The folder for this program's own notes: stamps, drafts of generated
    /// files.
    pub fn scratch(&self) -> PathBuf {
        self.target.join("xtask")
    }

    /// A program that the dev profile builds.
    pub fn debug_program(&self, name: &str) -> PathBuf {
        self.target.join("debug").join(name)
    }

    /// A `cargo` that works on this repository, whatever the current folder is.
    pub fn cargo(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("cargo");
        command
            .args(arguments)
            .current_dir(&self.root)
            .env("CARGO_TARGET_DIR", &self.target)
            // Set by the cargo that runs this program; a build must not see it,
            // or it differs from one that a person starts.
            .env_remove("CARGO_MANIFEST_DIR")
            .env_remove("CARGO_MANIFEST_PATH")
            .env_remove("CARGO_PKG_NAME")
            .env_remove("CARGO_PKG_VERSION");
        command
    }

    /// An `npm` in the folder of the web client.
    pub fn npm(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("npm");
        command.args(arguments).current_dir(self.path("web"));
        command
    }
}
