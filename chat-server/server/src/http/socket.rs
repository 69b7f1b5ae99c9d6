//! `GET /api/v1/socket`: becoming a WebSocket.

use std::sync::Arc;

use axum::extract::State;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;
use axum::{Extension, extract::ws::WebSocket};
use chat_protocol::limits::FRAME_MAX_BYTES;
use chat_protocol::{ErrorCode, SUBPROTOCOL};
use tokio::sync::OwnedSemaphorePermit;

use super::origin;
use super::problem::Problem;
use crate::app::App;
use crate::failure::Refusal;

/// Bytes that a socket reads at once. Each open one keeps such a buffer, and most
/// are idle: 4 KiB instead of the library's 128.
const READ_BUFFER_BYTES: usize = 2 * 1024;
/// Bytes after which frames are written without waiting for more.
const WRITE_BUFFER_BYTES: usize = 16 * 1024;

/// The permit of the TCP connection, kept as long as its socket is open.
#[derive(Clone)]
pub(crate) struct ConnectionPermit {
    pub _permit: Arc<OwnedSemaphorePermit>,
}

pub(super) async fn upgrade(
    State(app): State<Arc<App>>,
    permit: Option<Extension<ConnectionPermit>>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let refuse = |code, detail: &str| Err(Problem(Refusal::new(code, detail)));
    if !origin::is_own(&headers, &app.settings.public_url) {
        return refuse(
            ErrorCode::NotAllowed,
            "The page of another site may not open a socket here.",
        );
    }
    let Ok(mut upgrade) = upgrade else {
        return refuse(
            ErrorCode::MalformedRequest,
            "This address takes WebSocket connections only.",
        );
    };
    let speaks_ours = upgrade
        .requested_protocols()
        .any(|protocol| protocol == SUBPROTOCOL);
    if !speaks_ours {
        return refuse(
            ErrorCode::UnsupportedVersion,
            "The client does not offer the WebSocket subprotocol chatalot.v1.",
        );
    }
    if !app.lifecycle.is_open() {
        return Err(Problem(
            Refusal::new(
                ErrorCode::Overloaded,
                "The server is starting or going away. Try again in a moment.",
            )
            .retry_after(std::time::Duration::from_secs(1)),
        ));
    }
    upgrade.set_selected_protocol(HeaderValue::from_static(SUBPROTOCOL));
    let token = app.lifecycle.tasks.token();
    Ok(upgrade
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(WRITE_BUFFER_BYTES)
        // Room for what is buffered and one frame of the largest size: a write
        // waits for the client long before.
        .max_write_buffer_size(WRITE_BUFFER_BYTES + 2 * FRAME_MAX_BYTES)
        .max_message_size(FRAME_MAX_BYTES)
        .max_frame_size(FRAME_MAX_BYTES)
        .on_upgrade(move |socket: WebSocket| async move {
            let _kept = (token, permit);
            crate::socket::serve(app, socket).await;
        }))
}
