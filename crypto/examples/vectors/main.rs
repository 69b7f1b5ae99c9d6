//! Checks a file of test vectors: `cargo run -p chat-crypto --example vectors -- check FILE.json`.
//!
//! Exit code 0 when all of it holds, 1 at the first difference, 2 for wrong usage.

mod check;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [command, path] = &arguments[..] else {
        return usage();
    };
    if command != "check" {
        return usage();
    }
    let checked = std::fs::read_to_string(path)
        .map_err(|error| format!("cannot be read: {error}"))
        .and_then(|text| check::check(&text));
    match checked {
        Ok(count) => {
            println!("{path}: {count} events hold");
            ExitCode::SUCCESS
        }
        Err(difference) => {
            eprintln!("{path}: {difference}");
            ExitCode::FAILURE
        }
    }
}

fn usage() -> ExitCode {
    eprintln!("usage: vectors check FILE.json");
    ExitCode::from(2)
}
