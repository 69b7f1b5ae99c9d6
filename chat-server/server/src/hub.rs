//! The hub: who is connected, and what waits for each connection.
//!
//! ```text
//!            push (never waits)               take (its own task)
//!  batcher ─────────────────────▶ Outbox of a ────────────────────▶ socket
//!  requests                       connection
//! ```
//!
//! Nobody who stores or answers ever waits for a client: pushing into an outbox
//! either finds room or drops live frames and leaves a gap (the log has them).

mod connection;
mod outbox;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use chat_domain::login::TokenHash;
use chat_protocol::{AccountId, DeviceId};

pub use connection::{Connection, Ending};
pub use outbox::{Outbox, Pushed};

/// Parts of the map, each behind a lock of its own: those who connect and those
/// who deliver rarely meet.
const SHARDS: usize = 64;

type Shard = HashMap<AccountId, Vec<Arc<Connection>>>;

/// Every open connection, by account.
#[derive(Debug)]
pub struct Hub {
    shards: Vec<Mutex<Shard>>,
    next_number: AtomicU64,
    open: AtomicUsize,
}

/// A connection in the hub; leaves it when dropped.
#[derive(Debug)]
pub struct Registered {
    hub: Arc<Hub>,
    connection: Arc<Connection>,
}

impl Default for Hub {
    fn default() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            next_number: AtomicU64::new(1),
            open: AtomicUsize::new(0),
        }
    }
}

impl Hub {
    /// Adds a connection: from now on it is delivered to.
    #[must_use]
    pub fn register(
        self: &Arc<Self>,
        account: AccountId,
        device: DeviceId,
        login: TokenHash,
    ) -> Registered {
        let number = self.next_number.fetch_add(1, Ordering::Relaxed);
        let connection = Arc::new(Connection::new(number, account, device, login));
        self.with_shard(account, |shard| {
            shard.entry(account).or_default().push(connection.clone());
        });
        let open = self.open.fetch_add(1, Ordering::Relaxed) + 1;
        gauge(open);
        Registered {
            hub: self.clone(),
            connection,
        }
    }

    /// Calls `visit` with each connection of an account. It must not wait: the
    /// shard is locked meanwhile.
    pub fn for_account(&self, account: AccountId, mut visit: impl FnMut(&Arc<Connection>)) {
        self.with_shard(account, |shard| {
            for connection in shard.get(&account).into_iter().flatten() {
                visit(connection);
            }
        });
    }

    /// Calls `visit` with every connection. It must not wait.
    pub fn for_all(&self, mut visit: impl FnMut(&Arc<Connection>)) {
        for shard in &self.shards {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            shard.values().flatten().for_each(&mut visit);
        }
    }

    /// How many connections are open.
    #[must_use]
    pub fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    fn with_shard<T>(&self, account: AccountId, work: impl FnOnce(&mut Shard) -> T) -> T {
        let [first, ..] = account.as_bytes();
        let shard = &self.shards[usize::from(*first) % SHARDS];
        work(&mut shard.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Registered {
    /// The connection.
    #[must_use]
    pub fn connection(&self) -> &Arc<Connection> {
        &self.connection
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        let account = self.connection.account;
        self.hub.with_shard(account, |shard| {
            if let Some(connections) = shard.get_mut(&account) {
                connections.retain(|one| one.number != self.connection.number);
                if connections.is_empty() {
                    shard.remove(&account);
                }
            }
        });
        gauge(self.hub.open.fetch_sub(1, Ordering::Relaxed) - 1);
    }
}

fn gauge(open: usize) {
    metrics::gauge!("chatalot_connections").set(u32::try_from(open).unwrap_or(u32::MAX));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_found_until_it_is_dropped() {
        let hub = Arc::new(Hub::default());
        let account = AccountId::from_bytes([7; 16]);
        let token = chat_domain::login::SessionToken::from_random([1; 32]).hash();
        let device = DeviceId::from_bytes([1; 16]);
        let one = hub.register(account, device, token);
        let other = hub.register(account, device, token);
        let count = || {
            let mut count = 0;
            hub.for_account(account, |_| count += 1);
            count
        };
        assert_eq!((count(), hub.open()), (2, 2));
        drop(one);
        assert_eq!((count(), hub.open()), (1, 1));
        drop(other);
        assert_eq!((count(), hub.open()), (0, 0));
    }
}
