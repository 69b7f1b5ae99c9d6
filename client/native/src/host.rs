//! Serving the other programs on this home, while this one holds the lock.

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::client::Update;
use crate::driver::Forwarded;
use crate::link::LinkState;
use crate::local::{FORMAT, FromHolder, ToHolder, is_same_user, line};

/// What every guest needs.
#[derive(Clone)]
pub(crate) struct Host {
    pub commands: mpsc::Sender<Forwarded>,
    pub updates: broadcast::Sender<Update>,
    pub link: watch::Receiver<LinkState>,
    /// How many commands of guests are unanswered.
    pub busy: watch::Sender<usize>,
}

impl Host {
    /// Takes guests in until `stop`, and goes on serving those it has until the
    /// future is dropped: a guest takes the end of its connection as the sign
    /// that the lock is free.
    pub async fn serve(self, listener: UnixListener, stop: CancellationToken) {
        let mut guests = JoinSet::new();
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) if is_same_user(&stream) => {
                        guests.spawn(self.clone().serve_one(stream));
                    }
                    Ok(_) => tracing::warn!("a program of another user was turned away"),
                    Err(error) => {
                        // Out of file descriptors, most likely: let some go first.
                        tracing::warn!(%error, "a program could not be let in");
                        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                    }
                },
                Some(_) = guests.join_next() => {}
            }
        }
        drop(listener);
        while guests.join_next().await.is_some() {}
    }

    async fn serve_one(mut self, stream: UnixStream) {
        let mut unanswered = Unanswered {
            busy: self.busy.clone(),
            count: 0,
        };
        if let Err(error) = self.converse(stream, &mut unanswered).await {
            tracing::debug!(%error, "a program on this home has gone");
        }
    }

    async fn converse(
        &mut self,
        mut stream: UnixStream,
        unanswered: &mut Unanswered,
    ) -> std::io::Result<()> {
        let (reader, mut writer) = stream.split();
        let mut lines = BufReader::new(reader).lines();
        let mut updates = self.updates.subscribe();
        let mut answers = FuturesUnordered::new();
        writer
            .write_all(&line(&FromHolder::Hello { format: FORMAT }))
            .await?;
        let link = self.link.borrow_and_update().clone();
        writer.write_all(&line(&FromHolder::Link { link })).await?;
        loop {
            let message = tokio::select! {
                asked = lines.next_line() => {
                    let Some(text) = asked? else { return Ok(()) };
                    let ToHolder::Command { id, command } = serde_json::from_str(&text)?;
                    let (answer, answered) = oneshot::channel();
                    if self.commands.send(Forwarded { command, answer }).await.is_err() {
                        return Ok(());
                    }
                    unanswered.add(1);
                    answers.push(async move { (id, answered.await) });
                    continue;
                }
                Some((id, outcome)) = answers.next() => {
                    // Without an answer the driver has ended, and the guest will
                    // ask the next holder.
                    let Ok(outcome) = outcome else { return Ok(()) };
                    writer.write_all(&line(&FromHolder::Answer { id, outcome })).await?;
                    unanswered.remove(1);
                    continue;
                }
                update = updates.recv() => match update {
                    Ok(Update::Event(event)) => FromHolder::Event { event: *event },
                    Ok(Update::Missed) | Err(RecvError::Lagged(_)) => FromHolder::Missed,
                    Err(RecvError::Closed) => return Ok(()),
                },
                changed = self.link.changed() => {
                    if changed.is_err() {
                        return Ok(());
                    }
                    FromHolder::Link { link: self.link.borrow_and_update().clone() }
                }
            };
            writer.write_all(&line(&message)).await?;
        }
    }
}

/// Keeps the count of unanswered commands right, whichever way a guest goes.
struct Unanswered {
    busy: watch::Sender<usize>,
    count: usize,
}

impl Unanswered {
    fn add(&mut self, count: usize) {
        self.count += count;
        self.busy.send_modify(|busy| *busy += count);
    }

    fn remove(&mut self, count: usize) {
        self.count -= count;
        self.busy.send_modify(|busy| *busy -= count);
    }
}

impl Drop for Unanswered {
    fn drop(&mut self) {
        self.remove(self.count);
    }
}
