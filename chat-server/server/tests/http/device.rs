//! A small client: one device with keys made from its name.

use std::collections::VecDeque;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use chat_protocol::frame::request::Ask;
use chat_protocol::frame::response::Answer;
use chat_protocol::frame::{self, client_frame, server_frame};
use chat_protocol::{
    AccountId, ConversationId, DeviceId, ErrorCode, MessageId, PROTOCOL_VERSION, SUBPROTOCOL,
};
use chat_verify::prekey::signed_prekey_bytes;
use chat_verify::{
    AccountKey, Device as ListedDevice, DeviceKey, DeviceListEntry, PrekeyPublic, Signature,
    SignedEntry, direct_id, label, signed_bytes,
};
use ed25519_dalek::{Signer as _, SigningKey};
use futures_util::{SinkExt as _, StreamExt as _};
use prost::Message as _;
use serde_json::json;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::relay::Relay;

/// Nothing that a test waits for takes as long.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub const PASSWORD: &str = "a password of the test";

/// One device of one account.
#[derive(Clone)]
pub struct Device {
    pub name: String,
    pub account: AccountId,
    pub device: DeviceId,
    pub token: String,
    account_secret: SigningKey,
    device_secret: SigningKey,
}

fn sign(secret: &SigningKey, label: &[u8], bytes: &[u8]) -> Signature {
    Signature::from_bytes(secret.sign(&signed_bytes(label, bytes)).to_bytes())
}

fn seed(name: &str, purpose: u8) -> [u8; 32] {
    let mut seed = [purpose; 32];
    for (place, byte) in name.bytes().enumerate() {
        seed[place % 31] ^= byte.rotate_left(u32::try_from(place % 8).unwrap());
    }
    seed
}

fn id(name: &str, purpose: u8) -> [u8; 16] {
    *seed(name, purpose).first_chunk().expect("32 bytes")
}

pub fn message_id(number: u64) -> MessageId {
    let mut bytes = [7; 16];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    MessageId::from_bytes(bytes)
}

