//! The write path: messages of many connections, stored in batches.
//!
//! ```text
//!  sockets ──reserve, submit──▶ queue ──▶ collect ──▶ store ──▶ acknowledge, deliver
//!                             (bounded)  ≤ 2 ms or    one transaction,
//!                                        256 messages  tried until it stands
//! ```
//!
//! One task: a message that came first is stored first, and while one batch
//! commits the next one gathers. An answer is given after the commit is on disk
//! and never before. When the database is away the batch is kept and tried again:
//! storing it is idempotent, so that nobody needs to know whether the commit that
//! was cut off stands. Meanwhile the queue fills, and connections stop being read.

mod publish;

use std::sync::Arc;
use std::time::Duration;

use chat_domain::conversation::Membership;
use chat_domain::limits::{BATCH_BYTES, BATCH_MESSAGES, SEND_QUEUE_BYTES, SEND_QUEUE_MESSAGES};
use chat_domain::message::NewMessage;
use chat_protocol::ConversationId;
use chat_store::StoreError;
use chat_store::message::{AppendError, Entry, Outcome, Writer};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::app::message::refusal;
use crate::failure::{Failure, Refusal, chain};
use crate::frames;
use crate::hub::Connection;

/// How long the first message of a batch waits for more.
const GATHER: Duration = Duration::from_millis(2);
/// How long a batch that is smaller than [`WORTH_IT`] waits in any case: those who
/// were just answered send again at this moment.
const LINGER: Duration = Duration::from_millis(1);
/// A batch of this size costs hardly more per message than a larger one: measured,
/// the database's work per row falls from 370 µs alone to 33 µs at 64 and 28 at 256.
const WORTH_IT: usize = 64;
/// How long one transaction may take before its connection is given up.
const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(20);
/// Waits between tries while the database is away.
const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_secs(1);
/// Bytes are counted in the queue in units of this.
const UNIT: usize = 1024;

/// A message that waits to be stored.
pub struct Submission {
    /// What is stored.
    pub message: NewMessage,
    /// What its sender's right was checked against.
    pub membership: Arc<Membership>,
    /// The connection that gets the answer, and the device that sent it.
    pub origin: Arc<Connection>,
}

/// Where messages wait: bounded in number and in bytes.
#[derive(Debug, Clone)]
pub struct SendQueue {
    messages: mpsc::Sender<Queued>,
    bytes: Arc<Semaphore>,
}

/// Room in the queue for one message.
#[derive(Debug)]
pub struct Reservation {
    message: mpsc::OwnedPermit<Queued>,
    bytes: OwnedSemaphorePermit,
}

/// The server is going away: nothing more is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the server is going away")]
pub struct QueueClosed;

struct Queued {
    submission: Submission,
    since: Instant,
    /// Given back when the message was answered.
    _bytes: OwnedSemaphorePermit,
}

impl std::fmt::Debug for Queued {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Queued").finish_non_exhaustive()
    }
}

/// The other end of the queue.
pub struct Submissions(mpsc::Receiver<Queued>);

/// Makes the queue.
#[must_use]
pub fn queue() -> (SendQueue, Submissions) {
    let (messages, receiver) = mpsc::channel(SEND_QUEUE_MESSAGES);
    let bytes = Arc::new(Semaphore::new(SEND_QUEUE_BYTES / UNIT));
    (SendQueue { messages, bytes }, Submissions(receiver))
}

impl SendQueue {
    /// Room for a message of so many bytes, if there is some now.
    #[must_use]
    pub fn try_reserve(&self, size: usize) -> Option<Reservation> {
        let bytes = self
            .bytes
            .clone()
            .try_acquire_many_owned(units(size))
            .ok()?;
        let message = self.messages.clone().try_reserve_owned().ok()?;
        Some(Reservation { message, bytes })
    }

    /// Waits for room. Cancel-safe: a wait that is dropped takes none.
    ///
    /// # Errors
    /// [`QueueClosed`] when the server is going away.
    pub async fn reserve(&self, size: usize) -> Result<Reservation, QueueClosed> {
        let bytes = self
            .bytes
            .clone()
            .acquire_many_owned(units(size))
            .await
            .map_err(|_| QueueClosed)?;
        let message = self
            .messages
            .clone()
            .reserve_owned()
            .await
            .map_err(|_| QueueClosed)?;
        Ok(Reservation { message, bytes })
    }

