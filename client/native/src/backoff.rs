//! How long to wait before the next attempt to connect.

use std::time::Duration;

use rand_core::CryptoRng;

/// The first wait.
const SHORTEST: Duration = Duration::from_millis(250);

/// The longest.
const LONGEST: Duration = Duration::from_secs(15);

/// Doubles the wait after every failure. Each wait is a random one between half
/// of it and all of it, so that the clients of a server that was restarted do not
/// come back at the same moment.
#[derive(Debug)]
pub(crate) struct Backoff {
    next: Duration,
}

impl Backoff {
    pub fn new() -> Self {
        Self { next: SHORTEST }
    }

    /// A connection worked: begin anew.
    pub fn reset(&mut self) {
        self.next = SHORTEST;
    }

    /// The wait before the next attempt.
    pub fn next(&mut self, rng: &mut impl CryptoRng) -> Duration {
        let half = self.next / 2;
        self.next = (self.next * 2).min(LONGEST);
        half + up_to(half, rng)
    }
}

/// A random wait of at most `limit`.
pub(crate) fn up_to(limit: Duration, rng: &mut impl CryptoRng) -> Duration {
    // 2³² steps are finer than any timer.
    limit.mul_f64(f64::from(rng.next_u32()) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::system_rng;

    #[test]
    fn waits_grow_to_a_limit_and_start_anew() {
        let mut rng = system_rng();
        let mut backoff = Backoff::new();
        let mut limit = SHORTEST;
        for _ in 0..12 {
            let wait = backoff.next(&mut rng);
            assert!(wait >= limit / 2 && wait <= limit, "{wait:?} of {limit:?}");
            limit = (limit * 2).min(LONGEST);
        }
        backoff.reset();
        assert!(backoff.next(&mut rng) <= SHORTEST);
    }
}
