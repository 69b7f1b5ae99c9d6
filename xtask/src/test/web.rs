//! The web client's own checks: its scripts in `web/package.json`.

use anyhow::Result;

use super::tally::Tally;
use super::{Context, checks};
use crate::application;
use crate::command;

pub fn run(context: &Context<'_>) -> Result<Tally> {
    let repository = context.repository;
    application::npm_packages(repository, context.progress)?;
    let mut total = Tally::default();
    for (script, name) in [
        ("lint", "eslint, and no package that is not allowed"),
        ("check", "svelte-check"),
    ] {
        total.add(checks::program(
            context,
            name,
            &mut repository.npm(&["run", script]),
        ));
    }
    total.add(vitest(context)?);
    Ok(total)
}

/// The tests of models and bridge; the report names every case.
fn vitest(context: &Context<'_>) -> Result<Tally> {
    let report = context.repository.scratch().join("vitest.json");
    // A report of an earlier run must not speak for this one.
    std::fs::remove_file(&report).ok();
    let output = context.progress.step("vitest", |step| {
        command::run_to_end(
            step,
            context
                .repository
                .npm(&["run", "test", "--", "--reporter=default", "--reporter=json"])
                .arg(format!("--outputFile.json={}", report.display())),
        )
    })?;
    if !output.succeeded {
        context.progress.note(&output.end());
    }
    let tally = std::fs::read_to_string(&report)
        .ok()
        .and_then(|text| Tally::from_vitest(&text));
    Ok(match tally {
        Some(tally) if output.succeeded || tally.failed > 0 => tally,
        _ => Tally::one_failure("vitest"),
    })
}