    /// How many messages wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        SEND_QUEUE_MESSAGES.saturating_sub(self.messages.capacity())
    }
}

fn units(size: usize) -> u32 {
    u32::try_from(size / UNIT + 1).unwrap_or(u32::MAX)
}

impl Reservation {
    /// Puts a message into the room. It will be answered to its connection.
    pub fn submit(self, submission: Submission) {
        submission.origin.begin_send();
        self.message.send(Queued {
            submission,
            since: Instant::now(),
            _bytes: self.bytes,
        });
    }
}

/// The task that stores what waits in the queue.
pub struct Batcher {
    app: Arc<App>,
    writer: Writer,
    queue: mpsc::Receiver<Queued>,
    /// No more messages will come: store what waits, then end.
    finish: CancellationToken,
    /// No more time: leave what waits unanswered, its senders send it again.
    abandon: CancellationToken,
}

impl Batcher {
    /// A batcher for the queue of an app.
    #[must_use]
    pub fn new(
        app: Arc<App>,
        submissions: Submissions,
        finish: CancellationToken,
        abandon: CancellationToken,
    ) -> Self {
        Self {
            writer: app.store.writer(),
            app,
            queue: submissions.0,
            finish,
            abandon,
        }
    }

    /// Stores batches until told to finish and nothing waits any more.
    pub async fn run(mut self) {
        let mut batch = Vec::with_capacity(BATCH_MESSAGES);
        while self.collect(&mut batch).await {
            metrics::gauge!("chatalot_send_queue")
                .set(u32::try_from(self.queue.len()).unwrap_or(u32::MAX));
            self.settle(std::mem::take(&mut batch)).await;
            if self.abandon.is_cancelled() {
                return;
            }
        }
    }

    /// Gathers the next batch. False when none will come.
    async fn collect(&mut self, batch: &mut Vec<Queued>) -> bool {
        let first = tokio::select! {
            first = self.queue.recv() => first,
            () = self.finish.cancelled() => {
                // What waits is still received, then nothing.
                self.queue.close();
                self.queue.recv().await
            }
        };
        let Some(first) = first else {
            return false;
        };
        let mut bytes = first.submission.message.size();
        // Counted from when it came: one that came while the last batch committed
        // has waited already, and so have those behind it.
        let waited = first.since + GATHER;
        let lingered = Instant::now() + LINGER;
        batch.push(first);
        while batch.len() < BATCH_MESSAGES && bytes < BATCH_BYTES {
            let next = match self.queue.try_recv() {
                Ok(next) => next,
                Err(mpsc::error::TryRecvError::Disconnected) => break,
                Err(mpsc::error::TryRecvError::Empty) => {
                    let until = if batch.len() < WORTH_IT {
                        waited.max(lingered)
                    } else {
                        waited
                    };
                    match tokio::time::timeout_at(until, self.queue.recv()).await {
                        Ok(Some(next)) => next,
                        Ok(None) | Err(_) => break,
                    }
                }
            };
            bytes += next.submission.message.size();
            batch.push(next);
        }
        true
    }

    /// Stores a batch, however often it takes, and answers each of its messages;
    /// returns early, with no answers, only when told to abandon.
    async fn settle(&mut self, mut batch: Vec<Queued>) {
        let mut wait = FIRST_WAIT;
        while !batch.is_empty() {
            match self.store(&batch).await {
                Ok(()) => {
                    metrics::gauge!("chatalot_database_up").set(1);
                    return;
                }
                Err(AppendError::MembershipChanged(changed)) => {
                    if let Err(failure) = self.recheck(&mut batch, &changed).await {
                        tracing::warn!(?failure, "memberships cannot be read");
                        self.pause(&mut wait).await;
                    }
                }
                Err(AppendError::Store(error)) if error.is_missing_partition() => {
                    // The clock jumped, or the daily task has failed for days.
                    if let Err(error) = self.app.store.settle_partitions(self.app.now_ms()).await {
                        tracing::error!(error = %chain(&error), "a partition cannot be made");
                        self.pause(&mut wait).await;
                    }
                }
                Err(AppendError::Store(error)) if error.is_transient() => {
                    metrics::counter!("chatalot_batch_failures_total").increment(1);
                    metrics::gauge!("chatalot_database_up").set(0);
                    tracing::warn!(error = %chain(&error), messages = batch.len(),
                        "a batch is tried again");
                    self.pause(&mut wait).await;
                }
                Err(AppendError::Store(error)) => {
                    return Box::pin(self.isolate(batch, &error)).await;
                }
            }
            if self.abandon.is_cancelled() {
                return;
            }
        }
    }

