//! The keys that seal waiting cells on disk.
//!
//! Waiting cells are in sealed [`frame`]s. Each kind of bucket has a key that
//! advances one step at the end of each epoch; the previous key is overwritten in
//! place ([`KeyFile`]). Remains of old frames on the disk (in free pages, in a
//! write-ahead log, in remapped flash blocks) can then no longer be opened, so
//! that no file shows which cells of a batch were posted and which are cover.
//!
//! `K(i+1) = HKDF-SHA256(salt = r, ikm = K(i), info = "tessera/relay/ratchet/" || kind)`
//! with 32 random bytes `r` that are never stored, so that an old key does not
//! open later frames.

mod file_system;
pub mod frame;
mod key_file;

use aws_lc_rs::{
    aead::{AES_256_GCM, LessSafeKey, UnboundKey},
    error::Unspecified,
    hkdf::{HKDF_SHA256, KeyType, Salt},
};
use tessera::base::Secret;

pub use self::{
    file_system::warn_if_copies_stay,
    key_file::{KeyFile, KeyFileError},
};
use super::Kind;
use crate::random;

/// The key of one step. Wiped on drop.
pub struct StepKey(Secret<32>);

impl StepKey {
    /// Generates the first key of a ratchet.
    #[must_use]
    pub fn random() -> Self {
        Self(Secret::random(&mut random::system()))
    }

    /// Restores a key from the key file.
    #[must_use]
    pub fn from_secret(secret: Secret<32>) -> Self {
        Self(secret)
    }

    /// Derives the next key; deterministic for a given `r`.
    ///
    /// # Errors
    ///
    /// Never for keys of this length; the type comes from the library.
    pub fn next(&self, kind: Kind, r: &[u8; 32]) -> Result<Self, Unspecified> {
        let info = [b"tessera/relay/ratchet/".as_slice(), &[kind.letter()]];
        self.derive(r, &info).map(Self)
    }

    /// Derives the key of the frames that one process seals in this step.
    fn frame_key(&self, process: &[u8; 16]) -> Result<LessSafeKey, Unspecified> {
        let key = self.derive(&[], &[b"frame", process])?;
        UnboundKey::new(&AES_256_GCM, key.expose()).map(LessSafeKey::new)
    }

    fn derive(&self, salt: &[u8], info: &[&[u8]]) -> Result<Secret<32>, Unspecified> {
        let extracted = Salt::new(HKDF_SHA256, salt).extract(self.0.expose());
        let expanded = extracted.expand(info, KeyLen)?;
        let mut filled = Ok(());
        let key = Secret::fill_with(|bytes| filled = expanded.fill(bytes));
        filled.map(|()| key)
    }

    fn secret(&self) -> &Secret<32> {
        &self.0
    }
}

impl std::fmt::Debug for StepKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StepKey")
    }
}

struct KeyLen;

impl KeyType for KeyLen {
    fn len(&self) -> usize {
        32
    }
}

impl Kind {
    /// The kind's letter in frames and in the ratchet's label.
    const fn letter(self) -> u8 {
        match self {
            Self::Numbered => b'n',
            Self::Lobby => b'l',
        }
    }
}
