//! One device, for a program that wants to use it.

use std::sync::Arc;
use std::time::Duration;

use rand_core::CryptoRng;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use chat_client::{Command, Event, Failure, FailureCode, OpenError, Reply};

use crate::home::{Home, HomeError};
use crate::link::LinkState;
use crate::lock::LockError;
use crate::store::StoreError;
use crate::store_key::StoreKeyError;
use crate::supervisor::{Request, Supervisor};
use crate::system::Clock;

/// Commands that wait to be taken. More callers than this wait in line.
const REQUESTS_WAITING: usize = 64;

/// Events that a slow listener may be behind before it is told that it missed
/// some. A page of the log and what comes with it fits in.
const UPDATES_BEHIND: usize = 2048;

/// Whether a client needs the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Keep a connection to the server.
    Server,
    /// What is on this device is enough.
    ThisDevice,
}

/// What a client is opened with, besides its home.
#[derive(Clone)]
pub struct ClientOptions<R> {
    /// Whether it needs the server.
    pub reach: Reach,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Gives randomness.
    pub rng: R,
}

/// Why a home does not open.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody has registered here.
    #[error("there is no account in this home")]
    NoAccount,
    /// The folder cannot be used.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// Another program holds the home and does not serve.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The program that holds the home speaks another format.
    #[error("another version of this program uses this home")]
    OtherVersion,
    /// The store's key cannot be had.
    #[error(transparent)]
    Key(#[from] StoreKeyError),
    /// The store cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store does not make a machine.
    #[error(transparent)]
    Open(OpenError),
    /// Other programs on this home cannot be served.
    #[error("no socket can be made in the home's folder")]
    Socket(#[source] std::io::Error),
}

impl From<OpenError> for ClientError {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::NoAccount => Self::NoAccount,
            error => Self::Open(error),
        }
    }
}

/// Why a client is not online.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotOnline {
    /// The server cannot be reached.
    #[error("{0}")]
    Unreachable(String),
    /// There is a server, and it does not want to talk.
    #[error("{0}")]
    Refused(String),
    /// The session has ended.
    #[error("{0}")]
    SignedOut(String),
    /// This client cannot go on.
    #[error("{0}")]
    Ended(String),
}

/// Something a listener may want to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Update {
    /// The machine's event.
    Event(Box<Event>),
    /// Some events were left out: the listener was too slow, or another program
    /// held the home meanwhile. Look at the timelines again.
    Missed,
}

/// The updates of one client, from when they were asked for.
#[derive(Debug)]
pub struct Updates(broadcast::Receiver<Update>);

impl Updates {
    /// An update that is here already.
    pub fn next_now(&mut self) -> Option<Update> {
        match self.0.try_recv() {
            Ok(update) => Some(update),
            Err(TryRecvError::Lagged(_)) => Some(Update::Missed),
            Err(TryRecvError::Empty | TryRecvError::Closed) => None,
        }
    }

    /// The next update; `None` once the client has ended. Cancel safe.
    pub async fn next(&mut self) -> Option<Update> {
        match self.0.recv().await {
            Ok(update) => Some(update),
            Err(RecvError::Lagged(_)) => Some(Update::Missed),
            Err(RecvError::Closed) => None,
        }
    }
}

/// The answer to a command, once it is there.
#[derive(Debug)]
pub struct Answer {
    answered: oneshot::Receiver<Result<Reply, Failure>>,
    link: watch::Receiver<LinkState>,
}

impl Answer {
    /// Waits for it.
    ///
    /// # Errors
    /// The machine's [`Failure`].
    pub async fn outcome(mut self) -> Result<Reply, Failure> {
        match (&mut self.answered).await {
            Ok(outcome) => outcome,
            Err(_) => Err(self.ended()),
        }
    }

    fn ended(&self) -> Failure {
        let message = match &*self.link.borrow() {
            LinkState::Ended { reason } => reason.clone(),
            _ => "This device is closed.".to_owned(),
        };
        Failure {
            code: FailureCode::Store,
            reason: None,
            message,
        }
    }
}

/// One device, whichever program holds it. Dropping it ends its tasks at once;
/// [`Client::close`] ends them in order.
#[derive(Debug)]
pub struct Client {
    requests: mpsc::Sender<Request>,
    updates: broadcast::Sender<Update>,
    link: watch::Receiver<LinkState>,
    stop: CancellationToken,
    supervisor: JoinSet<()>,
}

