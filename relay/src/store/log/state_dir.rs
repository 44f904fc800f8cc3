//! The directory with the secrets and the view of one process.
//!
//! | file | content |
//! | --- | --- |
//! | `origin.key` | the seed of the origin's signing key, the same in all processes |
//! | `ratchet` | the keys of waiting cells, as in [`KeyFile`] |
//! | `view.db` | what was published, rebuilt from the log if it is lost |

use std::{
    fs::File,
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
};

use tessera::{
    base::Secret,
    wire::{Origin, OriginKey},
};
use zeroize::Zeroize as _;

use crate::{
    files::{PathError, create_private},
    random,
    store::{
        Kind,
        ratchet::{KeyFile, KeyFileError, StepKey},
    },
};

const SEED_LEN: usize = 32;

/// Why a state directory cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateDirError {
    /// A file cannot be created, read or written.
    #[error(transparent)]
    Io(#[from] PathError),
    /// The file of the signing key has another length.
    #[error("{0}: not the seed of a signing key")]
    Seed(PathBuf),
    /// The key file cannot be used.
    #[error(transparent)]
    Keys(#[from] KeyFileError),
}

/// The directory of one process, with its secrets read.
#[derive(Debug)]
pub struct StateDir {
    path: PathBuf,
    seed: Secret<SEED_LEN>,
    pub(super) keys: KeyFile,
}

impl StateDir {
    /// Creates the directory of a new deployment: a new origin and new ratchets.
    ///
    /// # Errors
    ///
    /// [`StateDirError`]; an existing key is never overwritten.
    pub fn create(path: &Path) -> Result<Self, StateDirError> {
        let seed = Secret::random(&mut random::system());
        Self::continuing(path, &seed, [1, 1])
    }

    /// Creates the directory of a deployment that continues a store: with the seed of its
    /// signing key, and new ratchets at these steps, numbered and lobby.
    ///
    /// # Errors
    ///
    /// [`StateDirError`]; an existing key is never overwritten.
    pub fn continuing(
        path: &Path,
        seed: &Secret<SEED_LEN>,
        [numbered, lobby]: [u64; 2],
    ) -> Result<Self, StateDirError> {
        let keys = [(numbered, StepKey::random()), (lobby, StepKey::random())];
        Self::admit(path, seed, keys)
    }

    /// Creates the directory of a process that joins: with the seed and the current
    /// step and key of each ratchet, numbered and lobby.
    ///
    /// # Errors
    ///
    /// [`StateDirError`]; an existing key is never overwritten.
    pub fn admit(
        path: &Path,
        seed: &Secret<SEED_LEN>,
        keys: [(u64, StepKey); 2],
    ) -> Result<Self, StateDirError> {
        std::fs::create_dir_all(path).map_err(PathError::at(path))?;
        let file = seed_path(path);
        create_private(&file)
            .and_then(|mut created| {
                created.write_all(seed.expose())?;
                created.sync_all()
            })
            .map_err(PathError::at(&file))?;
        let mut held = KeyFile::open(&keys_path(path))?;
        let [numbered, lobby] = keys;
        for (kind, (step, key)) in [(Kind::Numbered, numbered), (Kind::Lobby, lobby)] {
            let put = held.put(kind, step, key);
            put.and_then(|()| held.erase_all_but(kind, step))
                .map_err(PathError::at(&keys_path(path)))?;
        }
        File::open(path)
            .and_then(|directory| directory.sync_all())
            .map_err(PathError::at(path))?;
        Self::open(path)
    }

    /// Opens an existing directory.
    ///
    /// # Errors
    ///
    /// [`StateDirError`].
    pub fn open(path: &Path) -> Result<Self, StateDirError> {
        let file = seed_path(path);
        let mut bytes = Vec::new();
        File::open(&file)
            .and_then(|seed| seed.take(SEED_LEN as u64 + 1).read_to_end(&mut bytes))
            .map_err(PathError::at(&file))?;
        let seed = Secret::from_slice(&bytes);
        bytes.zeroize();
        let seed = seed.ok_or(StateDirError::Seed(file))?;
        // Created with `create` or `admit` only: a missing file must not become an empty one.
        if !keys_path(path).exists() {
            return Err(PathError::at(&keys_path(path))(io::ErrorKind::NotFound.into()).into());
        }
        Ok(Self {
            path: path.to_owned(),
            seed,
            keys: KeyFile::open(&keys_path(path))?,
        })
    }

    /// The view's file.
    #[must_use]
    pub fn view(&self) -> PathBuf {
        self.path.join("view.db")
    }

    /// The seed of the signing key.
    #[must_use]
    pub fn seed(&self) -> &Secret<SEED_LEN> {
        &self.seed
    }

    /// The origin of the signing key.
    #[must_use]
    pub fn origin(&self) -> Origin {
        self.origin_key().origin()
    }

    /// The last step of a ratchet in the key file, with a copy of its key.
    #[must_use]
    pub fn last_key(&self, kind: Kind) -> Option<(u64, StepKey)> {
        let step = *self.keys.steps(kind).last()?;
        Some((step, self.keys.get(kind, step)?.duplicate()))
    }

    pub(super) fn origin_key(&self) -> OriginKey {
        OriginKey::from_seed(&self.seed)
    }
}

fn seed_path(directory: &Path) -> PathBuf {
    directory.join("origin.key")
}

fn keys_path(directory: &Path) -> PathBuf {
    directory.join("ratchet")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_opens_as_it_was_created_and_is_never_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state");
        assert!(StateDir::open(&path).is_err(), "nothing is created");
        let made = StateDir::create(&path).unwrap();
        let again = StateDir::open(&path).unwrap();
        assert_eq!(made.seed(), again.seed());
        assert_eq!(again.keys.steps(Kind::Lobby), [1]);
        assert!(matches!(
            StateDir::create(&path),
            Err(StateDirError::Io { .. })
        ));
        std::fs::remove_file(keys_path(&path)).unwrap();
        assert!(StateDir::open(&path).is_err());
        assert!(!keys_path(&path).exists(), "no empty key file is made");
        std::fs::write(seed_path(&path), [0; 33]).unwrap();
        assert!(matches!(StateDir::open(&path), Err(StateDirError::Seed(_))));
    }
}
