//! The program `chatalot-server`.

use std::process::ExitCode;

use chat_server::cli;
use chat_server::config::Environment;

fn main() -> ExitCode {
    cli::run(std::env::args_os(), &Environment::of_process())
}
