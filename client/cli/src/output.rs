//! Writing rows to stdout, and notes to stderr.

use std::io::{self, IsTerminal as _, Write as _};

use anstyle::{AnsiColor, Style};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Serialize;
use serde_json::json;
use tracing_subscriber::EnvFilter;

use crate::arguments::{self, Format, Global};

/// Something that is printed on stdout: an object for scripts, text for people.
pub(crate) trait Row: Serialize {
    /// The text, without the end of its last line.
    fn text(&self, page: &mut Page) -> String;
}

/// What rows of text share.
pub(crate) struct Page {
    pub paint: Paint,
    pub zone: TimeZone,
    /// The day under whose heading the next message stands.
    pub day: Option<Date>,
}

/// stdout, and nothing else on it.
pub(crate) struct Output {
    format: Format,
    page: Page,
}

impl Output {
    pub fn new(format: Format) -> Self {
        let colour = io::stdout().is_terminal() && !arguments::no_color();
        let page = Page {
            paint: Paint { colour },
            zone: TimeZone::system(),
            day: None,
        };
        Self { format, page }
    }

    /// Writes one row, so that it is out before this returns.
    pub fn print(&mut self, row: &impl Row) -> io::Result<()> {
        let mut line = match self.format {
            Format::Json => serde_json::to_string(row).expect("rows have a JSON form"),
            Format::Text => row.text(&mut self.page),
        };
        line.push('\n');
        let mut stdout = io::stdout().lock();
        stdout.write_all(line.as_bytes())?;
        stdout.flush()
    }

    /// Says something that a person should know and that is no failure.
    pub fn warn(&self, code: &str, message: &str) {
        let text = match self.format {
            Format::Json => {
                format!(
                    "{}\n",
                    json!({"warning": {"code": code, "message": message}})
                )
            }
            Format::Text => format!("chatalot: warning: {message}\n"),
        };
        // Without stderr there is nobody to tell.
        let _lost = io::stderr().write_all(text.as_bytes());
    }

    /// Says how things go, to a person only.
    pub fn note(&self, message: &str) {
        if self.format == Format::Text {
            let _lost = io::stderr().write_all(format!("chatalot: {message}\n").as_bytes());
        }
    }
}

/// Colours, where there is somebody to see them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Paint {
    colour: bool,
}

impl Paint {
    fn with(self, style: Style, text: &str) -> String {
        if self.colour {
            format!("{style}{text}{style:#}")
        } else {
            text.to_owned()
        }
    }

    pub fn dim(self, text: &str) -> String {
        self.with(Style::new().dimmed(), text)
    }

    pub fn bold(self, text: &str) -> String {
        self.with(Style::new().bold(), text)
    }

    pub fn alarm(self, text: &str) -> String {
        self.with(AnsiColor::Red.on_default(), text)
    }

    /// A name in its own colour, the same every time.
    pub fn name(self, name: &str) -> String {
        const COLOURS: [AnsiColor; 6] = [
            AnsiColor::Cyan,
            AnsiColor::Green,
            AnsiColor::Magenta,
            AnsiColor::Blue,
            AnsiColor::Yellow,
            AnsiColor::BrightCyan,
        ];
        let sum = name.bytes().fold(0_usize, |sum, byte| {
            sum.wrapping_mul(31) + usize::from(byte)
        });
        let colour = COLOURS
            .get(sum % COLOURS.len())
            .copied()
            .unwrap_or(AnsiColor::Cyan);
        self.with(colour.on_default().bold(), name)
    }
}

/// Others' text, made harmless for a terminal: what could move the cursor, set a
/// title or turn the direction of writing is shown instead of obeyed.
pub(crate) fn harmless(text: &str) -> String {
    text.chars()
        .map(|char| match char {
            '\n' | '\t' => char,
            // The Unicode block of pictures of control characters.
            '\0'..='\x1f' => char::from_u32(0x2400 + u32::from(char)).unwrap_or('\u{fffd}'),
            '\x7f' => '\u{2421}',
            '\u{80}'..='\u{9f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}'
            | '\u{200e}'
            | '\u{200f}' => '\u{fffd}',
            char => char,
        })
        .collect()
}

/// Sends the log of this program and its driver to stderr.
pub(crate) fn log_to_stderr(global: &Global) {
    let filter = match (global.verbose, global.output) {
        // Scripts read objects on stderr, and nothing else unless they ask.
        (0, Format::Json) => "off",
        (0, Format::Text) => "off,chat_client_native=warn",
        (1, _) => "warn,chat_client_native=info,chatalot=info",
        (2, _) => "info,chat_client_native=debug,chatalot=debug",
        (_, _) => "debug",
    };
    let builder = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(filter))
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal() && !arguments::no_color());
    if global.verbose == 0 {
        builder.without_time().with_target(false).init();
    } else {
        builder.init();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_cannot_talk_to_the_terminal() {
        assert_eq!(
            harmless("a\x1b[2Jb\r\n\tc\u{9b}\u{202e}d"),
            "a␛[2Jb␍\n\tc\u{fffd}\u{fffd}d"
        );
        assert_eq!(harmless("ordinary – text 🎉"), "ordinary – text 🎉");
    }
}
