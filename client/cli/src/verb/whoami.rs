//! `whoami`: whose device this is. It asks nobody.

use chat_client::{Command, Reply};
use chat_client_native::Reach;

use crate::arguments::Global;
use crate::failure::Failure;
use crate::output::Output;
use crate::row::WhoAmI;
use crate::session::{Session, unexpected_reply};

pub(crate) async fn run(global: &Global, output: &mut Output) -> Result<(), Failure> {
    let session = Session::open(global, Reach::ThisDevice).await?;
    let own = who(&session).await;
    session.close(output).await;
    Ok(output.print(&own?)?)
}

/// Whose device a session is.
pub(crate) async fn who(session: &Session) -> Result<WhoAmI, Failure> {
    match session.client.command(Command::WhoAmI).await? {
        Reply::WhoAmI {
            account,
            device,
            name,
            server,
        } => Ok(WhoAmI {
            name,
            account,
            device,
            server,
        }),
        _ => Err(unexpected_reply()),
    }
}
