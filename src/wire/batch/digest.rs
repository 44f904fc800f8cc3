//! The digest of a batch's cells.

use core::fmt;

use sha2::{Digest as _, Sha256};

use super::BatchError;
use crate::wire::{BatchDigest, CellSize, cell::TAG_LEN};

/// SHA-256 of parts of a download, where the caller computes it faster than this
/// code: browsers hash with instructions that WebAssembly does not have. What is
/// absent is computed here.
#[derive(Clone, Debug, Default)]
pub struct Hashes {
    /// Of all bytes.
    pub whole: Option<[u8; 32]>,
    /// Of `rests` of each batch.
    pub rests: Vec<[u8; 32]>,
}

/// The digest of cells whose `rests` are hashed already.
pub(super) fn digest_with(rests: [u8; 32], cells: &[u8], cell_size: CellSize) -> BatchDigest {
    let mut tags = Sha256::new();
    for cell in cells.chunks_exact(cell_size.bytes()) {
        tags.update(cell.split_at(TAG_LEN).0);
    }
    batch_digest(tags.finalize().into(), rests)
}

/// Computes the digest of a batch cell by cell.
#[derive(Clone)]
pub struct CellsDigest {
    pub(super) cell_size: CellSize,
    pub(super) count: u64,
    tags: Sha256,
    rests: Sha256,
}

impl CellsDigest {
    /// Creates the digest of an empty batch.
    #[must_use]
    pub fn new(cell_size: CellSize) -> Self {
        Self {
            cell_size,
            count: 0,
            tags: Sha256::new(),
            rests: Sha256::new(),
        }
    }

    /// The digest of these cells, joined.
    pub(super) fn of(cells: &[u8], cell_size: CellSize) -> Result<Self, BatchError> {
        let mut digest = Self::new(cell_size);
        for cell in cells.chunks(cell_size.bytes()) {
            digest.update(cell)?;
        }
        Ok(digest)
    }

    /// Adds the next cell.
    ///
    /// # Errors
    ///
    /// [`BatchError::Malformed`] for a cell of another size.
    pub fn update(&mut self, cell: &[u8]) -> Result<(), BatchError> {
        if cell.len() != self.cell_size.bytes() {
            return Err(BatchError::Malformed);
        }
        let (tag, rest) = cell.split_at(TAG_LEN);
        self.tags.update(tag);
        self.rests.update(rest);
        self.count += 1;
        Ok(())
    }

    /// Returns the batch's digest, and the SHA-256 of `rests`.
    #[must_use]
    pub fn finish(self) -> (BatchDigest, [u8; 32]) {
        let rests = self.rests.finalize().into();
        (batch_digest(self.tags.finalize().into(), rests), rests)
    }
}

impl fmt::Debug for CellsDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CellsDigest({} cells)", self.count)
    }
}

pub(super) fn batch_digest(tags: [u8; 32], rests: [u8; 32]) -> BatchDigest {
    BatchDigest(Sha256::digest([tags, rests].concat()).into())
}
