//! The connection to the server: opening it, keeping it, opening it again.

use std::time::Duration;

use futures_util::{SinkExt as _, Stream, StreamExt as _};
use prost::Message as _;
use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep, timeout};
use tokio_tungstenite::tungstenite::client::ClientRequestBuilder;
use tokio_tungstenite::tungstenite::http::StatusCode;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

use chat_protocol::frame::{self, client_frame, server_frame};
use chat_protocol::{ErrorCode, SUBPROTOCOL, limits};

use crate::account::Problem;
use crate::address::ServerAddress;
use crate::backoff::{Backoff, up_to};

/// How long opening a connection may take, TLS included.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// How long one frame may take to leave.
const WRITE_LIMIT: Duration = Duration::from_secs(30);

/// Silence after which the connection counts as lost.
const IDLE_LIMIT: Duration = Duration::from_secs(limits::IDLE_TIMEOUT_SECONDS);

/// How often this side speaks when there is nothing to say.
const PING_INTERVAL: Duration = Duration::from_secs(limits::PING_INTERVAL_SECONDS);

/// Frames that wait to leave: all unanswered sends and requests, and as many
/// again. When even that is full, the connection is not one any more.
const OUTGOING_FRAMES: usize = 2 * (limits::SENDS_IN_FLIGHT + limits::REQUESTS_IN_FLIGHT);

/// How the connection stands, for people and scripts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "camelCase")]
pub enum LinkState {
    /// The first attempt is under way.
    Connecting,
    /// The server has let this device in.
    Online,
    /// There was a connection, and it ended.
    Lost {
        /// Why, as a sentence.
        reason: String,
    },
    /// The server cannot be reached.
    Unreachable {
        /// Why, as a sentence.
        reason: String,
    },
    /// There is a server, and it does not want to talk.
    Refused {
        /// Why, as a sentence.
        reason: String,
    },
    /// The session has ended: only signing in again helps.
    SignedOut {
        /// Why, as a sentence.
        reason: String,
    },
    /// This client cannot go on at all.
    Ended {
        /// Why, as a sentence.
        reason: String,
    },
}

