//! Making an account, and signing a known device in again: what goes over HTTP,
//! before there is a session.

use std::time::Duration;

use rand_core::CryptoRng;
use reqwest::redirect::Policy;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use chat_client::{
    Command, Effect, Input, Machine, OpenError, RegisterResponse, Registration, RegistrationError,
    Reply, SignInError,
};
use chat_protocol::{AccountId, DeviceId};

use crate::address::ServerAddress;
use crate::home::{Home, HomeError};
use crate::lock::{HomeLock, LockError};
use crate::store::{Store, StoreError};
use crate::store_key::{StoreKey, StoreKeyError};
use crate::system::Clock;

/// How long reaching the server may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// How long a request may take; hashing a password waits its turn on the server.
const REQUEST_LIMIT: Duration = Duration::from_mins(1);

/// An account that somebody wants.
pub struct NewAccount<'a> {
    /// Where.
    pub server: &'a ServerAddress,
    /// The code of an invite.
    pub invite_code: &'a str,
    /// The name to be known by.
    pub name: &'a str,
    /// The password.
    pub password: &'a str,
}

/// The account that a device speaks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Identity {
    /// The account.
    pub account: AccountId,
    /// The device.
    pub device: DeviceId,
    /// The account's name.
    pub name: String,
    /// The server's address.
    pub server: String,
}

/// Why the server refused, as it says itself (RFC 9457).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The HTTP status.
    pub status: u16,
    /// One of chat-protocol's codes, or a code of a later version.
    pub code: String,
    /// A sentence for people.
    pub detail: String,
}

impl Problem {
    /// Reads a problem document; `None` when it is none of ours.
    #[must_use]
    pub fn read(status: u16, body: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Document {
            code: String,
            detail: Option<String>,
            title: Option<String>,
        }
        let document: Document = serde_json::from_slice(body).ok()?;
        let detail = document.detail.or(document.title);
        let detail = detail.unwrap_or_else(|| format!("The server refused ({}).", document.code));
        Some(Self {
            status,
            code: document.code,
            detail,
        })
    }
}

