//! The one task that feeds the machine and carries out its effects.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use rand_core::CryptoRng;
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::task::{JoinSet, block_in_place};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

use chat_client::{
    Change, Command, CommandId, Effect, Event, Failure, FailureCode, Input, Machine, OpenError,
    Reply,
};

use crate::address::ServerAddress;
use crate::client::Update;
use crate::link::{LinkReport, LinkState, keep_connected};
use crate::store::{Store, StoreError};
use crate::system::Clock;

/// Inputs that are taken together, so that their changes share one commit. A
/// commit waits for the disk; without this a backlog would wait for it once per
/// message.
const INPUTS_AT_ONCE: usize = 64;

/// Reports of the link that wait for the driver. While this is full, the link
/// stops reading and the server notices.
const REPORTS_WAITING: usize = 256;

/// How often the machine is told that time passes.
const TICK: Duration = Duration::from_secs(1);

/// How long the last frames may take to leave when the driver ends.
const FLUSH_LIMIT: Duration = Duration::from_secs(1);

/// The outcome of a command.
pub(crate) type Outcome = Result<Reply, Failure>;

/// A command on its way to the machine.
pub(crate) struct Forwarded {
    pub command: Command,
    pub answer: oneshot::Sender<Outcome>,
}

/// Why the driver cannot go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DriverError {
    #[error("the store failed")]
    Store(#[from] StoreError),
    #[error("the machine does not open")]
    Open(#[from] OpenError),
}

/// What a driver is made of, besides its machine.
pub(crate) struct DriverParts<R> {
    pub store: Store,
    pub clock: Arc<dyn Clock>,
    pub rng: R,
    pub updates: broadcast::Sender<Update>,
    pub link_state: Arc<watch::Sender<LinkState>>,
}

/// One machine, its store and its connection.
pub(crate) struct Driver<R> {
    machine: Machine,
    parts: DriverParts<R>,
    answers: HashMap<CommandId, oneshot::Sender<Outcome>>,
    last_command: CommandId,
    outgoing: Option<mpsc::Sender<Vec<u8>>>,
    signed_out: bool,
}

enum Happening {
    Command(Forwarded),
    Link(LinkReport),
    Tick,
}

impl<R: CryptoRng + Clone + Send + 'static> Driver<R> {
    /// Opens the machine from its store. Blocks on the disk.
    pub fn open(parts: DriverParts<R>) -> Result<Self, DriverError> {
        let machine = Machine::open(&parts.store.at_open()?)?;
        Ok(Self {
            machine,
            parts,
            answers: HashMap::new(),
            last_command: 0,
            outgoing: None,
            signed_out: false,
        })
    }

    /// The server that this device belongs to. The machine answers from memory.
    pub fn server(&mut self) -> Option<ServerAddress> {
        self.last_command += 1;
        let input = Input::Command {
            id: self.last_command,
            command: Command::WhoAmI,
        };
        self.handle(input)
            .into_iter()
            .find_map(|effect| match effect {
                Effect::Answer {
                    outcome: Ok(Reply::WhoAmI { server, .. }),
                    ..
                } => Some(ServerAddress::kept(server)),
                _ => None,
            })
    }

    /// Works until `stop`, or until the store fails for good. With a `server` it
    /// keeps a connection to it.
    pub async fn run(
        mut self,
        mut commands: mpsc::Receiver<Forwarded>,
        server: Option<ServerAddress>,
        stop: CancellationToken,
    ) -> Result<(), DriverError> {
        let (reporter, mut reports) = mpsc::channel(REPORTS_WAITING);
        let mut link = JoinSet::new();
        if let Some(server) = server {
            link.spawn(keep_connected(
                server,
                reporter.clone(),
                self.parts.rng.clone(),
            ));
        }
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let first = tokio::select! {
                () = stop.cancelled() => break,
                Some(command) = commands.recv() => Happening::Command(command),
                Some(report) = reports.recv() => Happening::Link(report),
                _ = ticks.tick() => Happening::Tick,
            };
            let mut happenings = vec![first];
            while happenings.len() < INPUTS_AT_ONCE {
                if let Ok(report) = reports.try_recv() {
                    happenings.push(Happening::Link(report));
                } else if let Ok(command) = commands.try_recv() {
                    happenings.push(Happening::Command(command));
                } else {
                    break;
                }
            }
            block_in_place(|| self.take(happenings))?;
            if self.signed_out {
                // The server has said its last word on this session.
                link.abort_all();
            }
        }
        // Nothing more is read, and what waits to leave may leave.
        let was_connected = self.outgoing.take().is_some();
        drop(reports);
        if was_connected {
            let _late = timeout(FLUSH_LIMIT, link.join_next()).await;
        }
        Ok(())
    }

    fn take(&mut self, happenings: Vec<Happening>) -> Result<(), DriverError> {
        let mut effects = Vec::new();
        for happening in happenings {
            match happening {
                Happening::Tick => effects.extend(self.handle(Input::Tick)),
                Happening::Link(LinkReport::Frame(frame)) => {
                    effects.extend(self.handle(Input::Frame(frame)));
                }
                Happening::Command(Forwarded { command, answer }) => {
                    self.last_command += 1;
                    let id = self.last_command;
                    self.answers.insert(id, answer);
                    effects.extend(self.handle(Input::Command { id, command }));
                }
                // A frame made for one connection must not leave on the next, so
                // what came before is carried out first.
                Happening::Link(LinkReport::Up(outgoing)) => {
                    self.carry_out(std::mem::take(&mut effects))?;
                    self.outgoing = Some(outgoing);
                    effects.extend(self.handle(Input::Connected));
                }
                Happening::Link(LinkReport::Down(state)) => {
                    self.carry_out(std::mem::take(&mut effects))?;
                    self.outgoing = None;
                    self.tell_link(state);
                    effects.extend(self.handle(Input::Disconnected));
                }
            }
        }
        self.carry_out(effects)
    }

    fn handle(&mut self, input: Input) -> Vec<Effect> {
        self.machine
            .handle(input, self.parts.clock.now_ms(), &mut self.parts.rng)
    }

    /// Carries effects out in order, with one liberty: changes that stand between
    /// two questions to the store are written together and first. Nothing leaves
    /// the device before what it depends on is stored, and a question still sees
    /// exactly what was written before it.
    fn carry_out(&mut self, effects: Vec<Effect>) -> Result<(), DriverError> {
        let mut queue = VecDeque::from(effects);
        while !queue.is_empty() {
            let is_load = |effect: &Effect| matches!(effect, Effect::Load { .. });
            let until = queue.iter().position(is_load).unwrap_or(queue.len());
            let section: Vec<Effect> = queue.drain(..until).collect();
            let changes: Vec<&Change> = section
                .iter()
                .filter_map(|effect| match effect {
                    Effect::Persist(changes) => Some(changes),
                    _ => None,
                })
                .flatten()
                .collect();
            if !changes.is_empty()
                && let Err(error) = self.parts.store.apply(changes, &mut self.parts.rng)
            {
                return self.begin_again(&error);
            }
            for effect in section {
                self.perform(effect);
            }
            if let Some(Effect::Load { load, query }) = queue.pop_front() {
                match self.parts.store.load(&query) {
                    Ok(records) => queue.extend(self.handle(Input::Loaded { load, records })),
                    Err(error) => return self.begin_again(&error),
                }
            }
        }
        Ok(())
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Persist(_) | Effect::Load { .. } => {}
            Effect::Transmit(frame) => {
                let is_full = self
                    .outgoing
                    .as_ref()
                    .is_some_and(|to| to.try_send(frame).is_err());
                if is_full {
                    tracing::warn!("the connection takes no more frames; giving it up");
                    self.outgoing = None;
                }
            }
            Effect::Answer { id, outcome } => {
                if let Some(answer) = self.answers.remove(&id) {
                    // Who asked may have gone meanwhile.
                    let _gone = answer.send(outcome);
                }
            }
            Effect::Event(event) => {
                match &event {
                    Event::Online => self.tell_link(LinkState::Online),
                    Event::SignedOut { reason } => {
                        self.tell_link(LinkState::SignedOut {
                            reason: reason.clone(),
                        });
                        self.signed_out = true;
                    }
                    _ => {}
                }
                // An error says that nobody listens just now.
                let _unheard = self.parts.updates.send(Update::Event(Box::new(event)));
            }
            Effect::CloseConnection { reason } => {
                tracing::info!(reason, "closing the connection");
                self.outgoing = None;
            }
        }
    }

    fn tell_link(&self, state: LinkState) {
        if !self.signed_out {
            self.parts.link_state.send_replace(state);
        }
    }

    /// The store did not take or give something: what the machine believes is no
    /// longer what is stored, so it begins again from what is.
    fn begin_again(&mut self, error: &StoreError) -> Result<(), DriverError> {
        let reason = crate::system::chain(error);
        tracing::error!(%reason, "the store failed; opening the device again");
        self.outgoing = None;
        for (_, answer) in self.answers.drain() {
            let failure = Failure {
                code: FailureCode::Store,
                reason: None,
                message: capitalised(&reason),
            };
            let _gone = answer.send(Err(failure));
        }
        self.machine = Machine::open(&self.parts.store.at_open()?)?;
        let _unheard = self.parts.updates.send(Update::Missed);
        Ok(())
    }
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| {
        format!("{}{}.", first.to_uppercase(), chars.as_str())
    })
}
