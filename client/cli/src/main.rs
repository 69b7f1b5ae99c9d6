//! The Chatalot command line: chat, scripts and bots from a terminal.
//!
//! Everything here is words and rows; what a device does is decided by the
//! client machine (crate chat-client) and carried out by its native driver.
//!
//! To add a verb: a variant in `arguments.rs`, a module in `verb/`, a case in
//! `verb.rs`, its row in `row.rs`, and its section in `docs/cli.md`.

mod arguments;
mod failure;
mod output;
mod row;
mod session;
mod target;
mod verb;

use std::process::ExitCode;

fn main() -> ExitCode {
    chat_client_native::install_tls_provider();
    let arguments = match arguments::read() {
        Ok(arguments) => arguments,
        Err(code) => return code,
    };
    output::log_to_stderr(&arguments.global);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("the operating system gives threads and timers");
    let format = arguments.global.output;
    let code = match runtime.block_on(verb::run(arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(format),
    };
    // A prompt or a line of input that nobody waits for must not hold us.
    runtime.shutdown_background();
    code
}
