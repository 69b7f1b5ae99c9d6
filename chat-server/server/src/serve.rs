//! A server from its start to its end.
//!
//! ```text
//!  bind ─▶ wait for the database ─▶ migrate ─▶ ready ─▶ … ─▶ drain ─▶ end
//! ```
//!
//! It listens before the database is there, so that `/livez` answers and `/readyz`
//! says what is missing. Its end: readiness off, no new connections, every client
//! is told, what is under way is answered, sockets are closed with 1012, the queue
//! is stored, the program ends. Each step has a bound.

mod accept;
mod upkeep;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use chat_store::{Store, StoreError, StoreOptions};
use tokio::net::TcpListener;
use tokio::sync::RwLock;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::app::membership::Memberships;
use crate::app::{App, Lifecycle, Rates, Settings};
use crate::batcher::{self, Batcher};
use crate::clock::Clock;
use crate::config::Config;
use crate::failure::chain;
use crate::hub::Hub;
use crate::password::Passwords;
use crate::random::Random;
use crate::telemetry;

/// How long the database may be away at the start.
const START_BOUND: Duration = Duration::from_mins(1);
/// How long clients may take to be told and answered at the end.
const DRAIN_BOUND: Duration = Duration::from_secs(8);
/// How long the queue may take to be stored at the end.
const FINISH_BOUND: Duration = Duration::from_secs(4);

/// What a server is given of its surroundings.
pub struct Surroundings {
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Randomness for secrets.
    pub random: Arc<dyn Random>,
}

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address is taken or not of this machine.
    #[error("cannot listen on {0}; is another server running there?")]
    Listen(SocketAddr, #[source] std::io::Error),
    /// The database's URL is not one.
    #[error("database.url (DATABASE_URL) is not the URL of a PostgreSQL database")]
    DatabaseUrl(#[source] StoreError),
    /// The database does not answer.
    #[error("the database does not answer; is PostgreSQL running, and is database.url right?")]
    DatabaseAway(#[source] StoreError),
    /// A migration failed.
    #[error("the database's schema cannot be brought up to this version")]
    Migrate(#[source] StoreError),
}

/// A server that runs.
pub struct Server {
    app: Arc<App>,
    address: SocketAddr,
    accepting: JoinHandle<()>,
    batcher: JoinHandle<()>,
    upkeep: TaskTracker,
    stop_accepting: CancellationToken,
    finish_queue: CancellationToken,
    abandon_queue: CancellationToken,
}

impl Server {
    /// Listens, waits for the database, migrates it, and serves.
    ///
    /// # Errors
    /// [`StartError`] says what is missing.
    #[expect(
        clippy::disallowed_methods,
        reason = "both tasks are awaited in `stop`, by the handles kept here"
    )]
    pub async fn start(config: &Config, surroundings: Surroundings) -> Result<Self, StartError> {
        let store = Store::new(&StoreOptions {
            database_url: config.database.url.clone(),
            max_connections: config.database.max_connections,
        })
        .map_err(StartError::DatabaseUrl)?;
        let listener = TcpListener::bind(config.listen)
            .await
            .map_err(|error| StartError::Listen(config.listen, error))?;
        let address = listener
            .local_addr()
            .map_err(|error| StartError::Listen(config.listen, error))?;
        let (sends, submissions) = batcher::queue();
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let app = Arc::new(App {
            store,
            hub: Arc::new(Hub::default()),
            sends,
            // Half of the cores at most: the other half serves.
            passwords: Passwords::new((cores / 2).max(1)),
            memberships: Memberships::default(),
            rates: Rates::default(),
            publication: RwLock::new(()),
            settings: Settings {
                server_name: config.server_name.clone(),
                public_url: config
                    .public_url
                    .clone()
                    .unwrap_or_else(|| format!("http://{}", reachable(address))),
                metrics: config.metrics,
            },
            clock: surroundings.clock,
            random: surroundings.random,
            lifecycle: Lifecycle::default(),
            metrics: telemetry::start_metrics(),
        });
        let stop_accepting = CancellationToken::new();
        let accepting = tokio::spawn(accept::run(app.clone(), listener, stop_accepting.clone()));
        let finish_queue = CancellationToken::new();
        let abandon_queue = CancellationToken::new();
        let prepared = prepare(&app).await;
        if let Err(error) = prepared {
            stop_accepting.cancel();
            return Err(error);
        }
        let batcher = Batcher::new(
            app.clone(),
            submissions,
            finish_queue.clone(),
            abandon_queue.clone(),
        );
        let batcher = tokio::spawn(batcher.run());
        let upkeep = TaskTracker::new();
        upkeep.spawn(upkeep::positions(app.clone()));
        upkeep.spawn(upkeep::daily(app.clone()));
        upkeep.spawn(upkeep::metrics(app.clone()));
        upkeep.close();
        app.lifecycle.set_migrated();
        Ok(Self {
            app,
            address,
            accepting,
            batcher,
            upkeep,
            stop_accepting,
            finish_queue,
            abandon_queue,
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address that people reach it by.
    #[must_use]
    pub fn public_url(&self) -> &str {
        &self.app.settings.public_url
    }

    /// Ends the server: tells every client, answers what is under way, stores
    /// what waits. Takes a few seconds at most.
    pub async fn stop(self) {
        tracing::info!(connections = self.app.hub.open(), "draining");
        self.stop_accepting.cancel();
        self.app.lifecycle.draining.cancel();
        self.app.hub.for_all(|connection| connection.drain());
        self.app.lifecycle.tasks.close();
        let told = async {
            // Connections that came last are spawned by this task.
            let _ = self.accepting.await;
            self.app.lifecycle.tasks.wait().await;
        };
        if timeout(DRAIN_BOUND, told).await.is_err() {
            tracing::warn!("some clients were not told in time");
        }
        self.finish_queue.cancel();
        let mut batcher = self.batcher;
        if timeout(FINISH_BOUND, &mut batcher).await.is_err() {
            // The database is away. Nobody was told that these are stored: their
            // senders send them again.
            tracing::warn!("messages that wait for the database are left to their senders");
            self.abandon_queue.cancel();
            batcher.abort();
            let _ = batcher.await;
        }
        self.upkeep.wait().await;
        let _ = timeout(Duration::from_secs(1), self.app.store.close()).await;
        tracing::info!("ended");
    }
}

/// An address that a browser on this machine reaches: one that listens everywhere
/// is reached by loopback.
pub(crate) fn reachable(address: SocketAddr) -> String {
    if address.ip().is_unspecified() {
        format!("localhost:{}", address.port())
    } else {
        address.to_string()
    }
}

/// Waits for the database and brings it up to this version.
async fn prepare(app: &App) -> Result<(), StartError> {
    let deadline = tokio::time::Instant::now() + START_BOUND;
    loop {
        match app.store.migrate().await {
            Ok(()) => break,
            Err(error) if error.is_transient() => {
                if tokio::time::Instant::now() >= deadline {
                    return Err(StartError::DatabaseAway(error));
                }
                tracing::warn!(error = %chain(&error), "waiting for the database");
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
            Err(error) => return Err(StartError::Migrate(error)),
        }
    }
    let now_ms = app.now_ms();
    let epoch = app
        .store
        .settle_epoch(now_ms)
        .await
        .map_err(StartError::DatabaseAway)?;
    app.store
        .settle_partitions(now_ms)
        .await
        .map_err(StartError::Migrate)?;
    tracing::info!(epoch, "the database is ready");
    Ok(())
}
