//! The file with the keys of the ratchets: 4 KiB, overwritten in place.
//!
//! ```text
//! "TSRATCH1"                                     first sector of 512 bytes
//! u64 step || key(32) || SHA-256(step || key)[..8]      one sector per slot, zeros when free
//! ```
//!
//! There are two slots for each kind of bucket: the next key is durable before
//! the old one is overwritten. The file is never renamed, truncated or copied, so
//! that a file system that writes in place keeps no old key.

use std::{
    fs::File,
    io,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};
use tessera::base::Secret;
use zeroize::{Zeroize as _, Zeroizing};

use super::{super::Kind, StepKey};
use crate::files::{PathError, create_private, sync_directory_of};

const MAGIC: &[u8; 8] = b"TSRATCH1";
const LEN: usize = 4096;
const SECTOR: usize = 512;
const SLOTS: usize = 4;
const STEP_LEN: usize = 8;
const KEY_LEN: usize = 32;
const CHECK_LEN: usize = 8;
const SLOT_LEN: usize = STEP_LEN + KEY_LEN + CHECK_LEN;

/// Why the key file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFileError {
    /// It cannot be created, read or written.
    #[error(transparent)]
    Io(#[from] PathError),
    /// It is not a key file.
    #[error("{0}: not a key file of a relay")]
    Foreign(PathBuf),
}

/// The open key file.
#[derive(Debug)]
pub struct KeyFile {
    file: File,
    path: PathBuf,
    slots: [Option<(u64, StepKey)>; SLOTS],
}

impl KeyFile {
    /// Opens the file, or creates one without keys.
    ///
    /// # Errors
    ///
    /// One of [`KeyFileError`].
    pub fn open(path: &Path) -> Result<Self, KeyFileError> {
        let io = PathError::at(path);
        let mut options = File::options();
        options.read(true).write(true);
        let file = match options.open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                make(path).map_err(io)?;
                options.open(path).map_err(io)?
            }
            opened => opened.map_err(io)?,
        };
        Self::read(file, path)
    }

    /// Opens the file without creating or changing it.
    ///
    /// # Errors
    ///
    /// One of [`KeyFileError`].
    pub fn open_read_only(path: &Path) -> Result<Self, KeyFileError> {
        Self::read(File::open(path).map_err(PathError::at(path))?, path)
    }

    fn read(file: File, path: &Path) -> Result<Self, KeyFileError> {
        let mut bytes = Zeroizing::new([0; LEN]);
        file.read_exact_at(bytes.as_mut_slice(), 0)
            .map_err(|error| match error.kind() {
                io::ErrorKind::UnexpectedEof => KeyFileError::Foreign(path.to_owned()),
                _ => PathError::at(path)(error).into(),
            })?;
        let mut sectors = bytes.chunks_exact_mut(SECTOR);
        if !sectors.next().is_some_and(|first| first.starts_with(MAGIC)) {
            return Err(KeyFileError::Foreign(path.to_owned()));
        }
        Ok(Self {
            file,
            path: path.to_owned(),
            slots: std::array::from_fn(|_| parse_slot(sectors.next()?)),
        })
    }

    /// The key of a step, if the file has it.
    #[must_use]
    pub fn get(&self, kind: Kind, step: u64) -> Option<&StepKey> {
        let mut held = self.slots.get(slots_of(kind))?.iter().flatten();
        held.find(|(of, _)| *of == step).map(|(_, key)| key)
    }

    /// The steps whose keys the file has, in order.
    #[must_use]
    pub fn steps(&self, kind: Kind) -> Vec<u64> {
        let held = self.slots.get(slots_of(kind)).into_iter().flatten();
        let mut steps: Vec<u64> = held.flatten().map(|(step, _)| *step).collect();
        steps.sort_unstable();
        steps
    }

    /// Stores the key of a step; durable when it returns. Replaces the oldest other
    /// step: the file has at most two.
    ///
    /// # Errors
    ///
    /// The I/O error.
    pub fn put(&mut self, kind: Kind, step: u64, key: StepKey) -> io::Result<()> {
        let of_kind = self.slots.get(slots_of(kind)).unwrap_or_default();
        let age = |slot: &Option<(u64, StepKey)>| slot.as_ref().map_or(0, |(step, _)| *step);
        let oldest = of_kind
            .iter()
            .map(age)
            .enumerate()
            .min_by_key(|(_, age)| *age);
        let slot = slots_of(kind).start + oldest.map_or(0, |(at, _)| at);
        let mut bytes = Zeroizing::new([0; SLOT_LEN]);
        let (head, check) = bytes.split_at_mut(STEP_LEN + KEY_LEN);
        let (at, secret) = head.split_at_mut(STEP_LEN);
        at.copy_from_slice(&step.to_be_bytes());
        secret.copy_from_slice(key.expose());
        check.copy_from_slice(&checksum(head));
        self.write(slot, &bytes)?;
        if let Some(place) = self.slots.get_mut(slot) {
            *place = Some((step, key));
        }
        Ok(())
    }

    /// Overwrites every key of a kind except that of one step; durable when it
    /// returns.
    ///
    /// # Errors
    ///
    /// The I/O error.
    pub fn erase_all_but(&mut self, kind: Kind, step: u64) -> io::Result<()> {
        for slot in slots_of(kind) {
            let old = matches!(self.slots.get(slot), Some(Some((of, _))) if *of != step);
            if old {
                self.write(slot, &[0; SLOT_LEN])?;
                if let Some(place) = self.slots.get_mut(slot) {
                    *place = None;
                }
            }
        }
        Ok(())
    }

    /// The path of the file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn write(&self, slot: usize, bytes: &[u8; SLOT_LEN]) -> io::Result<()> {
        let at = (1 + slot) * SECTOR;
        self.file.write_all_at(bytes, at as u64)?;
        self.file.sync_data()
    }
}