impl Device {
    /// The device of a name, not registered yet.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            account: AccountId::from_bytes(id(name, 1)),
            device: DeviceId::from_bytes(id(name, 2)),
            token: String::new(),
            account_secret: SigningKey::from_bytes(&seed(name, 3)),
            device_secret: SigningKey::from_bytes(&seed(name, 4)),
        }
    }

    /// Registers one with a fresh invite.
    pub async fn register(relay: &Relay, name: &str) -> Self {
        let mut device = Self::new(name);
        let invite = relay.invite().await;
        let response = device.post(relay, &device.body(invite.as_str())).await;
        assert_eq!(response.status(), 201, "{:?}", response.text().await);
        let answer: serde_json::Value = response.json().await.expect("JSON");
        assert_eq!(answer["account_id"], device.account.to_string());
        assert_eq!(answer["device_id"], device.device.to_string());
        assert_eq!(answer["name"], name);
        answer["token"]
            .as_str()
            .expect("a token")
            .clone_into(&mut device.token);
        device
    }

    pub async fn post(&self, relay: &Relay, body: &serde_json::Value) -> reqwest::Response {
        relay
            .http
            .post(relay.url("/api/v1/accounts"))
            .json(body)
            .send()
            .await
            .expect("the server answers")
    }

    pub fn body(&self, invite: &str) -> serde_json::Value {
        json!({
            "name": self.name,
            "password": PASSWORD,
            "invite_code": invite,
            "device_setup": STANDARD.encode(self.setup().encode_to_vec()),
        })
    }

    fn listed(&self) -> ListedDevice {
        let key = self.device_secret.verifying_key().to_bytes();
        ListedDevice {
            id: self.device,
            key: DeviceKey::try_from(&key[..]).expect("a key"),
        }
    }

    fn entry(&self, seq: u64, previous: [u8; 32]) -> Vec<u8> {
        let account_key = self.account_secret.verifying_key().to_bytes();
        DeviceListEntry {
            account: self.account,
            account_key: AccountKey::try_from(&account_key[..]).expect("a key"),
            seq,
            previous,
            devices: vec![self.listed()],
        }
        .to_bytes()
    }

    fn first_entry(&self) -> SignedEntry {
        let bytes = self.entry(0, [0; 32]);
        SignedEntry {
            signature: sign(&self.account_secret, label::DEVICE_LIST_ENTRY, &bytes),
            bytes,
        }
    }

    /// Entry 1 of the list, which names the same device.
    pub fn second_entry(&self) -> SignedEntry {
        let bytes = self.entry(1, self.first_entry().hash());
        SignedEntry {
            signature: sign(&self.device_secret, label::DEVICE_LIST_ENTRY, &bytes),
            bytes,
        }
    }

    pub fn signed_prekey(&self, prekey_id: u32) -> frame::SignedPrekey {
        let public = PrekeyPublic::try_from([9; 32]).expect("a key");
        let bytes = signed_prekey_bytes(self.device, prekey_id, &public);
        let signature = sign(&self.device_secret, label::SIGNED_PREKEY, &bytes);
        frame::SignedPrekey {
            id: prekey_id,
            public: Bytes::copy_from_slice(public.as_bytes()),
            signature: Bytes::copy_from_slice(signature.as_bytes()),
        }
    }

    pub fn one_time(ids: std::ops::Range<u32>) -> Vec<frame::OneTimePrekey> {
        ids.map(|id| {
            let mut public = [8; 32];
            public[..4].copy_from_slice(&id.to_be_bytes());
            frame::OneTimePrekey {
                id,
                public: Bytes::copy_from_slice(&public),
            }
        })
        .collect()
    }

    pub fn setup(&self) -> frame::DeviceSetup {
        let entry = self.first_entry();
        frame::DeviceSetup {
            version: 1,
            account: self.account.to_bytes(),
            device: self.device.to_bytes(),
            device_list: Some(frame::SignedEntry {
                bytes: entry.bytes.into(),
                signature: Bytes::copy_from_slice(entry.signature.as_bytes()),
            }),
            prekeys: Some(frame::Prekeys {
                signed: Some(self.signed_prekey(1)),
                one_time: Self::one_time(1..21),
            }),
        }
    }

    pub fn direct_with(&self, peer: &Self) -> ConversationId {
        direct_id(self.account, peer.account)
    }

    /// A message to a peer's one device.
    pub fn message(&self, peer: &Self, number: u64) -> frame::Send {
        frame::Send {
            conversation: self.direct_with(peer).to_bytes(),
            message_id: message_id(number).to_bytes(),
            kind: 1,
            body: Bytes::from(format!("\u{1}sealed body {number}").into_bytes()),
            keys: vec![frame::KeyEnvelope {
                device: peer.device.to_bytes(),
                sealed: Bytes::from(format!("\u{1}sealed key {number}").into_bytes()),
            }],
            known_lists: vec![known(self.account, 0), known(peer.account, 0)],
        }
    }

    pub fn hello(&self, resume: Option<frame::ResumePoint>) -> frame::Hello {
        frame::Hello {
            protocol_version: PROTOCOL_VERSION,
            token: hex::decode(&self.token).expect("hexadecimal").into(),
            resume,
            client: "test".to_owned(),
        }
    }

    pub async fn connect(&self, relay: &Relay) -> Socket {
        self.connect_from(relay, None).await
    }

    pub async fn connect_from(&self, relay: &Relay, resume: Option<frame::ResumePoint>) -> Socket {
        let mut socket = Socket::open(relay).await;
        socket
            .push(client_frame::Frame::Hello(self.hello(resume)))
            .await;
        let welcome = socket
            .until(|frame| match frame {
                server_frame::Frame::Welcome(welcome) => Some(welcome.clone()),
                _ => None,
            })
            .await;
        assert_eq!(welcome.account, self.account.to_bytes());
        assert_eq!(welcome.device, self.device.to_bytes());
        socket.welcome = welcome;
        socket
    }
}

pub fn known(account: AccountId, seq: u64) -> frame::KnownDeviceList {
    frame::KnownDeviceList {
        account: account.to_bytes(),
        seq,
    }
}

/// Two people who have a conversation.
pub async fn pair(relay: &Relay) -> (Device, Socket, Device, Socket) {
    let alice = Device::register(relay, "alice").await;
    let bob = Device::register(relay, "bob").await;
    let mut from_alice = alice.connect(relay).await;
    let mut from_bob = bob.connect(relay).await;
    from_alice.open_direct(&alice, &bob).await;
    from_bob
        .until(|frame| matches!(frame, server_frame::Frame::ConversationOpened(_)).then_some(()))
        .await;
    (alice, from_alice, bob, from_bob)
}

/// An open socket.
pub struct Socket {
    pub socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    pub welcome: frame::Welcome,
    /// Frames that came while another was waited for.
    kept: VecDeque<server_frame::Frame>,
    next_request: u32,
}

impl Socket {
    /// Opens one without a Hello.
    pub async fn open(relay: &Relay) -> Self {
        Self::open_with(relay, &[]).await.expect("the socket opens")
    }

