//! Running programs as part of a step.

use std::io::{BufRead as _, BufReader, Read};
use std::process::{Command, Stdio};
use std::sync::Mutex;

use anyhow::{Context as _, Result, bail};

use crate::progress::Step;

/// How much of a failed program's output is shown.
const SHOWN_LINES: usize = 60;

/// What a program has printed.
#[derive(Debug, Default)]
pub struct Output {
    /// Its standard output alone.
    pub stdout: String,
    /// Both streams, line by line as they came.
    pub all: Vec<String>,
    /// Whether it ended with 0.
    pub succeeded: bool,
}

impl Output {
    /// The end of what it printed, for an error message: without the names of
    /// what went well before it.
    pub fn end(&self) -> String {
        let lines: Vec<&str> = self
            .all
            .iter()
            .map(String::as_str)
            .filter(|line| !is_routine(line))
            .collect();
        let from = lines.len().saturating_sub(SHOWN_LINES);
        lines.get(from..).unwrap_or_default().join("\n")
    }
}

/// Runs a program to its end, shows its lines as the step's detail, and keeps
/// them.
///
/// # Errors
/// When it cannot be started, or fails; the message ends with its output.
pub fn run(step: &Step, command: &mut Command) -> Result<Output> {
    let output = run_to_end(step, command)?;
    if !output.succeeded {
        bail!("{} failed:\n{}", words(command), output.end());
    }
    Ok(output)
}

/// Like [`run`], but a failure of the program is an output like any other.
///
/// # Errors
/// When it cannot be started.
pub fn run_to_end(step: &Step, command: &mut Command) -> Result<Output> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot run {}", words(command)))?;
    let stdout = child.stdout.take().context("stdout is piped")?;
    let stderr = child.stderr.take().context("stderr is piped")?;
    let all = Mutex::new(Vec::new());
    let kept = std::thread::scope(|scope| {
        scope.spawn(|| follow(stderr, step, &all));
        follow(stdout, step, &all)
    });
    let status = child.wait().context("the program can be awaited")?;
    Ok(Output {
        stdout: kept,
        all: all.into_inner().expect("the readers have ended well"),
        succeeded: status.success(),
    })
}

/// What Cargo says of every package on its way.
fn is_routine(line: &str) -> bool {
    const VERBS: &[&str] = &[
        "Compiling ",
        "Checking ",
        "Downloading ",
        "Downloaded ",
        "Blocking ",
    ];
    let line = line.trim_start();
    VERBS.iter().any(|verb| line.starts_with(verb))
}

/// Reads a stream line by line to its end, and returns its text.
fn follow(stream: impl Read, step: &Step, all: &Mutex<Vec<String>>) -> String {
    let mut text = String::new();
    for line in BufReader::new(stream).split(b'\n') {
        // A stream that breaks has ended; the exit status tells the rest.
        let Ok(line) = line else { break };
        let line = String::from_utf8_lossy(&line).into_owned();
        // Cargo's JSON messages are for this program, not for people.
        if !line.starts_with("{\"") {
            step.detail(&line);
            all.lock()
                .expect("nobody panics while holding it")
                .push(line.clone());
        }
        text.push_str(&line);
        text.push('\n');
    }
    text
}

/// The command as a person would type it.
pub fn words(command: &Command) -> String {
    std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| {
            let word = word.to_string_lossy();
            let path = std::path::Path::new(word.as_ref());
            match path.file_name() {
                Some(name) if path.is_absolute() && path.ends_with("cargo") => {
                    name.to_string_lossy().into_owned()
                }
                _ => word.into_owned(),
            }
        })
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::Progress;

    #[test]
    fn a_failure_shows_what_the_program_said() {
        let error = Progress::new()
            .step("Failing", |step| {
                run(
                    step,
                    Command::new("sh").args(["-c", "echo out; echo why >&2; exit 3"]),
                )
            })
            .expect_err("the program fails");
        let text = error.to_string();
        assert!(text.contains("why") && text.contains("out"), "{text}");
    }

    #[test]
    fn stdout_is_kept_apart() {
        let output = Progress::new()
            .step("Working", |step| {
                run(
                    step,
                    Command::new("sh").args(["-c", "echo out; echo err >&2"]),
                )
            })
            .expect("the program succeeds");
        assert_eq!(output.stdout, "out\n");
        assert_eq!(output.all.len(), 2);
    }
}
