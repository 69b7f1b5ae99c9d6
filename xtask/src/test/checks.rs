//! The parts that are one question each: formatting, lints, rules, drift.

use std::process::Command;

use anyhow::Result;
use clap::ValueEnum as _;

use super::Context;
use super::tally::Tally;
use crate::command;
use crate::r#gen::{self, Kind, Mode};
use crate::rules;

pub fn formatting(context: &Context<'_>) -> Tally {
    let mut cargo = context
        .repository
        .cargo(&["fmt", "--all", "--check", "--", "--color", "never"]);
    program(context, "Rust is formatted", &mut cargo)
}

pub fn rules(context: &Context<'_>) -> Tally {
    check(context, "Imports keep the rules", || {
        rules::check(context.repository)
    })
}

/// Warnings are errors here and nowhere else: a warning must not stop somebody
/// in the middle of a thought.
pub fn lints(context: &Context<'_>) -> Tally {
    const DENY: [&str; 3] = ["--", "-D", "warnings"];
    let mut host =
        context
            .repository
            .cargo(&["clippy", "--workspace", "--all-targets", "--keep-going"]);
    // The generator is heavy and its code is a page; the bindings are for
    // another target.
    host.args(["--exclude", "web-bindgen", "--exclude", "chat-client-wasm"]);
    host.args(DENY);
    let mut browser = context
        .repository
        .cargo(&["clippy", "--package", "chat-client-wasm"]);
    browser.args(["--target", "wasm32-unknown-unknown"]);
    browser.args(DENY);
    let mut total = program(context, "clippy on everything for this machine", &mut host);
    total.add(program(
        context,
        "clippy on the bindings for the browser",
        &mut browser,
    ));
    total
}

pub fn drift(context: &Context<'_>) -> Tally {
    let mut total = Tally::default();
    for &kind in Kind::value_variants() {
        let name = format!("gen {kind:?}").to_lowercase();
        let outcome = r#gen::make(context.repository, context.progress, kind, Mode::Check);
        total.add(match outcome {
            Ok(()) => Tally::one_success(),
            Err(error) => {
                crate::progress::failure(&error);
                Tally::one_failure(&name)
            }
        });
    }
    total
}

/// A check that a program makes; its output is shown when it fails.
pub fn program(context: &Context<'_>, name: &str, command: &mut Command) -> Tally {
    let outcome = context
        .progress
        .step(name, |step| command::run(step, command).map(drop));
    tally(name, outcome)
}

fn check(context: &Context<'_>, name: &str, work: impl FnOnce() -> Result<()>) -> Tally {
    let outcome = context.progress.step(name, |_| work());
    tally(name, outcome)
}

fn tally(name: &str, outcome: Result<()>) -> Tally {
    match outcome {
        Ok(()) => Tally::one_success(),
        Err(error) => {
            crate::progress::failure(&error);
            Tally::one_failure(name)
        }
    }
}