    pub async fn open_with(
        relay: &Relay,
        headers: &[(&'static str, &str)],
    ) -> Result<Self, tokio_tungstenite::tungstenite::Error> {
        let address = relay.url("/api/v1/socket").replacen("http", "ws", 1);
        let mut request = address.into_client_request()?;
        request.headers_mut().insert(
            "sec-websocket-protocol",
            SUBPROTOCOL.parse().expect("a header"),
        );
        for (name, value) in headers {
            request
                .headers_mut()
                .insert(*name, value.parse().expect("a header"));
        }
        let (socket, response) = tokio_tungstenite::connect_async(request).await?;
        assert_eq!(response.headers()["sec-websocket-protocol"], SUBPROTOCOL);
        Ok(Self {
            socket,
            welcome: frame::Welcome::default(),
            kept: VecDeque::new(),
            next_request: 1,
        })
    }

    pub async fn push(&mut self, frame: client_frame::Frame) {
        let frame = frame::ClientFrame { frame: Some(frame) };
        let message = Message::Binary(frame.encode_to_vec().into());
        self.socket.send(message).await.expect("the socket is open");
    }

    /// The next frame, or the code of the close.
    pub async fn next_or_close(&mut self) -> Result<server_frame::Frame, u16> {
        loop {
            let message = tokio::time::timeout(PATIENCE, self.socket.next())
                .await
                .expect("a frame comes in time");
            match message {
                Some(Ok(Message::Binary(bytes))) => {
                    let frame = frame::ServerFrame::decode(bytes).expect("a frame");
                    return Ok(frame.frame.expect("a frame that is known"));
                }
                Some(Ok(Message::Close(close))) => {
                    return Err(close.map_or(0, |close| close.code.into()));
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => panic!("the socket failed: {error}"),
                None => return Err(0),
            }
        }
    }

    pub async fn next(&mut self) -> server_frame::Frame {
        if let Some(frame) = self.kept.pop_front() {
            return frame;
        }
        self.next_or_close().await.expect("the socket is open")
    }

    /// The next frame that the test wants; others are kept for later.
    pub async fn until<T>(&mut self, want: impl Fn(&server_frame::Frame) -> Option<T>) -> T {
        if let Some(place) = self.kept.iter().position(|frame| want(frame).is_some()) {
            let frame = self.kept.remove(place).expect("it was found there");
            return want(&frame).expect("it was wanted");
        }
        loop {
            let frame = self.next_or_close().await.expect("the socket is open");
            match want(&frame) {
                Some(found) => return found,
                None => self.kept.push_back(frame),
            }
        }
    }

    pub async fn ask(&mut self, ask: Ask) -> Answer {
        let id = self.next_request;
        self.next_request += 1;
        let request = frame::Request { id, ask: Some(ask) };
        self.push(client_frame::Frame::Request(request)).await;
        self.until(|frame| match frame {
            server_frame::Frame::Response(response) if response.id == id => {
                Some(response.answer.clone().expect("an answer"))
            }
            _ => None,
        })
        .await
    }

    pub async fn expect_refused(&mut self, ask: Ask, code: ErrorCode) {
        match self.ask(ask).await {
            Answer::Problem(problem) => assert_eq!(problem.code, code.as_str()),
            other => panic!("not refused: {other:?}"),
        }
    }

    pub async fn open_direct(&mut self, own: &Device, peer: &Device) -> frame::ConversationState {
        let ask = Ask::OpenDirect(frame::OpenDirect {
            conversation: own.direct_with(peer).to_bytes(),
            peer: peer.account.to_bytes(),
        });
        match self.ask(ask).await {
            Answer::Conversation(state) => state,
            other => panic!("not opened: {other:?}"),
        }
    }

    pub async fn send(&mut self, send: frame::Send) {
        self.push(client_frame::Frame::Send(send)).await;
    }

    pub async fn acknowledged(&mut self) -> frame::Acknowledged {
        self.until(|frame| match frame {
            server_frame::Frame::Acknowledged(acknowledged) => Some(acknowledged.clone()),
            _ => None,
        })
        .await
    }

    pub async fn refused(&mut self) -> frame::Problem {
        self.until(|frame| match frame {
            server_frame::Frame::Refused(refused) => refused.problem.clone(),
            _ => None,
        })
        .await
    }

    pub async fn delivered(&mut self) -> frame::Deliver {
        self.until(|frame| match frame {
            server_frame::Frame::Deliver(deliver) => Some(deliver.clone()),
            _ => None,
        })
        .await
    }

    /// The problem that the server closes with, and the code of the close.
    pub async fn ended(&mut self) -> (Option<frame::Problem>, u16) {
        let mut problem = None;
        loop {
            match self.next_or_close().await {
                Ok(server_frame::Frame::Problem(told)) => problem = Some(told),
                Ok(_) => {}
                Err(code) => return (problem, code),
            }
        }
    }

    pub async fn fetch(&mut self, conversation: ConversationId, after_seq: u64) -> frame::LogPage {
        let ask = Ask::Fetch(frame::Fetch {
            conversation: conversation.to_bytes(),
            after_seq,
            limit: 500,
        });
        match self.ask(ask).await {
            Answer::LogPage(page) => page,
            other => panic!("no page: {other:?}"),
        }
    }

    /// The whole log, page by page.
    pub async fn fetch_all(&mut self, conversation: ConversationId) -> Vec<frame::Deliver> {
        let mut messages: Vec<frame::Deliver> = Vec::new();
        loop {
            let after = messages.last().map_or(0, |last| last.seq);
            let page = self.fetch(conversation, after).await;
            messages.extend(page.messages);
            if messages.last().map_or(0, |last| last.seq) >= page.head_seq {
                return messages;
            }
        }
    }
}
