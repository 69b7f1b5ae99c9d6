//! `POST /api/v1/accounts`: registering.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chat_protocol::ErrorCode;
use serde::{Deserialize, Serialize};

use super::ClientAddress;
use super::json::{JsonBody, json};
use super::problem::Problem;
use crate::app::App;
use crate::app::account::{Registration, SignedIn};
use crate::failure::Failure;

#[derive(Deserialize)]
pub(super) struct Body {
    name: String,
    password: String,
    invite_code: String,
    /// Base64 of the protobuf `DeviceSetup`.
    device_setup: String,
}

/// What a device gets that registered or signed in.
#[derive(Serialize)]
pub(super) struct SignedInBody {
    account_id: chat_protocol::AccountId,
    device_id: chat_protocol::DeviceId,
    name: String,
    token: String,
}

impl From<SignedIn> for SignedInBody {
    fn from(signed_in: SignedIn) -> Self {
        Self {
            account_id: signed_in.account,
            device_id: signed_in.device,
            name: signed_in.name.as_str().to_owned(),
            token: signed_in.token.to_hex(),
        }
    }
}

pub(super) async fn register(
    State(app): State<Arc<App>>,
    ClientAddress(address): ClientAddress,
    JsonBody(body): JsonBody<Body>,
) -> Result<Response, Problem> {
    let device_setup = STANDARD.decode(body.device_setup).map_err(|_| {
        Failure::refused(ErrorCode::MalformedRequest, "device_setup is not base64.")
    })?;
    let registration = Registration {
        name: body.name,
        password: body.password.into(),
        invite_code: body.invite_code,
        device_setup,
    };
    let signed_in = app.register(registration, address).await?;
    Ok(json(StatusCode::CREATED, &SignedInBody::from(signed_in)))
}
