//! `POST /api/v1/sessions` and `DELETE /api/v1/sessions/current`: signing in and
//! out.

use std::sync::Arc;

use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::Response;
use chat_domain::login::SessionToken;
use chat_protocol::{DeviceId, ErrorCode};
use serde::Deserialize;

use super::ClientAddress;
use super::accounts::SignedInBody;
use super::json::{JsonBody, json};
use super::problem::Problem;
use crate::app::App;
use crate::app::login::not_signed_in;
use crate::failure::Failure;

#[derive(Deserialize)]
pub(super) struct Body {
    name: String,
    password: String,
    device_id: String,
}

pub(super) async fn sign_in(
    State(app): State<Arc<App>>,
    ClientAddress(address): ClientAddress,
    JsonBody(body): JsonBody<Body>,
) -> Result<Response, Problem> {
    let device: DeviceId = body.device_id.parse().map_err(|error| {
        Failure::refused(
            ErrorCode::MalformedRequest,
            format!("device_id is none: {error}."),
        )
    })?;
    let signed_in = app
        .sign_in(&body.name, body.password.into(), device, address)
        .await?;
    Ok(json(StatusCode::CREATED, &SignedInBody::from(signed_in)))
}

pub(super) async fn sign_out(
    State(app): State<Arc<App>>,
    Bearer(token): Bearer,
) -> Result<StatusCode, Problem> {
    app.sign_out(token.hash()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The session token of `Authorization: Bearer`.
pub(super) struct Bearer(SessionToken);

impl<S: Sync> FromRequestParts<S> for Bearer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts
            .headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .and_then(|(_, token)| SessionToken::from_hex(token.trim()).ok())
            .map(Self)
            .ok_or_else(|| not_signed_in().into())
    }
}
