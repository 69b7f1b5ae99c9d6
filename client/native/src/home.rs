//! The folder of one device.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{
    DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
};
use std::path::{Path, PathBuf};

use rand_core::CryptoRng;

/// The folder of one device: `store.sqlite`, `id`, `lock`, `socket` while a
/// program runs, and `key` where there is no OS keychain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    folder: PathBuf,
}

/// Why a folder cannot be a home.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    /// The folder cannot be made or read.
    #[error("the folder {} cannot be used", folder.display())]
    Folder {
        /// Which one.
        folder: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// `id` is not what this crate wrote.
    #[error("the file {} is damaged", file.display())]
    Id {
        /// Which file.
        file: PathBuf,
    },
}

impl Home {
    /// Names a home; nothing is touched yet.
    #[must_use]
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
        }
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether a store was ever made here.
    #[must_use]
    pub fn has_store(&self) -> bool {
        self.store().exists()
    }

    /// Makes the folder, readable for its owner alone.
    ///
    /// A folder that is there and empty is taken as made for this purpose and
    /// closed to others. One with something in it keeps its mode, since it may
    /// serve other purposes too: the files that we put there are closed by
    /// themselves.
    ///
    /// # Errors
    /// When the folder can neither be made nor read.
    pub fn create(&self) -> Result<(), HomeError> {
        let failed = |source| HomeError::Folder {
            folder: self.folder.clone(),
            source,
        };
        let existed = self.folder.exists();
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.folder)
            .map_err(failed)?;
        if existed {
            let metadata = fs::metadata(&self.folder).map_err(failed)?;
            let is_empty = fs::read_dir(&self.folder).map_err(failed)?.next().is_none();
            let is_shared = metadata.mode() & 0o1000 != 0;
            if is_empty && !is_shared && metadata.mode() & 0o077 != 0 {
                // A volume that belongs to somebody else cannot be closed by us.
                let closed = fs::Permissions::from_mode(0o700);
                if let Err(error) = fs::set_permissions(&self.folder, closed) {
                    tracing::warn!(%error, "the home folder stays open to others");
                }
            }
        }
        Ok(())
    }

    /// The random name under which the keychain knows this home.
    pub(crate) fn id(&self, rng: &mut impl CryptoRng) -> Result<String, HomeError> {
        let file = self.folder.join("id");
        let failed = |source| HomeError::Folder {
            folder: self.folder.clone(),
            source,
        };
        match fs::read_to_string(&file) {
            Ok(text) => {
                let id = text.trim_end();
                if id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                    Ok(id.to_owned())
                } else {
                    Err(HomeError::Id { file })
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let mut bytes = [0; 16];
                rng.fill_bytes(&mut bytes);
                let id = hex::encode(bytes);
                write_private(&file, format!("{id}\n").as_bytes()).map_err(failed)?;
                Ok(id)
            }
            Err(error) => Err(failed(error)),
        }
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.folder.join("store.sqlite")
    }

    pub(crate) fn key(&self) -> PathBuf {
        self.folder.join("key")
    }

    pub(crate) fn lock(&self) -> PathBuf {
        self.folder.join("lock")
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.join("socket")
    }
}

/// Writes a small file that only its owner may read, all of it or nothing, and
/// waits until the disk has it.
pub(crate) fn write_private(path: &Path, content: &[u8]) -> io::Result<()> {
    let unfinished = path.with_extension("new");
    if unfinished.exists() {
        fs::remove_file(&unfinished)?;
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&unfinished)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&unfinished, path)?;
    match path.parent() {
        Some(folder) => fs::File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::system_rng;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o777
    }

    #[test]
    fn a_new_home_is_closed_to_others() {
        let parent = tempfile::tempdir().unwrap();
        let home = Home::at(parent.path().join("a/b"));
        home.create().unwrap();
        assert_eq!(mode(home.folder()), 0o700);
    }

    #[test]
    fn an_empty_folder_is_closed_and_a_used_one_is_left_alone() {
        let parent = tempfile::tempdir().unwrap();
        for (name, file, expected) in [("empty", None, 0o700), ("used", Some("x"), 0o755)] {
            let folder = parent.path().join(name);
            fs::create_dir(&folder).unwrap();
            fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
            if let Some(file) = file {
                fs::write(folder.join(file), "").unwrap();
            }
            Home::at(&folder).create().unwrap();
            assert_eq!(mode(&folder), expected, "{name}");
        }
    }

    #[test]
    fn the_id_is_drawn_once() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        let id = home.id(&mut system_rng()).unwrap();
        assert_eq!(home.id(&mut system_rng()).unwrap(), id);
        assert_eq!(mode(&folder.path().join("id")), 0o600);
        fs::write(folder.path().join("id"), "something else").unwrap();
        assert!(matches!(
            home.id(&mut system_rng()),
            Err(HomeError::Id { .. })
        ));
    }
}
