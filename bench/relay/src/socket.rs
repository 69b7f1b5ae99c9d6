//! Sockets of the load, and what an idle one costs the server.

use anyhow::{Context as _, bail};
use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use prost::Message as _;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use chat_protocol::frame::{self, client_frame, server_frame};
use chat_protocol::{PROTOCOL_VERSION, SUBPROTOCOL};

use crate::account::Person;
use crate::process::Process;

/// One open socket.
pub type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// A frame as one message.
pub fn encode(frame: client_frame::Frame) -> Message {
    Message::Binary(Bytes::from(
        frame::ClientFrame { frame: Some(frame) }.encode_to_vec(),
    ))
}

/// The next frame of the server.
pub async fn next(socket: &mut Socket) -> anyhow::Result<server_frame::Frame> {
    loop {
        match socket
            .next()
            .await
            .context("the server closed the connection")??
        {
            Message::Binary(bytes) => {
                let frame = frame::ServerFrame::decode(bytes)?;
                return frame.frame.context("an empty frame");
            }
            Message::Close(why) => bail!("the server closed the connection: {why:?}"),
            _ => {}
        }
    }
}

/// Connects one device and waits for its welcome.
pub async fn connect(url: &str, person: &Person) -> anyhow::Result<Socket> {
    let address = format!("{}/api/v1/socket", url.replacen("http", "ws", 1));
    let mut request = address.into_client_request()?;
    request.headers_mut().insert(
        "sec-websocket-protocol",
        HeaderValue::from_static(SUBPROTOCOL),
    );
    let (mut socket, _) = connect_async(request).await?;
    let hello = frame::Hello {
        protocol_version: PROTOCOL_VERSION,
        token: person.token.clone().into(),
        resume: None,
        client: "bench-relay".to_owned(),
    };
    socket
        .send(encode(client_frame::Frame::Hello(hello)))
        .await?;
    match next(&mut socket).await? {
        server_frame::Frame::Welcome(_) => Ok(socket),
        other => bail!("no welcome: {other:?}"),
    }
}

/// Bytes of the server's memory per idle socket.
pub async fn idle_cost(
    url: &str,
    people: &[Person],
    count: usize,
    server: &Process,
) -> anyhow::Result<f64> {
    // The first few pay for what all share.
    let mut sockets = Vec::with_capacity(count);
    for person in people.iter().cycle().take(count / 10) {
        sockets.push(connect(url, person).await?);
    }
    let before = server.rss_bytes()?;
    for person in people.iter().cycle().take(count) {
        sockets.push(connect(url, person).await?);
    }
    let after = server.rss_bytes()?;
    for mut socket in sockets {
        // The server forgets a closed one by itself; how it ended is all the same.
        let _ = socket.close(None).await;
    }
    Ok(after.saturating_sub(before) as f64 / count as f64)
}
