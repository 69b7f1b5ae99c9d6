//! The words of the command line.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{Args, Parser, Subcommand, ValueEnum};

use chat_client_native::{Home, PlainHttp};
use chat_protocol::MessageId;

use crate::failure::{Exit, Failure};
use crate::target::Target;

const AFTER_HELP: &str = "\
TARGET is @NAME, a person.

Exit codes:
  0  done
  1  anything that is none of the following
  2  the command line is not right
  3  the server cannot be reached
  4  refused: by the server, or by this device because keys do not verify
  5  something cannot be decrypted

Begin with: chatalot register --server URL --invite CODE --name NAME";

/// Chat, end-to-end encrypted, from a terminal or a script.
#[derive(Debug, Parser)]
#[command(name = "chatalot", version, after_help = AFTER_HELP, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub verb: Verb,
}

/// What stands before or after any verb.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// The folder of this device [default: chatalot in the user's data folder]
    #[arg(long, global = true, env = "CHATALOT_HOME", value_name = "DIR")]
    home: Option<PathBuf>,
    /// How to write rows: for people, or as one JSON object per line
    #[arg(
        short,
        long,
        global = true,
        value_name = "FORMAT",
        default_value = "text"
    )]
    pub output: Format,
    /// Say more on stderr; twice: everything
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// How long to try to reach the server before giving up with exit code 3
    #[arg(long, global = true, value_name = "SECONDS", default_value = "5")]
    wait: Seconds,
    /// Let 'register' use http:// beyond this machine
    ///
    /// Messages stay end-to-end encrypted, but your password, your session and
    /// who you talk to travel in the clear, for everyone on the way to read and
    /// to use. Meant for networks that are closed, such as the inside of a
    /// cluster. The choice is kept with the account.
    #[arg(long, global = true, env = "CHATALOT_ALLOW_PLAIN_HTTP", value_parser = clap::builder::FalseyValueParser::new())]
    allow_plain_http: bool,
}

impl Global {
    /// The home that was named, else the one of this user.
    pub fn home(&self) -> Result<Home, Failure> {
        if let Some(folder) = &self.home {
            return Ok(Home::at(folder));
        }
        default_home().map(Home::at).ok_or_else(|| {
            Failure::new(
                Exit::Usage,
                "no_home",
                "Neither --home nor CHATALOT_HOME is given, and this user has no home folder.",
                "Name a folder with --home DIR.",
            )
        })
    }

    /// How long to try to reach the server.
    pub fn wait(&self) -> Duration {
        self.wait.0
    }

    /// Whether http:// may be used beyond this machine.
    pub fn plain_http(&self) -> PlainHttp {
        if self.allow_plain_http {
            PlainHttp::Anywhere
        } else {
            PlainHttp::Loopback
        }
    }
}

/// Whether the environment asks for text without colours (no-color.org).
#[expect(
    clippy::disallowed_methods,
    reason = "this module reads the environment, once"
)]
pub(crate) fn no_color() -> bool {
    std::env::var("NO_COLOR").is_ok_and(|value| !value.is_empty())
}

#[expect(
    clippy::disallowed_methods,
    reason = "this module reads the environment, once"
)]
fn default_home() -> Option<PathBuf> {
    let folder = |name: &str| std::env::var(name).ok().map(PathBuf::from);
    let data = folder("XDG_DATA_HOME")
        .filter(|path| path.is_absolute())
        .or_else(|| {
            let home = folder("HOME").filter(|path| path.is_absolute())?;
            let inside = if cfg!(target_os = "macos") {
                "Library/Application Support"
            } else {
                ".local/share"
            };
            Some(home.join(inside))
        });
    data.map(|data| data.join("chatalot"))
}

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// One JSON object per line.
    Json,
    /// For people.
    Text,
}

/// A time in seconds, with or without a fraction.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seconds(pub Duration);

