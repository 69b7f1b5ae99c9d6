//! The types that cross between the client machine and the web client.
//!
//! ts-rs writes them from the Rust types themselves (feature `ts` of
//! chat-client), so that neither side can change alone.

use anyhow::{Result, bail};

use super::{Mode, draft_folder, files, settle};
use crate::command;
use crate::progress::Progress;
use crate::repository::Repository;

pub fn run(repository: &Repository, progress: Progress, mode: Mode) -> Result<()> {
    progress.step("Generating the TypeScript types of chat-client", |step| {
        let draft = draft_folder(repository, "ts")?;
        command::run(
            step,
            repository
                .cargo(&["run", "--package", "chat-client", "--features", "ts"])
                .args(["--example", "types", "--"])
                .arg(&draft),
        )?;
        if files(&draft)?.is_empty() {
            bail!("the example `types` of chat-client wrote nothing");
        }
        settle(
            &draft,
            &repository.path("web/src/bridge/generated"),
            mode,
            "cargo xtask gen ts",
        )
    })
}
