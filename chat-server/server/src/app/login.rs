//! Logins: session tokens for known devices.

use std::net::IpAddr;

use chat_domain::account::AccountName;
use chat_domain::login::{SessionToken, TokenHash};
use chat_protocol::{DeviceId, ErrorCode};
use chat_store::login::{AddLoginError, Login};
use zeroize::Zeroizing;

use super::App;
use super::account::{SignedIn, pool_failure};
use crate::failure::Failure;
use crate::hub::Ending;
use crate::password::Verdict;

impl App {
    /// Signs a known device in again.
    ///
    /// Whether name or password was wrong is not told, nor by the time that it
    /// takes; whether the device is known, only to who knows the password.
    ///
    /// # Errors
    /// [`Failure`] with `wrong_credentials`, `device_not_linked`, or a limit.
    pub async fn sign_in(
        &self,
        name: &str,
        password: Zeroizing<String>,
        device: DeviceId,
        address: IpAddr,
    ) -> Result<SignedIn, Failure> {
        let wrong = || Failure::refused(ErrorCode::WrongCredentials, "Name or password is wrong.");
        let name = AccountName::parse(name).map_err(|_| wrong())?;
        self.rates.take_credentials(address, name.as_str())?;
        // Hashing must not become a way to load the server.
        if password.len() > chat_protocol::limits::PASSWORD_MAX_BYTES {
            return Err(wrong());
        }
        let (account, stored) = match self.store.lookup_credentials(&name).await? {
            Some(found) => (Some(found.account), Some(found.password_hash)),
            None => (None, None),
        };
        let verdict = self
            .passwords
            .verify(password, stored)
            .await
            .map_err(pool_failure)?;
        let (Verdict::Right, Some(account)) = (verdict, account) else {
            return Err(wrong());
        };
        let token = SessionToken::from_random(self.random());
        self.store
            .add_login(account, device, token.hash(), self.now_ms())
            .await
            .map_err(|error| match error {
                AddLoginError::UnknownDevice => Failure::refused(
                    ErrorCode::DeviceNotLinked,
                    "This device has no keys in the account. Link it from a device that has.",
                ),
                AddLoginError::Store(error) => error.into(),
            })?;
        tracing::info!(%account, %device, "signed in");
        Ok(SignedIn {
            account,
            device,
            name,
            token,
        })
    }

    /// Who a token speaks for.
    ///
    /// # Errors
    /// [`Failure`] with `not_signed_in` when it speaks for nobody.
    pub async fn authenticate(&self, token: TokenHash) -> Result<Login, Failure> {
        self.store
            .lookup_login(token)
            .await?
            .ok_or_else(not_signed_in)
    }

    /// Ends a token, and every connection that was opened with it.
    ///
    /// # Errors
    /// [`Failure`] with `not_signed_in` when it had ended already.
    pub async fn sign_out(&self, token: TokenHash) -> Result<(), Failure> {
        let login = self.authenticate(token).await?;
        if !self.store.end_login(token).await? {
            return Err(not_signed_in());
        }
        self.hub.for_account(login.account, |connection| {
            if connection.login == token {
                connection.end(Ending::SignedOut);
            }
        });
        tracing::info!(account = %login.account, device = %login.device, "signed out");
        Ok(())
    }
}

pub(crate) fn not_signed_in() -> Failure {
    Failure::refused(
        ErrorCode::NotSignedIn,
        "This device is not signed in, or its session has ended. Sign in again.",
    )
}
