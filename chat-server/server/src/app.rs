//! Use cases: what can be asked of the server, over HTTP or on a socket.
//!
//! Each one checks the rules of chat-domain, does its one transaction in
//! chat-store, and only then tells the hub. It knows nothing of HTTP or frames'
//! envelopes; it returns a value or a [`Failure`].

pub mod account;
pub mod connection;
pub mod conversation;
pub mod device;
pub mod invite;
pub mod login;
pub mod membership;
pub mod message;
pub mod prekey;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chat_domain::limits;
use chat_protocol::{AccountId, ErrorCode, limits::PREKEY_CLAIMS_PER_HOUR};
use chat_store::Store;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::RwLock;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::batcher::SendQueue;
use crate::clock::Clock;
use crate::config::MetricsAccess;
use crate::failure::{Failure, Refusal};
use crate::hub::Hub;
use crate::password::Passwords;
use crate::random::{self, Random};
use crate::rate_limit::{Rate, RateLimit, WhenFull};
use membership::Memberships;

/// Everything that use cases work with.
pub struct App {
    pub(crate) store: Store,
    pub(crate) hub: Arc<Hub>,
    pub(crate) sends: SendQueue,
    pub(crate) passwords: Passwords,
    pub(crate) memberships: Memberships,
    pub(crate) rates: Rates,
    /// Held for reading from before a commit until the hub was told of it, and
    /// for writing while a position is taken: whatever was committed before a
    /// position is then in the outboxes before the position is.
    pub(crate) publication: RwLock<()>,
    pub(crate) settings: Settings,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) lifecycle: Lifecycle,
    pub(crate) metrics: PrometheusHandle,
}

/// What the server says of itself.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What it calls itself.
    pub server_name: String,
    /// The address that people reach it by, without a slash at its end.
    pub public_url: String,
    /// Who may read the metrics.
    pub metrics: MetricsAccess,
}

/// Where the server stands between its start and its end.
#[derive(Debug, Default)]
pub struct Lifecycle {
    is_migrated: AtomicBool,
    /// Cancelled when the server begins to go away.
    pub(crate) draining: CancellationToken,
    /// Every task that serves a client.
    pub(crate) tasks: TaskTracker,
}

impl Lifecycle {
    /// The schema is as this version needs it.
    pub(crate) fn set_migrated(&self) {
        self.is_migrated.store(true, Ordering::Release);
    }

    /// Whether the schema is as this version needs it.
    pub(crate) fn is_migrated(&self) -> bool {
        self.is_migrated.load(Ordering::Acquire)
    }

    /// Whether requests may come: after the start, before the end.
    pub(crate) fn is_open(&self) -> bool {
        self.is_migrated() && !self.draining.is_cancelled()
    }
}

/// The rate limits of the server.
#[derive(Debug)]
pub(crate) struct Rates {
    by_address: RateLimit<IpAddr>,
    by_name: RateLimit<(IpAddr, String)>,
    claims: RateLimit<(AccountId, AccountId)>,
}

impl Default for Rates {
    fn default() -> Self {
        let keys = limits::RATE_LIMIT_KEYS;
        let by_address = Rate {
            burst: limits::CREDENTIALS_PER_ADDRESS,
            every: Duration::from_secs(1) / limits::CREDENTIALS_PER_ADDRESS_PER_SECOND,
        };
        let by_name = Rate {
            burst: limits::LOGIN_ATTEMPTS_PER_NAME,
            every: Duration::from_secs(limits::LOGIN_ATTEMPT_EVERY_SECONDS),
        };
        let claims = Rate {
            burst: PREKEY_CLAIMS_PER_HOUR,
            every: Duration::from_hours(1) / PREKEY_CLAIMS_PER_HOUR,
        };
        Self {
            // Behind both stands the bounded pool that hashes passwords.
            by_address: RateLimit::new(by_address, keys, WhenFull::Allow),
            by_name: RateLimit::new(by_name, keys, WhenFull::Allow),
            // A one-time prekey that was taken does not come back.
            claims: RateLimit::new(claims, keys, WhenFull::Refuse),
        }
    }
}

impl Rates {
    /// One attempt to register or to sign in.
    fn take_credentials(&self, address: IpAddr, name: &str) -> Result<(), Failure> {
        let now = Instant::now();
        let address = network(address);
        self.by_address
            .take(address, now)
            .and_then(|()| self.by_name.take((address, name.to_owned()), now))
            .map_err(|wait| too_often("Too many attempts from your address.", wait))
    }

    /// One claim of prekeys of `target` by `requester`.
    fn take_claim(&self, requester: AccountId, target: AccountId) -> Result<(), Failure> {
        self.claims
            .take((requester, target), Instant::now())
            .map_err(|wait| too_often("Too many claims of this person's prekeys.", wait))
    }
}

/// What counts as one address: of IPv6 the first half, since whoever has one
/// address there has the other 2^64 too.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6([a, b, c, d, 0, 0, 0, 0].into())
        }
    }
}

fn too_often(what: &str, wait: Duration) -> Failure {
    // Said in whole seconds: an address is not told when exactly its bucket drips.
    let seconds = wait.as_secs() + 1;
    Refusal::new(
        ErrorCode::RateLimited,
        format!("{what} Try again in {seconds} s."),
    )
    .retry_after(Duration::from_secs(seconds))
    .into()
}

impl App {
    pub(crate) fn now_ms(&self) -> u64 {
        self.clock.now_ms()
    }

    pub(crate) fn random<const N: usize>(&self) -> [u8; N] {
        random::bytes(self.random.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_network_counts_as_one_address() {
        let address = |text: &str| -> IpAddr { text.parse().unwrap() };
        assert_eq!(network(address("192.0.2.7")), address("192.0.2.7"));
        let (one, other) = (address("2001:db8::1"), address("2001:db8::ffff:1"));
        assert_eq!(network(one), network(other));
        assert_ne!(network(one), network(address("2001:db8:0:1::1")));
    }
}
