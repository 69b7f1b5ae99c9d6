//! Making an account: all keys are drawn here, before the server knows of it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use prost::Message as _;
use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};

use chat_crypto::{AccountSecret, DeviceSecret, sign_device_list};
use chat_protocol::{AccountId, DeviceId, frame, limits};
use chat_verify::{Device, DeviceListEntry, SignedEntry};

use crate::account::{self, NewAccount, StoredAccount};
use crate::api::{Change, Record, Table};
use crate::prekey::OwnPrekeys;
use crate::record::{self, OpenError};

/// The body of `POST /api/v1/accounts`.
#[derive(Serialize, Deserialize)]
pub struct RegisterRequest {
    /// The name to be known by.
    pub name: String,
    /// The password; the server keeps an Argon2id hash of it.
    pub password: String,
    /// The code of the invite.
    pub invite_code: String,
    /// Base64 of the protobuf `DeviceSetup`.
    pub device_setup: String,
}

/// The answer to it, and to `POST /api/v1/sessions`.
#[derive(Serialize, Deserialize)]
pub struct RegisterResponse {
    /// The account that was made.
    pub account_id: AccountId,
    /// Its first device.
    pub device_id: DeviceId,
    /// The name as the server keeps it.
    pub name: String,
    /// The session token: 64 hexadecimal digits.
    pub token: String,
}

/// Why a registration cannot be finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RegistrationError {
    /// The password is shorter than the limit.
    #[error("a password has at least {min} characters", min = limits::PASSWORD_MIN_CHARS)]
    PasswordTooShort,
    /// The server answered for another account or device than was asked for.
    #[error("the server's answer is about another account")]
    OtherAccount,
    /// The token is not 64 hexadecimal digits.
    #[error("the server's answer holds no session token")]
    Token,
}

/// An account that is about to be made.
pub struct Registration {
    account: AccountId,
    device: DeviceId,
    account_secret: AccountSecret,
    device_secret: DeviceSecret,
    first_entry: SignedEntry,
    prekeys: OwnPrekeys,
    name: String,
    password: String,
    invite_code: String,
}

impl Registration {
    /// Draws ids and keys for a new account and its first device.
    ///
    /// # Errors
    /// [`RegistrationError::PasswordTooShort`], before anything is sent.
    pub fn begin(
        rng: &mut dyn CryptoRng,
        now_ms: u64,
        name: &str,
        password: &str,
        invite_code: &str,
    ) -> Result<Self, RegistrationError> {
        if password.chars().count() < limits::PASSWORD_MIN_CHARS {
            return Err(RegistrationError::PasswordTooShort);
        }
        let mut id = || {
            let mut bytes = [0; 16];
            rng.fill_bytes(&mut bytes);
            bytes
        };
        let account = AccountId::from_bytes(id());
        let device = DeviceId::from_bytes(id());
        let account_secret = AccountSecret::generate(&mut &mut *rng);
        let device_secret = DeviceSecret::generate(&mut &mut *rng);
        let entry = DeviceListEntry {
            account,
            account_key: account_secret.public(),
            seq: 0,
            previous: [0; 32],
            devices: vec![Device {
                id: device,
                key: device_secret.public(),
            }],
        };
        Ok(Self {
            account,
            device,
            first_entry: sign_device_list(&entry, &account_secret),
            account_secret,
            device_secret,
            prekeys: OwnPrekeys::generate(rng, now_ms),
            name: name.trim().to_lowercase(),
            password: password.to_owned(),
            invite_code: invite_code.to_owned(),
        })
    }

    /// What to post.
    #[must_use]
    pub fn request(&self) -> RegisterRequest {
        let setup = frame::DeviceSetup {
            version: 1,
            account: self.account.to_bytes(),
            device: self.device.to_bytes(),
            device_list: Some(frame::SignedEntry {
                bytes: self.first_entry.bytes.clone().into(),
                signature: self.first_entry.signature.as_bytes().to_vec().into(),
            }),
            prekeys: Some(self.prekeys.to_frame(self.device, &self.device_secret, 0)),
        };
        RegisterRequest {
            name: self.name.clone(),
            password: self.password.clone(),
            invite_code: self.invite_code.clone(),
            device_setup: BASE64.encode(setup.encode_to_vec()),
        }
    }

    /// What to store once the server has answered; [`crate::Machine::open`]
    /// then takes it from there.
    ///
    /// # Errors
    /// [`RegistrationError`] when the answer is not about this account.
    pub fn finish(
        &self,
        server: &str,
        response: &RegisterResponse,
    ) -> Result<Vec<Change>, RegistrationError> {
        if response.account_id != self.account || response.device_id != self.device {
            return Err(RegistrationError::OtherAccount);
        }
        let account = NewAccount {
            account: self.account,
            device: self.device,
            name: response.name.clone(),
            server: server.to_owned(),
            token: read_token(&response.token)?,
            account_secret: &self.account_secret,
            device_secret: &self.device_secret,
            first_entry: &self.first_entry,
        };
        Ok(vec![
            Change::Put(account.to_record()),
            Change::Put(self.prekeys.to_record()),
        ])
    }
}

/// Why a new session does not go with this device.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignInError {
    /// The store does not read back.
    #[error("the store of this device cannot be opened")]
    Store(#[from] OpenError),
    /// The answer does not fit.
    #[error("the server's answer cannot be used")]
    Answer(#[from] RegistrationError),
}

/// What to store once `POST /api/v1/sessions` has let a device in again.
///
/// # Errors
/// [`SignInError`] when the answer is about another device, or the store does
/// not read back.
pub fn sign_in_again(
    records: &[Record],
    response: &RegisterResponse,
) -> Result<Vec<Change>, SignInError> {
    let record = records
        .iter()
        .find(|record| record.table == Table::Device && record.key == account::KEY)
        .ok_or(OpenError::NoAccount)?;
    let mut stored: StoredAccount = record::decode(record)?;
    if response.account_id != stored.account || response.device_id != stored.device {
        return Err(RegistrationError::OtherAccount.into());
    }
    stored.token = read_token(&response.token)?;
    Ok(vec![Change::Put(record::record(
        Table::Device,
        account::KEY,
        &stored,
    ))])
}

fn read_token(text: &str) -> Result<[u8; 32], RegistrationError> {
    let mut token = [0; 32];
    hex::decode_to_slice(text, &mut token).map_err(|_| RegistrationError::Token)?;
    Ok(token)
}
