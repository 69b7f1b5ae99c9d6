//! The client machine in this process, with a random source that remembers.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, bail, ensure};
use bytes::Bytes;
use chat_client::{
    Change, Command, Effect, Input, Machine, Order, Query, Record, RegisterResponse, Registration,
    Reply, Table,
};
use chat_protocol::{ConversationId, MessageId, SUBPROTOCOL};
use futures_util::{SinkExt as _, StreamExt as _};
use rand_chacha::ChaCha20Rng;
use rand_core::{Infallible, Rng as _, SeedableRng as _, TryCryptoRng, TryRng};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

pub const PASSWORD: &str = "alices-password-canary-51e2";
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Draws from a seed, and keeps what is long enough to be a key.
struct Remembering {
    rng: ChaCha20Rng,
    drawn: Vec<Vec<u8>>,
}

impl TryRng for Remembering {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(self.rng.next_u32())
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.rng.next_u64())
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.rng.fill_bytes(bytes);
        // Ids (16 bytes) and salts (12) are not secret.
        if bytes.len() >= 32 {
            self.drawn.push(bytes.to_vec());
        }
        Ok(())
    }
}

impl TryCryptoRng for Remembering {}

type Store = BTreeMap<(Table, Vec<u8>), Vec<u8>>;

/// One device, its store in memory, its socket a real one.
pub struct Client {
    runtime: Runtime,
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    machine: Machine,
    store: Store,
    rng: Remembering,
    token: Vec<u8>,
    conversation: Option<ConversationId>,
    next_command: u64,
}

impl Client {
    /// Registers over HTTP and connects.
    pub fn register(url: &str, name: &str, invite: &str) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let mut rng = Remembering {
            rng: ChaCha20Rng::seed_from_u64(7),
            drawn: Vec::new(),
        };
        let registration = Registration::begin(&mut rng, now_ms()?, name, PASSWORD, invite)?;
        let response: RegisterResponse = runtime.block_on(async {
            let client = reqwest::Client::new();
            let request = client
                .post(format!("{url}/api/v1/accounts"))
                .json(&registration.request());
            anyhow::Ok(request.send().await?.error_for_status()?.json().await?)
        })?;
        let mut store = Store::new();
        apply(&mut store, registration.finish(url, &response)?);
        let records: Vec<Record> = store
            .iter()
            .map(|((table, key), value)| Record {
                table: *table,
                key: key.clone(),
                value: value.clone(),
            })
            .collect();
        let mut request =
            format!("{}/api/v1/socket", url.replacen("http", "ws", 1)).into_client_request()?;
        request.headers_mut().insert(
            "sec-websocket-protocol",
            HeaderValue::from_static(SUBPROTOCOL),
        );
        let (socket, _) = runtime.block_on(connect_async(request))?;
        let mut client = Self {
            runtime,
            socket,
            machine: Machine::open(&records)?,
            store,
            rng,
            token: hex::decode(response.token)?,
            conversation: None,
            next_command: 1,
        };
        client.input(Input::Connected)?;
        Ok(client)
    }

    /// Says something to somebody, and waits until the server has it.
    pub fn say(&mut self, name: &str, text: &str) -> Result<()> {
        let opened = self.run(Command::OpenDirect {
            name: name.to_owned(),
        })?;
        let Reply::Conversation { conversation } = opened else {
            bail!("{opened:?}")
        };
        self.conversation = Some(conversation.id);
        let message_id = MessageId::from_bytes([9; 16]);
        let text = text.to_owned();
        let sent = self.run(Command::Send {
            conversation: conversation.id,
            message_id,
            text,
        })?;
        ensure!(matches!(sent, Reply::Sent { .. }), "{sent:?}");
        Ok(())
    }

    /// Fetches what is new, and returns every text of the conversation.
    pub fn texts(&mut self) -> Result<Vec<String>> {
        let conversation = self.conversation.context("nothing was said yet")?;
        for _ in 0..100 {
            self.run(Command::Sync)?;
            let timeline = Command::Timeline {
                conversation,
                before: None,
                after: None,
                limit: 100,
            };
            let Reply::Timeline { rows, .. } = self.run(timeline)? else {
                bail!("no timeline")
            };
            if rows.len() > 1 {
                return Ok(rows.into_iter().map(|row| row.text).collect());
            }
            self.receive()?;
        }
        bail!("nothing came in")
    }

    pub fn token(&self) -> Vec<u8> {
        self.token.clone()
    }

    /// Everything of 32 bytes and more that the machine has drawn.
    pub fn secrets(&self) -> Vec<Vec<u8>> {
        self.rng.drawn.clone()
    }

    fn run(&mut self, command: Command) -> Result<Reply> {
        let id = self.next_command;
        self.next_command += 1;
        let mut answer = self.input(Input::Command { id, command })?;
        while answer.is_none() {
            answer = self.receive()?;
        }
        answer.context("an answer")
    }

    fn receive(&mut self) -> Result<Option<Reply>> {
        let next = async { tokio::time::timeout(PATIENCE, self.socket.next()).await };
        let message = self
            .runtime
            .block_on(next)?
            .context("the server closed")??;
        match message {
            Message::Binary(bytes) => self.input(Input::Frame(bytes.to_vec())),
            _ => Ok(None),
        }
    }

    /// Carries the effects of one input out, in order.
    fn input(&mut self, input: Input) -> Result<Option<Reply>> {
        let effects = self.machine.handle(input, now_ms()?, &mut self.rng);
        let mut answer = None;
        for effect in effects {
            match effect {
                Effect::Persist(changes) => apply(&mut self.store, changes),
                Effect::Load { load, query } => {
                    let records = ask(&self.store, &query);
                    answer = self.input(Input::Loaded { load, records })?.or(answer);
                }
                Effect::Transmit(frame) => {
                    let message = Message::Binary(Bytes::from(frame));
                    self.runtime.block_on(self.socket.send(message))?;
                }
                Effect::Answer { outcome, .. } => answer = Some(outcome?),
                Effect::Event(_) => {}
                Effect::CloseConnection { reason } => bail!("closed: {reason}"),
            }
        }
        Ok(answer)
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a client's clock is the real one"
)]
fn now_ms() -> Result<u64> {
    Ok(u64::try_from(
        SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis(),
    )?)
}

fn apply(store: &mut Store, changes: Vec<Change>) {
    for change in changes {
        match change {
            Change::Put(record) => store.insert((record.table, record.key), record.value),
            Change::Delete { table, key } => store.remove(&(table, key)),
        };
    }
}

fn ask(store: &Store, query: &Query) -> Vec<Record> {
    let record = |table: Table, key: &[u8]| {
        let value = store.get(&(table, key.to_vec()))?.clone();
        Some(Record {
            table,
            key: key.to_vec(),
            value,
        })
    };
    match query {
        Query::Keys { table, keys } => keys.iter().filter_map(|key| record(*table, key)).collect(),
        Query::Range {
            table,
            prefix,
            limit,
            order,
            ..
        } => {
            let mut keys: Vec<&Vec<u8>> = store
                .keys()
                .filter(|(other, key)| other == table && key.starts_with(prefix))
                .map(|(_, key)| key)
                .collect();
            if *order == Order::Descending {
                keys.reverse();
            }
            keys.iter()
                .take(*limit)
                .filter_map(|key| record(*table, key))
                .collect()
        }
    }
}
