//! What every request gets: an id, a span, its time in the metrics.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::http::HeaderValue;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use chat_domain::limits::HTTP_REQUEST_TIMEOUT_SECONDS;
use chat_protocol::ErrorCode;
use tracing::Instrument as _;

use super::problem::Problem;
use crate::app::App;
use crate::failure::Refusal;

const REQUEST_TIMEOUT: Duration = Duration::from_secs(HTTP_REQUEST_TIMEOUT_SECONDS);

/// The header in which the answer names the id that the log has too.
const REQUEST_ID: &str = "x-request-id";

pub(super) async fn track(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let id = hex::encode(app.random::<8>());
    // The route, not the path: an invite's path holds its code.
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "web".to_owned(), |route| route.as_str().to_owned());
    let method = request.method().clone();
    let span = tracing::info_span!("request", %id, %method, %route);
    let started = Instant::now();
    let mut response = if route.starts_with("/api/") && !app.lifecycle.is_migrated() {
        starting().into_response()
    } else {
        // A socket's upgrade is answered at once; what comes after is not counted.
        let answering = next.run(request).instrument(span.clone());
        match tokio::time::timeout(REQUEST_TIMEOUT, answering).await {
            Ok(response) => response,
            Err(_) => too_slow().into_response(),
        }
    };
    let status = response.status().as_u16();
    span.in_scope(|| tracing::debug!(status, "answered"));
    metrics::histogram!("chatalot_http_seconds", "route" => route, "status" => status.to_string())
        .record(started.elapsed());
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

fn starting() -> Problem {
    Problem(
        Refusal::new(
            ErrorCode::Overloaded,
            "The server is starting. Try again in a moment.",
        )
        .retry_after(Duration::from_secs(1)),
    )
}

fn too_slow() -> Problem {
    Problem(
        Refusal::new(
            ErrorCode::Overloaded,
            "The request did not arrive, or was not answered, in time.",
        )
        .retry_after(Duration::from_secs(1)),
    )
}
