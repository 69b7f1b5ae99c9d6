//! HTTP: what happens before a session exists, and the way to the socket.
//!
//! One file per endpoint. Every error is a problem document (RFC 9457) with a
//! closed code; everything that is not below `/api` is the web client's.

mod accounts;
mod client_address;
mod health;
mod invites;
mod json;
mod metrics;
mod origin;
mod problem;
mod server_info;
mod sessions;
mod socket;
mod track;
mod web;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::Uri;
use axum::middleware;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{delete, get, post};
use chat_domain::limits::HTTP_BODY_MAX_BYTES;
use chat_protocol::ErrorCode;

use crate::app::App;
use crate::failure::Refusal;
pub(crate) use client_address::ClientAddress;
use problem::Problem;
pub(crate) use socket::ConnectionPermit;

/// Every route of the API: method and path. The test of authorisation goes
/// through them.
pub const ENDPOINTS: &[(&str, &str)] = &[
    ("POST", "/api/v1/accounts"),
    ("POST", "/api/v1/sessions"),
    ("DELETE", "/api/v1/sessions/current"),
    ("GET", "/api/v1/invites/{code}"),
    ("GET", "/api/v1/server"),
    ("GET", "/api/v1/socket"),
    ("GET", "/livez"),
    ("GET", "/readyz"),
    ("GET", "/metrics"),
];

/// The whole of HTTP.
pub(crate) fn router(app: Arc<App>) -> Router {
    let web_headers = web::Headers::new(&app.settings.public_url);
    Router::new()
        .route("/api/v1/accounts", post(accounts::register))
        .route("/api/v1/sessions", post(sessions::sign_in))
        .route("/api/v1/sessions/current", delete(sessions::sign_out))
        .route("/api/v1/invites/{code}", get(invites::describe))
        .route("/api/v1/server", get(server_info::describe))
        .route("/api/v1/socket", get(socket::upgrade))
        .route("/livez", get(health::live))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(metrics::render))
        .fallback(fallback)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(DefaultBodyLimit::max(HTTP_BODY_MAX_BYTES))
        .layer(middleware::map_response_with_state(
            web_headers,
            web::add_headers,
        ))
        .layer(middleware::from_fn_with_state(app.clone(), track::track))
        .with_state(app)
}

/// Everything else: the web client, but for what looks like the API.
async fn fallback(
    method: axum::http::Method,
    uri: Uri,
    headers: axum::http::HeaderMap,
) -> Response {
    if uri.path() == "/api" || uri.path().starts_with("/api/") {
        return endpoint_not_found().into_response();
    }
    web::serve(&method, uri.path(), &headers)
}

async fn method_not_allowed() -> Problem {
    method_not_allowed_problem()
}

fn method_not_allowed_problem() -> Problem {
    Problem(Refusal::new(
        ErrorCode::MethodNotAllowed,
        "This address does not take this method.",
    ))
}

fn endpoint_not_found() -> Problem {
    Problem(Refusal::new(
        ErrorCode::EndpointNotFound,
        "There is nothing at this address.",
    ))
}
