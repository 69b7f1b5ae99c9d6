//! Passwords: hashed with Argon2id on a bounded pool.
//!
//! A hash takes tens of milliseconds of a core and 19 MiB. On the threads that
//! serve sockets a handful of logins would stop every message; without a bound a
//! burst of logins would take all cores and memory.

use std::sync::Arc;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{self, PasswordHasher as _, PasswordVerifier as _};
use chat_domain::limits::PASSWORDS_WAITING;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use zeroize::Zeroizing;

/// Hashes and checks passwords.
#[derive(Debug, Clone)]
pub struct Passwords {
    working: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    /// Checked when a name does not exist, so that the answer takes as long.
    decoy: Arc<str>,
}

/// Why a password was not hashed or checked.
#[derive(Debug, thiserror::Error)]
pub enum PasswordPoolError {
    /// Too many wait already.
    #[error("too many passwords wait to be hashed")]
    Overloaded,
    /// A stored hash is damaged, or memory is short.
    #[error("a password could not be hashed")]
    Hash(#[source] password_hash::Error),
    /// The thread that hashed ended.
    #[error("the thread that hashes passwords failed")]
    Thread(#[source] tokio::task::JoinError),
}

/// What a check of a password found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is the password.
    Right,
    /// It is another.
    Wrong,
}

/// Argon2id, version 19, with the parameters that OWASP recommends first:
/// 19 MiB, two passes, one lane.
fn argon2() -> Argon2<'static> {
    Argon2::new(
        argon2::Algorithm::Argon2id,
        argon2::Version::V0x13,
        argon2::Params::new(19 * 1024, 2, 1, None).expect("the parameters are in range"),
    )
}

fn hash(password: &[u8], salt: &[u8; 16]) -> Result<String, password_hash::Error> {
    argon2()
        .hash_password_with_salt(password, salt)
        .map(|hash: PasswordHash| hash.to_string())
}

impl Passwords {
    /// A pool of `threads` hashes at once.
    ///
    /// # Panics
    /// When there is no memory for one hash.
    #[must_use]
    pub fn new(threads: usize) -> Self {
        let decoy = hash(b"nobody has this password", &[0; 16]).expect("19 MiB are there");
        Self {
            working: Arc::new(Semaphore::new(threads)),
            waiting: Arc::new(Semaphore::new(PASSWORDS_WAITING)),
            decoy: decoy.into(),
        }
    }

    /// Hashes a new password; the result is a PHC string.
    ///
    /// # Errors
    /// [`PasswordPoolError::Overloaded`] when too many wait.
    pub async fn hash(
        &self,
        password: Zeroizing<String>,
        salt: [u8; 16],
    ) -> Result<String, PasswordPoolError> {
        let permit = self.permit().await?;
        let hashed = tokio::task::spawn_blocking(move || {
            // The permit is the thread's: a client that goes away does not free
            // it before the work is done.
            let _permit = permit;
            hash(password.as_bytes(), &salt)
        });
        hashed
            .await
            .map_err(PasswordPoolError::Thread)?
            .map_err(PasswordPoolError::Hash)
    }

    /// Checks a password against a stored PHC string; without one, takes as long
    /// and says that it is wrong.
    ///
    /// # Errors
    /// [`PasswordPoolError::Overloaded`] when too many wait.
    pub async fn verify(
        &self,
        password: Zeroizing<String>,
        stored: Option<String>,
    ) -> Result<Verdict, PasswordPoolError> {
        let permit = self.permit().await?;
        let decoy = self.decoy.clone();
        let checked = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            let hash = PasswordHash::new(stored.as_deref().unwrap_or(&decoy))?;
            match argon2().verify_password(password.as_bytes(), &hash) {
                Ok(()) if stored.is_some() => Ok(Verdict::Right),
                Ok(()) | Err(password_hash::Error::PasswordInvalid) => Ok(Verdict::Wrong),
                Err(error) => Err(error),
            }
        });
        checked
            .await
            .map_err(PasswordPoolError::Thread)?
            .map_err(PasswordPoolError::Hash)
    }

    async fn permit(&self) -> Result<OwnedSemaphorePermit, PasswordPoolError> {
        let _waiting = self
            .waiting
            .try_acquire()
            .map_err(|_| PasswordPoolError::Overloaded)?;
        self.working
            .clone()
            .acquire_owned()
            .await
            .map_err(|_| PasswordPoolError::Overloaded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn password(text: &str) -> Zeroizing<String> {
        Zeroizing::new(text.to_owned())
    }

    #[tokio::test]
    async fn only_the_password_is_right() {
        let passwords = Passwords::new(1);
        let stored = passwords
            .hash(password("long enough"), [7; 16])
            .await
            .unwrap();
        assert!(
            stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{stored}"
        );
        let right = passwords
            .verify(password("long enough"), Some(stored.clone()))
            .await;
        assert_eq!(right.unwrap(), Verdict::Right);
        let wrong = passwords
            .verify(password("long enouph"), Some(stored))
            .await;
        assert_eq!(wrong.unwrap(), Verdict::Wrong);
    }

    #[tokio::test]
    async fn nobody_signs_in_with_the_decoy() {
        let passwords = Passwords::new(1);
        let verdict = passwords
            .verify(password("nobody has this password"), None)
            .await;
        assert_eq!(verdict.unwrap(), Verdict::Wrong);
    }

    #[tokio::test]
    async fn too_many_are_told_to_come_back() {
        let passwords = Passwords {
            waiting: Arc::new(Semaphore::new(0)),
            ..Passwords::new(1)
        };
        let error = passwords.hash(password("long enough"), [7; 16]).await;
        assert!(matches!(error, Err(PasswordPoolError::Overloaded)));
    }
}
