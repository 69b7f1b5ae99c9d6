//! A data folder, and the calls of `cargo xtask` on it.

use std::collections::BTreeMap;
use std::fs::{File, Permissions};
use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use anyhow::{Context as _, Result, ensure};
use chat_testkit::process::{PidFile, Process, Signal};
use chat_testkit::{log, program};
use serde_json::Value;

/// The keys of the line on stdout.
const KEYS: &[&str] = &[
    "chatalot",
    "data",
    "invite_code",
    "invite_url",
    "pids",
    "url",
];

/// What `up -o json` has printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    pub url: String,
    pub invite_code: String,
    pub chatalot: PathBuf,
    pub pids: BTreeMap<String, u32>,
}

impl Report {
    fn read(line: &str, data: &Path) -> Result<Self> {
        let value: Value = serde_json::from_str(line).with_context(|| line.to_owned())?;
        let object = value.as_object().context("it is an object")?;
        let mut keys: Vec<&str> = object.keys().map(String::as_str).collect();
        keys.sort_unstable();
        ensure!(keys == KEYS, "{line}");
        let text = |key: &str| -> Result<String> {
            let text = value[key]
                .as_str()
                .with_context(|| format!("{key} is text"))?;
            Ok(text.to_owned())
        };
        let (url, invite_code) = (text("url")?, text("invite_code")?);
        ensure!(text("invite_url")? == format!("{url}/invite/{invite_code}"));
        ensure!(Path::new(&text("data")?) == data, "{line}");
        let report = Self {
            url,
            invite_code,
            chatalot: text("chatalot")?.into(),
            pids: serde_json::from_value(value["pids"].clone())?,
        };
        ensure!(report.pids.keys().eq(["postgres", "server"]), "{line}");
        for name in report.pids.keys() {
            ensure!(report.is_running(name), "{name} runs: {line}");
        }
        Ok(report)
    }

    /// Where the server listens.
    pub fn address(&self) -> Result<SocketAddr> {
        let (_, port) = self.url.rsplit_once(':').context("the URL has a port")?;
        let port: u16 = port.parse().context("the URL ends with its port")?;
        Ok((Ipv4Addr::LOCALHOST, port).into())
    }

    /// The process that runs under this name.
    pub fn process(&self, name: &str) -> Result<Process> {
        Process::lookup(self.pids[name]).with_context(|| format!("{name} runs"))
    }

    /// Whether the process of this name runs.
    pub fn is_running(&self, name: &str) -> bool {
        Process::lookup(self.pids[name]).is_some()
    }
}

/// A data folder below one that nobody else may enter. Dropping it stops what
/// runs there.
pub struct Folder {
    data: PathBuf,
    above: tempfile::TempDir,
}

impl Folder {
    pub fn new() -> Result<Self> {
        let above = tempfile::Builder::new()
            .prefix("chatalot-up-")
            .permissions(Permissions::from_mode(0o700))
            .tempdir()?;
        Ok(Self {
            data: above.path().canonicalize()?.join("data"),
            above,
        })
    }

    pub fn data(&self) -> &Path {
        &self.data
    }

    /// `xtask VERB --data DATA …`.
    fn xtask(&self, verb: &str, arguments: &[&str]) -> Result<Command> {
        let mut command = Command::new(program::built("xtask")?);
        command
            .arg(verb)
            .arg("--data")
            .arg(&self.data)
            .args(arguments)
            .stdin(Stdio::null());
        Ok(command)
    }

    /// `up --detach -o json`, which must succeed and print one line.
    pub fn up(&self, arguments: &[&str]) -> Result<Report> {
        let output = self.up_output(arguments)?;
        ensure!(output.status.success(), "{}", said(&output));
        let stdout = String::from_utf8(output.stdout)?;
        let line = stdout.strip_suffix('\n').context("the line is whole")?;
        ensure!(!line.contains('\n'), "one line alone: {stdout}");
        Report::read(line, &self.data)
    }

    /// `up` that must fail without a word on stdout; what it says instead.
    pub fn refused(&self, arguments: &[&str]) -> Result<String> {
        let output = self.up_output(arguments)?;
        ensure!(output.status.code() == Some(1), "{output:?}");
        ensure!(output.stdout.is_empty(), "{output:?}");
        Ok(said(&output))
    }

    fn up_output(&self, arguments: &[&str]) -> Result<Output> {
        self.xtask("up", &["--detach", "-o", "json"])?
            .args(arguments)
            .output()
            .context("xtask runs")
    }

    /// `down`, which must succeed.
    pub fn down(&self, arguments: &[&str]) -> Result<()> {
        let output = self.xtask("down", arguments)?.output()?;
        ensure!(output.status.success(), "{}", said(&output));
        Ok(())
    }

    /// Leaves pid files as a crash does whose ids were given to other programs
    /// since: to this test.
    pub fn leave_stale_pid_files(&self) -> Result<()> {
        let own = std::process::id();
        let mut reused = Process::lookup(own).context("this test runs")?;
        reused.started += 1;
        let run = self.data.join("run");
        std::fs::create_dir_all(&run)?;
        PidFile::at(run.join("server.pid")).write(&reused)?;
        PidFile::at(run.join("postgres.pid")).write(&reused)?;
        let cluster = self.data.join("postgres");
        if cluster.is_dir() {
            let socket = run.display();
            let lock = format!(
                "{own}\n{}\n1\n5432\n{socket}\n\n  1 2\nready   \n",
                cluster.display()
            );
            std::fs::write(cluster.join("postmaster.pid"), lock)?;
        }
        Ok(())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Shown with a failed test only.
        for log in ["log/server.log", "log/postgres.log"] {
            let path = self.data.join(log);
            eprintln!("{}:\n{}", path.display(), log::tail(&path, 20));
        }
        // Nobody can be told about an error here but whoever reads the output.
        if let Err(error) = self.down(&[]) {
            eprintln!("{error:#}");
        }
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// `up` that stays, as in a terminal.
pub struct Foreground {
    child: Child,
    stdout: BufReader<ChildStdout>,
    data: PathBuf,
    stderr: PathBuf,
}

impl Foreground {
    pub fn start(folder: &Folder, arguments: &[&str]) -> Result<Self> {
        let stderr = folder.above.path().join("up.stderr");
        let mut child = folder
            .xtask("up", &["-o", "json"])?
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(File::create(&stderr)?)
            .spawn()?;
        let stdout = child.stdout.take().context("stdout is piped")?;
        Ok(Self {
            child,
            stdout: BufReader::new(stdout),
            data: folder.data.clone(),
            stderr,
        })
    }

    /// The line that it prints once everything answers.
    pub fn report(&mut self) -> Result<Report> {
        let mut line = String::new();
        self.stdout.read_line(&mut line)?;
        Report::read(&line, &self.data).with_context(|| self.said())
    }

    /// Ctrl-C, for one.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        Process::lookup(self.child.id())
            .context("up still runs")?
            .signal(signal)
    }

    /// Its exit code once it has ended, and what it said on stderr. On stdout it
    /// must have said nothing more.
    pub fn wait(mut self) -> Result<(Option<i32>, String)> {
        let mut more = String::new();
        self.stdout.read_line(&mut more)?;
        ensure!(more.is_empty(), "{more}");
        Ok((self.child.wait()?.code(), self.said()))
    }

    fn said(&self) -> String {
        log::tail(&self.stderr, usize::MAX)
    }
}

impl Drop for Foreground {
    fn drop(&mut self) {
        // What it has started is stopped by its folder.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
