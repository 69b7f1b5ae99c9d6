//! The first frame: who is there, and since when.

use std::time::Duration;

use chat_domain::limits::HELLO_TIMEOUT_SECONDS;
use chat_protocol::ErrorCode;
use chat_protocol::frame::{client_frame, server_frame};
use tokio::time::timeout;

use super::wire::{Close, Ended, Wire};
use crate::app::App;
use crate::app::connection::Opened;
use crate::failure::{Failure, Refusal};
use crate::frames;

const HELLO_TIMEOUT: Duration = Duration::from_secs(HELLO_TIMEOUT_SECONDS);

/// Waits for the Hello and answers it.
pub(super) async fn greet(app: &App, wire: &mut Wire) -> Result<Opened, Ended> {
    let malformed = |detail: &str| {
        Ended::problem(
            Close::Protocol,
            Refusal::new(ErrorCode::MalformedRequest, detail),
        )
    };
    let first = timeout(HELLO_TIMEOUT, wire.next())
        .await
        .map_err(|_| malformed("The first frame, a Hello, did not come in time."))??;
    let client_frame::Frame::Hello(hello) = first else {
        return Err(malformed("The first frame is a Hello."));
    };
    let opened = app.open_connection(&hello).await.map_err(|failure| {
        let close = match &failure {
            Failure::Refused(_) => Close::Policy,
            Failure::Broken(_) | Failure::DatabaseAway(_) => Close::TryAgain,
        };
        Ended::problem(close, failure.into_refusal())
    })?;
    tracing::debug!(
        account = %opened.login.account,
        device = %opened.login.device,
        client = %printable(&hello.client),
        resumed = opened.welcome.resumed,
        "connected"
    );
    let welcome = frames::encode(server_frame::Frame::Welcome(opened.welcome.clone()));
    wire.write(&mut vec![welcome]).await?;
    Ok(opened)
}

/// What a client calls itself, fit for a log line.
fn printable(client: &str) -> String {
    client
        .chars()
        .filter(|letter| letter.is_ascii_graphic() || *letter == ' ')
        .take(64)
        .collect()
}
