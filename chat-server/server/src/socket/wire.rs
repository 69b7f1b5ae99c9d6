//! A WebSocket that speaks frames.

use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket};
use bytes::Bytes;
use chat_domain::limits::WRITE_TIMEOUT_SECONDS;
use chat_protocol::ErrorCode;
use chat_protocol::frame::{self, client_frame};
use futures_util::{FutureExt as _, SinkExt as _, StreamExt as _};
use prost::Message as _;
use tokio::time::timeout;

use crate::failure::Refusal;
use crate::frames;

const WRITE_TIMEOUT: Duration = Duration::from_secs(WRITE_TIMEOUT_SECONDS);
/// How long the client may take to answer a close.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// Why a connection is closed; the numbers are those of RFC 6455 and its registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Close {
    /// The client closes, or is gone.
    Gone,
    /// The client broke the protocol.
    Protocol,
    /// A message of text.
    Unsupported,
    /// It may not be here, or not any more.
    Policy,
    /// A message that is too large.
    TooLarge,
    /// The server goes away and will be back.
    Restart,
    /// Too much to do, or a database that is away: come back.
    TryAgain,
}

impl Close {
    const fn code(self) -> u16 {
        match self {
            Self::Gone => 1000,
            Self::Protocol => 1002,
            Self::Unsupported => 1003,
            Self::Policy => 1008,
            Self::TooLarge => 1009,
            Self::Restart => 1012,
            Self::TryAgain => 1013,
        }
    }
}

/// Why there is no next frame.
#[derive(Debug)]
pub(super) struct Ended {
    pub close: Close,
    pub problem: Option<Refusal>,
}

impl Ended {
    pub fn gone() -> Self {
        Self {
            close: Close::Gone,
            problem: None,
        }
    }

    pub fn problem(close: Close, problem: Refusal) -> Self {
        Self {
            close,
            problem: Some(problem),
        }
    }

    fn malformed(close: Close, detail: &str) -> Self {
        Self::problem(close, Refusal::new(ErrorCode::MalformedRequest, detail))
    }
}

/// The socket, reading and writing whole frames.
pub(super) struct Wire(pub WebSocket);

impl Wire {
    /// The next frame. Cancel-safe.
    pub async fn next(&mut self) -> Result<client_frame::Frame, Ended> {
        loop {
            let message = self.0.next().await;
            if let Some(frame) = read(message)? {
                return Ok(frame);
            }
        }
    }

    /// The next frame, if it is here already.
    pub fn next_now(&mut self) -> Option<Result<client_frame::Frame, Ended>> {
        loop {
            match read(self.0.next().now_or_never()?) {
                Ok(None) => {}
                Ok(Some(frame)) => return Some(Ok(frame)),
                Err(ended) => return Some(Err(ended)),
            }
        }
    }

    /// Writes frames and flushes once.
    pub async fn write(&mut self, frames: &mut Vec<Bytes>) -> Result<(), Ended> {
        let writing = async {
            for frame in frames.drain(..) {
                self.0.feed(Message::Binary(frame)).await?;
            }
            self.0.flush().await
        };
        match timeout(WRITE_TIMEOUT, writing).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Ended::gone()),
        }
    }

    /// Says why, closes, and waits a little for the client to close too: bytes
    /// that are left unread when a socket is dropped make the kernel reset the
    /// connection, and the client would never read why.
    pub async fn close(mut self, ended: Ended) {
        let closing = async {
            if let Some(problem) = &ended.problem {
                self.0
                    .feed(Message::Binary(frames::problem(problem)))
                    .await?;
            }
            self.0
                .send(Message::Close(Some(CloseFrame {
                    code: ended.close.code(),
                    reason: Utf8Bytes::default(),
                })))
                .await?;
            while let Some(Ok(_)) = self.0.next().await {}
            Ok::<(), axum::Error>(())
        };
        // However it ends, the socket is dropped now.
        let _ = timeout(CLOSE_TIMEOUT, closing).await;
    }
}

/// A frame out of a message; `None` for a ping or pong, which are answered below.
fn read(
    message: Option<Result<Message, axum::Error>>,
) -> Result<Option<client_frame::Frame>, Ended> {
    match message {
        Some(Ok(Message::Binary(bytes))) => match frame::ClientFrame::decode(bytes) {
            Ok(frame::ClientFrame { frame: Some(frame) }) => Ok(Some(frame)),
            Ok(frame::ClientFrame { frame: None }) | Err(_) => Err(Ended::malformed(
                Close::Protocol,
                "A message is not a frame that this server knows.",
            )),
        },
        Some(Ok(Message::Text(_))) => Err(Ended::malformed(
            Close::Unsupported,
            "Frames are binary messages.",
        )),
        Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(None),
        Some(Ok(Message::Close(_))) | None => Err(Ended::gone()),
        Some(Err(error)) => Err(ended_by(&error)),
    }
}

/// Whether a read failed because the client sent too much, or it is just gone.
fn ended_by(error: &axum::Error) -> Ended {
    // The library's error type is of another version than any that we could
    // name; its text begins with what went wrong.
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = cause {
        if error.to_string().starts_with("Space limit exceeded") {
            return Ended::problem(
                Close::TooLarge,
                Refusal::new(
                    ErrorCode::TooLarge,
                    format!(
                        "A frame has at most {} bytes.",
                        chat_protocol::limits::FRAME_MAX_BYTES
                    ),
                ),
            );
        }
        cause = error.source();
    }
    Ended::gone()
}
