//! `GET /api/v1/invites/{code}`: what an invite is for.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;

use super::json::json;
use super::problem::Problem;
use crate::app::App;

#[derive(Serialize)]
struct Body<'a> {
    server_name: &'a str,
    invited_by: Option<String>,
    uses_left: u32,
}

pub(super) async fn describe(
    State(app): State<Arc<App>>,
    Path(code): Path<String>,
) -> Result<Response, Problem> {
    let invite = app.describe_invite(&code).await?;
    Ok(json(
        StatusCode::OK,
        &Body {
            server_name: &app.settings.server_name,
            invited_by: invite.invited_by,
            uses_left: invite.uses_left,
        },
    ))
}
