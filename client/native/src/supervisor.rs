//! Holding the home's machine, or being the guest of the program that does, and
//! changing from one to the other.
//!
//! ```text
//!            lock is free                    the holder has gone
//!  looking ───────────────▶ holder    guest ─────────────────────▶ looking
//!     │                                 ▲
//!     └──────── somebody answers ───────┘
//! ```
//!
//! A command that has no answer when the holder goes is asked again. That is
//! safe: sending is idempotent by message id, and the other commands may be
//! asked twice.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use rand_core::CryptoRng;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::task::{JoinSet, block_in_place};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use chat_client::{Command, Failure, FailureCode};

use crate::client::{ClientError, ClientOptions, Reach, Update};
use crate::driver::{Driver, DriverError, DriverParts, Forwarded, Outcome};
use crate::home::Home;
use crate::host::Host;
use crate::link::LinkState;
use crate::local::{self, FORMAT, FromHolder, ToHolder};
use crate::lock::{HomeLock, LOCK_POLL, LOCK_WAIT, LOCK_WAIT_SILENT, LockError};
use crate::store::Store;
use crate::store_key::StoreKey;

/// Commands that wait for the driver, of this program and its guests together.
const COMMANDS_WAITING: usize = 256;

/// How long a holder that ends waits for answers to its guests' commands. They
/// lose nothing when it is over: they ask the next holder.
const GUESTS_GRACE: Duration = Duration::from_secs(2);

/// How long a holder may take to greet.
const GREETING_LIMIT: Duration = Duration::from_secs(2);

/// A command from the program itself.
#[derive(Debug)]
pub(crate) struct Request {
    pub command: Command,
    pub answer: oneshot::Sender<Outcome>,
}

/// What a program is on its home.
pub(crate) enum Role<R> {
    Holder {
        lock: HomeLock,
        driver: Box<Driver<R>>,
    },
    Guest {
        lines: Lines<BufReader<OwnedReadHalf>>,
        writer: OwnedWriteHalf,
    },
}

/// How a role ended.
enum Ended {
    /// This client was closed.
    Closed,
    /// The holder has gone; look for a new role.
    HolderGone,
    /// There is no going on.
    Failed(String),
}

/// Commands without an answer, in the order in which they came.
#[derive(Default)]
pub(crate) struct Pending {
    commands: Mutex<(u64, BTreeMap<u64, Request>)>,
}

impl Pending {
    fn with<T>(&self, act: impl FnOnce(&mut u64, &mut BTreeMap<u64, Request>) -> T) -> T {
        // Nothing that runs under the lock can panic half-way.
        let mut commands = self.commands.lock().unwrap_or_else(PoisonError::into_inner);
        let (last, map) = &mut *commands;
        act(last, map)
    }

    fn add(&self, request: Request) -> (u64, Command) {
        self.with(|last, map| {
            *last += 1;
            let command = request.command.clone();
            map.insert(*last, request);
            (*last, command)
        })
    }

    fn all(&self) -> Vec<(u64, Command)> {
        self.with(|_, map| {
            map.iter()
                .map(|(id, request)| (*id, request.command.clone()))
                .collect()
        })
    }

    fn resolve(&self, id: u64, outcome: Outcome) {
        if let Some(request) = self.with(|_, map| map.remove(&id)) {
            // Who asked may have gone meanwhile.
            let _gone = request.answer.send(outcome);
        }
    }

    fn fail_all(&self, reason: &str) {
        for (id, _) in self.all() {
            let failure = Failure {
                code: FailureCode::Store,
                reason: None,
                message: reason.to_owned(),
            };
            self.resolve(id, Err(failure));
        }
    }
}

/// The task behind a client.
pub(crate) struct Supervisor<R> {
    pub home: Home,
    pub options: ClientOptions<R>,
    pub requests: mpsc::Receiver<Request>,
    pub updates: broadcast::Sender<Update>,
    pub link_state: Arc<watch::Sender<LinkState>>,
    pub pending: Arc<Pending>,
    pub stop: CancellationToken,
}

