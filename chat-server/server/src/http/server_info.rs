//! `GET /api/v1/server`: what this server is.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chat_protocol::PROTOCOL_VERSION;
use serde::Serialize;

use super::json::json;
use crate::app::App;

#[derive(Serialize)]
struct Body<'a> {
    name: &'a str,
    version: &'static str,
    protocol_version: u32,
    registration: &'static str,
}

pub(super) async fn describe(State(app): State<Arc<App>>) -> Response {
    json(
        StatusCode::OK,
        &Body {
            name: &app.settings.server_name,
            version: env!("CARGO_PKG_VERSION"),
            protocol_version: PROTOCOL_VERSION,
            registration: "invite",
        },
    )
}
