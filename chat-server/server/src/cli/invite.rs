//! `chatalot-server invite create`.

use anyhow::{Context as _, bail};
use chat_domain::invite::{InviteCode, InviteTerms};
use chat_domain::permission::Role;
use chat_store::invite::{AddInviteError, NewInvite};
use chat_store::{Store, StoreOptions};

use super::{InviteArguments, Output};
use crate::app::invite::invite_url;
use crate::clock::{Clock as _, SystemClock};
use crate::config::Config;
use crate::random::{self, SystemRandom};

pub(super) fn create(config: &Config, arguments: &InviteArguments) -> anyhow::Result<()> {
    super::runtime()?.block_on(make(config, arguments))
}

async fn make(config: &Config, arguments: &InviteArguments) -> anyhow::Result<()> {
    let now_ms = SystemClock.now_ms();
    let code = InviteCode::from_random(random::bytes(&SystemRandom));
    let new = NewInvite {
        hash: code.hash(),
        role: if arguments.owner {
            Role::Owner
        } else {
            Role::Member
        },
        invited_by: None,
        terms: InviteTerms::new(arguments.uses, arguments.expires_hours, now_ms)?,
    };
    let store = Store::new(&StoreOptions {
        database_url: config.database.url.clone(),
        max_connections: 1,
    })
    .context("database.url (DATABASE_URL) is not the URL of a PostgreSQL database")?;
    match store.add_invite(&new, now_ms).await {
        Ok(()) => {}
        Err(AddInviteError::HasOwner) => {
            bail!("this server has an owner already; leave out --owner to invite a member")
        }
        Err(AddInviteError::Store(error)) if error.is_missing_schema() => {
            bail!("the database holds no Chatalot yet; run `chatalot-server serve` on it once")
        }
        Err(error) => return Err(error).context("the invite was not made"),
    }
    let public_url = config
        .public_url
        .clone()
        .unwrap_or_else(|| format!("http://{}", crate::serve::reachable(config.listen)));
    let url = invite_url(&public_url, &code);
    match arguments.output {
        Output::Text => println!("{url}"),
        Output::Json => println!(
            "{}",
            serde_json::json!({ "url": url, "code": code.as_str() })
        ),
    }
    Ok(())
}
