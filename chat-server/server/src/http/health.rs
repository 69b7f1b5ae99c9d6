//! `GET /livez` and `GET /readyz`.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;

use crate::app::App;
use crate::failure::chain;

/// How long the database may take to say that it is there.
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);

/// The program runs. Says nothing about the database: to start the program anew
/// would not bring that back.
pub(super) async fn live() -> &'static str {
    "ok\n"
}

/// Requests may come: the schema is there, the database answers, and the server
/// is not going away.
pub(super) async fn ready(State(app): State<Arc<App>>) -> (StatusCode, &'static str) {
    if !app.lifecycle.is_open() {
        return (StatusCode::SERVICE_UNAVAILABLE, "starting or going away\n");
    }
    match tokio::time::timeout(CHECK_TIMEOUT, app.store.check()).await {
        Ok(Ok(())) => (StatusCode::OK, "ready\n"),
        Ok(Err(error)) => {
            tracing::warn!(error = %chain(&error), "not ready");
            (StatusCode::SERVICE_UNAVAILABLE, "the database is away\n")
        }
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the database is slow\n"),
    }
}
