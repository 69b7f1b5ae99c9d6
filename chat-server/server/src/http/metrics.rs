//! `GET /metrics`: for Prometheus.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse as _, Response};

use super::ClientAddress;
use crate::app::App;
use crate::config::MetricsAccess;

pub(super) async fn render(
    State(app): State<Arc<App>>,
    ClientAddress(address): ClientAddress,
) -> Response {
    let is_allowed = match app.settings.metrics {
        MetricsAccess::Anyone => true,
        MetricsAccess::Loopback => address.to_canonical().is_loopback(),
    };
    if !is_allowed {
        // Nobody else need know that it is here.
        return super::endpoint_not_found().into_response();
    }
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4")];
    (kind, app.metrics.render()).into_response()
}
