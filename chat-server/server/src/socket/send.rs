//! A message on its way into the queue.

use std::time::Duration;

use bytes::Bytes;
use chat_domain::message::NewMessage;
use chat_protocol::frame;
use futures_util::future::BoxFuture;

use super::session::Session;
use super::wire::{Close, Ended};
use crate::batcher::{QueueClosed, Reservation, Submission};
use crate::failure::{Failure, Refusal};
use crate::frames;

/// A message that waits for room in the queue.
pub(super) struct Stalled {
    room: BoxFuture<'static, Result<Reservation, QueueClosed>>,
    submission: Option<Submission>,
}

/// Waits for the room that a stalled message needs. Cancel-safe: the wait goes on
/// where it was.
pub(super) async fn room(stalled: &mut Option<Stalled>) -> Result<Reservation, QueueClosed> {
    match stalled {
        Some(stalled) => stalled.room.as_mut().await,
        None => std::future::pending().await,
    }
}

impl Session {
    /// Checks a message and puts it into the queue. Messages of one connection are
    /// checked and queued one after the other, so that they keep their order.
    pub(super) async fn send(&mut self, send: frame::Send) -> Result<(), Ended> {
        metrics::counter!("chatalot_sends_total").increment(1);
        let message_id = send.message_id.clone();
        let message = match NewMessage::check(send) {
            Ok(message) => message,
            Err(error) => {
                let failure = Failure::refused(error.code(), error.to_string());
                return self.refuse(message_id, failure);
            }
        };
        let membership = match self.app.check_send(self.login.account, &message).await {
            Ok(membership) => membership,
            Err(failure) => return self.refuse(message_id, failure),
        };
        let size = message.size();
        let submission = Submission {
            message,
            membership,
            origin: self.connection().clone(),
        };
        if let Some(room) = self.app.sends.try_reserve(size) {
            room.submit(submission);
        } else {
            let queue = self.app.sends.clone();
            self.stalled = Some(Stalled {
                room: Box::pin(async move { queue.reserve(size).await }),
                submission: Some(submission),
            });
        }
        Ok(())
    }

    /// A stalled message has its room.
    pub(super) fn resume(
        &mut self,
        reserved: Result<Reservation, QueueClosed>,
    ) -> Result<(), Ended> {
        let Ok(room) = reserved else {
            return Err(Ended {
                close: Close::Restart,
                problem: None,
            });
        };
        if let Some(submission) = self.stalled.take().and_then(|stalled| stalled.submission) {
            room.submit(submission);
        }
        Ok(())
    }

    /// Refuses a message for good, or ends the connection when the server does not
    /// know: a later message that was taken meanwhile would overtake this one,
    /// while a new connection sends them again in order.
    fn refuse(&mut self, message_id: Bytes, failure: Failure) -> Result<(), Ended> {
        match failure {
            Failure::DatabaseAway(_) | Failure::Broken(_) => Err(Ended::problem(
                Close::TryAgain,
                retry_soon(failure.into_refusal()),
            )),
            Failure::Refused(_) => {
                let refused = frames::refused(message_id, &failure.into_refusal());
                self.connection().push_owed(refused);
                Ok(())
            }
        }
    }
}

fn retry_soon(refusal: Refusal) -> Refusal {
    if refusal.retry_after.is_some() {
        refusal
    } else {
        refusal.retry_after(Duration::from_secs(1))
    }
}
