//! The number that two people compare to know that nobody stands between them.

use std::fmt::{self, Write as _};

use sha2::{Digest as _, Sha512};

use chat_protocol::AccountId;
use chat_verify::AccountKey;

use crate::labels;

/// The format version, hashed into every number: a new format gives new numbers.
const VERSION: u8 = 1;
/// How often a key is hashed. Whoever wants a key with somebody's digits pays this
/// for every key that he tries.
const ITERATIONS: u32 = 5_200;
/// Digits in a group, for people to read aloud.
const GROUP_DIGITS: usize = 5;
/// Digits that each side gives.
const SIDE_DIGITS: usize = 30;

/// Sixty digits that both sides see the same when each holds the other's true key.
///
/// `Display` gives the digits alone, without spaces; [`Self::groups`] is for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SafetyNumber(String);

impl SafetyNumber {
    /// The digits alone.
    #[must_use]
    pub fn digits(&self) -> &str {
        &self.0
    }

    /// Twelve groups of five digits.
    pub fn groups(&self) -> impl Iterator<Item = &str> {
        let mut rest = self.0.as_str();
        std::iter::from_fn(move || {
            let (group, after) = rest.split_at_checked(GROUP_DIGITS)?;
            rest = after;
            Some(group)
        })
    }
}

impl fmt::Display for SafetyNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The safety number of two accounts.
///
/// Each side gives 30 digits; the lower ones come first, so that the order of the
/// arguments does not matter.
///
/// # Panics
/// Never: digits are written into memory.
#[must_use]
pub fn safety_number(
    own: (AccountId, &AccountKey),
    peer: (AccountId, &AccountKey),
) -> SafetyNumber {
    let own = fingerprint(own.0, own.1);
    let peer = fingerprint(peer.0, peer.1);
    let (low, high) = if own <= peer {
        (own, peer)
    } else {
        (peer, own)
    };
    SafetyNumber(low + &high)
}

/// hash 1 = SHA-512(label ‖ version ‖ key (32) ‖ account (16)), hash n =
/// SHA-512(hash n−1 ‖ key); of the last one, six times five bytes, each as a
/// big-endian number modulo 100,000.
fn fingerprint(account: AccountId, key: &AccountKey) -> String {
    let mut hash = Sha512::new()
        .chain_update(labels::SAFETY_NUMBER)
        .chain_update([VERSION])
        .chain_update(key.as_bytes())
        .chain_update(account.as_bytes())
        .finalize();
    for _ in 1..ITERATIONS {
        hash = Sha512::new()
            .chain_update(hash)
            .chain_update(key.as_bytes())
            .finalize();
    }
    let mut digits = String::with_capacity(SIDE_DIGITS);
    for chunk in hash.chunks_exact(5).take(SIDE_DIGITS / GROUP_DIGITS) {
        let number = chunk
            .iter()
            .fold(0_u64, |sum, byte| (sum << 8) | u64::from(*byte));
        let group = number % 100_000;
        write!(digits, "{group:05}").expect("a String takes everything");
    }
    digits
}

#[cfg(test)]
mod tests {
    use crate::keys::AccountSecret;

    use super::*;

    fn account(byte: u8) -> (AccountId, AccountKey) {
        (
            AccountId::from_bytes([byte; 16]),
            AccountSecret::from_bytes([byte; 32]).public(),
        )
    }

    #[test]
    fn both_sides_see_the_same_sixty_digits() {
        let (alice, bob) = (account(1), account(2));
        let number = safety_number((alice.0, &alice.1), (bob.0, &bob.1));
        assert_eq!(number, safety_number((bob.0, &bob.1), (alice.0, &alice.1)));
        assert_eq!(number.to_string().len(), 60);
        assert!(number.digits().bytes().all(|byte| byte.is_ascii_digit()));
        assert_eq!(number.groups().count(), 12);
        assert_eq!(number.groups().collect::<String>(), number.digits());
    }

    #[test]
    fn another_key_or_another_account_is_another_number() {
        let (alice, bob, carol) = (account(1), account(2), account(3));
        let number = safety_number((alice.0, &alice.1), (bob.0, &bob.1));
        assert_ne!(
            number,
            safety_number((alice.0, &alice.1), (bob.0, &carol.1))
        );
        assert_ne!(
            number,
            safety_number((alice.0, &alice.1), (carol.0, &bob.1))
        );
    }
}
