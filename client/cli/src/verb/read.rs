//! `read`: the history of a conversation.

use chat_client::{Command, ConversationView, MessageRow, Reply, RowState};
use chat_client_native::Reach;

use crate::arguments::{Global, Read};
use crate::failure::{Exit, Failure};
use crate::output::Output;
use crate::row::Message;
use crate::session::{Session, unexpected_reply};

/// Rows that are asked for at once.
const PAGE: u32 = 500;

pub(crate) async fn run(global: &Global, read: &Read, output: &mut Output) -> Result<(), Failure> {
    let session = if read.offline {
        Session::open(global, Reach::ThisDevice).await?
    } else {
        Session::open_online(global).await?
    };
    let outcome = print_history(&session, read, output).await;
    session.close(output).await;
    match outcome? {
        0 => Ok(()),
        unreadable => Err(Failure::new(
            Exit::Undecryptable,
            "cannot_decrypt",
            format!("{unreadable} of these messages cannot be decrypted; each row says why."),
            "Ask for them to be sent again.",
        )),
    }
}

/// Prints what was asked for; says how many rows cannot be read.
async fn print_history(
    session: &Session,
    read: &Read,
    output: &mut Output,
) -> Result<u64, Failure> {
    let conversation = if read.offline {
        session.known_conversation(&read.target).await?
    } else {
        session.command(Command::Sync).await?;
        session.conversation(&read.target).await?
    };
    let mut unreadable = 0;
    let mut pages = Pages::after(read.since.unwrap_or(0), &conversation);
    while let Some(rows) = pages.next(session).await? {
        for row in rows {
            if row.state == RowState::Unreadable {
                unreadable += 1;
            }
            output.print(&Message::new(row, None))?;
        }
    }
    Ok(unreadable)
}

/// A timeline, page by page.
pub(crate) struct Pages {
    conversation: chat_protocol::ConversationId,
    /// The seq after which the next page begins; `None` after the last.
    after: Option<u64>,
}

impl Pages {
    pub fn after(seq: u64, conversation: &ConversationView) -> Self {
        Self {
            conversation: conversation.id,
            after: Some(seq),
        }
    }

    /// The next page, oldest row first; `None` when there is none.
    pub async fn next(&mut self, session: &Session) -> Result<Option<Vec<MessageRow>>, Failure> {
        let Some(after) = self.after else {
            return Ok(None);
        };
        let command = Command::Timeline {
            conversation: self.conversation,
            before: None,
            after: Some(after),
            limit: PAGE,
        };
        let Reply::Timeline { rows, more } = session.client.command(command).await? else {
            return Err(unexpected_reply());
        };
        let newest = rows.iter().filter_map(|row| row.seq).max();
        self.after = newest.filter(|_| more);
        Ok(Some(rows))
    }
}
