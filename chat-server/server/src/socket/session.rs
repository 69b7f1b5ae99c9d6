//! A connection after its Hello.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::WebSocket;
use bytes::Bytes;
use chat_protocol::frame::{self, client_frame, server_frame};
use chat_protocol::{ErrorCode, limits};
use chat_store::login::Login;
use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::time::{Instant, Sleep, sleep_until};

use super::hello;
use super::send::Stalled;
use super::wire::{Close, Ended, Wire};
use crate::app::App;
use crate::failure::Refusal;
use crate::frames;
use crate::hub::{Connection, Ending, Registered};

const IDLE_TIMEOUT: Duration = Duration::from_secs(limits::IDLE_TIMEOUT_SECONDS);
/// Clients come back after a random part of this, so that they do not come back
/// as one.
const DRAIN_JITTER_MS: u32 = 2000;
/// Frames that one write takes at most, so that reading has its turn.
const FRAMES_OF_ONE_WRITE: usize = 128;
/// Frames that are read in one turn at most, so that writing has its turn.
const FRAMES_OF_ONE_READ: usize = 64;

/// Serves one socket until it ends.
pub(crate) async fn serve(app: Arc<App>, socket: WebSocket) {
    let mut wire = Wire(socket);
    // Boxed: what it takes to open a connection is given back once it is open, and
    // not kept by every idle one.
    let opened = tokio::select! {
        opened = Box::pin(hello::greet(&app, &mut wire)) => opened,
        () = app.lifecycle.draining.cancelled() => Err(Ended {
            close: Close::Restart,
            problem: None,
        }),
    };
    let ended = match opened {
        Ok(opened) => {
            let mut session = Session {
                login: opened.login.into(),
                registered: opened.registered,
                wire,
                requests: FuturesUnordered::new(),
                stalled: None,
                phase: Phase::Open,
                heard: Instant::now(),
                idle: Box::pin(sleep_until(Instant::now() + IDLE_TIMEOUT)),
                app,
            };
            // One that entered the hub after everybody there was told.
            if session.app.lifecycle.draining.is_cancelled() {
                session.connection().drain();
            }
            let ended = session.run().await;
            wire = session.wire;
            // It leaves the hub before the close is waited for.
            drop(session.registered);
            ended
        }
        Err(ended) => ended,
    };
    wire.close(ended).await;
}

/// Whether the connection goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Open,
    /// Nothing more is read; what is under way is answered.
    Draining,
}

pub(super) struct Session {
    pub app: Arc<App>,
    pub login: Arc<Login>,
    registered: Registered,
    wire: Wire,
    requests: FuturesUnordered<BoxFuture<'static, Bytes>>,
    /// A message that waits for room in the queue; nothing is read meanwhile.
    pub stalled: Option<Stalled>,
    phase: Phase,
    heard: Instant,
    idle: Pin<Box<Sleep>>,
}

impl Session {
    pub fn connection(&self) -> &Arc<Connection> {
        self.registered.connection()
    }

    async fn run(&mut self) -> Ended {
        loop {
            match self.turn().await {
                Ok(()) => {}
                Err(ended) => return ended,
            }
        }
    }

    /// Writes what waits, then waits for the next thing to happen and does it.
    async fn turn(&mut self) -> Result<(), Ended> {
        if self.phase == Phase::Open && self.connection().is_draining() {
            self.begin_drain();
        }
        self.write().await?;
        if self.phase == Phase::Draining && self.has_answered_all() {
            return Err(Ended {
                close: Close::Restart,
                problem: None,
            });
        }
        let may_read = self.may_read();
        let Self {
            registered,
            wire,
            requests,
            stalled,
            idle,
            ..
        } = self;
        tokio::select! {
            () = registered.connection().woken() => Ok(()),
            Some(answer) = requests.next(), if !requests.is_empty() => {
                registered.connection().push_owed(answer);
                Ok(())
            }
            reserved = super::send::room(stalled), if stalled.is_some() => {
                self.resume(reserved)
            }
            frame = wire.next(), if may_read => {
                self.heard = Instant::now();
                self.take(frame?).await
            }
            () = idle => self.check_silence(),
        }
    }

