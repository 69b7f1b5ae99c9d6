//! `cargo xtask wasm`: the client machine for the browser.
//!
//! Two steps: chat-client-wasm for `wasm32-unknown-unknown`, then the JavaScript
//! side by web-bindgen, which has the generator of exactly the wasm-bindgen
//! version in Cargo.lock, so that nobody installs a tool that must match.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use chat_testkit::program;

use crate::command;
use crate::progress::Progress;
use crate::repository::Repository;
use crate::stamp::Stamp;

const TARGET: &str = "wasm32-unknown-unknown";

/// Where the web client expects the module.
const OUTPUT: &str = "web/src/worker/wasm";

/// Builds what has changed; Cargo decides that for both programs.
pub fn run(repository: &Repository, progress: Progress) -> Result<()> {
    progress.step("Looking for the WebAssembly target of Rust", |step| {
        if has_target()? {
            return Ok(());
        }
        let Some(rustup) = program::lookup("rustup") else {
            bail!(
                "this Rust has no {TARGET} target and rustup is not installed; \
                 install Rust from https://rustup.rs, then: rustup target add {TARGET}"
            );
        };
        command::run(step, Command::new(rustup).args(["target", "add", TARGET]))?;
        Ok(())
    })?;
    progress.step("Building the client machine for the browser", |step| {
        command::run(
            step,
            &mut repository.cargo(&[
                "build",
                "--package",
                "chat-client-wasm",
                "--profile",
                "wasm",
                "--target",
                TARGET,
            ]),
        )
    })?;
    progress.step("Building the generator of its JavaScript side", |step| {
        command::run(
            step,
            &mut repository.cargo(&["build", "--package", "web-bindgen"]),
        )
    })?;
    let stamp = Stamp::of(repository, "wasm", &[module(repository)])?;
    let result = repository.path(OUTPUT).join("chat_client_wasm.js");
    if stamp.is_fresh(&[result]) {
        return Ok(());
    }
    progress.step("Writing web/src/worker/wasm", |step| {
        command::run(
            step,
            Command::new(repository.debug_program("web-bindgen"))
                .arg(module(repository))
                .arg(repository.path(OUTPUT)),
        )?;
        stamp.set()
    })
}

/// The module as Cargo leaves it.
fn module(repository: &Repository) -> PathBuf {
    repository
        .target()
        .join(TARGET)
        .join("wasm/chat_client_wasm.wasm")
}

/// Asks the compiler itself, so that a Rust without rustup is understood too.
fn has_target() -> Result<bool> {
    let output = Command::new("rustc")
        .args(["--print", "target-libdir", "--target", TARGET])
        .output()
        .context("cannot run rustc; install Rust from https://rustup.rs")?;
    let folder = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    Ok(output.status.success() && folder.is_dir())
}
