//! Accounts: registering, finding people.

use std::net::IpAddr;

use chat_domain::account::{AccountName, check_password};
use chat_domain::device::NewDevice;
use chat_domain::invite::{InviteCode, InviteCodeError};
use chat_domain::login::SessionToken;
use chat_protocol::{AccountId, DeviceId, ErrorCode, frame};
use chat_store::account::{NewAccount, RegisterError};
use prost::Message as _;
use zeroize::Zeroizing;

use super::App;
use crate::failure::Failure;
use crate::password::PasswordPoolError;

/// What somebody brings who registers.
pub struct Registration {
    /// The name to be known by.
    pub name: String,
    /// The password.
    pub password: Zeroizing<String>,
    /// The code of the invite.
    pub invite_code: String,
    /// The protobuf `DeviceSetup`.
    pub device_setup: Vec<u8>,
}

/// A device that is signed in.
#[derive(Debug)]
pub struct SignedIn {
    /// The account.
    pub account: AccountId,
    /// The device.
    pub device: DeviceId,
    /// The name.
    pub name: AccountName,
    /// The token; told once, to the device alone.
    pub token: SessionToken,
}

impl App {
    /// Makes an account with its first device.
    ///
    /// Cheap checks come first, and the invite before the password is hashed:
    /// nobody without an invite makes the server hash. The transaction checks the
    /// invite again.
    ///
    /// # Errors
    /// [`Failure`] with the code of the first rule that is broken.
    pub async fn register(
        &self,
        registration: Registration,
        address: IpAddr,
    ) -> Result<SignedIn, Failure> {
        let name = AccountName::parse(&registration.name)
            .map_err(|error| Failure::refused(error.code(), error.to_string()))?;
        self.rates.take_credentials(address, name.as_str())?;
        check_password(&registration.password)
            .map_err(|error| Failure::refused(error.code(), error.to_string()))?;
        let setup = frame::DeviceSetup::decode(&registration.device_setup[..]).map_err(|_| {
            Failure::refused(
                ErrorCode::MalformedRequest,
                "The device setup is not a protobuf DeviceSetup.",
            )
        })?;
        let device = NewDevice::verify(&setup)
            .map_err(|error| Failure::refused(error.code(), error.to_string()))?;
        let invite = InviteCode::parse(&registration.invite_code)
            .map_err(|error| Failure::refused(error.code(), error.to_string()))?
            .hash();
        if self
            .store
            .lookup_invite(invite, self.now_ms())
            .await?
            .is_none()
        {
            return Err(invite_not_found());
        }
        let password_hash = self
            .passwords
            .hash(registration.password, self.random())
            .await
            .map_err(pool_failure)?;
        let token = SessionToken::from_random(self.random());
        let new = NewAccount {
            name: &name,
            password_hash: &password_hash,
            invite,
            device: &device,
            token: token.hash(),
            now_ms: self.now_ms(),
        };
        let role = self
            .store
            .register(&new)
            .await
            .map_err(|error| match error {
                RegisterError::InviteNotFound => invite_not_found(),
                RegisterError::NameTaken => Failure::refused(
                    ErrorCode::NameTaken,
                    format!("Somebody has the name {name} already."),
                ),
                RegisterError::IdTaken => Failure::refused(
                    ErrorCode::IdTaken,
                    "The id that your client drew is in use. Register again.",
                ),
                RegisterError::Store(error) => error.into(),
            })?;
        tracing::info!(account = %device.account, ?role, "registered");
        Ok(SignedIn {
            account: device.account,
            device: device.device,
            name,
            token,
        })
    }

    /// The account of a name, exactly as it is written.
    ///
    /// # Errors
    /// [`Failure`] with `person_not_found` when nobody has it.
    pub async fn find_person(&self, name: &str) -> Result<(AccountId, AccountName), Failure> {
        // A text that cannot be a name is nobody's.
        let found = match AccountName::parse(name) {
            Ok(name) => self
                .store
                .lookup_account_by_name(&name)
                .await?
                .map(|account| (account, name)),
            Err(_) => None,
        };
        found.ok_or_else(person_not_found)
    }
}

pub(super) fn person_not_found() -> Failure {
    Failure::refused(
        ErrorCode::PersonNotFound,
        "There is nobody of that name here.",
    )
}

fn invite_not_found() -> Failure {
    Failure::refused(InviteCodeError.code(), InviteCodeError.to_string())
}

pub(super) fn pool_failure(error: PasswordPoolError) -> Failure {
    match error {
        PasswordPoolError::Overloaded => crate::failure::Refusal::new(
            ErrorCode::Overloaded,
            "Too many people sign in at this moment. Try again in a few seconds.",
        )
        .retry_after(std::time::Duration::from_secs(2))
        .into(),
        error => Failure::Broken(Box::new(error)),
    }
}
