//! What PostgreSQL alone takes: one writer of the same rows, no server between.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};

/// The writer runs inside PostgreSQL, so that nothing but the rows is measured:
/// a procedure that commits a batch of 256 again and again.
const SCRIPT: &str = include_str!("floor.sql");

/// Rows per second in committed batches of 256.
pub fn rows_per_second(psql: &Path, database_url: &str) -> anyhow::Result<f64> {
    let script = std::env::temp_dir().join(format!("chatalot-floor-{}.sql", std::process::id()));
    std::fs::write(&script, SCRIPT)?;
    let output = Command::new(psql)
        .args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align"])
        .args([
            "--set",
            "ON_ERROR_STOP=1",
            "--dbname",
            database_url,
            "--file",
        ])
        .arg(&script)
        .stdin(Stdio::null())
        .output();
    std::fs::remove_file(&script)?;
    let output = output?;
    if !output.status.success() {
        bail!("psql: {}", String::from_utf8_lossy(&output.stderr));
    }
    let text = String::from_utf8(output.stdout)?;
    let figure = text
        .lines()
        .rfind(|line| !line.is_empty())
        .context("psql printed nothing")?;
    figure
        .trim()
        .parse()
        .with_context(|| format!("psql printed {figure:?}"))
}