/// Creates an empty key file durably.
fn make(path: &Path) -> io::Result<()> {
    let file = create_private(path)?;
    let mut bytes = vec![0; LEN];
    bytes.splice(..MAGIC.len(), MAGIC.iter().copied());
    file.write_all_at(&bytes, 0)?;
    file.sync_all()?;
    sync_directory_of(path)
}

const fn slots_of(kind: Kind) -> std::ops::Range<usize> {
    match kind {
        Kind::Numbered => 0..2,
        Kind::Lobby => 2..4,
    }
}

/// Parses a completely written slot. Wipes the bytes read.
fn parse_slot(sector: &mut [u8]) -> Option<(u64, StepKey)> {
    let (slot, _) = sector.split_at_mut_checked(SLOT_LEN)?;
    let (head, check) = slot.split_at_mut_checked(STEP_LEN + KEY_LEN)?;
    let is_whole = checksum(head) == *check;
    let (step, secret) = head.split_first_chunk_mut::<STEP_LEN>()?;
    let step = u64::from_be_bytes(*step);
    let key = Secret::from_slice(secret).map(StepKey::from_secret);
    secret.zeroize();
    (is_whole && step > 0).then_some(())?;
    Some((step, key?))
}

fn checksum(head: &[u8]) -> [u8; CHECK_LEN] {
    let digest = Sha256::digest(head);
    *digest.first_chunk().unwrap_or(&[0; CHECK_LEN])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(file: &KeyFile, kind: Kind) -> Vec<u64> {
        (1..100)
            .filter(|step| file.get(kind, *step).is_some())
            .collect()
    }

    #[test]
    fn keys_are_stored_and_erased_in_place() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("keys");
        let mut file = KeyFile::open(&path).unwrap();
        let mut secrets = Vec::new();
        for step in 1..=20 {
            let key = StepKey::random();
            secrets.push(*key.expose());
            file.put(Kind::Numbered, step, key).unwrap();
            assert_eq!(steps(&file, Kind::Numbered).last(), Some(&step));
            if step % 2 == 0 {
                file.erase_all_but(Kind::Numbered, step).unwrap();
            }
            file.put(Kind::Lobby, 100 - step, StepKey::random())
                .unwrap();
            let again = KeyFile::open(&path).unwrap();
            assert_eq!(steps(&again, Kind::Numbered), steps(&file, Kind::Numbered));
            let bytes = std::fs::read(&path).unwrap();
            assert_eq!(bytes.len(), LEN);
            let held = secrets
                .iter()
                .filter(|secret| bytes.windows(32).any(|window| window == *secret))
                .count();
            assert_eq!(
                held,
                if step % 2 == 0 {
                    1
                } else {
                    2.min(secrets.len())
                }
            );
        }
        assert_eq!(steps(&file, Kind::Numbered), [20]);
    }

    #[test]
    fn torn_slots_are_ignored_and_other_files_are_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("keys");
        let mut file = KeyFile::open(&path).unwrap();
        file.put(Kind::Lobby, 1, StepKey::random()).unwrap();
        file.put(Kind::Lobby, 2, StepKey::random()).unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[SECTOR * 4 + 30] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(steps(&KeyFile::open(&path).unwrap(), Kind::Lobby), [1]);
        for foreign in [&bytes[1..], &bytes[..100], &[0; LEN]] {
            std::fs::write(&path, foreign).unwrap();
            assert!(matches!(
                KeyFile::open(&path),
                Err(KeyFileError::Foreign(_))
            ));
            assert_eq!(std::fs::read(&path).unwrap(), foreign, "left as it was");
        }
    }
}