impl std::str::FromStr for Seconds {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let seconds: f64 = text
            .parse()
            .map_err(|_| "not a number of seconds".to_owned())?;
        Duration::try_from_secs_f64(seconds)
            .map(Self)
            .map_err(|_| "not a number of seconds".to_owned())
    }
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Make an account with an invite; this home becomes its first device
    Register(Register),
    /// Sign this device in again after its session has ended
    Login(Login),
    /// Show whose device this is
    Whoami,
    /// Invite somebody to the server
    #[command(subcommand)]
    Invite(Invite),
    /// Send a message; prints its seq once the server has stored it
    Send(Send),
    /// Print messages of others as they arrive, until Ctrl-C
    Listen(Listen),
    /// Print the history of a conversation, after fetching what is new
    Read(Read),
    /// Print the 60 digits that are the same on both sides if nobody is in between
    Verify(Verify),
    /// Print the completions for a shell
    Completion {
        /// Which shell
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Register {
    /// The server's address; may be left out when the invite is a link
    #[arg(long, value_name = "URL")]
    pub server: Option<String>,
    /// The invite: its code, or the whole link
    #[arg(long, value_name = "CODE")]
    pub invite: String,
    /// The name to be known by: a–z, 0–9, '.', '_' and '-'
    #[arg(long)]
    pub name: String,
    #[command(flatten)]
    pub password: Password,
}

#[derive(Debug, Args)]
pub(crate) struct Login {
    #[command(flatten)]
    pub password: Password,
}

/// Where a password comes from.
#[derive(Debug, Args)]
pub(crate) struct Password {
    /// Read the password from the first line of stdin instead of asking for it
    #[arg(long)]
    pub password_stdin: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Invite {
    /// Make an invite; prints its link
    Create {
        /// How many people may use it
        #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u32).range(1..))]
        uses: u32,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Send {
    /// To whom: @NAME
    pub target: Target,
    /// What; '-' reads it from stdin
    #[arg(allow_hyphen_values = true, required_unless_present = "lines")]
    pub text: Option<String>,
    /// Send every line of stdin as a message, and print a row for each
    #[arg(long, conflicts_with_all = ["text", "id"])]
    pub lines: bool,
    /// The message's id, 32 hexadecimal digits: the same id is stored only once
    #[arg(long, value_name = "HEX")]
    pub id: Option<MessageId>,
}

#[derive(Debug, Args)]
pub(crate) struct Listen {
    /// Only this conversation: @NAME
    pub target: Option<Target>,
    /// Print what stands after this seq first
    #[arg(long, value_name = "SEQ", requires = "target")]
    pub since: Option<u64>,
    /// End after this many rows
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,
    /// End after this time; with --count, having fewer rows by then is exit code 1
    #[arg(long, value_name = "SECONDS")]
    pub timeout: Option<Seconds>,
    /// Print messages of this account, too
    #[arg(long)]
    pub own: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Read {
    /// Which conversation: @NAME
    pub target: Target,
    /// Only what stands after this seq
    #[arg(long, value_name = "SEQ")]
    pub since: Option<u64>,
    /// Only what is on this device; the server is not asked
    #[arg(long)]
    pub offline: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// With whom: @NAME
    pub target: Target,
}

/// Reads the command line. An error has been reported already.
pub(crate) fn read() -> Result<Arguments, ExitCode> {
    let arguments = Arguments::try_parse();
    arguments.map_err(|error| {
        let shows_something = matches!(
            error.kind(),
            ErrorKind::DisplayHelp
                | ErrorKind::DisplayVersion
                | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
        );
        if shows_something || !wants_json(std::env::args()) {
            // Nothing better to do with an error about printing an error.
            let _lost = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(1));
        }
        let text = error.render().to_string();
        let message = text.lines().next().unwrap_or_default();
        let message = message.strip_prefix("error: ").unwrap_or(message);
        Failure::new(Exit::Usage, "usage", message, "See 'chatalot --help'.").report(Format::Json)
    })
}

/// Whether a command line that does not parse asked for JSON all the same.
fn wants_json(arguments: impl Iterator<Item = String>) -> bool {
    let mut before = String::new();
    for argument in arguments.take_while(|argument| argument != "--") {
        let is_value = matches!(before.as_str(), "-o" | "--output") && argument == "json";
        if is_value || matches!(argument.as_str(), "-ojson" | "-o=json" | "--output=json") {
            return true;
        }
        before = argument;
    }
    false
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn parse(line: &str) -> Result<Arguments, clap::Error> {
        Arguments::try_parse_from(line.split(' '))
    }

    #[test]
    fn the_definition_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn global_options_stand_before_or_after_the_verb() {
        for line in [
            "chatalot --home /h -o json --wait 2 read @bob --since 3",
            "chatalot read @bob --since 3 --home /h -o json --wait 2",
            "chatalot -o json read --home /h @bob --wait 2 --since 3",
        ] {
            let arguments = parse(line).unwrap();
            assert_eq!(arguments.global.home().unwrap(), Home::at("/h"), "{line}");
            assert_eq!(arguments.global.output, Format::Json, "{line}");
            assert_eq!(arguments.global.wait(), Duration::from_secs(2), "{line}");
            let Verb::Read(read) = arguments.verb else {
                panic!("{line}")
            };
            assert_eq!(read.since, Some(3), "{line}");
        }
        let nested = parse("chatalot invite create --uses 3 -o json --home /h").unwrap();
        assert_eq!(nested.global.output, Format::Json);
    }

    #[test]
    fn a_text_may_begin_with_a_hyphen() {
        let Verb::Send(send) = parse("chatalot send @bob -1").unwrap().verb else {
            panic!()
        };
        assert_eq!(send.text.as_deref(), Some("-1"));
        let Verb::Send(send) = parse("chatalot send @bob -").unwrap().verb else {
            panic!()
        };
        assert_eq!(send.text.as_deref(), Some("-"));
        let Verb::Send(send) = parse("chatalot send @bob --lines").unwrap().verb else {
            panic!()
        };
        assert!(send.lines);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for line in [
            "chatalot send @bob",
            "chatalot send bob hello",
            "chatalot read @bob --since x",
            "chatalot listen --since 3",
            "chatalot invite create --uses 0",
            "chatalot -o yaml whoami",
            "chatalot send @bob hi --id 12",
        ] {
            assert_eq!(parse(line).unwrap_err().exit_code(), 2, "{line}");
        }
    }

    #[test]
    fn json_is_recognised_in_a_line_that_does_not_parse() {
        let wants = |line: &str| wants_json(line.split(' ').map(str::to_owned));
        assert!(wants("chatalot -o json nonsense"));
        assert!(wants("chatalot nonsense --output=json"));
        assert!(!wants("chatalot send @bob json"));
        assert!(!wants("chatalot send @bob -- -o json"));
    }
}
