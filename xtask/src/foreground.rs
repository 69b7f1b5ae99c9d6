//! `up` in a terminal: it stays until Ctrl-C, or until something ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use chat_testkit::log;
use chat_testkit::process::Process;
use chat_testkit::wait;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::down;
use crate::instance::Instance;
use crate::progress::Progress;

/// One look at the programs takes no longer than this before the next begins;
/// the wait itself has no end but an event.
const ROUND: Duration = Duration::from_mins(1);

/// Whether somebody asked this program to end. The programs it starts have
/// sessions of their own, so Ctrl-C reaches this one alone, which then ends them
/// in their order.
#[derive(Debug)]
pub struct Interrupt {
    came: Arc<AtomicBool>,
}

impl Interrupt {
    /// From now on the usual signals are noted instead of ending the program.
    pub fn listen() -> Result<Self> {
        let came = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            signal_hook::flag::register(signal, Arc::clone(&came))
                .context("signals can be listened to")?;
        }
        Ok(Self { came })
    }

    pub fn came(&self) -> bool {
        self.came.load(Ordering::Relaxed)
    }
}

/// Why the watch ended.
#[derive(Clone, Copy, Debug)]
enum Event {
    Interrupted,
    Ended(&'static str),
}

/// Watches until Ctrl-C, which stops everything, or until the server or
/// PostgreSQL ends.
pub fn watch(
    instance: &Instance,
    progress: Progress,
    interrupt: &Interrupt,
    server: &Process,
    postgres: &Process,
) -> Result<()> {
    let event = loop {
        let seen = wait::until("something happens", ROUND, || {
            if interrupt.came() {
                return Ok(Some(Event::Interrupted));
            }
            if !server.is_running() {
                return Ok(Some(Event::Ended("the server")));
            }
            Ok((!postgres.is_running()).then_some(Event::Ended("PostgreSQL")))
        });
        if let Ok(event) = seen {
            break event;
        }
    };
    // `down` removes the pid files before it stops anything.
    let on_purpose = !instance.server_pid().path().exists();
    match event {
        Event::Interrupted => down::stop(instance, progress),
        Event::Ended(_) if on_purpose => {
            progress.note("Stopped by `cargo xtask down`");
            Ok(())
        }
        Event::Ended(who) => {
            down::stop(instance, progress)?;
            bail!(
                "{who} has ended by itself; nothing is lost, `cargo xtask up` starts it again. \
                 The end of the server's log:\n{}",
                log::tail(&instance.server_log(), 12)
            )
        }
    }
}