impl Client {
    /// Opens the device of a home, with every update from the first one on. Needs
    /// a multi-threaded tokio runtime.
    ///
    /// # Errors
    /// [`ClientError`]; whether the server can be reached is no part of it.
    pub async fn open<R>(
        home: &Home,
        options: ClientOptions<R>,
    ) -> Result<(Self, Updates), ClientError>
    where
        R: CryptoRng + Clone + Send + Sync + 'static,
    {
        if !home.has_store() {
            return Err(ClientError::NoAccount);
        }
        let (requests, queue) = mpsc::channel(REQUESTS_WAITING);
        let (updates, first_updates) = broadcast::channel(UPDATES_BEHIND);
        let (link_state, link) = watch::channel(LinkState::Connecting);
        let stop = CancellationToken::new();
        let supervisor = Supervisor {
            home: home.clone(),
            options,
            requests: queue,
            updates: updates.clone(),
            link_state: Arc::new(link_state),
            pending: Arc::default(),
            stop: stop.clone(),
        };
        let role = supervisor.find_role().await?;
        let mut task = JoinSet::new();
        task.spawn(supervisor.run(role));
        let client = Self {
            requests,
            updates,
            link,
            stop,
            supervisor: task,
        };
        Ok((client, Updates(first_updates)))
    }

    /// Hands a command to the machine. Commands reach it in the order in which
    /// this returns.
    ///
    /// # Errors
    /// A [`Failure`] when this client has ended.
    pub async fn submit(&self, command: Command) -> Result<Answer, Failure> {
        let (sender, answered) = oneshot::channel();
        let answer = Answer {
            answered,
            link: self.link.clone(),
        };
        match self
            .requests
            .send(Request {
                command,
                answer: sender,
            })
            .await
        {
            Ok(()) => Ok(answer),
            Err(_) => Err(answer.ended()),
        }
    }

    /// Hands a command to the machine and waits for its answer. Dropping the
    /// future does not take the command back.
    ///
    /// # Errors
    /// The machine's [`Failure`].
    pub async fn command(&self, command: Command) -> Result<Reply, Failure> {
        self.submit(command).await?.outcome().await
    }

    /// The connection, to wait for its changes.
    #[must_use]
    pub fn watch_link(&self) -> watch::Receiver<LinkState> {
        self.link.clone()
    }

    /// The updates from now on.
    #[must_use]
    pub fn updates(&self) -> Updates {
        Updates(self.updates.subscribe())
    }

    /// How the connection stands now.
    #[must_use]
    pub fn link(&self) -> LinkState {
        self.link.borrow().clone()
    }

    /// Waits until the server has let this device in.
    ///
    /// # Errors
    /// [`NotOnline`]: at once when waiting is of no use, and after `patience`
    /// while the server cannot be reached.
    pub async fn online(&self, patience: Duration) -> Result<(), NotOnline> {
        let mut link = self.link.clone();
        let waiting = async {
            loop {
                match link.borrow_and_update().clone() {
                    LinkState::Online => return Ok(()),
                    LinkState::Refused { reason } => return Err(NotOnline::Refused(reason)),
                    LinkState::SignedOut { reason } => return Err(NotOnline::SignedOut(reason)),
                    LinkState::Ended { reason } => return Err(NotOnline::Ended(reason)),
                    LinkState::Connecting
                    | LinkState::Lost { .. }
                    | LinkState::Unreachable { .. } => {}
                }
                if link.changed().await.is_err() {
                    return Err(NotOnline::Ended("This device is closed.".to_owned()));
                }
            }
        };
        if let Ok(outcome) = timeout(patience, waiting).await {
            return outcome;
        }
        Err(NotOnline::Unreachable(match self.link() {
            LinkState::Unreachable { reason } => reason,
            LinkState::Lost { reason } => format!("The connection was lost: {reason}."),
            _ => "The server did not answer in time.".to_owned(),
        }))
    }

    /// Ends when the server has been out of reach for `patience` without a
    /// break, or for good.
    pub async fn offline_for(&self, patience: Duration) -> NotOnline {
        let mut link = self.link.clone();
        loop {
            if let Err(reason) = self.online(patience).await {
                return reason;
            }
            // An error means that the client has ended; `online` then says so.
            let _ended = link.wait_for(|state| *state != LinkState::Online).await;
        }
    }

    /// Ends in order: frames that wait leave, commands of other programs get
    /// their answers if those are near, the home is free for the next program.
    pub async fn close(mut self) {
        self.stop.cancel();
        while self.supervisor.join_next().await.is_some() {}
    }
}
