//! One entry for people and CI: up, down, test, gen, wasm, bench.
//!
//! Each verb is a module of its name. To add one, give it a variant in
//! [`cli::Verb`] and a module with a `run`. Programs are black boxes to this
//! crate: it starts them through chat-testkit and never links them.

mod application;
mod bench;
mod cli;
mod command;
mod down;
mod foreground;
mod r#gen;
mod instance;
mod progress;
mod repository;
mod rules;
mod stamp;
mod test;
mod up;
mod wasm;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    match cli::run(cli::Arguments::parse()) {
        Ok(code) => code,
        Err(error) => {
            progress::failure(&error);
            ExitCode::FAILURE
        }
    }
}
