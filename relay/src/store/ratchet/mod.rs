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
    hkdf::{HKDF_SHA256, Salt},
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

    /// Derives the key of the MACs of this step's markers.
    pub(in crate::store) fn marker_key(&self) -> Result<Secret<32>, Unspecified> {
        self.derive(&[], &[b"marker"])
    }

    /// Derives the seed of all draws of the close of one bucket.
    pub(in crate::store) fn close_seed(
        &self,
        r: &[u8; 32],
        bucket: u32,
    ) -> Result<Secret<32>, Unspecified> {
        self.derive(r, &[b"close", &bucket.to_be_bytes()])
    }

    fn derive(&self, salt: &[u8], info: &[&[u8]]) -> Result<Secret<32>, Unspecified> {
        let extracted = Salt::new(HKDF_SHA256, salt).extract(self.0.expose());
        let expanded = extracted.expand(info, HKDF_SHA256)?;
        let mut filled = Ok(());
        let key = Secret::fill_with(|bytes| filled = expanded.fill(bytes));
        filled.map(|()| key)
    }

    /// Copies the key. Explicit, unlike `Clone`.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        Self(self.0.duplicate())
    }

    /// Exposes the bytes, for the key file and for another member.
    pub(crate) fn expose(&self) -> &[u8; 32] {
        self.0.expose()
    }
}

impl std::fmt::Debug for StepKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StepKey")
    }
}

impl Kind {
    /// The kind's letter in frames and in the ratchet's label.
    pub(in crate::store) const fn letter(self) -> u8 {
        match self {
            Self::Numbered => b'n',
            Self::Lobby => b'l',
        }
    }
}
