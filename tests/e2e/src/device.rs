//! One device of the command line, and what a script does with it.

use std::io::Write as _;
use std::process::{Child, Command, Output, Stdio};

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
        let device = Self::unregistered(server, name)?;
        let output = device.run_with_input(server, &registration(url, name, invite), PASSWORD)?;
        let rows = rows(&output)?;
        ensure!(rows.len() == 1 && rows[0]["name"] == name, "{rows:?}");
        Ok(device)
    }

    /// A device with an empty folder, which has yet to register.
    ///
    /// # Errors
    /// When its folder cannot be made.
    pub fn unregistered(server: &TestServer, name: &str) -> Result<Self> {
        Ok(Self {
            home: server.home(name)?,
            name: name.to_owned(),
        })
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
        without_keychain(command.args(arguments)).stdin(Stdio::null());
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

    /// Runs a call to its end with this on its standard input.
    ///
    /// # Errors
    /// When it cannot be started, or does not take its input.
    pub fn run_with_input(
        &self,
        server: &TestServer,
        arguments: &[&str],
        input: &str,
    ) -> Result<Output> {
        run_with_input(&mut self.command(server, arguments)?, input)
    }

    /// Starts a call with all three streams piped, for whoever talks with it
    /// while it runs.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn spawn(&self, server: &TestServer, arguments: &[&str]) -> Result<Child> {
        spawn(&mut self.command(server, arguments)?)
    }

    /// Runs a call that must succeed, and reads its rows.
    ///
    /// # Errors
    /// When it fails, or prints something that is no JSON.
    pub fn rows(&self, server: &TestServer, arguments: &[&str]) -> Result<Vec<Value>> {
        rows(&self.run(server, arguments)?)
    }
}

/// The arguments of a registration, whose password comes on standard input.
#[must_use]
pub fn registration<'a>(url: &'a str, name: &'a str, invite: &'a str) -> [&'a str; 8] {
    [
        "register",
        "--server",
        url,
        "--invite",
        invite,
        "--name",
        name,
        "--password-stdin",
    ]
}

/// Hides the keychain of whoever runs the test from a command line: the key of
/// its store then lies in the device's folder, and goes with it.
pub fn without_keychain(command: &mut Command) -> &mut Command {
    command.env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent")
}

/// Runs a program to its end with this on its standard input.
///
/// # Errors
/// When it cannot be started, or does not take its input.
pub fn run_with_input(command: &mut Command, input: &str) -> Result<Output> {
    let mut child = spawn(command)?;
    let mut stdin = child.stdin.take().context("stdin is piped")?;
    std::thread::scope(|scope| {
        // Written beside the reading: rows come back while lines still go in.
        let writing = scope.spawn(move || stdin.write_all(input.as_bytes()));
        let output = child.wait_with_output()?;
        match writing.join() {
            Ok(written) => written.context("the program takes its input")?,
            Err(panic) => std::panic::resume_unwind(panic),
        }
        Ok(output)
    })
}

fn spawn(command: &mut Command) -> Result<Child> {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("{} starts", command.get_program().display()))
}

/// Alice, who owns the server, and bob, whom she has invited.
///
/// # Errors
/// When one of them cannot register.
pub fn alice_and_bob(server: &TestServer) -> Result<(Device, Device)> {
    let alice = Device::register(server, "alice", &server.invite(For::Owner)?.code)?;
    let invite = &alice.rows(server, &["invite", "create"])?[0];
    let link = invite["url"].as_str().context("an invite has a link")?;
    let code = invite["code"].as_str().context("an invite has a code")?;
    ensure!(link.ends_with(&format!("/invite/{code}")), "{link}");
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
