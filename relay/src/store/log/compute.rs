//! The content of a close, computed from the frames between two markers. The same
//! in every process.
//!
//! All draws of a bucket come from ChaCha20 under a seed derived from the step's
//! key and the marker's random bytes: the number of cover cells, the cover itself,
//! the order of the batch. After the key is erased nobody can repeat them.

use std::collections::{HashMap, HashSet};

use chacha20::ChaCha20Rng;
use rand_core::{CryptoRng, SeedableRng as _};
use sha2::{Digest as _, Sha256};
use tessera::base::UnixTime;
use tessera::wire::{BucketId, CellSize, HeaderHash, OriginKey, batch::BatchPlace, cover_cell};

use super::marker::Marker;
use crate::{
    cover::{CoverRule, PATIENCE, Waiting},
    random,
    store::{
        BatchBuilder, Kind, SignedBatch, StoreError,
        queue::{Capacity, CellId, Ticket, cell_id},
        ratchet::{
            StepKey,
            frame::{FILLER, Frame},
        },
    },
};

/// The bucket field of an entry in the log: which bucket, and the turn in which a
/// cell is taken. The turn is the number of cells of its poster's class that waited
/// before it, so that a poster that floods a bucket delays only its own cells.
///
/// ```text
/// slot = u16 turn || u16 bucket          bucket 0xFFFF: the lobby
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) turn: u16,
    pub(super) bucket: BucketId,
}

const LOBBY: u32 = 0xFFFF;
/// The largest turn; [`FILLER`] is beyond.
const MOST_TURN: u16 = u16::MAX - 1;

impl Slot {
    pub(super) fn new(turn: usize, bucket: BucketId) -> Self {
        let turn = u16::try_from(turn).unwrap_or(u16::MAX).min(MOST_TURN);
        Self { turn, bucket }
    }

    pub(super) fn encode(self) -> u32 {
        let bucket = match self.bucket.is_lobby() {
            true => LOBBY,
            false => self.bucket.get(),
        };
        u32::from(self.turn) << 16 | bucket
    }

    pub(super) fn decode(slot: u32) -> Option<Self> {
        let bucket = match slot & 0xFFFF {
            LOBBY => Some(BucketId::LOBBY),
            number => BucketId::try_from(number).ok(),
        };
        let turn = u16::try_from(slot >> 16).ok()?;
        (slot != FILLER).then_some(())?;
        bucket.map(|bucket| Self { turn, bucket })
    }
}

/// A cell of a frame.
#[derive(Clone, Debug)]
pub(super) struct WaitingCell {
    pub(super) slot: Slot,
    pub(super) waited: u8,
    pub(super) cell: Vec<u8>,
    pub(super) digest: [u8; 32],
}

impl WaitingCell {
    pub(super) fn id(&self) -> CellId {
        cell_id(&self.digest)
    }

    /// Its ticket in the queue, where the cells of a log have no frame.
    pub(super) fn ticket(&self) -> Ticket {
        Ticket {
            frame: 0,
            place: 0,
            waited: self.waited,
            cell: self.id(),
        }
    }
}

/// The cells of one frame that belong to these buckets. A frame that does not open
/// has none, for every process.
pub(super) fn cells_of(
    key: &StepKey,
    kind: Kind,
    step: u64,
    frame: &[u8],
    cell_size: CellSize,
    buckets: &[BucketId],
) -> Vec<WaitingCell> {
    let Ok(frame) = Frame::open(key, kind, step, frame.to_vec(), cell_size.bytes()) else {
        return Vec::new();
    };
    let entries = frame.entries().filter_map(|entry| {
        let slot = Slot::decode(entry.bucket)?;
        buckets.contains(&slot.bucket).then(|| WaitingCell {
            slot,
            waited: entry.waited,
            cell: entry.cell.to_vec(),
            digest: Sha256::digest(entry.cell).into(),
        })
    });
    entries.collect()
}

/// The input of a close.
pub(super) struct Input {
    pub(super) kind: Kind,
    pub(super) key: StepKey,
    pub(super) marker: Marker,
    /// The frames of the index between the markers, with their sequences.
    pub(super) frames: Vec<(u64, Vec<u8>)>,
    /// All buckets of the kind.
    pub(super) buckets: Vec<BucketId>,
    pub(super) rule: CoverRule,
    pub(super) capacity: Capacity,
    pub(super) cell_size: CellSize,
    /// The hash of each bucket's last header.
    pub(super) heads: HashMap<BucketId, HeaderHash>,
    pub(super) origin_key: OriginKey,
    /// Whether draws come from the operating system: a test's broken process.
    pub(super) system_draws: bool,
}

/// The content of a close.
#[derive(Debug)]
pub(super) struct Computed {
    pub(super) i: u64,
    pub(super) batches: Vec<SignedBatch>,
    /// Cells that wait for the next close, in order.
    pub(super) carried: Vec<WaitingCell>,
    /// SHA-256 over the frames.
    pub(super) input: [u8; 32],
}

