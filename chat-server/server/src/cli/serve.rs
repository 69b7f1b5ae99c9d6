//! `chatalot-server serve`.

use std::io::Write as _;
use std::sync::Arc;

use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};

use crate::clock::SystemClock;
use crate::config::Config;
use crate::random::SystemRandom;
use crate::serve::{Server, Surroundings};
use crate::telemetry;

pub(super) fn run(config: &Config) -> anyhow::Result<()> {
    telemetry::start_log(&config.log);
    super::runtime()?.block_on(serve(config))
}

async fn serve(config: &Config) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("signals can be listened for")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("signals can be listened for")?;
    let surroundings = Surroundings {
        clock: Arc::new(SystemClock),
        random: Arc::new(SystemRandom),
    };
    let server = tokio::select! {
        server = Server::start(config, surroundings) => server?,
        _ = terminate.recv() => return Ok(()),
        _ = interrupt.recv() => return Ok(()),
    };
    let mut stdout = std::io::stdout();
    // Whoever started the server may have closed its standard output.
    let _ = writeln!(
        stdout,
        "listening on {} ({})",
        server.address(),
        server.public_url()
    );
    let _ = stdout.flush();
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tokio::select! {
        () = server.stop() => {}
        // Asked twice: whoever waits does not want to wait.
        _ = interrupt.recv() => {}
    }
    Ok(())
}
