//! Select: the XOR of the cells that a bitmap names. A reader asks two relays that
//! do not collude, so that neither learns which cell it wants (Chor, Goldreich,
//! Kushilevitz and Sudan, FOCS 1995). Protocol §12.
//!
//! ```text
//! request = origin(32) || u64 first || u64 last || u32 count || u8 q || q bitmaps
//! bitmap  = ceil(count / 8) bytes; bit i of byte j is cell 8j + i
//! answer  = q × (cell_size - 16) bytes
//! ```

use super::{BATCH_HEADER_LEN, BatchError, BatchHeader, CellSize, Origin, cell::TAG_LEN};
use crate::base::{encoding::Reader, error::coded, parameters::MAX_EPOCH};

/// Maximum number of bitmaps of a request.
pub const MAX_QUERIES: usize = 16;
/// Maximum length of all cells of a window: 128 MiB.
pub const MAX_WINDOW_LEN: u64 = 128 << 20;
/// Length of a request without its bitmaps.
const HEAD_LEN: usize = 53;

coded! {
    /// Why a request is refused.
    pub enum SelectError {
        /// Another length than its fields state, a field out of range, or a bit past
        /// the last cell.
        #[error("not a select request")]
        Malformed => Malformed,
        /// More than 16 bitmaps, or a window of more than 128 MiB.
        #[error("at most 16 bitmaps over 128 MiB of cells")]
        TooLarge => MessageTooLarge,
        /// The window has another number of cells.
        #[error("the window has another number of cells")]
        Window => WindowMismatch,
    }
}

/// The cells of one origin from epoch `first` to `last`, both included, in the
/// order of the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SelectWindow {
    /// The public key of the signer.
    pub origin: Origin,
    /// The first epoch.
    pub first: u64,
    /// The last epoch.
    pub last: u64,
    /// The number of cells.
    pub count: u32,
}

impl SelectWindow {
    /// The length of a bitmap in bytes.
    #[must_use]
    pub const fn bitmap_len(&self) -> usize {
        (self.count as usize).div_ceil(8)
    }

    /// Encodes a request with so many bitmaps, concatenated.
    ///
    /// # Errors
    ///
    /// [`SelectError::Malformed`] or [`SelectError::TooLarge`] for bitmaps that no
    /// relay accepts.
    pub fn encode(
        &self,
        queries: usize,
        bitmaps: &[u8],
        cell_size: CellSize,
    ) -> Result<Vec<u8>, SelectError> {
        let queries = u8::try_from(queries).map_err(|_| SelectError::TooLarge)?;
        let body = [
            self.origin.0.as_slice(),
            &self.first.to_be_bytes(),
            &self.last.to_be_bytes(),
            &self.count.to_be_bytes(),
            &[queries],
            bitmaps,
        ]
        .concat();
        Select::decode(&body, cell_size)?;
        Ok(body)
    }
}

/// A decoded request. Borrows its bitmaps.
#[derive(Debug)]
pub struct Select<'a> {
    window: SelectWindow,
    queries: usize,
    bitmaps: &'a [u8],
}

impl<'a> Select<'a> {
    /// The length of the longest request for cells of this size.
    #[must_use]
    pub const fn max_len(cell_size: CellSize) -> usize {
        let cells = MAX_WINDOW_LEN / cell_size.get() as u64;
        HEAD_LEN + MAX_QUERIES * (cells as usize).div_ceil(8)
    }

    /// Decodes a request.
    ///
    /// # Errors
    ///
    /// [`SelectError::Malformed`] or [`SelectError::TooLarge`].
    pub fn decode(bytes: &'a [u8], cell_size: CellSize) -> Result<Self, SelectError> {
        let (window, queries, bitmaps) = fields(bytes).ok_or(SelectError::Malformed)?;
        let cells = u64::from(window.count) * u64::from(cell_size.get());
        if queries > MAX_QUERIES || cells > MAX_WINDOW_LEN {
            return Err(SelectError::TooLarge);
        }
        let len = window.bitmap_len();
        let unused = match window.count % 8 {
            0 => 0,
            used => u8::MAX << used,
        };
        let is_valid = queries > 0
            && bitmaps.len() == queries * len
            && window.first <= window.last
            && window.last <= MAX_EPOCH
            && bitmaps
                .chunks(len.max(1))
                .all(|bitmap| bitmap.last().is_none_or(|last| last & unused == 0));
        if !is_valid {
            return Err(SelectError::Malformed);
        }
        Ok(Self {
            window,
            queries,
            bitmaps,
        })
    }

    /// The window.
    #[must_use]
    pub fn window(&self) -> &SelectWindow {
        &self.window
    }

    /// The number of bitmaps, and the bitmaps, concatenated.
    #[must_use]
    pub const fn bitmaps(&self) -> (usize, &'a [u8]) {
        (self.queries, self.bitmaps)
    }

    /// Whether the bitmap with this number selects this cell of the window.
    fn selects(&self, query: usize, cell: usize) -> bool {
        let byte = self
            .bitmaps
            .get(query * self.window.bitmap_len() + cell / 8);
        byte.is_some_and(|byte| byte >> (cell % 8) & 1 == 1)
    }
}

