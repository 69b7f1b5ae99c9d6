//! X25519, with every result that nobody contributed to refused.

use std::fmt;

use rand_core::CryptoRng;
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroizing;

use chat_verify::PrekeyPublic;

/// The other side's key gives the all-zero result: it is of small order, and the
/// "secret" would be known to everybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotContributory;

/// An X25519 key pair. The public half is computed once, not whenever it is sent.
#[derive(Clone)]
pub(crate) struct KeyPair {
    secret: StaticSecret,
    public: PrekeyPublic,
}

impl KeyPair {
    pub(crate) fn generate(rng: &mut (impl CryptoRng + ?Sized)) -> Self {
        Self::from_secret(StaticSecret::random_from_rng(rng))
    }

    /// # Panics
    /// Never: X25519 gives canonical coordinates only.
    pub(crate) fn from_secret(secret: StaticSecret) -> Self {
        let public = PrekeyPublic::try_from(PublicKey::from(&secret).to_bytes())
            .expect("X25519 gives canonical coordinates");
        Self { secret, public }
    }

    /// Puts together what was stored together, without computing it again.
    pub(crate) fn from_halves(secret: StaticSecret, public: PrekeyPublic) -> Self {
        Self { secret, public }
    }

    pub(crate) const fn public(&self) -> &PrekeyPublic {
        &self.public
    }

    pub(crate) const fn secret(&self) -> &StaticSecret {
        &self.secret
    }

    pub(crate) fn agree(&self, their: &[u8; 32]) -> Result<Zeroizing<[u8; 32]>, NotContributory> {
        agree(&self.secret, their)
    }
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyPair")
            .field("public", &self.public)
            .finish_non_exhaustive()
    }
}

/// X25519 of our secret and their coordinate (32 bytes, Montgomery form).
pub(crate) fn agree(
    secret: &StaticSecret,
    their: &[u8; 32],
) -> Result<Zeroizing<[u8; 32]>, NotContributory> {
    let shared = secret.diffie_hellman(&PublicKey::from(*their));
    // The comparison looks at all bytes whatever they are.
    if shared.was_contributory() {
        Ok(Zeroizing::new(shared.to_bytes()))
    } else {
        Err(NotContributory)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c2_every_point_of_small_order_is_refused() {
        let secret = StaticSecret::from([7; 32]);
        for point in curve25519_dalek::constants::EIGHT_TORSION {
            let coordinate = point.to_montgomery().to_bytes();
            assert_eq!(
                agree(&secret, &coordinate),
                Err(NotContributory),
                "{coordinate:02x?}"
            );
        }
    }
}
