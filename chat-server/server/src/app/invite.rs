//! Invites.

use chat_domain::invite::{InviteCode, InviteCodeError, InviteTerms};
use chat_domain::permission::{Capability, Role};
use chat_protocol::ErrorCode;
use chat_store::invite::{AddInviteError, NewInvite, OpenInvite};
use chat_store::login::Login;

use super::App;
use crate::failure::Failure;

/// An invite that was made. Its code is told once.
#[derive(Debug)]
pub struct MadeInvite {
    /// The code.
    pub code: InviteCode,
    /// How many accounts it makes.
    pub uses: u32,
}

impl App {
    /// Makes an invite for members, on behalf of an account.
    ///
    /// # Errors
    /// [`Failure`] with `limit_exceeded`, or `not_allowed`.
    pub async fn create_invite(
        &self,
        login: &Login,
        uses: u32,
        hours: u32,
    ) -> Result<MadeInvite, Failure> {
        if !login.role.may(Capability::InviteMember) {
            return Err(Failure::refused(
                ErrorCode::NotAllowed,
                "You may not invite people to this server.",
            ));
        }
        let now_ms = self.now_ms();
        let terms = InviteTerms::new(uses, hours, now_ms)
            .map_err(|error| Failure::refused(error.code(), error.to_string()))?;
        let code = InviteCode::from_random(self.random());
        let new = NewInvite {
            hash: code.hash(),
            role: Role::Member,
            invited_by: Some(login.account),
            terms,
        };
        self.store
            .add_invite(&new, now_ms)
            .await
            .map_err(|error| match error {
                AddInviteError::TooMany => Failure::refused(
                    ErrorCode::LimitExceeded,
                    "You have as many open invites as an account may have. Wait until some are \
                     used or have expired.",
                ),
                AddInviteError::Store(error) => error.into(),
                error @ AddInviteError::HasOwner => Failure::Broken(Box::new(error)),
            })?;
        tracing::info!(account = %login.account, uses = terms.uses, "made an invite");
        Ok(MadeInvite {
            code,
            uses: terms.uses,
        })
    }

    /// What somebody may know who holds an invite's code.
    ///
    /// # Errors
    /// [`Failure`] with `invite_not_found` when it does not hold.
    pub async fn describe_invite(&self, code: &str) -> Result<OpenInvite, Failure> {
        let not_found = || Failure::refused(InviteCodeError.code(), InviteCodeError.to_string());
        let hash = InviteCode::parse(code).map_err(|_| not_found())?.hash();
        self.store
            .lookup_invite(hash, self.now_ms())
            .await?
            .ok_or_else(not_found)
    }

    /// The link that a person opens to use an invite.
    #[must_use]
    pub fn invite_url(&self, code: &InviteCode) -> String {
        invite_url(&self.settings.public_url, code)
    }
}

/// The link of an invite on a server.
#[must_use]
pub fn invite_url(public_url: &str, code: &InviteCode) -> String {
    format!("{public_url}/invite/{}", code.as_str())
}