fn fields(bytes: &[u8]) -> Option<(SelectWindow, usize, &[u8])> {
    let mut reader = Reader::new(bytes);
    let window = SelectWindow {
        origin: Origin(reader.array()?),
        first: reader.u64()?,
        last: reader.u64()?,
        count: reader.u32()?,
    };
    let queries = reader.u8()?.into();
    Some((window, queries, reader.rest()))
}

/// The answer to a request, added up batch by batch: one pass over the cells for all
/// bitmaps.
#[derive(Clone, Debug)]
pub struct Selection {
    cell_size: CellSize,
    sums: Vec<u8>,
    cells: usize,
}

impl Selection {
    /// Nothing added yet.
    #[must_use]
    pub fn new(select: &Select<'_>, cell_size: CellSize) -> Self {
        Self {
            cell_size,
            sums: vec![0; select.queries * (cell_size.bytes() - TAG_LEN)],
            cells: 0,
        }
    }

    /// Adds the next batch of the window, from its bytes: without verification,
    /// because a relay trusts its own store. Returns `false` once there are more
    /// cells than the request states.
    ///
    /// # Errors
    ///
    /// [`BatchError::Malformed`], also for cells of another size.
    pub fn add(&mut self, select: &Select<'_>, batch: &[u8]) -> Result<bool, BatchError> {
        let (header, cells) = batch
            .split_first_chunk::<BATCH_HEADER_LEN>()
            .ok_or(BatchError::Malformed)?;
        let size = self.cell_size.bytes();
        if BatchHeader::decode(header)?.cell_size != self.cell_size || cells.len() % size != 0 {
            return Err(BatchError::Malformed);
        }
        for cell in cells.chunks_exact(size) {
            let rest = cell.get(TAG_LEN..).unwrap_or_default();
            let sums = self.sums.chunks_exact_mut(rest.len()).enumerate();
            for (_, sum) in sums.filter(|(query, _)| select.selects(*query, self.cells)) {
                xor(sum, rest);
            }
            self.cells += 1;
        }
        Ok(self.cells <= select.window.count as usize)
    }

    /// The answer, once every batch of the window was added.
    ///
    /// # Errors
    ///
    /// [`SelectError::Window`] if they have another number of cells than the request
    /// states.
    pub fn finish(self, select: &Select<'_>) -> Result<Vec<u8>, SelectError> {
        match self.cells == select.window.count as usize {
            true => Ok(self.sums),
            false => Err(SelectError::Window),
        }
    }
}

/// Adds bytes to a sum of the same length.
pub fn xor(sum: &mut [u8], bytes: &[u8]) {
    for (sum, byte) in sum.iter_mut().zip(bytes) {
        *sum ^= byte;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(count: u32) -> SelectWindow {
        SelectWindow {
            origin: Origin([1; 32]),
            first: 5,
            last: 7,
            count,
        }
    }

    #[test]
    fn what_is_encoded_is_decoded() {
        let body = window(11)
            .encode(2, &[0xff, 0x07, 0, 0], CellSize::DEFAULT)
            .unwrap();
        let select = Select::decode(&body, CellSize::DEFAULT).unwrap();
        assert_eq!((select.window, select.queries), (window(11), 2));
        assert!((0..11).all(|cell| select.selects(0, cell) && !select.selects(1, cell)));
        assert!(!select.selects(0, 11) && !select.selects(2, 0));
    }

    #[test]
    fn limits_are_exact() {
        let most = u32::try_from(MAX_WINDOW_LEN / 2048).unwrap();
        let bitmaps = vec![0; MAX_QUERIES * window(most).bitmap_len()];
        let body = window(most)
            .encode(MAX_QUERIES, &bitmaps, CellSize::DEFAULT)
            .unwrap();
        assert_eq!(body.len(), Select::max_len(CellSize::DEFAULT));
        for (count, queries) in [(most + 1, 1), (8, MAX_QUERIES + 1)] {
            let bitmaps = vec![0; queries * window(count).bitmap_len()];
            let refused = window(count).encode(queries, &bitmaps, CellSize::DEFAULT);
            assert_eq!(refused, Err(SelectError::TooLarge), "{count} {queries}");
        }
    }

    #[test]
    fn what_states_one_thing_and_is_another_is_refused() {
        let good = window(11)
            .encode(1, &[0xff, 0x07], CellSize::DEFAULT)
            .unwrap();
        let changed = |at: usize, byte: u8| {
            let mut bad = good.clone();
            bad[at] = byte;
            bad
        };
        for bad in [
            Vec::new(),
            good[..good.len() - 1].to_vec(),
            [good.as_slice(), &[0]].concat(),
            changed(39, 8),                       // first after last
            changed(40, 0xff),                    // no epoch
            changed(52, 0),                       // no bitmap
            changed(52, 2),                       // one bitmap too few
            changed(good.len() - 1, 0b0000_1000), // past the last cell
        ] {
            let refused = Select::decode(&bad, CellSize::DEFAULT).err();
            assert_eq!(refused, Some(SelectError::Malformed));
        }
    }
}
