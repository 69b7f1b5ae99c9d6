//! JSON in and out.

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chat_domain::limits::HTTP_BODY_MAX_BYTES;
use chat_protocol::ErrorCode;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::problem::Problem;
use crate::failure::Refusal;

/// The JSON body of a request.
pub(super) struct JsonBody<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        // A page of another site can post text without asking first, but not JSON:
        // the browser then asks, and is not allowed to.
        let is_json = request
            .headers()
            .get(header::CONTENT_TYPE)
            .and_then(|kind| kind.to_str().ok())
            .is_some_and(|kind| {
                let (kind, _) = kind.split_once(';').unwrap_or((kind, ""));
                kind.trim().eq_ignore_ascii_case("application/json")
            });
        if !is_json {
            return Err(malformed(
                "The body is JSON, with Content-Type application/json.",
            ));
        }
        let bytes = Bytes::from_request(request, state).await.map_err(|error| {
            if error.into_response().status() == StatusCode::PAYLOAD_TOO_LARGE {
                Problem(Refusal::new(
                    ErrorCode::TooLarge,
                    format!("A request has at most {HTTP_BODY_MAX_BYTES} bytes."),
                ))
            } else {
                malformed("The body ends early.")
            }
        })?;
        // Where it went wrong is told, what stood there is not: it may be a password.
        serde_json::from_slice(&bytes).map(Self).map_err(|error| {
            malformed(&format!(
                "The body is not the documented JSON (line {}, column {}).",
                error.line(),
                error.column()
            ))
        })
    }
}

fn malformed(detail: &str) -> Problem {
    Problem(Refusal::new(ErrorCode::MalformedRequest, detail))
}

/// A JSON answer that nobody keeps.
pub(super) fn json(status: StatusCode, value: &impl Serialize) -> Response {
    let body = serde_json::to_vec(value).expect("answers are texts and numbers");
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