    /// Stores a batch that the database refuses one by one: one bad message must
    /// not take others with it, nor stop the queue for ever.
    async fn isolate(&mut self, batch: Vec<Queued>, error: &StoreError) {
        if let [one] = &batch[..] {
            tracing::error!(error = %chain(error), "a message cannot be stored");
            answer_refused(
                &one.submission,
                &Refusal::new(
                    chat_protocol::ErrorCode::Internal,
                    "The server failed to store the message; its log has the cause.",
                ),
            );
            return;
        }
        for one in batch {
            self.settle(vec![one]).await;
        }
    }

    async fn store(&mut self, batch: &[Queued]) -> Result<(), AppendError> {
        let entries: Vec<Entry<'_>> = batch
            .iter()
            .map(|queued| Entry {
                message: &queued.submission.message,
                sender: queued.submission.origin.account,
                device: queued.submission.origin.device,
                membership_version: queued.submission.membership.version,
            })
            .collect();
        let at_ms = self.app.now_ms();
        let started = Instant::now();
        let app = self.app.clone();
        let publication = app.publication.read().await;
        let appending = self.writer.append(&entries, at_ms);
        let outcomes = tokio::time::timeout(TRANSACTION_TIMEOUT, appending)
            .await
            .unwrap_or_else(|_| Err(StoreError::timed_out().into()))?;
        metrics::histogram!("chatalot_batch_seconds").record(started.elapsed());
        metrics::histogram!("chatalot_batch_messages")
            .record(f64::from(u32::try_from(batch.len()).unwrap_or(u32::MAX)));
        self.publish(batch, &outcomes, at_ms);
        drop(publication);
        Ok(())
    }

    /// Reads the memberships that have changed, and refuses the messages that may
    /// not be sent any more. The others stay where they are: in order.
    async fn recheck(
        &mut self,
        batch: &mut Vec<Queued>,
        changed: &[ConversationId],
    ) -> Result<(), Failure> {
        for conversation in changed {
            let membership = self.app.load_membership(*conversation).await?;
            batch.retain_mut(|queued| {
                let submission = &mut queued.submission;
                if submission.message.conversation != *conversation {
                    return true;
                }
                let checked = match &membership {
                    Some(membership) => membership
                        .check_send(submission.origin.account, &submission.message.known_lists),
                    None => Err(chat_domain::conversation::SendRefusal::NotMember),
                };
                match (checked, &membership) {
                    (Ok(()), Some(membership)) => {
                        submission.membership = membership.clone();
                        true
                    }
                    (Err(refused), _) => {
                        answer_refused(submission, &refusal(refused));
                        false
                    }
                    (Ok(()), None) => false,
                }
            });
        }
        Ok(())
    }

    async fn pause(&self, wait: &mut Duration) {
        tokio::select! {
            () = tokio::time::sleep(*wait) => {}
            () = self.abandon.cancelled() => {}
        }
        *wait = (*wait * 2).min(LONGEST_WAIT);
    }

    fn publish(&self, batch: &[Queued], outcomes: &[Outcome], at_ms: u64) {
        let submissions = batch.iter().map(|queued| &queued.submission);
        publish::publish(&self.app.hub, submissions.zip(outcomes), at_ms);
    }
}

fn answer_refused(submission: &Submission, refusal: &Refusal) {
    metrics::counter!("chatalot_refused_total", "code" => refusal.code.as_str()).increment(1);
    let id = submission.message.id.to_bytes();
    submission.origin.finish_send(frames::refused(id, refusal));
    submission.origin.wake();
}
