//! Rate limits: token buckets with a bounded memory.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// What happens when more keys are tried than can be remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenFull {
    /// A key that cannot be remembered is let through: for limits that a second
    /// one stands behind, where to refuse would let anybody lock everybody out.
    Allow,
    /// A key that cannot be remembered is refused: for limits that protect
    /// something that cannot be had back.
    Refuse,
}

/// So many at once, then one more after each interval.
#[derive(Debug, Clone, Copy)]
pub struct Rate {
    /// How many may come at once.
    pub burst: u32,
    /// After how long there is one more.
    pub every: Duration,
}

/// A rate for each key.
#[derive(Debug)]
pub struct RateLimit<K> {
    rate: Rate,
    keys: usize,
    when_full: WhenFull,
    /// Per key the moment at which its bucket is full again: one number says it
    /// all (the "generic cell rate algorithm").
    full_at: Mutex<HashMap<K, Instant>>,
}

impl<K: Eq + Hash> RateLimit<K> {
    /// A limit that remembers at most `keys` keys.
    #[must_use]
    pub fn new(rate: Rate, keys: usize, when_full: WhenFull) -> Self {
        Self {
            rate,
            keys,
            when_full,
            full_at: Mutex::default(),
        }
    }

    /// Takes one for a key.
    ///
    /// # Errors
    /// How long until there is one, when there is none.
    pub fn take(&self, key: K, now: Instant) -> Result<(), Duration> {
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        if full_at.len() >= self.keys && !full_at.contains_key(&key) {
            // A full bucket says nothing: forget them all at once, so that the
            // walk over the map is paid for by as many keys that were added.
            full_at.retain(|_, at| *at > now);
            if full_at.len() >= self.keys {
                return match self.when_full {
                    WhenFull::Allow => Ok(()),
                    WhenFull::Refuse => Err(self.rate.every),
                };
            }
        }
        let at = full_at.entry(key).or_insert(now);
        let next = (*at).max(now) + self.rate.every;
        let latest = now + self.rate.every * self.rate.burst;
        if next > latest {
            return Err(next - latest);
        }
        *at = next;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(keys: usize, when_full: WhenFull) -> RateLimit<u8> {
        let rate = Rate {
            burst: 3,
            every: Duration::from_secs(10),
        };
        RateLimit::new(rate, keys, when_full)
    }

    #[test]
    fn a_burst_then_one_after_each_interval() {
        let limit = limit(10, WhenFull::Allow);
        let start = Instant::now();
        for _ in 0..3 {
            assert_eq!(limit.take(1, start), Ok(()));
        }
        assert_eq!(limit.take(1, start), Err(Duration::from_secs(10)));
        assert_eq!(limit.take(2, start), Ok(()), "another key has its own");
        let later = start + Duration::from_secs(10);
        assert_eq!(limit.take(1, later), Ok(()));
        assert_eq!(limit.take(1, later), Err(Duration::from_secs(10)));
    }

    #[test]
    fn memory_is_bounded_and_says_what_happens_then() {
        let start = Instant::now();
        for (when_full, expected) in [
            (WhenFull::Allow, Ok(())),
            (WhenFull::Refuse, Err(Duration::from_secs(10))),
        ] {
            let limit = limit(2, when_full);
            assert_eq!(limit.take(1, start), Ok(()));
            assert_eq!(limit.take(2, start), Ok(()));
            assert_eq!(limit.take(3, start), expected);
            // Once the buckets are full again they are forgotten.
            let later = start + Duration::from_secs(30);
            assert_eq!(limit.take(3, later), Ok(()));
            assert!(limit.full_at.lock().unwrap().len() <= 2);
        }
    }
}
