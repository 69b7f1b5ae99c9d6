//! Connections: opening one.

use chat_domain::login::SessionToken;
use chat_protocol::{ErrorCode, PROTOCOL_VERSION, frame};
use chat_store::login::Login;
use chat_store::server::Position;

use super::App;
use super::login::not_signed_in;
use crate::failure::Failure;
use crate::frames;
use crate::hub::Registered;

/// A connection that was opened.
pub struct Opened {
    /// Who opened it.
    pub login: Login,
    /// Its place in the hub.
    pub registered: Registered,
    /// The answer.
    pub welcome: frame::Welcome,
}

impl App {
    /// Opens a connection for the device whose token a Hello carries.
    ///
    /// The connection is in the hub *before* the list of changes is read: what is
    /// committed after the list was read is delivered to it, so that nothing falls
    /// between the two. Some may come twice; clients know places.
    ///
    /// # Errors
    /// [`Failure`] with `unsupported_version` or `not_signed_in`.
    pub async fn open_connection(&self, hello: &frame::Hello) -> Result<Opened, Failure> {
        if hello.protocol_version != PROTOCOL_VERSION {
            return Err(Failure::refused(
                ErrorCode::UnsupportedVersion,
                format!(
                    "This server speaks version {PROTOCOL_VERSION} of the protocol, your client \
                     version {}. Update the older of the two.",
                    hello.protocol_version
                ),
            ));
        }
        let token = SessionToken::from_bytes(&hello.token).map_err(|_| not_signed_in())?;
        let opened = self
            .store
            .open_connection(token.hash())
            .await?
            .ok_or_else(not_signed_in)?;
        let login = opened.login;
        let registered = self.hub.register(login.account, login.device, token.hash());
        let since = hello.resume.map(|resume| Position {
            epoch: resume.epoch,
            position: resume.position,
        });
        let changes = self.store.list_changes(login.account, since).await?;
        let welcome = frame::Welcome {
            protocol_version: PROTOCOL_VERSION,
            account: login.account.to_bytes(),
            device: login.device.to_bytes(),
            resume: Some(frames::resume_point(changes.position)),
            resumed: changes.resumed,
            conversations: changes
                .conversations
                .iter()
                .map(frames::conversation_state)
                .collect(),
            server_time_ms: self.now_ms(),
            device_generation: opened.generation,
        };
        // A token that was ended while this was under way found no connection to
        // end: it is in the hub now, so the question can be asked once more.
        if self.store.lookup_login(token.hash()).await?.is_none() {
            return Err(not_signed_in());
        }
        Ok(Opened {
            login,
            registered,
            welcome,
        })
    }
}