/// What the link tells the driver, in order.
pub(crate) enum LinkReport {
    /// A connection is open. What goes into the queue is sent; dropping the queue
    /// closes the connection once all of it has left.
    Up(mpsc::Sender<Vec<u8>>),
    /// A binary message came in.
    Frame(Vec<u8>),
    /// The connection, or the attempt at one, has ended.
    Down(LinkState),
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Connects, and connects again, until nobody listens to the reports any more.
pub(crate) async fn keep_connected(
    server: ServerAddress,
    reports: mpsc::Sender<LinkReport>,
    mut rng: impl CryptoRng,
) {
    let mut backoff = Backoff::new();
    loop {
        let ended = match connect(&server).await {
            Ok(socket) => {
                let (outgoing, queue) = mpsc::channel(OUTGOING_FRAMES);
                if reports.send(LinkReport::Up(outgoing)).await.is_err() {
                    return;
                }
                tracing::info!(server = %server, "connected");
                converse(socket, queue, &reports).await
            }
            Err(state) => Ended::because(state),
        };
        if ended.was_heard {
            backoff.reset();
        }
        let wait = match ended.drain {
            Some(jitter) => up_to(jitter, &mut rng),
            None => backoff.next(&mut rng),
        };
        if !reports.is_closed() {
            tracing::info!(state = ?ended.state, ?wait, "not connected");
        }
        if reports.send(LinkReport::Down(ended.state)).await.is_err() {
            return;
        }
        tokio::select! {
            () = sleep(wait) => {}
            () = reports.closed() => return,
        }
    }
}

async fn connect(server: &ServerAddress) -> Result<Socket, LinkState> {
    let refused = |reason: String| LinkState::Refused { reason };
    let uri = server.socket().parse().map_err(|_| {
        refused(format!(
            "The server {server} is not an address that can be connected to."
        ))
    })?;
    let request = ClientRequestBuilder::new(uri).with_sub_protocol(SUBPROTOCOL);
    let config = WebSocketConfig::default()
        .max_message_size(Some(limits::FRAME_MAX_BYTES))
        .max_frame_size(Some(limits::FRAME_MAX_BYTES));
    // Frames are small and answered at once: waiting to fill a packet only delays.
    let disable_nagle = true;
    let opening = connect_async_with_config(request, Some(config), disable_nagle);
    match timeout(CONNECT_LIMIT, opening).await {
        Ok(Ok((socket, _response))) => Ok(socket),
        Ok(Err(error)) => Err(failed_to_connect(server, error)),
        Err(_) => Err(LinkState::Unreachable {
            reason: format!(
                "The server {server} did not answer within {} seconds.",
                CONNECT_LIMIT.as_secs()
            ),
        }),
    }
}

/// Tells a server that says no from one that is not there.
fn failed_to_connect(server: &ServerAddress, error: tungstenite::Error) -> LinkState {
    use tungstenite::error::{Error, ProtocolError};
    match error {
        Error::Http(response) => {
            let status = response.status();
            let body = response.into_body().unwrap_or_default();
            // What a proxy says while the server behind it is being restarted.
            if matches!(
                status,
                StatusCode::BAD_GATEWAY
                    | StatusCode::SERVICE_UNAVAILABLE
                    | StatusCode::GATEWAY_TIMEOUT
                    | StatusCode::TOO_MANY_REQUESTS
            ) {
                return LinkState::Unreachable {
                    reason: format!("The server {server} is not ready: it answered {status}."),
                };
            }
            LinkState::Refused {
                reason: match Problem::read(status.as_u16(), &body) {
                    Some(problem) => problem.detail,
                    None => {
                        format!("The server {server} answered {status}: it may be another program.")
                    }
                },
            }
        }
        Error::Protocol(ProtocolError::SecWebSocketSubProtocolError(_)) => LinkState::Refused {
            reason: format!(
                "The server {server} does not speak {SUBPROTOCOL}: it may be another program."
            ),
        },
        error => LinkState::Unreachable {
            reason: format!(
                "The server {server} cannot be reached ({}).",
                crate::system::cause(&error)
            ),
        },
    }
}

/// How a connection ended, or why there was none.
struct Ended {
    state: LinkState,
    /// Whether the server said anything, so that the address is good.
    was_heard: bool,
    /// The server asked for a random wait before the next connection.
    drain: Option<Duration>,
}

impl Ended {
    fn because(state: LinkState) -> Self {
        Self {
            state,
            was_heard: false,
            drain: None,
        }
    }
}

/// Reads and writes until either ends. The two never wait for each other: a
/// server that does not read until it has written would stand still otherwise.
async fn converse(
    socket: Socket,
    queue: mpsc::Receiver<Vec<u8>>,
    reports: &mpsc::Sender<LinkReport>,
) -> Ended {
    let (sink, stream) = socket.split();
    let mut heard = Heard::default();
    let reason = tokio::select! {
        reason = read(stream, reports, &mut heard) => reason,
        reason = write(sink, queue) => reason,
    };
    let state = heard
        .refusal
        .map_or(LinkState::Lost { reason }, |reason| LinkState::Refused {
            reason,
        });
    Ended {
        state,
        was_heard: heard.anything,
        drain: heard.drain,
    }
}

/// What the link itself takes note of.
#[derive(Default)]
struct Heard {
    anything: bool,
    drain: Option<Duration>,
    refusal: Option<String>,
}

impl Heard {
    fn note(&mut self, bytes: &[u8]) {
        self.anything = true;
        // The two frames that are about the connection are told by their first
        // byte; everything else goes to the machine without being decoded here.
        if !matches!(bytes.first(), Some(&DRAIN_TAG | &PROBLEM_TAG)) {
            return;
        }
        match frame::ServerFrame::decode(bytes)
            .ok()
            .and_then(|frame| frame.frame)
        {
            Some(server_frame::Frame::Drain(drain)) => {
                self.drain = Some(Duration::from_millis(drain.jitter_ms.into()));
            }
            Some(server_frame::Frame::Problem(problem)) => {
                let passes = matches!(
                    ErrorCode::from_code(&problem.code),
                    Some(ErrorCode::RateLimited | ErrorCode::Overloaded | ErrorCode::Internal)
                );
                if !passes {
                    self.refusal = Some(problem.detail);
                }
            }
            _ => {}
        }
    }
}

/// Field 8, length-delimited.
const DRAIN_TAG: u8 = 8 << 3 | 2;
/// Field 10, length-delimited.
const PROBLEM_TAG: u8 = 10 << 3 | 2;

async fn read(
    mut stream: impl Stream<Item = Result<Message, tungstenite::Error>> + Unpin,
    reports: &mpsc::Sender<LinkReport>,
    heard: &mut Heard,
) -> String {
    loop {
        let message = match timeout(IDLE_LIMIT, stream.next()).await {
            Err(_) => return format!("silent for {} seconds", IDLE_LIMIT.as_secs()),
            Ok(None) => return "the server closed the connection".to_owned(),
            Ok(Some(Err(error))) => return crate::system::chain(&error),
            Ok(Some(Ok(message))) => message,
        };
        match message {
            Message::Binary(bytes) => {
                heard.note(&bytes);
                // Nobody listens while the driver ends: what comes in then is
                // left for the next connection, and the writer may finish.
                let _unheard = reports.send(LinkReport::Frame(bytes.into())).await;
            }
            Message::Close(Some(close)) if !close.reason.is_empty() => {
                return format!("the server closed the connection: {}", close.reason);
            }
            Message::Close(_) => return "the server closed the connection".to_owned(),
            Message::Text(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
        }
    }
}

async fn write(
    mut sink: impl futures_util::Sink<Message, Error = tungstenite::Error> + Unpin,
    mut queue: mpsc::Receiver<Vec<u8>>,
) -> String {
    let mut pings = interval_at(Instant::now() + PING_INTERVAL, PING_INTERVAL);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut nonce = 0;
    loop {
        let frame = tokio::select! {
            frame = queue.recv() => {
                let Some(frame) = frame else {
                    let _closed_already = timeout(WRITE_LIMIT, sink.close()).await;
                    return "this side closed the connection".to_owned();
                };
                frame
            }
            _ = pings.tick() => {
                nonce += 1;
                let ping = client_frame::Frame::Ping(frame::Ping { nonce });
                frame::ClientFrame { frame: Some(ping) }.encode_to_vec()
            }
        };
        // Everything that waits leaves in one write.
        let sending = async {
            sink.feed(Message::binary(frame)).await?;
            while let Ok(frame) = queue.try_recv() {
                sink.feed(Message::binary(frame)).await?;
            }
            sink.flush().await
        };
        match timeout(WRITE_LIMIT, sending).await {
            Err(_) => return format!("nothing left for {} seconds", WRITE_LIMIT.as_secs()),
            Ok(Err(error)) => return crate::system::chain(&error),
            Ok(Ok(())) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_frames_about_the_connection_are_told_by_their_first_byte() {
        let encode = |frame| frame::ServerFrame { frame: Some(frame) }.encode_to_vec();
        let mut heard = Heard::default();
        let problem = |code: ErrorCode| {
            server_frame::Frame::Problem(frame::Problem {
                code: code.as_str().to_owned(),
                detail: "a sentence".to_owned(),
                ..Default::default()
            })
        };
        heard.note(&encode(problem(ErrorCode::Overloaded)));
        assert_eq!(heard.refusal, None);
        heard.note(&encode(problem(ErrorCode::UnsupportedVersion)));
        assert_eq!(heard.refusal.as_deref(), Some("a sentence"));
        heard.note(&encode(server_frame::Frame::Drain(frame::Drain {
            jitter_ms: 300,
        })));
        assert_eq!(heard.drain, Some(Duration::from_millis(300)));
    }
}
