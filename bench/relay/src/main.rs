//! Load on a real Chatalot server, from a process of its own.
//!
//! `cargo xtask bench relay` starts PostgreSQL and the server and calls this
//! program with their addresses and process ids. It registers accounts in pairs,
//! opens real sockets, sends sealed-size bodies for a while, and prints one line
//! of JSON: `{"rows":[{"name","unit","value"}]}`.

#![expect(
    clippy::cast_precision_loss,
    reason = "figures are printed with three decimals; none comes near 2^52"
)]

mod account;
mod floor;
mod load;
mod process;
mod report;
mod socket;

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;

/// What to measure, and against what.
#[derive(Parser)]
#[command(about = "Measures a running Chatalot server: sends, latency, CPU, memory")]
struct Arguments {
    /// The server's address, for example http://127.0.0.1:8080
    #[arg(long)]
    url: String,
    /// An invite with a use for every account
    #[arg(long)]
    invite: String,
    /// The process id of the server
    #[arg(long)]
    server_pid: u32,
    /// The process id of the postmaster
    #[arg(long)]
    database_pid: u32,
    /// psql, to measure what PostgreSQL alone can take
    #[arg(long)]
    psql: PathBuf,
    /// The connection string for psql
    #[arg(long)]
    database_url: String,
    /// Pairs of people that talk
    #[arg(long, default_value_t = 64)]
    pairs: usize,
    /// Sends of one pair that may be unacknowledged
    #[arg(long, default_value_t = 2)]
    window: usize,
    /// Size of a sealed body in bytes
    #[arg(long, default_value_t = 200)]
    body: usize,
    /// Seconds before the measuring
    #[arg(long, default_value_t = 5)]
    warm_up: u64,
    /// Seconds of measuring
    #[arg(long, default_value_t = 30)]
    seconds: u64,
    /// Idle sockets for the memory of one
    #[arg(long, default_value_t = 1000)]
    idle_sockets: usize,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let server = process::Process::server(arguments.server_pid);
    let database = process::Process::database(arguments.database_pid);
    let rss_idle = server.rss_bytes()?;

    eprintln!("registering {} accounts", arguments.pairs * 2);
    let people = account::register(&arguments.url, &arguments.invite, arguments.pairs * 2).await?;

    eprintln!("opening {} idle sockets", arguments.idle_sockets);
    let per_socket =
        socket::idle_cost(&arguments.url, &people, arguments.idle_sockets, &server).await?;

    eprintln!(
        "{} pairs, {} s after {} s",
        arguments.pairs, arguments.seconds, arguments.warm_up
    );
    let plan = load::Plan {
        window: arguments.window,
        body: arguments.body,
        warm_up: Duration::from_secs(arguments.warm_up),
        measured: Duration::from_secs(arguments.seconds),
    };
    let measured = load::run(&arguments.url, &people, &plan, &server, &database).await?;

    eprintln!("what PostgreSQL alone takes");
    let floor = floor::rows_per_second(&arguments.psql, &arguments.database_url)?;

    report::print(&report::Figures {
        rss_idle,
        per_socket,
        measured,
        floor,
    });
    Ok(())
}
