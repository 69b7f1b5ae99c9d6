//! The program's command line.

mod config;
mod invite;
mod serve;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::config::{Config, Environment};

/// Exit code of a mistake in the configuration or on the command line.
const USAGE: u8 = 2;

const AFTER_HELP: &str = "\
First steps:
  export DATABASE_URL=postgres://chatalot@localhost/chatalot
  chatalot-server config check            is everything right?
  chatalot-server serve                   makes the schema, then serves
  chatalot-server invite create --owner   prints the link for the first account

Environment (it wins over the file):
  DATABASE_URL         database.url      CHATALOT_LISTEN      listen
  CHATALOT_PUBLIC_URL  public_url        CHATALOT_LOG         log.filter
  CHATALOT_CONFIG      the configuration file

Exit codes: 0 done, 1 it failed, 2 a mistake in the configuration or the command.";

/// The Chatalot server: a relay that stores ciphertext it cannot read.
#[derive(Parser)]
#[command(name = "chatalot-server", version, after_help = AFTER_HELP)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Serve: the API, the socket and the web client, on one port.
    ///
    /// Brings the database's schema up to this version first. Prints the address
    /// that it listens on, then logs to standard error. On SIGTERM or Ctrl-C it
    /// answers what is under way, tells its clients to come back, and ends.
    Serve(ConfigArguments),
    /// Look at the configuration.
    #[command(subcommand)]
    Config(ConfigVerb),
    /// Make invites: the way in for people.
    #[command(subcommand)]
    Invite(InviteVerb),
}

#[derive(Subcommand)]
enum ConfigVerb {
    /// Read the configuration as `serve` would, and name the first mistake with
    /// its place and what would be right. Does not touch the database.
    Check(ConfigArguments),
}

#[derive(Subcommand)]
enum InviteVerb {
    /// Make an invite and print its link. The server need not run, but must have
    /// run once on this database.
    Create(InviteArguments),
}

#[derive(Args)]
struct ConfigArguments {
    /// The configuration file, TOML [default: none; the environment is enough].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Args)]
struct InviteArguments {
    #[command(flatten)]
    config: ConfigArguments,
    /// The account becomes the owner of the server. Refused once there is one.
    #[arg(long)]
    owner: bool,
    /// How many accounts it makes.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=i64::from(chat_protocol::limits::INVITE_USES_MAX)))]
    uses: u32,
    /// For how many hours it holds.
    #[arg(long, value_name = "N", default_value_t = chat_protocol::limits::INVITE_DEFAULT_HOURS, value_parser = clap::value_parser!(u32).range(1..=i64::from(chat_protocol::limits::INVITE_MAX_HOURS)))]
    expires_hours: u32,
    /// How the result is printed.
    #[arg(short, long, value_name = "FORM", default_value = "text")]
    output: Output,
}

#[derive(Clone, Copy, ValueEnum)]
enum Output {
    /// The link alone.
    Text,
    /// One object: `{"url","code"}`.
    Json,
}

/// Runs the program and says how it ended.
pub fn run(arguments: impl IntoIterator<Item = OsString>, environment: &Environment) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // Help goes to standard output and is no mistake; clap knows.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(USAGE));
        }
    };
    match &cli.verb {
        Verb::Serve(arguments) => with_config(arguments, environment, serve::run),
        Verb::Config(ConfigVerb::Check(arguments)) => {
            with_config(arguments, environment, config::check)
        }
        Verb::Invite(InviteVerb::Create(arguments)) => {
            with_config(&arguments.config, environment, |config| {
                invite::create(config, arguments)
            })
        }
    }
}

fn with_config(
    arguments: &ConfigArguments,
    environment: &Environment,
    work: impl FnOnce(&Config) -> anyhow::Result<()>,
) -> ExitCode {
    let config = match Config::load(arguments.config.as_deref(), environment) {
        Ok(config) => config,
        Err(error) => {
            eprintln!("error: {}", crate::failure::chain(&error));
            return ExitCode::from(USAGE);
        }
    };
    match work(&config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The runtime of the program.
fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    use anyhow::Context as _;
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the threads of the server cannot be started")
}