    /// A client that has more under way than it may is not read until some of it
    /// is answered.
    fn may_read(&self) -> bool {
        self.phase == Phase::Open
            && self.stalled.is_none()
            && self.requests.len() < limits::REQUESTS_IN_FLIGHT
            && self.connection().unacknowledged() < limits::SENDS_IN_FLIGHT
    }

    fn has_answered_all(&self) -> bool {
        self.requests.is_empty()
            && self.stalled.is_none()
            && self.connection().unacknowledged() == 0
            && self.connection().outbox().is_empty()
    }

    /// Writes everything that waits, many frames at once.
    async fn write(&mut self) -> Result<(), Ended> {
        let mut frames = Vec::new();
        loop {
            let ending = {
                let mut outbox = self.registered.connection().outbox();
                outbox.take(FRAMES_OF_ONE_WRITE, &mut frames);
                outbox.ending()
            };
            if frames.is_empty() {
                return ending.map_or(Ok(()), |ending| Err(ended(ending)));
            }
            self.wire.write(&mut frames).await?;
        }
    }

    /// Takes one frame, and those that are here already.
    async fn take(&mut self, first: client_frame::Frame) -> Result<(), Ended> {
        self.take_one(first).await?;
        for _ in 1..FRAMES_OF_ONE_READ {
            if !self.may_read() {
                break;
            }
            match self.wire.next_now() {
                Some(frame) => self.take_one(frame?).await?,
                None => break,
            }
        }
        Ok(())
    }

    async fn take_one(&mut self, frame: client_frame::Frame) -> Result<(), Ended> {
        match frame {
            client_frame::Frame::Send(send) => self.send(send).await,
            client_frame::Frame::Request(request) => {
                let answer = super::request::answer(self.app.clone(), self.login.clone(), request);
                self.requests.push(Box::pin(answer));
                Ok(())
            }
            client_frame::Frame::Ping(ping) => {
                let answer = frame::Pong { nonce: ping.nonce };
                let answer = frames::encode(server_frame::Frame::Pong(answer));
                self.connection().push_owed(answer);
                Ok(())
            }
            client_frame::Frame::Hello(_) => Err(Ended::problem(
                Close::Protocol,
                Refusal::new(
                    ErrorCode::MalformedRequest,
                    "A Hello is the first frame, and only the first.",
                ),
            )),
        }
    }

    /// The timer runs from the last time it was set: most of the time something
    /// was heard since, and it is set anew, once in a while instead of per frame.
    fn check_silence(&mut self) -> Result<(), Ended> {
        let until = self.heard + IDLE_TIMEOUT;
        // One that is not read, for it has too much under way, is not silent.
        let until = if self.may_read() {
            until
        } else {
            until.max(Instant::now() + IDLE_TIMEOUT / 3)
        };
        if until <= Instant::now() {
            return Err(Ended::gone());
        }
        self.idle.as_mut().reset(until);
        Ok(())
    }

    fn begin_drain(&mut self) {
        self.phase = Phase::Draining;
        self.stalled = None;
        let drain = frame::Drain {
            jitter_ms: DRAIN_JITTER_MS,
        };
        self.connection()
            .push_owed(frames::encode(server_frame::Frame::Drain(drain)));
    }
}

fn ended(ending: Ending) -> Ended {
    match ending {
        Ending::SignedOut => Ended::problem(
            Close::Policy,
            crate::app::login::not_signed_in().into_refusal(),
        ),
        Ending::Slow => Ended::problem(
            Close::TryAgain,
            Refusal::new(
                ErrorCode::Overloaded,
                "The client does not take the answers to what it asked.",
            ),
        ),
    }
}
