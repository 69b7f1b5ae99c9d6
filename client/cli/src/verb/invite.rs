//! `invite create`: a link for somebody who has no account yet.

use chat_client::{Command, Reply};

use crate::arguments::Global;
use crate::failure::Failure;
use crate::output::Output;
use crate::row::Invite;
use crate::session::{Session, unexpected_reply};

pub(crate) async fn create(global: &Global, uses: u32, output: &mut Output) -> Result<(), Failure> {
    let session = Session::open_online(global).await?;
    let outcome = session.command(Command::CreateInvite { uses }).await;
    session.close(output).await;
    match outcome? {
        Reply::Invite { url, code, uses } => Ok(output.print(&Invite { url, code, uses })?),
        _ => Err(unexpected_reply()),
    }
}
