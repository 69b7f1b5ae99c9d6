//! One open connection, as everybody but its own task sees it.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use chat_domain::login::TokenHash;
use chat_protocol::{AccountId, ConversationId, DeviceId};
use tokio::sync::Notify;

use super::outbox::{Outbox, Pushed};

/// Why the server ends a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Its session token was ended.
    SignedOut,
    /// It does not take what it asked for.
    Slow,
}

/// One open connection. Its task writes; everybody else pushes.
#[derive(Debug)]
pub struct Connection {
    pub(super) number: u64,
    /// Whose it is.
    pub account: AccountId,
    /// The device that opened it.
    pub device: DeviceId,
    /// The token that it was opened with.
    pub login: TokenHash,
    outbox: Mutex<Outbox>,
    wake: Notify,
    unacknowledged: AtomicUsize,
    /// Whether something was delivered or acknowledged since the last position.
    has_traffic: AtomicBool,
    /// Whether the server goes away.
    is_draining: AtomicBool,
}

impl Connection {
    pub(super) fn new(number: u64, account: AccountId, device: DeviceId, login: TokenHash) -> Self {
        Self {
            number,
            account,
            device,
            login,
            outbox: Mutex::default(),
            wake: Notify::new(),
            unacknowledged: AtomicUsize::new(0),
            has_traffic: AtomicBool::new(false),
            is_draining: AtomicBool::new(false),
        }
    }

    /// Whether both are the same connection.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        self.number == other.number
    }

    /// Queues a message for the connection; drops live frames when there is no
    /// room. The caller wakes the task ([`Connection::wake`]) once it has pushed
    /// all that it has, so that they leave in one write.
    pub fn push_live(&self, conversation: ConversationId, seq: u64, frame: Bytes) {
        let pushed = self.outbox().push_live(conversation, seq, frame);
        self.has_traffic.store(true, Ordering::Relaxed);
        if pushed == Pushed::Dropped {
            metrics::counter!("chatalot_gaps_total").increment(1);
        }
    }

    /// Queues an answer, which is never dropped: a client that lets too many pile
    /// up is cut off, and asks again.
    pub fn push_owed(&self, frame: Bytes) {
        self.outbox().push_owed(frame);
    }

    /// Queues a newer resume point, unless live frames are missing before it.
    pub fn push_position(&self, frame: &Bytes) {
        if self.has_traffic.swap(false, Ordering::Relaxed) {
            self.outbox().push_position(frame.clone());
            self.wake();
        }
    }

    /// Ends the connection after what waits for it has left.
    pub fn end(&self, ending: Ending) {
        self.outbox().end(ending);
        self.wake();
    }

    /// Tells the task that the server goes away.
    pub fn drain(&self) {
        self.is_draining.store(true, Ordering::Release);
        self.wake();
    }

    /// Whether the server goes away.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.is_draining.load(Ordering::Acquire)
    }

    /// Lets the task write what was pushed.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    /// Returns once something was pushed since the last call. Cancel-safe.
    pub async fn woken(&self) {
        self.wake.notified().await;
    }

    /// What waits for the connection.
    pub fn outbox(&self) -> MutexGuard<'_, Outbox> {
        self.outbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a message that waits to be acknowledged.
    pub fn begin_send(&self) {
        self.unacknowledged.fetch_add(1, Ordering::AcqRel);
    }

    /// Counts a message that was answered, and queues the answer.
    pub fn finish_send(&self, answer: Bytes) {
        self.push_owed(answer);
        self.has_traffic.store(true, Ordering::Relaxed);
        self.unacknowledged.fetch_sub(1, Ordering::AcqRel);
    }

    /// How many messages wait to be acknowledged.
    #[must_use]
    pub fn unacknowledged(&self) -> usize {
        self.unacknowledged.load(Ordering::Acquire)
    }
}
