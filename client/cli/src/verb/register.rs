//! `register`: a new account, with this home as its first device.

use std::time::Duration;

use chat_client_native::{
    AccountError, ClientError, NewAccount, Reach, ServerAddress, SystemClock, register, system_rng,
};

use super::password::{self, Ask};
use super::whoami;
use crate::arguments::{Global, Register};
use crate::failure::{Exit, Failure};
use crate::output::Output;
use crate::row::WhoAmI;
use crate::session::Session;
use crate::target::{name_rule, read_name};

pub(crate) async fn run(
    global: &Global,
    new: &Register,
    output: &mut Output,
) -> Result<(), Failure> {
    let home = global.home()?;
    let (server, invite_code) = server_and_code(new)?;
    let server = ServerAddress::parse(&server, global.plain_http())?;
    let Some(name) = read_name(&new.name) else {
        return Err(Failure::new(
            Exit::Usage,
            "name_invalid",
            format!("{:?} is not a name: {}.", new.name, name_rule()),
            "Choose another name.",
        ));
    };
    // Asked before the person types a password, and of a home in use, too.
    if home.has_store()
        && let Some(owner) = owner(&home).await?
    {
        return Err(AccountError::AlreadyRegistered { name: owner.name }.into());
    }
    let password = password::read(&new.password, Ask::Twice)?;
    let account = NewAccount {
        server: &server,
        invite_code: &invite_code,
        name: &name,
        password: &password,
    };
    let own = register(&home, &account, &SystemClock, &mut system_rng()).await?;
    output.print(&WhoAmI::from(own))?;
    output.note("registered; try 'chatalot invite create', or 'chatalot send @NAME hello'");
    Ok(())
}

async fn owner(home: &chat_client_native::Home) -> Result<Option<WhoAmI>, Failure> {
    let options = chat_client_native::ClientOptions {
        reach: Reach::ThisDevice,
        clock: std::sync::Arc::new(SystemClock),
        rng: system_rng(),
    };
    match chat_client_native::Client::open(home, options).await {
        Ok((client, updates)) => {
            let session = Session {
                client,
                updates,
                wait: Duration::ZERO,
            };
            let own = whoami::who(&session).await;
            session.client.close().await;
            own.map(Some)
        }
        Err(ClientError::NoAccount) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// An invite is a code, or a link that has the server in it as well.
fn server_and_code(new: &Register) -> Result<(String, String), Failure> {
    const PATH: &str = "/invite/";
    let (from_link, code) = match new.invite.rsplit_once(PATH) {
        Some((server, code)) => (
            Some(server.to_owned()),
            code.trim_end_matches('/').to_owned(),
        ),
        None => (None, new.invite.clone()),
    };
    match new.server.clone().or(from_link) {
        Some(server) => Ok((server, code)),
        None => Err(Failure::new(
            Exit::Usage,
            "usage",
            "The server is not named: --invite holds a code and no link.",
            "Add --server URL, or pass the whole link to --invite.",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arguments::Password;

    fn read(server: Option<&str>, invite: &str) -> Result<(String, String), Failure> {
        server_and_code(&Register {
            server: server.map(str::to_owned),
            invite: invite.to_owned(),
            name: "alice".to_owned(),
            password: Password {
                password_stdin: true,
            },
        })
    }

    #[test]
    fn an_invite_is_a_code_or_a_link() {
        let both = |server: &str, code: &str| (server.to_owned(), code.to_owned());
        assert_eq!(
            read(Some("https://a"), "CODE").unwrap(),
            both("https://a", "CODE")
        );
        assert_eq!(
            read(None, "https://b/x/invite/CODE").unwrap(),
            both("https://b/x", "CODE")
        );
        assert_eq!(
            read(Some("https://a"), "https://b/invite/CODE").unwrap(),
            both("https://a", "CODE")
        );
        assert!(read(None, "CODE").is_err());
    }
}
