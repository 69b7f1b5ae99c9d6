//! One person at the command line that `up` has named.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use chat_e2e::device::{self, PASSWORD, registration, rows, without_keychain};
use serde_json::Value;

use crate::folder::Report;

/// One device with one account.
pub struct Person {
    chatalot: PathBuf,
    home: tempfile::TempDir,
}

impl Person {
    /// Registers by the printed invite, through the printed program.
    pub fn register(report: &Report, name: &str) -> Result<Self> {
        let person = Self {
            chatalot: report.chatalot.clone(),
            home: tempfile::Builder::new()
                .prefix("chatalot-home-")
                .tempdir()?,
        };
        let arguments = registration(&report.url, name, &report.invite_code);
        let output = device::run_with_input(&mut person.command(&arguments), PASSWORD)?;
        let rows = rows(&output)?;
        ensure!(rows.len() == 1 && rows[0]["name"] == name, "{rows:?}");
        Ok(person)
    }

    /// Sends a message, and has it acknowledged.
    pub fn say(&self, target: &str, text: &str) -> Result<()> {
        let sent = self.rows(&["send", target, text])?;
        ensure!(sent[0]["seq"].is_u64(), "{sent:?}");
        Ok(())
    }

    /// The texts of a conversation, after fetching what is new.
    pub fn history(&self, target: &str) -> Result<Vec<String>> {
        let rows = self.rows(&["read", target])?;
        Ok(device::texts(&rows)
            .into_iter()
            .map(str::to_owned)
            .collect())
    }

    /// The name of the account by which the server knows this device's login.
    pub fn name_on_server(&self) -> Result<String> {
        // An invite is made by whoever the server takes this device for.
        self.rows(&["invite", "create"])?;
        let rows = self.rows(&["whoami"])?;
        let name = rows[0]["name"].as_str().context("an account has a name")?;
        Ok(name.to_owned())
    }

    fn rows(&self, arguments: &[&str]) -> Result<Vec<Value>> {
        rows(&self.command(arguments).output()?)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.chatalot);
        command
            .arg("--home")
            .arg(self.home.path())
            .args(["-o", "json"])
            .args(arguments)
            .stdin(Stdio::null());
        without_keychain(&mut command);
        command
    }
}
