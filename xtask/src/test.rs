//! `cargo xtask test`: what CI runs, on the machine of whoever works here.
//!
//! The parts are a table in [`part`]. What they need of the machine is set up
//! first, then everything they need of this repository is built at once, then
//! they run one after the other, each with its time. The last line counts real
//! test cases; a check (formatting, lints, rules, drift) counts as one.

mod build;
mod checks;
mod deep;
mod part;
mod suite;
mod tally;
mod web;

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context as _, Result, anyhow, bail};
use chat_testkit::need::{self, Need};
use clap::Args;

use crate::application;
use crate::progress::{self, Progress};
use crate::repository::Repository;
use crate::wasm;
use build::Built;
use part::{PARTS, Part, Requires};
use tally::Tally;

#[derive(Debug, Args)]
pub struct Arguments {
    /// The parts to run, in this order; all of them when none is named.
    #[arg(value_name = "PART")]
    parts: Vec<String>,
    /// What takes too long for every run, by its name; `list` lists them.
    #[arg(long, value_name = "NAME", conflicts_with = "parts")]
    deep: Option<String>,
    /// List the parts and what each is for.
    #[arg(long)]
    list: bool,
}

/// What every part is handed.
pub struct Context<'a> {
    pub repository: &'a Repository,
    pub progress: Progress,
    /// What the one build has made; empty when no part asked for it.
    pub built: Built,
    /// What could not be had, each with the reason.
    lacking: Vec<(Lack, String)>,
}

/// Something that parts need and that could not be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lack {
    Need(Need),
    Requirement(Requires),
}

impl Context<'_> {
    fn note_lack(&mut self, lack: Lack, outcome: Result<()>) {
        if let Err(error) = outcome {
            progress::failure(&error);
            self.lacking.push((lack, format!("{error:#}")));
        }
    }

    /// Why a part cannot run.
    fn obstacle(&self, part: &Part) -> Option<&str> {
        let hinders = |lack: &Lack| match lack {
            Lack::Need(need) => part.needs.contains(need),
            Lack::Requirement(what) => part.requires.contains(what),
        };
        self.lacking
            .iter()
            .find(|(lack, _)| hinders(lack))
            .map(|(_, reason)| reason.as_str())
    }
}

pub fn run(repository: &Repository, progress: Progress, arguments: &Arguments) -> Result<ExitCode> {
    if arguments.list {
        for part in PARTS {
            println!("{:<10}{}", part.name, part.what);
        }
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(name) = &arguments.deep {
        return deep::run(repository, progress, name);
    }
    let parts = chosen(&arguments.parts)?;
    let begun = Instant::now();
    let context = prepare(repository, progress, &parts);
    let mut total = Tally::default();
    for part in parts {
        total.add(run_part(&context, part));
    }
    finish(progress, &total, begun)
}

/// The parts that were named, or all.
fn chosen(names: &[String]) -> Result<Vec<&'static Part>> {
    if names.is_empty() {
        return Ok(PARTS.iter().collect());
    }
    names
        .iter()
        .map(|name| {
            PARTS
                .iter()
                .find(|part| part.name == name)
                .with_context(|| {
                    let known: Vec<&str> = PARTS.iter().map(|part| part.name).collect();
                    format!("there is no part {name}; there are: {}", known.join(", "))
                })
        })
        .collect()
}

/// Sets up what the parts need, and builds what they share. What cannot be had
/// is noted: the parts that need it fail, the others run.
fn prepare<'a>(
    repository: &'a Repository,
    progress: Progress,
    parts: &[&'static Part],
) -> Context<'a> {
    let mut context = Context {
        repository,
        progress,
        built: Built::default(),
        lacking: Vec::new(),
    };
    let mut needs: Vec<Need> = parts.iter().flat_map(|part| part.needs).copied().collect();
    needs.sort_unstable();
    needs.dedup();
    for need in needs {
        let outcome = progress.step(&format!("Looking for {}", need.name()), |step| {
            need::ensure(&[need], &mut |line| step.detail(line))
        });
        context.note_lack(Lack::Need(need), outcome);
    }
    let requires = |what| parts.iter().any(|part| part.requires.contains(&what));
    if requires(Requires::Machine) {
        let outcome = wasm::run(repository, progress);
        context.note_lack(Lack::Requirement(Requires::Machine), outcome);
    }
    if requires(Requires::WebClient) {
        let outcome = application::web(repository, progress);
        context.note_lack(Lack::Requirement(Requires::WebClient), outcome);
    }
    let suites: Vec<&str> = parts
        .iter()
        .filter(|part| part.requires.contains(&Requires::Build))
        .map(|part| part.name)
        .collect();
    if !suites.is_empty() {
        match build::run(repository, progress, &suites) {
            Ok(built) => context.built = built,
            Err(error) => context.note_lack(Lack::Requirement(Requires::Build), Err(error)),
        }
    }
    context
}

fn run_part(context: &Context<'_>, part: &Part) -> Tally {
    let progress = context.progress;
    progress.note(&format!("\n── {}: {}", part.name, part.what));
    let begun = Instant::now();
    let outcome = match context.obstacle(part) {
        Some(reason) => Err(anyhow!(
            "it cannot run: {}",
            reason.lines().next().unwrap_or(reason)
        )),
        None => (part.run)(context),
    };
    let tally = outcome.unwrap_or_else(|error| {
        progress::failure(&error);
        Tally::one_failure(part.name)
    });
    progress.note(&format!(
        "── {}: {} in {}",
        part.name,
        tally.words(),
        progress::duration(begun.elapsed())
    ));
    if tally.failed > 0 {
        for failure in &tally.failures {
            progress.note(&format!("   failed: {failure}"));
        }
        progress.note(&format!("   look first at: {}", part.first_look));
    }
    tally
}

/// The last words, and the exit code that goes with them.
fn finish(progress: Progress, total: &Tally, begun: Instant) -> Result<ExitCode> {
    progress.note(&format!(
        "\nAll of it took {}",
        progress::duration(begun.elapsed())
    ));
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{} passed, {} failed", total.passed, total.failed)
        .and_then(|()| stdout.flush())
        .context("stdout can be written")?;
    if total.failed == 0 && total.passed == 0 {
        bail!("not one test has run");
    }
    Ok(if total.failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