/// Why there is no account, or no session.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// The home has an account already; a home is one device.
    #[error("this home belongs to {name} already")]
    AlreadyRegistered {
        /// The account's name.
        name: String,
    },
    /// Nobody has registered here.
    #[error("there is no account in this home")]
    NoAccount,
    /// The folder cannot be used.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// Another program uses the home.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The store's key cannot be had.
    #[error(transparent)]
    Key(#[from] StoreKeyError),
    /// The store cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store does not make a machine.
    #[error(transparent)]
    Open(OpenError),
    /// What was asked for is not allowed, or the answer is not about it.
    #[error(transparent)]
    Registration(#[from] RegistrationError),
    /// The new session is not for this device.
    #[error(transparent)]
    SignIn(#[from] SignInError),
    /// The server cannot be reached.
    #[error("the server {server} cannot be reached")]
    Unreachable {
        /// Which server.
        server: String,
        /// Why.
        source: reqwest::Error,
    },
    /// The server said no.
    #[error("{}", .0.detail)]
    Refused(Problem),
    /// The answer is not that of a Chatalot server.
    #[error("the server {server} answered {status}: it may be another program")]
    NotChatalot {
        /// Which server.
        server: String,
        /// With which HTTP status.
        status: u16,
    },
}

/// Makes an account, with this home as its first device.
///
/// Everything that can fail on this side is tried before the server is asked, so
/// that no account is made whose keys are then lost. Dropping the future after
/// the server was asked may do just that; let it finish.
///
/// # Errors
/// [`AccountError`].
pub async fn register(
    home: &Home,
    new: &NewAccount<'_>,
    clock: &dyn Clock,
    rng: &mut impl CryptoRng,
) -> Result<Identity, AccountError> {
    let registration =
        Registration::begin(rng, clock.now_ms(), new.name, new.password, new.invite_code)?;
    home.create()?;
    let _lock = HomeLock::take(home).await?;
    let (mut store, key) = open_store(home, rng)?;
    match Machine::open(&store.at_open()?) {
        Ok(mut machine) => {
            let name = identity(&mut machine, clock, rng).map_or_else(String::new, |own| own.name);
            return Err(AccountError::AlreadyRegistered { name });
        }
        Err(OpenError::NoAccount) => {}
        Err(error) => return Err(AccountError::Open(error)),
    }
    drop(key);
    let request = registration.request();
    let response: RegisterResponse = post(new.server, "/api/v1/accounts", &request).await?;
    let changes = registration.finish(new.server.as_str(), &response)?;
    store.apply(&changes, rng)?;
    Ok(Identity {
        account: response.account_id,
        device: response.device_id,
        name: response.name,
        server: new.server.as_str().to_owned(),
    })
}

/// Signs this device in again, after its session has ended.
///
/// # Errors
/// [`AccountError`]; with [`AccountError::Refused`] nothing has changed.
pub async fn sign_in(
    home: &Home,
    password: &str,
    clock: &dyn Clock,
    rng: &mut impl CryptoRng,
) -> Result<Identity, AccountError> {
    #[derive(Serialize)]
    struct SignIn<'a> {
        name: &'a str,
        password: &'a str,
        device_id: DeviceId,
    }
    if !home.has_store() {
        return Err(AccountError::NoAccount);
    }
    let _lock = HomeLock::take(home).await?;
    let (mut store, _key) = open_store(home, rng)?;
    let records = store.at_open()?;
    let mut machine = Machine::open(&records).map_err(|error| match error {
        OpenError::NoAccount => AccountError::NoAccount,
        error => AccountError::Open(error),
    })?;
    let own = identity(&mut machine, clock, rng).ok_or(AccountError::NoAccount)?;
    let server = ServerAddress::kept(own.server.clone());
    let request = SignIn {
        name: &own.name,
        password,
        device_id: own.device,
    };
    let response: RegisterResponse = post(&server, "/api/v1/sessions", &request).await?;
    let changes = chat_client::sign_in_again(&records, &response)?;
    store.apply(&changes, rng)?;
    Ok(own)
}

fn open_store(home: &Home, rng: &mut impl CryptoRng) -> Result<(Store, StoreKey), AccountError> {
    tokio::task::block_in_place(|| {
        let key = StoreKey::of_home(home, rng)?;
        let store = Store::open(&home.store(), &key, rng)?;
        Ok((store, key))
    })
}

fn identity(
    machine: &mut Machine,
    clock: &dyn Clock,
    rng: &mut impl CryptoRng,
) -> Option<Identity> {
    let input = Input::Command {
        id: 0,
        command: Command::WhoAmI,
    };
    machine
        .handle(input, clock.now_ms(), rng)
        .into_iter()
        .find_map(|effect| match effect {
            Effect::Answer {
                outcome:
                    Ok(Reply::WhoAmI {
                        account,
                        device,
                        name,
                        server,
                    }),
                ..
            } => Some(Identity {
                account,
                device,
                name,
                server,
            }),
            _ => None,
        })
}

async fn post<T: for<'de> Deserialize<'de>>(
    server: &ServerAddress,
    path: &str,
    body: &impl Serialize,
) -> Result<T, AccountError> {
    let unreachable = |source| AccountError::Unreachable {
        server: server.to_string(),
        source,
    };
    let http = reqwest::Client::builder()
        .connect_timeout(CONNECT_LIMIT)
        .timeout(REQUEST_LIMIT)
        // A password goes where it was sent, and nowhere else.
        .redirect(Policy::none())
        .user_agent(concat!("chatalot/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(unreachable)?;
    let answer = http
        .post(server.endpoint(path))
        .json(body)
        .send()
        .await
        .map_err(unreachable)?;
    let status = answer.status();
    let is_gateway = matches!(status.as_u16(), 502..=504);
    let is_ours = answer
        .headers()
        .get(reqwest::header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/problem+json"));
    if is_gateway && !is_ours {
        let error = answer
            .error_for_status()
            .map(drop)
            .expect_err("its status is an error");
        return Err(unreachable(error));
    }
    let body = Zeroizing::new(answer.bytes().await.map_err(unreachable)?.to_vec());
    let not_chatalot = || AccountError::NotChatalot {
        server: server.to_string(),
        status: status.as_u16(),
    };
    if !status.is_success() {
        let problem = Problem::read(status.as_u16(), &body).ok_or_else(not_chatalot)?;
        return Err(AccountError::Refused(problem));
    }
    serde_json::from_slice(&body).map_err(|_| not_chatalot())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_document_is_read_and_anything_else_is_not() {
        let body = br#"{"type":"about:blank","title":"t","status":409,"code":"name_taken","detail":"Somebody has the name."}"#;
        let problem = Problem::read(409, body).unwrap();
        assert_eq!(
            (problem.code.as_str(), problem.detail.as_str()),
            ("name_taken", "Somebody has the name.")
        );
        assert_eq!(Problem::read(500, b"<html>"), None);
        assert_eq!(Problem::read(500, br#"{"error":"x"}"#), None);
    }
}
