//! Pairs of people that send as fast as the server acknowledges.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use getrandom::SysRng;
use prost::Message as _;
use rand_core::{Rng as _, UnwrapErr};
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Message;

use chat_protocol::frame::{self, client_frame, request, server_frame};
use chat_protocol::{ConversationId, MessageKind};

use crate::account::Person;
use crate::process::Process;
use crate::socket::{Socket, connect, encode, next};

/// How the load is shaped.
#[derive(Clone)]
pub struct Plan {
    /// Unacknowledged sends per pair.
    pub window: usize,
    /// Bytes of a sealed body.
    pub body: usize,
    /// Before the measuring.
    pub warm_up: Duration,
    /// The measuring.
    pub measured: Duration,
}

/// What was measured.
pub struct Measured {
    /// Acknowledged sends per second.
    pub sends_per_s: f64,
    /// Time from send to acknowledgement, sorted, in milliseconds.
    pub latencies_ms: Vec<f64>,
    /// CPU milliseconds per send.
    pub server_cpu_ms: f64,
    /// CPU milliseconds per send.
    pub database_cpu_ms: f64,
    /// Frame minus sealed body and sealed key, in bytes.
    pub wire_overhead: usize,
}

struct Pair {
    acknowledged: Vec<f64>,
    wire_overhead: usize,
}

/// Runs the load.
pub async fn run(
    url: &str,
    people: &[Person],
    plan: &Plan,
    server: &Process,
    database: &Process,
) -> anyhow::Result<Measured> {
    let mut senders = JoinSet::new();
    let mut readers = JoinSet::new();
    let start = Instant::now() + Duration::from_millis(500);
    for pair in people.chunks_exact(2) {
        let [one, other] = pair else { continue };
        let conversation = chat_verify::direct_id(one.account, other.account);
        let mut sender = connect(url, one).await?;
        open_direct(&mut sender, conversation, other).await?;
        let reader = connect(url, other).await?;
        readers.spawn(drain(reader));
        let device = other.device.to_bytes();
        let plan = plan.clone();
        senders.spawn(async move { send(sender, conversation, device, &plan, start).await });
    }
    tokio::time::sleep_until((start + plan.warm_up).into()).await;
    let (server_before, database_before) = (server.cpu()?, database.cpu()?);
    tokio::time::sleep_until((start + plan.warm_up + plan.measured).into()).await;
    let (server_after, database_after) = (server.cpu()?, database.cpu()?);

    let mut latencies_ms = Vec::new();
    let mut wire_overhead = 0;
    while let Some(pair) = senders.join_next().await {
        let pair = pair??;
        latencies_ms.extend(pair.acknowledged);
        wire_overhead = pair.wire_overhead;
    }
    readers.shutdown().await;
    latencies_ms.sort_by(f64::total_cmp);
    let sends = latencies_ms.len() as f64;
    let per_send = |after: Duration, before: Duration| {
        after.saturating_sub(before).as_secs_f64() * 1000.0 / sends
    };
    Ok(Measured {
        sends_per_s: sends / plan.measured.as_secs_f64(),
        server_cpu_ms: per_send(server_after, server_before),
        database_cpu_ms: per_send(database_after, database_before),
        latencies_ms,
        wire_overhead,
    })
}

async fn open_direct(
    socket: &mut Socket,
    conversation: ConversationId,
    peer: &Person,
) -> anyhow::Result<()> {
    let open = frame::OpenDirect {
        conversation: conversation.to_bytes(),
        peer: peer.account.to_bytes(),
    };
    let request = frame::Request {
        id: 1,
        ask: Some(request::Ask::OpenDirect(open)),
    };
    socket
        .send(encode(client_frame::Frame::Request(request)))
        .await?;
    loop {
        match next(socket).await? {
            server_frame::Frame::Response(response) => match response.answer {
                Some(frame::response::Answer::Conversation(_)) => return Ok(()),
                other => bail!("opening a conversation: {other:?}"),
            },
            server_frame::Frame::Problem(problem) => bail!("{problem:?}"),
            _ => {}
        }
    }
}

async fn drain(mut socket: Socket) -> anyhow::Result<()> {
    while let Some(message) = socket.next().await {
        message?;
    }
    Ok(())
}

/// Keeps the window full; notes the time of every acknowledgement.
async fn send(
    mut socket: Socket,
    conversation: ConversationId,
    device: Bytes,
    plan: &Plan,
    start: Instant,
) -> anyhow::Result<Pair> {
    let mut rng = UnwrapErr(SysRng);
    let mut random = |length: usize| {
        let mut bytes = vec![0; length];
        rng.fill_bytes(&mut bytes);
        // What is stored sealed begins with a format version.
        bytes[0] = 1;
        Bytes::from(bytes)
    };
    let body = random(plan.body);
    let sealed_key = random(132);
    let measure_from = start + plan.warm_up;
    let end = measure_from + plan.measured;
    let mut pair = Pair {
        acknowledged: Vec::with_capacity(100_000),
        wire_overhead: 0,
    };
    let mut under_way: HashMap<Bytes, Instant> = HashMap::new();
    tokio::time::sleep_until(start.into()).await;
    while Instant::now() < end {
        while under_way.len() < plan.window {
            let message_id = random(16);
            let send = frame::Send {
                conversation: conversation.to_bytes(),
                message_id: message_id.clone(),
                kind: u32::from(MessageKind::Content.number()),
                body: body.clone(),
                keys: vec![frame::KeyEnvelope {
                    device: device.clone(),
                    sealed: sealed_key.clone(),
                }],
                ..frame::Send::default()
            };
            let frame = frame::ClientFrame {
                frame: Some(client_frame::Frame::Send(send)),
            };
            let bytes = Bytes::from(frame.encode_to_vec());
            pair.wire_overhead = bytes.len() - body.len() - sealed_key.len();
            under_way.insert(message_id, Instant::now());
            socket.feed(Message::Binary(bytes)).await?;
        }
        socket.flush().await?;
        match next(&mut socket).await? {
            server_frame::Frame::Acknowledged(ack) => {
                let sent = under_way
                    .remove(&ack.message_id)
                    .context("an acknowledgement of what was not sent")?;
                let now = Instant::now();
                if now >= measure_from && now < end {
                    pair.acknowledged.push((now - sent).as_secs_f64() * 1000.0);
                }
            }
            server_frame::Frame::Refused(refused) => bail!("{:?}", refused.problem),
            server_frame::Frame::Problem(problem) => bail!("{problem:?}"),
            _ => {}
        }
    }
    Ok(pair)
}
