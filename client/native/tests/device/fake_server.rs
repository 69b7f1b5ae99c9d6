//! Just enough of a server: it makes any account, and greets sockets in the
//! manner that the test chooses.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use futures_util::{SinkExt as _, StreamExt as _};
use prost::Message as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_tungstenite::accept_hdr_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};

use chat_protocol::frame::{self, client_frame, server_frame};
use chat_protocol::{AccountId, DeviceId, PROTOCOL_VERSION, SUBPROTOCOL};

/// How the server meets who comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// Lets everybody in.
    Welcomes,
    /// Takes connections and says nothing.
    Silent,
    /// Says no to everything.
    Refuses,
    /// Says what a proxy says while there is nobody behind it.
    NotReady,
    /// Knows no session.
    SignsOut,
}

struct Shared {
    manner: watch::Sender<Manner>,
    /// Rises when all connections are to be dropped.
    drops: watch::Sender<u64>,
    connections: AtomicUsize,
    connected: watch::Sender<usize>,
    /// The account and device of the last registration.
    own: watch::Sender<(Vec<u8>, Vec<u8>)>,
}

/// A server on a port of its own.
pub struct FakeServer {
    url: String,
    shared: Arc<Shared>,
    task: JoinSet<()>,
}

impl FakeServer {
    pub async fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared {
            manner: watch::Sender::new(manner),
            drops: watch::Sender::new(0),
            connections: AtomicUsize::new(0),
            connected: watch::Sender::new(0),
            own: watch::Sender::default(),
        });
        let mut task = JoinSet::new();
        let serving = shared.clone();
        task.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(stream, serving.clone()));
            }
        });
        Self { url, shared, task }
    }

    pub fn url(&self) -> String {
        self.url.clone()
    }

    pub fn change(&self, manner: Manner) {
        self.shared.manner.send_replace(manner);
    }

    /// How many sockets were opened so far.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    pub async fn until_connected(&self, count: usize) {
        self.shared
            .connected
            .subscribe()
            .wait_for(|so_far| *so_far >= count)
            .await
            .unwrap();
    }

    pub fn drop_connections(&self) {
        self.shared.drops.send_modify(|drops| *drops += 1);
    }

    /// Closes the port.
    pub async fn stop(mut self) {
        self.task.shutdown().await;
    }
}

async fn serve(mut stream: TcpStream, shared: Arc<Shared>) {
    let mut start = [0; 4];
    // Long enough to tell a request from another, and left for who reads it.
    let _read = stream.peek(&mut start).await;
    let manner = *shared.manner.borrow();
    match (&start, manner) {
        (b"POST", _) | (_, Manner::Refuses | Manner::NotReady) => {
            serve_http(&mut stream, &shared, manner).await;
        }
        _ => {
            let mut drops = shared.drops.subscribe();
            tokio::select! {
                _ended = serve_socket(stream, &shared) => {}
                _changed = drops.changed() => {}
            }
        }
    }
}

async fn serve_http(stream: &mut TcpStream, shared: &Shared, manner: Manner) {
    let body = read_body(stream).await;
    let (status, kind, body) = match manner {
        Manner::Refuses => (
            "404 Not Found",
            "application/problem+json",
            r#"{"type":"about:blank","status":404,"code":"invite_not_found","detail":"No such invite."}"#
                .to_owned(),
        ),
        Manner::NotReady => ("502 Bad Gateway", "text/html", "<html>".to_owned()),
        _ => ("201 Created", "application/json", register(&body, shared)),
    };
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    let _gone = stream.write_all(answer.as_bytes()).await;
}

async fn read_body(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "))
                .map_or(0, |length| length.parse().unwrap());
            if bytes.len() >= end + 4 + length {
                return bytes.split_off(end + 4);
            }
        }
        match stream.read(&mut chunk).await {
            Ok(read) if read > 0 => bytes.extend_from_slice(&chunk[..read]),
            _ => return Vec::new(),
        }
    }
}

fn register(body: &[u8], shared: &Shared) -> String {
    let body: serde_json::Value = serde_json::from_slice(body).unwrap();
    let setup = BASE64
        .decode(body["device_setup"].as_str().unwrap())
        .unwrap();
    let setup = frame::DeviceSetup::decode(&setup[..]).unwrap();
    shared
        .own
        .send_replace((setup.account.to_vec(), setup.device.to_vec()));
    serde_json::json!({
        "account_id": AccountId::try_from(&setup.account[..]).unwrap(),
        "device_id": DeviceId::try_from(&setup.device[..]).unwrap(),
        "name": body["name"],
        "token": "ab".repeat(32),
    })
    .to_string()
}

async fn serve_socket(stream: TcpStream, shared: &Shared) {
    #[expect(clippy::result_large_err, reason = "the library wants this type")]
    let name_protocol = |_: &Request, mut response: Response| {
        response
            .headers_mut()
            .insert("sec-websocket-protocol", SUBPROTOCOL.parse().unwrap());
        Ok(response)
    };
    let Ok(mut socket) = accept_hdr_async(stream, name_protocol).await else {
        return;
    };
    let count = shared.connections.fetch_add(1, Ordering::SeqCst) + 1;
    shared.connected.send_replace(count);
    while let Some(Ok(message)) = socket.next().await {
        let Message::Binary(bytes) = message else {
            continue;
        };
        let frame = frame::ClientFrame::decode(&bytes[..]).unwrap().frame;
        let answer = match (frame, *shared.manner.borrow()) {
            (Some(client_frame::Frame::Hello(_)), Manner::Welcomes) => welcome(shared),
            (Some(client_frame::Frame::Hello(_)), Manner::SignsOut) => {
                server_frame::Frame::Problem(frame::Problem {
                    code: "not_signed_in".to_owned(),
                    detail: "The session has ended.".to_owned(),
                    ..Default::default()
                })
            }
            _ => continue,
        };
        let bytes = frame::ServerFrame {
            frame: Some(answer),
        }
        .encode_to_vec();
        if socket.send(Message::binary(bytes)).await.is_err() {
            return;
        }
    }
}

fn welcome(shared: &Shared) -> server_frame::Frame {
    let (account, device) = shared.own.borrow().clone();
    server_frame::Frame::Welcome(frame::Welcome {
        protocol_version: PROTOCOL_VERSION,
        account: account.into(),
        device: device.into(),
        resume: Some(frame::ResumePoint {
            epoch: 1,
            position: 1,
        }),
        ..Default::default()
    })
}
