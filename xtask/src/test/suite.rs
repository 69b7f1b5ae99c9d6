//! Running test binaries of Rust.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};

use super::Context;
use super::build::{Built, Suite};
use super::tally::Tally;
use crate::command;

/// Runs every suite of a part.
pub fn run(context: &Context<'_>, part: &str) -> Result<Tally> {
    let mut total = Tally::default();
    let mut suites = 0_usize;
    for (suite, binary) in context.built.suites(part) {
        suites += 1;
        total.add(match binary {
            Some(binary) => run_suite(context, suite, binary)?,
            None => not_compiled(context, suite),
        });
    }
    if suites == 0 {
        bail!(
            "the part {part} has no tests in this checkout; \
             an end-to-end part is the file tests/e2e/tests/{part}.rs"
        );
    }
    Ok(total)
}

/// Runs every suite of a part, and the examples in the documents. Examples of
/// code that does not compile would only say so a second time.
pub fn run_with_documents(context: &Context<'_>, part: &str) -> Result<Tally> {
    let mut total = run(context, part)?;
    if context.built.errors().is_empty() {
        total.add(documents(context)?);
    }
    Ok(total)
}

fn run_suite(context: &Context<'_>, suite: &Suite, binary: &Path) -> Result<Tally> {
    let name = format!("{} {}", suite.package, suite.target);
    let output = context.progress.step(&name, |step| {
        command::run_to_end(
            step,
            &mut binary_command(context, &context.built, suite, binary),
        )
    })?;
    let printed = output.all.join("\n");
    let tally = Tally::from_libtest(&printed);
    if !output.succeeded {
        context.progress.note(&printed);
    }
    Ok(match tally {
        Some(tally) if output.succeeded || tally.failed > 0 => tally,
        // It was killed, or aborted in the middle, or lied about its end.
        _ => Tally::one_failure(&name),
    })
}

/// Parts whose tests each keep a small machine busy, with a bound on time that
/// is part of the promise: two at once would measure each other.
const ONE_AT_A_TIME: &[&str] = &["browser", "relay"];

/// A test binary as `cargo test` would start it.
fn binary_command(context: &Context<'_>, built: &Built, suite: &Suite, binary: &Path) -> Command {
    let repository = context.repository;
    let mut command = Command::new(binary);
    if let Some(folder) = built.folder(&suite.package) {
        command
            .current_dir(folder)
            .env("CARGO_MANIFEST_DIR", folder)
            .env("CARGO_PKG_NAME", &suite.package);
    }
    command
        .env("CARGO_TARGET_DIR", repository.target())
        .env("CHATALOT_PROGRAMS", repository.target().join("debug"))
        // A snapshot that differs fails, and is not accepted on the side.
        .env("INSTA_UPDATE", "no")
        .env("RUST_BACKTRACE", "1");
    if ONE_AT_A_TIME.contains(&suite.part) {
        command.env("RUST_TEST_THREADS", "1");
    }
    command
}

/// The compiler's own words were shown when the build failed.
fn not_compiled(context: &Context<'_>, suite: &Suite) -> Tally {
    let name = format!("{} {} does not compile", suite.package, suite.target);
    context.progress.note(&format!("✗ {name}"));
    Tally::one_failure(&name)
}

/// The examples in the documents; they are built by rustdoc, on the libraries
/// that are built already.
fn documents(context: &Context<'_>) -> Result<Tally> {
    let mut cargo = context.repository.cargo(&["test", "--doc"]);
    for package in context.built.documented() {
        cargo.args(["--package", package]);
    }
    let output = context.progress.step("Examples in the documents", |step| {
        command::run_to_end(step, &mut cargo)
    })?;
    let printed = output.all.join("\n");
    if !output.succeeded {
        context.progress.note(&printed);
    }
    Ok(match Tally::from_libtest(&printed) {
        Some(tally) if output.succeeded || tally.failed > 0 => tally,
        None if output.succeeded => Tally::default(),
        _ => Tally::one_failure("the examples in the documents do not compile"),
    })
}
