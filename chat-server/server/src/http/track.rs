//! What every request gets: an id, a span, its time in the metrics.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::HeaderValue;
use axum::middleware::Next;
use axum::response::Response;
use tracing::Instrument as _;

use crate::app::App;

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
    let mut response = next.run(request).instrument(span.clone()).await;
    let status = response.status().as_u16();
    span.in_scope(|| tracing::debug!(status, "answered"));
    metrics::histogram!("chatalot_http_seconds", "route" => route, "status" => status.to_string())
        .record(started.elapsed());
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}
