//! A proxy that changes what the server says on its sockets.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use chat_protocol::SUBPROTOCOL;
use chat_protocol::frame::{self, server_frame};
use futures_util::{SinkExt as _, StreamExt as _};
use prost::Message as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::{accept_hdr_async, client_async};

/// Changes a frame on its way to a client.
pub type Lie = Arc<dyn Fn(&mut server_frame::Frame) + Send + Sync>;

/// A running proxy; it ends with this value.
pub struct Proxy {
    address: SocketAddr,
    _runtime: tokio::runtime::Runtime,
}

impl Proxy {
    /// Starts one before a server.
    pub fn start(server: SocketAddr, lie: Lie) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?;
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
        let address = listener.local_addr()?;
        runtime.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let lie = Arc::clone(&lie);
                connections.spawn(async move { connection(client, server, lie).await });
            }
        });
        Ok(Self {
            address,
            _runtime: runtime,
        })
    }

    /// Its address for `--server`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

async fn connection(mut client: TcpStream, server: SocketAddr, lie: Lie) -> Result<()> {
    let mut upstream = TcpStream::connect(server).await?;
    let mut head = [0; 32];
    let seen = client.peek(&mut head).await?;
    if !head[..seen].starts_with(b"GET /api/v1/socket") {
        tokio::io::copy_bidirectional(&mut client, &mut upstream).await?;
        return Ok(());
    }
    #[expect(clippy::result_large_err, reason = "the signature is tungstenite's")]
    let agree = |_: &Request, mut response: Response| {
        let protocol = HeaderValue::from_static(SUBPROTOCOL);
        response
            .headers_mut()
            .insert("sec-websocket-protocol", protocol);
        Ok(response)
    };
    let (mut to_client, mut from_client) = accept_hdr_async(client, agree).await?.split();
    let mut request = format!("ws://{server}/api/v1/socket").into_client_request()?;
    request.headers_mut().insert(
        "sec-websocket-protocol",
        HeaderValue::from_static(SUBPROTOCOL),
    );
    let (upstream, _) = client_async(request, upstream).await?;
    let (mut to_server, mut from_server) = upstream.split();
    let up = async {
        while let Some(message) = from_client.next().await {
            to_server.send(message?).await?;
        }
        anyhow::Ok(())
    };
    let down = async {
        while let Some(message) = from_server.next().await {
            to_client.send(tell(message?, &lie)?).await?;
        }
        anyhow::Ok(())
    };
    tokio::select! { ended = up => ended, ended = down => ended }
}

fn tell(message: Message, lie: &Lie) -> Result<Message> {
    let Message::Binary(bytes) = message else {
        return Ok(message);
    };
    let mut frame = frame::ServerFrame::decode(bytes)?;
    lie(frame.frame.as_mut().context("an empty frame")?);
    Ok(Message::Binary(Bytes::from(frame.encode_to_vec())))
}
