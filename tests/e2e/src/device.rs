//! One device of the command line, and what a script does with it.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use anyhow::{Context as _, Result, ensure};
use chat_testkit::server::For;
use chat_testkit::test_server::{Home, TestServer};
use serde_json::Value;

/// The password of everybody in the tests.
pub const PASSWORD: &str = "correct horse";

/// One device: its folder, and the server that it talks to.
pub struct Device {
    home: Home,
    name: String,
}

impl Device {
    /// Registers at an address, which need not be the server's own.
    ///
    /// # Errors
    /// When the command line refuses; the error shows what it printed.
    pub fn register_at(server: &TestServer, url: &str, name: &str, invite: &str) -> Result<Self> {
        let device = Self {
            home: server.home(name)?,
            name: name.to_owned(),
        };
        let arguments = [
            "register",
            "--server",
            url,
            "--invite",
            invite,
            "--name",
            name,
            "--password-stdin",
        ];
        let mut child = device
            .command(server, &arguments)?
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        child
            .stdin
            .take()
            .context("stdin is piped")?
            .write_all(PASSWORD.as_bytes())?;
        rows(&child.wait_with_output()?)?;
        Ok(device)
    }

    /// Registers at the server.
    ///
    /// # Errors
    /// As [`Device::register_at`].
    pub fn register(server: &TestServer, name: &str, invite: &str) -> Result<Self> {
        Self::register_at(server, &server.url(), name, invite)
    }

    /// The name of its account.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its folder.
    #[must_use]
    pub fn home(&self) -> &Home {
        &self.home
    }

    /// A call of `chatalot -o json` on this device's folder.
    ///
    /// # Errors
    /// When the program has not been built.
    pub fn command(&self, server: &TestServer, arguments: &[&str]) -> Result<Command> {
        let mut command = server.chatalot(&self.home, &["-o", "json"])?;
        command
            .args(arguments)
            // A test leaves the keychain of whoever runs it alone.
            .env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent")
            .stdin(Stdio::null());
        Ok(command)
    }

    /// Runs a call to its end.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn run(&self, server: &TestServer, arguments: &[&str]) -> Result<Output> {
        self.command(server, arguments)?
            .output()
            .context("chatalot runs")
    }

    /// Runs a call that must succeed, and reads its rows.
    ///
    /// # Errors
    /// When it fails, or prints something that is no JSON.
    pub fn rows(&self, server: &TestServer, arguments: &[&str]) -> Result<Vec<Value>> {
        rows(&self.run(server, arguments)?)
    }
}

/// Alice, who owns the server, and bob, whom she has invited.
///
/// # Errors
/// When one of them cannot register.
pub fn alice_and_bob(server: &TestServer) -> Result<(Device, Device)> {
    let alice = Device::register(server, "alice", &server.invite(For::Owner)?.code)?;
    let invite = &alice.rows(server, &["invite", "create"])?[0];
    let code = invite["code"].as_str().context("an invite has a code")?;
    let bob = Device::register(server, "bob", code)?;
    Ok((alice, bob))
}

/// The rows of a call that has succeeded.
///
/// # Errors
/// When it has not, or printed something that is no JSON.
pub fn rows(output: &Output) -> Result<Vec<Value>> {
    ensure!(output.status.success(), "{output:?}");
    std::str::from_utf8(&output.stdout)?
        .lines()
        .map(|line| serde_json::from_str(line).with_context(|| line.to_owned()))
        .collect()
}

/// The texts of rows, in order.
#[must_use]
pub fn texts(rows: &[Value]) -> Vec<&str> {
    rows.iter().filter_map(|row| row["text"].as_str()).collect()
}
