//! Talking to a cluster with PostgreSQL's own programs: no driver, no async.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use super::{Cluster, OWNER};

impl Cluster {
    /// Makes an empty database of this name, and returns its URL.
    ///
    /// # Errors
    /// When there is one already, or PostgreSQL refuses.
    pub fn create_database(&self, name: &str) -> Result<String> {
        self.psql("postgres", &format!("CREATE DATABASE {}", quoted(name)))?;
        Ok(self.url(name))
    }

    /// Runs SQL through `psql`, and returns what it prints: rows without
    /// headings, columns apart by `|`.
    ///
    /// # Errors
    /// When PostgreSQL refuses; the message is its own.
    pub fn psql(&self, database: &str, sql: &str) -> Result<String> {
        self.run_psql(database, &["--command", sql])
    }

    /// Applies a file of SQL in one transaction.
    ///
    /// # Errors
    /// When the file cannot be read or PostgreSQL refuses; the message names the
    /// line.
    pub fn apply(&self, database: &str, file: &Path) -> Result<()> {
        let file = file
            .to_str()
            .with_context(|| format!("{} is not UTF-8", file.display()))?;
        self.run_psql(database, &["--single-transaction", "--file", file])?;
        Ok(())
    }

    /// A dump of a database as text (`pg_dump`), with every row.
    ///
    /// # Errors
    /// When `pg_dump` fails.
    pub fn dump(&self, database: &str) -> Result<Vec<u8>> {
        let output = Command::new(self.binaries.program("pg_dump"))
            .arg("--host")
            .arg(&self.socket)
            .args(["--username", OWNER, "--dbname", database])
            .stdin(Stdio::null())
            .output()
            .context("cannot run pg_dump")?;
        if !output.status.success() {
            bail!(
                "pg_dump failed: {}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
        Ok(output.stdout)
    }

    /// Makes the database unless it is there.
    pub(super) fn ensure_database(&self, name: &str) -> Result<()> {
        let found = self.psql(
            "postgres",
            &format!("SELECT 1 FROM pg_database WHERE datname = '{name}'"),
        )?;
        if found.trim().is_empty() {
            self.create_database(name)?;
        }
        Ok(())
    }

    fn run_psql(&self, database: &str, arguments: &[&str]) -> Result<String> {
        let output = Command::new(self.binaries.program("psql"))
            .arg("--host")
            .arg(&self.socket)
            .args(["--username", OWNER, "--dbname", database])
            .args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align"])
            .args(["--set", "ON_ERROR_STOP=1"])
            .args(arguments)
            // What a person has set for other servers must not lead elsewhere.
            .env_remove("PGSERVICE")
            .env_remove("PGPORT")
            .env_remove("PGOPTIONS")
            .stdin(Stdio::null())
            .output()
            .context("cannot run psql")?;
        if !output.status.success() {
            bail!(
                "psql failed on {database}: {}",
                String::from_utf8_lossy(&output.stderr).trim()
            );
        }
        String::from_utf8(output.stdout).context("psql prints UTF-8")
    }
}

/// A name as an SQL identifier.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_cannot_end_its_own_quotes() {
        assert_eq!(quoted("a\"b"), "\"a\"\"b\"");
    }
}
