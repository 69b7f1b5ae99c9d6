//! After the commit: acknowledgements to senders, messages to readers.

use std::sync::Arc;

use chat_protocol::frame::{self, server_frame};
use chat_store::message::{LoggedMessage, Outcome};

use super::Submission;
use crate::frames::{self, Delivery};
use crate::hub::{Connection, Hub};

/// Tells everybody who is connected what became of a batch. Nothing here waits.
///
/// Connections are woken once, after everything was pushed: what a connection
/// gets of one batch then leaves in one write.
pub(super) fn publish<'a>(
    hub: &Hub,
    batch: impl Iterator<Item = (&'a Submission, &'a Outcome)>,
    at_ms: u64,
) {
    let mut touched: Vec<Arc<Connection>> = Vec::new();
    let (mut stored, mut repeated, mut delivered) = (0, 0, 0);
    for (submission, outcome) in batch {
        let (seq, at_ms) = match *outcome {
            Outcome::Stored { seq } => (seq, at_ms),
            Outcome::Repeated { seq, at_ms } => (seq, at_ms),
        };
        let acknowledged = frame::Acknowledged {
            message_id: submission.message.id.to_bytes(),
            conversation: submission.message.conversation.to_bytes(),
            seq,
            at_ms,
        };
        submission
            .origin
            .finish_send(frames::encode(server_frame::Frame::Acknowledged(
                acknowledged,
            )));
        touched.push(submission.origin.clone());
        if let Outcome::Repeated { .. } = outcome {
            // Whoever is connected got it when it was stored.
            repeated += 1;
            continue;
        }
        stored += 1;
        delivered += deliver(hub, submission, seq, at_ms, &mut touched);
    }
    touched.sort_unstable_by_key(|connection| Arc::as_ptr(connection).addr());
    touched.dedup_by(|one, other| one.is(other));
    for connection in touched {
        connection.wake();
    }
    metrics::counter!("chatalot_acknowledged_total").increment(stored);
    metrics::counter!("chatalot_repeated_total").increment(repeated);
    metrics::counter!("chatalot_delivered_total").increment(delivered);
}

/// Pushes a message to every connection of every member but the one it came from.
fn deliver(
    hub: &Hub,
    submission: &Submission,
    seq: u64,
    at_ms: u64,
    touched: &mut Vec<Arc<Connection>>,
) -> u64 {
    let message = &submission.message;
    let logged = LoggedMessage {
        seq,
        at_ms,
        sender: submission.origin.account,
        sender_device: submission.origin.device,
        message_id: message.id,
        kind: message.kind.number(),
        body: message.body.clone(),
        envelopes: message.envelopes.clone(),
    };
    let mut delivery = None;
    let mut delivered = 0;
    for member in &submission.membership.members {
        hub.for_account(member.account, |connection| {
            if connection.is(&submission.origin) {
                return;
            }
            let frame = delivery
                .get_or_insert_with(|| Delivery::new(message.conversation, &logged))
                .frame_for(connection.device);
            connection.push_live(message.conversation, seq, frame);
            touched.push(connection.clone());
            delivered += 1;
        });
    }
    delivered
}
