//! Accounts to send with, registered as people register.

use anyhow::Context as _;
use getrandom::SysRng;
use rand_core::UnwrapErr;

use chat_client::{RegisterResponse, Registration};
use chat_protocol::{AccountId, DeviceId};

/// Somebody who takes part in the load.
pub struct Person {
    /// The account.
    pub account: AccountId,
    /// Its one device.
    pub device: DeviceId,
    /// The session token.
    pub token: Vec<u8>,
}

/// Registers `count` accounts, one after the other: the server hashes each
/// password on a bounded pool, and this is not what is measured.
pub async fn register(url: &str, invite: &str, count: usize) -> anyhow::Result<Vec<Person>> {
    let client = reqwest::Client::new();
    let mut people = Vec::with_capacity(count);
    for number in 0..count {
        let registration = Registration::begin(
            &mut UnwrapErr(SysRng),
            0,
            &format!("load-{number}"),
            "a password for the load",
            invite,
        )?;
        let response = loop {
            let response = client
                .post(format!("{url}/api/v1/accounts"))
                .json(&registration.request())
                .send()
                .await?;
            if response.status() != reqwest::StatusCode::TOO_MANY_REQUESTS {
                break response;
            }
            tokio::time::sleep(std::time::Duration::from_millis(250)).await;
        };
        let status = response.status();
        let text = response.text().await?;
        let response: RegisterResponse = serde_json::from_str(&text)
            .with_context(|| format!("registering account {number}: {status} {text}"))?;
        people.push(Person {
            account: response.account_id,
            device: response.device_id,
            token: hex::decode(response.token)?,
        });
    }
    Ok(people)
}
