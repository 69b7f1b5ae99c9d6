//! Writes the TypeScript types of the JSON forms into a folder, as one file
//! `machine.ts`: `cargo run -p chat-client --features ts --example types -- DIR`.

use chat_client::{Command, Event, Failure, Reply};
use ts_rs::{Config, TS};

fn main() -> Result<(), ts_rs::ExportError> {
    let folder = std::env::args_os().nth(1).unwrap_or_else(|| ".".into());
    // Ids, times and counters stay below 2^53, where JavaScript is exact.
    let config = Config::new()
        .with_large_int("number")
        .with_out_dir(std::path::PathBuf::from(folder));
    Command::export_all(&config)?;
    Reply::export_all(&config)?;
    Failure::export_all(&config)?;
    Event::export_all(&config)
}
