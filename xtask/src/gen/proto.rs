//! The frames: Rust code from `protocol/wire/proto/*.proto`. The compiler is
//! protox, in Rust, so that nobody needs `protoc`.

use std::path::PathBuf;

use anyhow::{Context as _, Result};

use super::{Mode, draft_folder, settle};
use crate::progress::Progress;
use crate::repository::Repository;

pub fn run(repository: &Repository, progress: Progress, mode: Mode) -> Result<()> {
    progress.step("Generating the frames from protocol/wire/proto", |_| {
        let sources = repository.path("protocol/wire/proto");
        let mut files: Vec<PathBuf> = std::fs::read_dir(&sources)
            .with_context(|| format!("cannot read {}", sources.display()))?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|ending| ending == "proto"))
            .collect();
        files.sort();
        let descriptors =
            protox::compile(&files, [&sources]).context("the .proto files do not compile")?;
        let draft = draft_folder(repository, "proto")?;
        prost_build::Config::new()
            // A field of bytes is a slice of the frame it came in, never a copy.
            .bytes(["."])
            .out_dir(&draft)
            .compile_fds(descriptors)
            .context("prost-build takes what protox makes")?;
        settle(
            &draft,
            &repository.path("protocol/wire/src/generated"),
            mode,
            "cargo xtask gen proto",
        )
    })
}