impl Input {
    /// The different cells of the frames, first copies in order; and the hash of
    /// the frames.
    pub(super) fn cells(&self) -> (Vec<WaitingCell>, [u8; 32]) {
        let mut hash = Sha256::new();
        let mut cells: Vec<WaitingCell> = Vec::new();
        let mut places = HashMap::<[u8; 32], usize>::new();
        for (seq, frame) in &self.frames {
            hash.update(seq.to_be_bytes());
            hash.update(Sha256::digest(frame));
            let of_frame = cells_of(
                &self.key,
                self.kind,
                self.marker.i,
                frame,
                self.cell_size,
                &self.buckets,
            );
            for cell in of_frame {
                match places.get(&cell.digest).and_then(|at| cells.get_mut(*at)) {
                    Some(first) => first.waited = first.waited.max(cell.waited),
                    None => {
                        places.insert(cell.digest, cells.len());
                        cells.push(cell);
                    }
                }
            }
        }
        (cells, hash.finalize().into())
    }

    /// Composes the batches of these cells, without those that were published.
    pub(super) fn close(
        self,
        cells: Vec<WaitingCell>,
        input: [u8; 32],
        seen: &HashSet<[u8; 32]>,
    ) -> Result<Computed, StoreError> {
        let mut waiting = HashMap::<BucketId, Vec<WaitingCell>>::new();
        let most = self.marker.most_waited;
        for cell in cells {
            if cell.waited <= most && !seen.contains(&cell.digest) {
                waiting.entry(cell.slot.bucket).or_default().push(cell);
            }
        }
        let closing = self.marker.closes(&self.buckets);
        let (mut batches, mut carried) = (Vec::new(), Vec::new());
        for bucket in &self.buckets {
            let cells = waiting.remove(bucket).unwrap_or_default();
            if !closing.contains(bucket) {
                carried.extend(cells);
                continue;
            }
            let (batch, left) = if self.system_draws {
                self.bucket(*bucket, cells, &mut random::system())?
            } else {
                let seed = self.key.close_seed(&self.marker.r.0, bucket.get());
                let seed = seed.map_err(|_| StoreError::Misused)?;
                self.bucket(*bucket, cells, &mut ChaCha20Rng::from_seed(*seed.expose()))?
            };
            batches.push(batch);
            carried.extend(left);
        }
        Ok(Computed {
            i: self.marker.i,
            batches,
            carried,
            input,
        })
    }

    /// Composes one batch. Returns the cells left behind, each with its new turn.
    fn bucket(
        &self,
        bucket: BucketId,
        cells: Vec<WaitingCell>,
        rng: &mut impl CryptoRng,
    ) -> Result<(SignedBatch, Vec<WaitingCell>), StoreError> {
        let overdue = cells.iter().filter(|cell| cell.waited >= PATIENCE).count();
        let waiting = Waiting {
            cells: cells.len(),
            overdue,
        };
        let draw = self.rule.draw(waiting, self.capacity.batch_cells, rng);
        let (taken, left) = self.take(cells, draw.real);
        let count = taken.len() + draw.cover;
        let mut builder = BatchBuilder::new(count, self.cell_size, rng);
        for (at, cell) in taken.iter().enumerate() {
            builder.put(at, &cell.cell)?;
        }
        for at in taken.len()..count {
            builder.put(at, cover_cell(self.cell_size, rng).as_bytes())?;
        }
        let place = BatchPlace {
            bucket,
            epoch: self.marker.epoch,
            closed_at: UnixTime(self.marker.at),
            prev: self
                .heads
                .get(&bucket)
                .copied()
                .unwrap_or(tessera::wire::BatchHeader::NO_PREV),
        };
        Ok((builder.sign(&place, &self.origin_key)?, left))
    }

    /// Takes cells that waited too long first, then by turn, then in the order of
    /// the log.
    fn take(
        &self,
        mut cells: Vec<WaitingCell>,
        count: usize,
    ) -> (Vec<WaitingCell>, Vec<WaitingCell>) {
        let patience = match self.rule {
            CoverRule::Constant(_) => PATIENCE,
            _ => self.capacity.patience[self.kind],
        };
        // Stable: cells of one turn keep the order of the log.
        cells.sort_by_key(|cell| (cell.waited < patience, cell.slot.turn));
        let mut left = cells.split_off(count.min(cells.len()));
        let first = left.iter().map(|cell| cell.slot.turn).min().unwrap_or(0);
        for cell in &mut left {
            cell.slot.turn -= first;
            cell.waited = cell.waited.saturating_add(1);
        }
        (cells, left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_encode_bucket_and_turn_and_never_a_filler() {
        let number = |number: u32| BucketId::try_from(number).unwrap();
        for bucket in [number(0), number(63), BucketId::LOBBY] {
            for turn in [0, 1, 65_534, 65_535, 1 << 20] {
                let slot = Slot::new(turn, bucket);
                assert_ne!(slot.encode(), FILLER);
                assert_eq!(Slot::decode(slot.encode()), Some(slot));
            }
        }
        assert_eq!(Slot::decode(FILLER), None);
    }
}
