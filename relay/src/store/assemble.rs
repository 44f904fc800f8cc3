//! One batch from pending cells and cover: the same for every backend.

use rand_core::CryptoRng;
use tessera::wire::{Batch, BatchError, BatchHeader, Cell, CellSize, OriginKey, batch::BatchPlace};

use crate::random::shuffle;

/// A signed batch, ready to be written.
#[derive(Debug)]
pub struct Assembled {
    /// Its header.
    pub header: BatchHeader,
    /// Its bytes, header first.
    pub bytes: Vec<u8>,
    /// SHA-256 of every cell in it, cover included, in published order.
    pub digests: Vec<[u8; 32]>,
}

/// Mixes real and cover cells and signs the batch.
///
/// # Errors
///
/// [`BatchError::Malformed`] when a cell is not of `cell_size`.
pub fn assemble(
    place: &BatchPlace,
    real: Vec<Cell>,
    cover: Vec<Cell>,
    cell_size: CellSize,
    key: &OriginKey,
    rng: &mut impl CryptoRng,
) -> Result<Assembled, BatchError> {
    let mut cells = real;
    cells.extend(cover);
    shuffle(&mut cells, rng);
    let (header, bytes) = Batch::build(place, &cells, cell_size, key)?;
    Ok(Assembled {
        header,
        bytes,
        digests: cells.iter().map(Cell::sha256).collect(),
    })
}
