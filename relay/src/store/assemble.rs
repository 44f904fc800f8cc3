//! Assembly of one batch from waiting cells and cover, for every backend. The
//! batch is in memory only once.

use rand_core::CryptoRng;
use sha2::{Digest as _, Sha256};
use tessera::wire::{
    BATCH_HEADER_LEN, Batch, BatchError, BatchHeader, CellSize, OriginKey, batch::BatchPlace,
};

use crate::random::shuffle;

/// Builds a batch from cells given one by one, which it places in random order.
#[derive(Debug)]
pub struct BatchBuilder {
    cell_size: CellSize,
    /// Room for the header, then the cells.
    bytes: Vec<u8>,
    /// The position of each cell, by the order in which they are given.
    places: Vec<u32>,
}

/// A signed batch, ready to be written.
#[derive(Clone, Debug)]
pub struct SignedBatch {
    /// Its header.
    pub header: BatchHeader,
    /// Its bytes, header first.
    pub bytes: Vec<u8>,
}

impl BatchBuilder {
    /// Creates a builder for a batch of `count` cells.
    pub fn new(count: usize, cell_size: CellSize, rng: &mut impl CryptoRng) -> Self {
        let mut places: Vec<u32> = (0..).take(count).collect();
        shuffle(&mut places, rng);
        Self {
            cell_size,
            bytes: vec![0; BATCH_HEADER_LEN + count * cell_size.bytes()],
            places,
        }
    }

    /// Places the cell with this number, in the order of giving, at its shuffled
    /// position.
    ///
    /// # Errors
    ///
    /// [`BatchError::Malformed`] if the number is out of range or the cell has
    /// another size.
    pub fn put(&mut self, number: usize, cell: &[u8]) -> Result<(), BatchError> {
        let size = self.cell_size.bytes();
        let place = self.places.get(number).ok_or(BatchError::Malformed)?;
        let start = BATCH_HEADER_LEN + *place as usize * size;
        self.bytes
            .get_mut(start..start + size)
            .filter(|_| cell.len() == size)
            .ok_or(BatchError::Malformed)?
            .copy_from_slice(cell);
        Ok(())
    }

    /// Signs the batch.
    ///
    /// # Errors
    ///
    /// [`BatchError::Malformed`] if it has more cells than a header can count.
    pub fn sign(mut self, place: &BatchPlace, key: &OriginKey) -> Result<SignedBatch, BatchError> {
        let (head, cells) = self
            .bytes
            .split_at_mut_checked(BATCH_HEADER_LEN)
            .ok_or(BatchError::Malformed)?;
        let header = BatchHeader::sign(place, cells, self.cell_size, key)?;
        head.copy_from_slice(&header.encode());
        Ok(SignedBatch {
            header,
            bytes: self.bytes,
        })
    }
}

impl SignedBatch {
    /// Verifies a batch that was written before.
    ///
    /// # Errors
    ///
    /// [`BatchError`] if its bytes, digest or signature are invalid.
    pub fn parse(bytes: Vec<u8>) -> Result<Self, BatchError> {
        let header = Batch::parse(&bytes)?.header().clone();
        Ok(Self { header, bytes })
    }

    /// SHA-256 of every cell, including cover, in published order.
    #[must_use]
    pub fn digests(&self) -> Vec<[u8; 32]> {
        let cells = self.bytes.get(BATCH_HEADER_LEN..).unwrap_or_default();
        cells
            .chunks_exact(self.header.cell_size.bytes())
            .map(|cell| Sha256::digest(cell).into())
            .collect()
    }
}
