//! What can be typed after `cargo xtask`.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::progress::Progress;
use crate::repository::Repository;
use crate::{bench, down, r#gen, test, up, wasm};

/// Build, start, test and measure Chatalot.
#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    disable_help_subcommand = true
)]
pub struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Set up, build and start a server with its database and web client.
    Up(up::Arguments),
    /// Stop what `up` has started.
    Down(down::Arguments),
    /// Run the tests, all of them or the named parts.
    Test(test::Arguments),
    /// Measure.
    Bench(bench::Arguments),
    /// Make the generated files anew: protobuf code, SQL descriptions, types for the web.
    Gen(r#gen::Arguments),
    /// Build the client machine for the browser, with its JavaScript side.
    Wasm,
}

/// Runs what was typed.
pub fn run(arguments: Arguments) -> Result<ExitCode> {
    let repository = Repository::find();
    let progress = Progress::new();
    match arguments.verb {
        Verb::Up(arguments) => up::run(&repository, progress, &arguments)?,
        Verb::Down(arguments) => down::run(&repository, progress, &arguments)?,
        Verb::Test(arguments) => return test::run(&repository, progress, &arguments),
        Verb::Bench(arguments) => bench::run(&repository, progress, &arguments)?,
        Verb::Gen(arguments) => r#gen::run(&repository, progress, &arguments)?,
        Verb::Wasm => wasm::run(&repository, progress)?,
    }
    Ok(ExitCode::SUCCESS)
}
