//! `verify`: the number that is the same on both sides unless somebody is in
//! between.

use chat_client::{Command, Reply};

use crate::arguments::{Global, Verify};
use crate::failure::Failure;
use crate::output::Output;
use crate::row::SafetyNumber;
use crate::session::{Session, unexpected_reply};

pub(crate) async fn run(
    global: &Global,
    verify: &Verify,
    output: &mut Output,
) -> Result<(), Failure> {
    let session = Session::open_online(global).await?;
    let digits = digits(&session, verify, output).await;
    session.close(output).await;
    Ok(output.print(&SafetyNumber {
        safety_number: digits?,
    })?)
}

async fn digits(session: &Session, verify: &Verify, output: &Output) -> Result<String, Failure> {
    let conversation = session.conversation(&verify.target).await?;
    if conversation.identity_changed {
        output.warn(
            "identity_changed",
            &format!(
                "The server shows other keys for {} than this device knew; the number is that of \
                 the keys it knew.",
                verify.target
            ),
        );
    }
    let command = Command::SafetyNumber {
        account: conversation.peer.account,
    };
    match session.command(command).await? {
        Reply::SafetyNumber { digits } => Ok(digits),
        _ => Err(unexpected_reply()),
    }
}
