//! The key under which a home's store is sealed, and where it lies: in the
//! keychain of the operating system, else in a file that only its owner may read.
//!
//! Which of the two it is was decided when the home was made: with a file `key`
//! it is the file. A headless machine has no keychain, or one that never answers,
//! so every question to it has a limit in time.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::mpsc;
use std::time::Duration;

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::home::{Home, HomeError, write_private};

/// How long a new home waits for a keychain to show itself.
const KEYCHAIN_REACH: Duration = Duration::from_secs(3);

/// How long a keychain may take to answer: a person may have to unlock it.
const KEYCHAIN_ANSWER: Duration = Duration::from_secs(30);

/// The name under which the keychain files all homes.
const KEYCHAIN_SERVICE: &str = "chatalot";

/// Why the key of a store cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum StoreKeyError {
    /// The home has no name, so the keychain cannot be asked.
    #[error("the home cannot be read")]
    Home(#[from] HomeError),
    /// The file is not 64 hexadecimal digits.
    #[error("the file {} does not hold a key", file.display())]
    Damaged {
        /// Which file.
        file: PathBuf,
    },
    /// The file cannot be read or written.
    #[error("the file {} cannot be used", file.display())]
    File {
        /// Which file.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is no file, and the keychain has no key either.
    #[error("the keychain of this system does not give the key of this home: {reason}")]
    Keychain {
        /// What the keychain said.
        reason: String,
    },
}

/// Thirty-two bytes; erased when dropped.
pub(crate) struct StoreKey(Zeroizing<[u8; 32]>);

impl StoreKey {
    #[cfg(test)]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The key of a home that has a store, or a new key for one that has none.
    ///
    /// It may wait for a person who unlocks the keychain; call it where blocking
    /// is allowed.
    pub fn of_home(home: &Home, rng: &mut impl CryptoRng) -> Result<Self, StoreKeyError> {
        let path = home.key();
        match fs::read_to_string(&path).map(Zeroizing::new) {
            Ok(text) => {
                let mut bytes = Zeroizing::new([0; 32]);
                hex::decode_to_slice(text.trim_end(), &mut *bytes)
                    .map_err(|_| StoreKeyError::Damaged { file: path })?;
                Ok(Self(bytes))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let id = home.id(rng)?;
                if home.has_store() {
                    keychain_get(id)
                } else {
                    Self::create(home, id, rng)
                }
            }
            Err(source) => Err(StoreKeyError::File { file: path, source }),
        }
    }

    fn create(home: &Home, id: String, rng: &mut impl CryptoRng) -> Result<Self, StoreKeyError> {
        let mut bytes = Zeroizing::new([0; 32]);
        rng.fill_bytes(&mut *bytes);
        let key = Self(bytes);
        if let Err(reason) = keychain_set(id, &key) {
            tracing::debug!(%reason, "no keychain; the store's key goes into a file");
            let text = Zeroizing::new(format!("{}\n", hex::encode(key.as_bytes())));
            let path = home.key();
            write_private(&path, text.as_bytes())
                .map_err(|source| StoreKeyError::File { file: path, source })?;
        }
        Ok(key)
    }
}

fn keychain_get(id: String) -> Result<StoreKey, StoreKeyError> {
    let answer = within(KEYCHAIN_ANSWER, move || {
        let entry = keychain_entry(&id)?;
        entry
            .get_secret()
            .map(Zeroizing::new)
            .map_err(|error| reason(&error))
    });
    let secret = answer.map_err(|reason| StoreKeyError::Keychain { reason })?;
    let bytes = secret[..].try_into().map_err(|_| StoreKeyError::Keychain {
        reason: "its entry is not a key".into(),
    })?;
    Ok(StoreKey(Zeroizing::new(bytes)))
}

fn keychain_set(id: String, key: &StoreKey) -> Result<(), String> {
    within(KEYCHAIN_REACH, keychain_status)?;
    let secret = key.0.clone();
    within(KEYCHAIN_ANSWER, move || {
        let entry = keychain_entry(&id)?;
        entry.set_secret(&*secret).map_err(|error| reason(&error))?;
        // What cannot be read back now cannot be read back tomorrow.
        let kept = Zeroizing::new(entry.get_secret().map_err(|error| reason(&error))?);
        if kept[..] == secret[..] {
            Ok(())
        } else {
            Err("it keeps something else".into())
        }
    })
}

/// Reaches for the keychain, once per process.
fn keychain_status() -> Result<(), String> {
    match keyring::Entry::store_status() {
        Ok(()) => Ok(()),
        Err(error) => Err(reason(error)),
    }
}

fn keychain_entry(id: &str) -> Result<keyring::Entry, String> {
    keychain_status()?;
    keyring::Entry::new(KEYCHAIN_SERVICE, id).map_err(|error| reason(&error))
}

fn reason(error: &keyring::Error) -> String {
    error.to_string()
}

/// Asks the keychain on a thread of its own, which is left behind when it takes
/// too long: the libraries behind it offer no limit.
fn within<T: Send + 'static>(
    limit: Duration,
    ask: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, String> {
    let (answer, answered) = mpsc::sync_channel(1);
    std::thread::Builder::new()
        .name("keychain".into())
        .spawn(move || {
            // Nobody listens any more when the limit has passed.
            let _late = answer.send(ask());
        })
        .map_err(|error| error.to_string())?;
    answered
        .recv_timeout(limit)
        .map_err(|_| "it does not answer".to_owned())?
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;
    use crate::system::system_rng;

    #[test]
    fn a_key_file_is_private_and_wins_over_the_keychain() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        let key = StoreKey::from_bytes([7; 32]);
        write_private(&home.key(), hex::encode(key.as_bytes()).as_bytes()).unwrap();
        assert_eq!(fs::metadata(home.key()).unwrap().mode() & 0o777, 0o600);
        let read = StoreKey::of_home(&home, &mut system_rng()).unwrap();
        assert_eq!(read.as_bytes(), key.as_bytes());
    }

    #[test]
    fn a_damaged_key_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        fs::write(home.key(), "not a key").unwrap();
        let opened = StoreKey::of_home(&home, &mut system_rng());
        assert!(matches!(opened, Err(StoreKeyError::Damaged { .. })));
    }

    #[test]
    fn a_keychain_that_never_answers_is_given_up() {
        let (never, waits) = mpsc::sync_channel::<()>(1);
        let outcome = within(Duration::from_millis(10), move || {
            let _ended = waits.recv();
            Ok(())
        });
        assert_eq!(outcome, Err("it does not answer".into()));
        drop(never);
    }
}
