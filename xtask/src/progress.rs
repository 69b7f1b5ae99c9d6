//! What a person sees while it works: every step by its name, with its time.
//!
//! All of it goes to stderr; stdout belongs to what a program asked for. On a
//! terminal a running step is a spinner with the last line of its output,
//! elsewhere (CI, a log) it is plain lines, with a sign of life now and then.

use std::io::IsTerminal as _;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::Result;
use indicatif::{ProgressBar, ProgressStyle};

/// How often a long step says in plain lines that it still works.
const SIGN_OF_LIFE: Duration = Duration::from_secs(15);

/// The longest detail beside a spinner, in characters.
const LONGEST_DETAIL: usize = 70;

/// Where steps are shown.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    form: Form,
}

#[derive(Clone, Copy, Debug)]
enum Form {
    Spinner,
    Lines,
}

/// A step that is being worked on.
#[derive(Debug)]
pub struct Step {
    spinner: Option<ProgressBar>,
    last_sign: Mutex<Instant>,
}

impl Progress {
    /// For the terminal or log that stderr is.
    pub fn new() -> Self {
        let form = if std::io::stderr().is_terminal() {
            Form::Spinner
        } else {
            Form::Lines
        };
        Self { form }
    }

    /// Works on one step, shows it, and says how long it took.
    pub fn step<T>(self, name: &str, work: impl FnOnce(&Step) -> Result<T>) -> Result<T> {
        let begun = Instant::now();
        let step = Step::begin(self.form, name);
        let outcome = work(&step);
        step.end();
        let mark = if outcome.is_ok() { '✓' } else { '✗' };
        line(&format!("{mark} {name} ({})", duration(begun.elapsed())));
        outcome
    }

    /// Says something that is not a step.
    #[expect(
        clippy::unused_self,
        reason = "who says something has a place to say it to"
    )]
    pub fn note(self, text: &str) {
        line(text);
    }
}

impl Step {
    fn begin(form: Form, name: &str) -> Self {
        let spinner = match form {
            Form::Lines => {
                line(&format!("  {name} …"));
                None
            }
            Form::Spinner => {
                let spinner = ProgressBar::new_spinner();
                let style =
                    ProgressStyle::with_template("{spinner} {prefix} {elapsed} {wide_msg:.dim}")
                        .expect("the template is well formed");
                spinner.set_style(style);
                spinner.set_prefix(name.to_owned());
                spinner.enable_steady_tick(Duration::from_millis(100));
                Some(spinner)
            }
        };
        Self {
            spinner,
            last_sign: Mutex::new(Instant::now()),
        }
    }

    /// Shows what the step is at, usually the last line of a program's output.
    pub fn detail(&self, text: &str) {
        let short: String = text.trim().chars().take(LONGEST_DETAIL).collect();
        if short.is_empty() {
            return;
        }
        if let Some(spinner) = &self.spinner {
            spinner.set_message(short);
            return;
        }
        let mut last = self
            .last_sign
            .lock()
            .expect("nobody panics while holding it");
        if last.elapsed() >= SIGN_OF_LIFE {
            *last = Instant::now();
            line(&format!("    {short}"));
        }
    }

    fn end(&self) {
        if let Some(spinner) = &self.spinner {
            spinner.finish_and_clear();
        }
    }
}

/// Says what went wrong, with its causes.
pub fn failure(error: &anyhow::Error) {
    line(&format!("error: {error:#}"));
}

/// A time as a person reads it.
pub fn duration(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    if seconds < 60.0 {
        return format!("{seconds:.1} s");
    }
    format!("{} min {:02} s", time.as_secs() / 60, time.as_secs() % 60)
}

fn line(text: &str) {
    eprintln!("{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_by_people() {
        assert_eq!(duration(Duration::from_millis(1_240)), "1.2 s");
        assert_eq!(duration(Duration::from_secs(125)), "2 min 05 s");
    }
}
