//! `send`: one message, or one per line.

use std::io::Read as _;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesOrdered;
use rand_core::Rng as _;
use tokio::io::{AsyncBufReadExt as _, BufReader};

use chat_client::{Command, ConversationView, Reply};
use chat_client_native::system_rng;
use chat_protocol::MessageId;

use crate::arguments::{Global, Send};
use crate::failure::Failure;
use crate::output::Output;
use crate::row::Sent;
use crate::session::{Session, unexpected_reply};

/// Lines that may be unacknowledged. Enough to fill a long way to the server, and
/// few enough that little is in doubt when it is lost.
const IN_FLIGHT: usize = 64;

/// What became of a message when the server did not answer.
const KEPT: &str = "It is kept on this device and goes out with the next command that reaches the \
                    server.";

pub(crate) async fn run(global: &Global, send: Send, output: &mut Output) -> Result<(), Failure> {
    let text = match send.text.as_deref() {
        Some("-") => {
            let mut text = String::new();
            std::io::stdin().lock().read_to_string(&mut text)?;
            // The end of the last line is the shell's, not the message's.
            let kept = text.strip_suffix('\n').unwrap_or(&text);
            Some(kept.strip_suffix('\r').unwrap_or(kept).to_owned())
        }
        text => text.map(str::to_owned),
    };
    let session = Session::open_online(global).await?;
    let outcome = match session.conversation(&send.target).await {
        Ok(to) => match text {
            Some(text) => send_one(&session, &to, send.id, text, output).await,
            None => send_lines(&session, &to, output).await,
        },
        Err(failure) => Err(failure),
    };
    session.close(output).await;
    outcome
}

async fn send_one(
    session: &Session,
    to: &ConversationView,
    id: Option<MessageId>,
    text: String,
    output: &mut Output,
) -> Result<(), Failure> {
    let message_id = id.unwrap_or_else(draw_id);
    let command = Command::Send {
        conversation: to.id,
        message_id,
        text,
    };
    let sent = tokio::select! {
        outcome = session.client.command(command) => row(&outcome?)?,
        reason = session.client.offline_for(session.wait) => {
            return Err(Failure::from(reason).and(KEPT));
        }
    };
    Ok(output.print(&sent)?)
}

async fn send_lines(
    session: &Session,
    to: &ConversationView,
    output: &mut Output,
) -> Result<(), Failure> {
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let mut is_open = true;
    let mut unanswered = FuturesOrdered::new();
    let lost = session.client.offline_for(session.wait);
    tokio::pin!(lost);
    while is_open || !unanswered.is_empty() {
        tokio::select! {
            line = lines.next_line(), if is_open && unanswered.len() < IN_FLIGHT => match line? {
                None => is_open = false,
                // There is no message without a text.
                Some(text) if text.is_empty() => {}
                Some(text) => {
                    let message_id = draw_id();
                    let command = Command::Send { conversation: to.id, message_id, text };
                    unanswered.push_back(session.client.submit(command).await?.outcome());
                }
            },
            Some(outcome) = unanswered.next() => output.print(&row(&outcome?)?)?,
            reason = &mut lost => {
                let kept = format!(
                    "{} lines are not acknowledged; they are kept on this device and go out with \
                     the next command that reaches the server.",
                    unanswered.len()
                );
                return Err(Failure::from(reason).and(&kept));
            }
        }
    }
    Ok(())
}

fn row(reply: &Reply) -> Result<Sent, Failure> {
    match reply {
        Reply::Sent {
            message_id,
            seq,
            at,
            ..
        } => Ok(Sent::new(*seq, *message_id, *at)),
        _ => Err(unexpected_reply()),
    }
}

fn draw_id() -> MessageId {
    let mut bytes = [0; 16];
    system_rng().fill_bytes(&mut bytes);
    MessageId::from_bytes(bytes)
}
