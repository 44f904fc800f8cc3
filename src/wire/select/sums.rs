//! The sums of a select's bitmaps.

use std::ops::Range;

use super::{Select, SelectError};
use crate::wire::{BATCH_HEADER_LEN, BatchError, BatchHeader, CellSize, cell::TAG_LEN};

/// Maximum number of bitmaps that are added up together.
const MAX_GROUP: usize = 8;
/// Maximum length of a table of sums, unless two entries are longer: it has to stay
/// in a processor's cache.
const MAX_TABLE_LEN: usize = 1 << 20;

/// The answer to a request, added up batch by batch in one pass over the cells.
///
/// Cells that the same bitmaps of a group select are added to the same sum of its
/// table, one addition for each cell and group; the table gives the sums of all
/// bitmaps at the end (the method of four Russians).
#[derive(Clone, Debug)]
pub struct Selection {
    cell_size: CellSize,
    groups: Vec<Group>,
    cells: usize,
}

/// Up to [`MAX_GROUP`] bitmaps.
#[derive(Clone, Debug)]
struct Group {
    queries: Range<usize>,
    /// A sum for each set of these bitmaps: of the cells that exactly they select.
    table: Vec<u8>,
}

impl Selection {
    /// Nothing added yet.
    #[must_use]
    pub fn new(select: &Select<'_>, cell_size: CellSize) -> Self {
        let width = group_width(select.queries, select.window.count, cell_size);
        let group = |first: usize| {
            let queries = first..select.queries.min(first + width);
            let table = vec![0; rest_len(cell_size) << queries.len()];
            Group { queries, table }
        };
        Self {
            cell_size,
            groups: (0..select.queries).step_by(width).map(group).collect(),
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
            for group in &mut self.groups {
                let from = group.entry(select, self.cells) * rest.len();
                let sum = group.table.get_mut(from..from + rest.len());
                // Nobody asks for the sum of the cells that no bitmap selects.
                if let Some(sum) = sum.filter(|_| from > 0) {
                    xor(sum, rest);
                }
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
        if self.cells != select.window.count as usize {
            return Err(SelectError::Window);
        }
        let len = rest_len(self.cell_size);
        let sums = self.groups.into_iter().map(|group| group.sums(len));
        Ok(sums.collect::<Vec<_>>().concat())
    }
}

impl Group {
    /// Which of its bitmaps select this cell, as the number of an entry of its table.
    fn entry(&self, select: &Select<'_>, cell: usize) -> usize {
        let selected = self.queries.clone().enumerate();
        let bits = selected.map(|(bit, query)| usize::from(select.selects(query, cell)) << bit);
        bits.sum()
    }

    /// The sum of each bitmap: that of the entries whose number has its bit. The
    /// entries of the highest bit are added to those without it, and so on.
    fn sums(mut self, len: usize) -> Vec<u8> {
        let mut sums = vec![0; self.queries.len() * len];
        for (bit, sum) in sums.chunks_exact_mut(len).enumerate().rev() {
            let with = self.table.split_off(len << bit);
            for entry in with.chunks_exact(len) {
                xor(sum, entry);
            }
            xor(&mut self.table, &with);
        }
        sums
    }
}

/// The number of bitmaps of a group with which so many cells take the fewest
/// additions: one for each cell and group, and two for each entry of a table.
fn group_width(queries: usize, count: u32, cell_size: CellSize) -> usize {
    let most = (MAX_TABLE_LEN / rest_len(cell_size)).max(2).ilog2() as usize;
    let additions = |width: &usize| queries.div_ceil(*width) * (count as usize + (2 << width));
    let widths = 1..=most.min(MAX_GROUP);
    widths.min_by_key(additions).unwrap_or(1)
}

/// The length of what is added up of each cell.
fn rest_len(cell_size: CellSize) -> usize {
    cell_size.bytes() - TAG_LEN
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
    use crate::{
        base::{Secret, UnixTime},
        wire::{
            BucketId, OriginKey,
            batch::BatchPlace,
            select::{MAX_QUERIES, SelectWindow},
        },
    };

    #[test]
    fn groups_are_wide_for_many_cells_and_narrow_for_few() {
        let width = |queries, count| group_width(queries, count, CellSize::DEFAULT);
        assert_eq!(width(8, 7750), 8);
        assert_eq!(width(16, 7750), 8);
        assert_eq!(width(3, 7750), 3);
        assert_eq!(width(1, 7750), 1);
        assert!(width(8, 109) < 8 && width(8, 109) > 1);
        assert_eq!(width(8, 0), 1);
        let large = CellSize::try_from(16_384).unwrap();
        let table = rest_len(large) << group_width(16, 1 << 20, large);
        assert!(table <= MAX_TABLE_LEN.max(2 * rest_len(large)));
    }

    /// Every number of bitmaps, each with every second cell, every third and so on,
    /// beside the definition, over two batches.
    #[test]
    fn sums_are_those_of_the_definition() {
        let size = CellSize::try_from(1024).unwrap();
        let (first, second) = (37_usize, 600);
        let count = first + second;
        let cell = |number: usize| -> Vec<u8> {
            let byte = |at| (number.wrapping_mul(2_654_435_761) >> (at % 24)) as u8;
            (0..size.bytes()).map(byte).collect()
        };
        let key = OriginKey::from_seed(&Secret::take(&mut [1; 32]));
        let place = BatchPlace {
            bucket: BucketId::try_from(0).unwrap(),
            epoch: 5,
            closed_at: UnixTime(0),
            prev: BatchHeader::NO_PREV,
        };
        let batch = |cells: Range<usize>| {
            let cells: Vec<u8> = cells.flat_map(cell).collect();
            let header = BatchHeader::sign(&place, &cells, size, &key).unwrap();
            [header.encode().as_slice(), &cells].concat()
        };
        for queries in 1..=MAX_QUERIES {
            let mut bitmaps = vec![0_u8; queries * count.div_ceil(8)];
            let mut wanted = vec![vec![0; rest_len(size)]; queries];
            for (query, sum) in wanted.iter_mut().enumerate() {
                for number in (0..count).filter(|number| number % (query + 1) == 0) {
                    bitmaps[query * count.div_ceil(8) + number / 8] |= 1 << (number % 8);
                    let cell = cell(number);
                    sum.iter_mut()
                        .zip(&cell[TAG_LEN..])
                        .for_each(|(a, b)| *a ^= b);
                }
            }
            let window = SelectWindow {
                origin: key.origin(),
                first: 5,
                last: 5,
                count: count as u32,
            };
            let body = window.encode(queries, &bitmaps, size).unwrap();
            let select = Select::decode(&body, size).unwrap();
            let mut selection = Selection::new(&select, size);
            assert_eq!(selection.add(&select, &batch(0..first)), Ok(true));
            assert_eq!(selection.clone().finish(&select), Err(SelectError::Window));
            assert_eq!(selection.add(&select, &batch(first..count)), Ok(true));
            assert_eq!(selection.clone().finish(&select).unwrap(), wanted.concat());
            assert_eq!(selection.add(&select, &batch(0..1)), Ok(false));
        }
    }
}