impl<R: CryptoRng + Clone + Send + Sync + 'static> Supervisor<R> {
    /// Takes the lock, or finds the program that has it. One that has it and
    /// does not answer is just starting or just ending: that passes.
    pub async fn find_role(&self) -> Result<Role<R>, ClientError> {
        let since = Instant::now();
        let mut was_told = false;
        loop {
            if let Some(lock) = HomeLock::try_take(&self.home)? {
                return block_in_place(|| self.open_driver(lock));
            }
            if let Some(guest) = self.visit().await? {
                return Ok(guest);
            }
            if since.elapsed() >= LOCK_WAIT {
                return Err(LockError::Held {
                    folder: self.home.folder().to_owned(),
                }
                .into());
            }
            if since.elapsed() >= LOCK_WAIT_SILENT && !was_told {
                was_told = true;
                tracing::warn!(
                    "another program uses {}; waiting for it",
                    self.home.folder().display()
                );
            }
            sleep(LOCK_POLL).await;
        }
    }

    fn open_driver(&self, lock: HomeLock) -> Result<Role<R>, ClientError> {
        let mut rng = self.options.rng.clone();
        let key = StoreKey::of_home(&self.home, &mut rng)?;
        let store = Store::open(&self.home.store(), &key, &mut rng)?;
        let parts = DriverParts {
            store,
            clock: self.options.clock.clone(),
            rng,
            updates: self.updates.clone(),
            link_state: self.link_state.clone(),
        };
        let driver = Driver::open(parts).map_err(|error| match error {
            DriverError::Store(error) => ClientError::Store(error),
            DriverError::Open(error) => error.into(),
        })?;
        Ok(Role::Holder {
            lock,
            driver: Box::new(driver),
        })
    }

    async fn visit(&self) -> Result<Option<Role<R>>, ClientError> {
        let Ok(stream) = local::connect(&self.home) else {
            return Ok(None);
        };
        if !local::is_same_user(&stream) {
            return Ok(None);
        }
        let (reader, writer) = stream.into_split();
        let mut lines = BufReader::new(reader).lines();
        match timeout(GREETING_LIMIT, lines.next_line()).await {
            Ok(Ok(Some(text))) => match serde_json::from_str(&text) {
                Ok(FromHolder::Hello { format: FORMAT }) => Ok(Some(Role::Guest { lines, writer })),
                _ => Err(ClientError::OtherVersion),
            },
            _ => Ok(None),
        }
    }

    pub async fn run(mut self, first: Role<R>) {
        let mut role = first;
        loop {
            let ended = match role {
                Role::Holder { lock, driver } => self.hold(lock, driver).await,
                Role::Guest { lines, writer } => self.be_guest(lines, writer).await,
            };
            match ended {
                Ended::Closed => return,
                Ended::Failed(reason) => return self.give_up(reason),
                Ended::HolderGone => {}
            }
            tracing::info!("the program that held this home has gone");
            self.link_state.send_replace(LinkState::Connecting);
            let stop = self.stop.clone();
            let found = tokio::select! {
                found = self.find_role() => found,
                () = stop.cancelled() => return,
            };
            role = match found {
                Ok(role) => role,
                Err(error) => return self.give_up(format!("{}.", crate::system::chain(&error))),
            };
            let _unheard = self.updates.send(Update::Missed);
        }
    }

    fn give_up(&self, reason: String) {
        self.pending.fail_all(&reason);
        self.link_state.send_replace(LinkState::Ended { reason });
    }

    async fn hold(&mut self, lock: HomeLock, mut driver: Box<Driver<R>>) -> Ended {
        let (commands, queue) = mpsc::channel(COMMANDS_WAITING);
        let (driver_stop, host_stop) = (CancellationToken::new(), CancellationToken::new());
        let (busy, mut unanswered) = watch::channel(0);
        let mut host = JoinSet::new();
        // Who stays on this device has nothing to offer to a guest that does not,
        // and is done in a moment.
        let server = match self.options.reach {
            Reach::ThisDevice => None,
            Reach::Server => {
                let listener = match local::listen(&self.home) {
                    Ok(listener) => listener,
                    Err(error) => return Ended::Failed(ClientError::Socket(error).to_string()),
                };
                let (updates, link) = (self.updates.clone(), self.link_state.subscribe());
                let serving = Host {
                    commands: commands.clone(),
                    updates,
                    link,
                    busy,
                };
                host.spawn(serving.serve(listener, host_stop.clone()));
                driver.server()
            }
        };
        let mut driving = JoinSet::new();
        driving.spawn(driver.run(queue, server, driver_stop.clone()));
        let stop = self.stop.clone();
        let ended = tokio::select! {
            ended = driving.join_next() => Ended::Failed(match ended {
                Some(Ok(Err(error))) => format!("{}.", crate::system::chain(&error)),
                _ => "The driver of this device has ended.".to_owned(),
            }),
            () = self.forward(&commands) => Ended::Closed,
            () = stop.cancelled() => Ended::Closed,
        };
        host_stop.cancel();
        if matches!(ended, Ended::Closed) {
            let answered = async {
                while *unanswered.borrow_and_update() > 0 && unanswered.changed().await.is_ok() {}
            };
            let _late = timeout(GUESTS_GRACE, answered).await;
            driver_stop.cancel();
            driving.join_next().await;
        }
        // In this order: the next holder puts its own socket in the place of
        // ours, and a guest takes the end of its connection for a free lock.
        let _not_there = std::fs::remove_file(self.home.socket());
        drop(lock);
        drop(host);
        ended
    }

    /// Hands this program's commands to the driver, and the answers back.
    async fn forward(&mut self, commands: &mpsc::Sender<Forwarded>) {
        let mut answers = FuturesUnordered::new();
        let mut waiting = self.pending.all().into_iter();
        loop {
            let (id, command) = if let Some(earlier) = waiting.next() {
                earlier
            } else {
                tokio::select! {
                    request = self.requests.recv() => match request {
                        Some(request) => self.pending.add(request),
                        None => return,
                    },
                    Some((id, outcome)) = answers.next() => {
                        // Without an outcome the driver has ended, and whoever
                        // waits for that answers everything.
                        if let Ok(outcome) = outcome {
                            self.pending.resolve(id, outcome);
                        }
                        continue;
                    }
                }
            };
            let (answer, answered) = oneshot::channel();
            answers.push(async move { (id, answered.await) });
            if commands.send(Forwarded { command, answer }).await.is_err() {
                // The driver has ended; see above.
                std::future::pending::<()>().await;
            }
        }
    }

    async fn be_guest(
        &mut self,
        mut lines: Lines<BufReader<OwnedReadHalf>>,
        mut writer: OwnedWriteHalf,
    ) -> Ended {
        let pending = self.pending.clone();
        let (updates, link_state) = (self.updates.clone(), self.link_state.clone());
        let stop = self.stop.clone();
        let reading = async {
            loop {
                let Ok(Some(text)) = lines.next_line().await else {
                    return Ended::HolderGone;
                };
                match serde_json::from_str(&text) {
                    Ok(FromHolder::Answer { id, outcome }) => pending.resolve(id, outcome),
                    Ok(FromHolder::Event { event }) => {
                        let _unheard = updates.send(Update::Event(Box::new(event)));
                    }
                    Ok(FromHolder::Missed) => {
                        let _unheard = updates.send(Update::Missed);
                    }
                    Ok(FromHolder::Link { link }) => {
                        link_state.send_replace(link);
                    }
                    Ok(FromHolder::Hello { .. }) => {}
                    Err(_) => return Ended::Failed(ClientError::OtherVersion.to_string()),
                }
            }
        };
        let writing = async {
            let mut waiting = self.pending.all().into_iter();
            loop {
                let (id, command) = if let Some(earlier) = waiting.next() {
                    earlier
                } else if let Some(request) = self.requests.recv().await {
                    self.pending.add(request)
                } else {
                    return Ended::Closed;
                };
                let message = local::line(&ToHolder::Command { id, command });
                if writer.write_all(&message).await.is_err() {
                    return Ended::HolderGone;
                }
            }
        };
        tokio::select! {
            ended = reading => ended,
            ended = writing => ended,
            () = stop.cancelled() => Ended::Closed,
        }
    }
}
