//! The queue of waiting cells: their buckets and the order in which they are
//! published. In memory only; on disk, the cells are in sealed frames.
//!
//! Each bucket accepts up to four batches of waiting cells, shared by classes of
//! posters. Beyond the first batch, a class may have no more than an even share
//! of one batch waiting, so that `n` classes that take all they can, one after
//! the other, fill `1 + 1/2 + … + 1/n` batches, and the next class still has
//! room. A batch first takes the cells that many closes left behind, which bounds
//! the waiting time, and then one cell of each class in turn, oldest first. So a
//! poster that floods a bucket delays its own cells and not those of others.
//! Classes never reach the disk; after a restart, all waiting cells are of one
//! class.

mod bucket;

use std::collections::{HashMap, HashSet};

use tessera::wire::{BATCH_HEADER_LEN, BucketId, CellSize, PostEntry};

pub use self::bucket::BucketQueue;
use self::bucket::Limits;
use super::{ByKind, Kind};
use crate::cover::{LOBBY_CELLS, PATIENCE, Waiting};

/// A class of posters for fair queueing: a number assigned by the limiter that
/// reveals nothing about an address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QueueClass(pub u64);

/// Cells posted together.
#[derive(Clone, Debug)]
pub struct Post {
    /// The cells and their buckets.
    pub entries: Vec<PostEntry>,
    /// The class of the poster.
    pub class: QueueClass,
}

impl From<Vec<PostEntry>> for Post {
    fn from(entries: Vec<PostEntry>) -> Self {
        Self {
            entries,
            class: QueueClass::default(),
        }
    }
}

/// Maximum total size of waiting cells in all buckets, in bytes.
const ALL_WAITING: u64 = 4 << 30;

/// The capacity of the buckets of each kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// Maximum number of cells of a batch, including cover.
    pub batch_cells: usize,
    /// Maximum number of waiting cells of one bucket.
    pub cells: ByKind<usize>,
    /// Maximum number of waiting cells in total.
    pub all_cells: usize,
    /// A cell that this many closes left behind is taken first.
    pub patience: ByKind<u8>,
}

impl Capacity {
    /// Computes the capacity from the maximum size of a batch in bytes, and the
    /// number of epochs in which all waiting cells of a numbered bucket and of the
    /// lobby must be published.
    #[must_use]
    pub fn new(
        cell_size: CellSize,
        batch_bytes: u64,
        numbered_epochs: u32,
        lobby_epochs: u32,
    ) -> Self {
        let cells = |bytes: u64| usize::try_from(bytes / u64::from(cell_size.get()));
        let cells = |bytes| cells(bytes).unwrap_or(usize::MAX);
        let batch_cells = cells(batch_bytes.saturating_sub(BATCH_HEADER_LEN as u64));
        Self {
            batch_cells,
            cells: ByKind {
                numbered: batch_cells.saturating_mul(numbered_epochs as usize),
                lobby: lobby_epochs as usize * LOBBY_CELLS as usize,
            },
            all_cells: cells(ALL_WAITING),
            patience: ByKind {
                numbered: 16,
                lobby: u8::try_from(lobby_epochs).unwrap_or(u8::MAX),
            },
        }
    }
}

/// The first 16 bytes of a cell's SHA-256, which identify it.
pub type CellId = [u8; 16];

/// The [`CellId`] of a digest.
#[must_use]
pub fn cell_id(digest: &[u8; 32]) -> CellId {
    digest.first_chunk().map_or([0; 16], |id| *id)
}

/// The location of a waiting cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// The row of its frame. Increases with the order of arrival.
    pub frame: i64,
    /// The index in the frame.
    pub place: u16,
    /// Number of closes that left it behind.
    pub waited: u8,
    /// The cell's id.
    pub cell: CellId,
}

impl Ticket {
    fn order(&self) -> (i64, u16) {
        (self.frame, self.place)
    }
}

/// All waiting cells.
#[derive(Debug)]
pub struct Queue {
    capacity: Capacity,
    buckets: HashMap<BucketId, BucketQueue>,
    known: HashSet<CellId>,
}

/// The cells that posts of one commit add to the queue.
#[derive(Debug, Default)]
pub struct Additions {
    by_bucket: HashMap<BucketId, HashMap<QueueClass, usize>>,
    all: usize,
}

impl Queue {
    /// Creates an empty queue.
    #[must_use]
    pub fn new(capacity: Capacity) -> Self {
        Self {
            capacity,
            buckets: HashMap::new(),
            known: HashSet::new(),
        }
    }

    /// Returns `true` if this cell is waiting.
    #[must_use]
    pub fn holds(&self, cell: &CellId) -> bool {
        self.known.contains(cell)
    }

    /// Adds a post to `pending` if there is room for both.
    ///
    /// # Errors
    ///
    /// The kind of bucket that has no room for it.
    pub fn admit(
        &self,
        class: QueueClass,
        buckets: impl Iterator<Item = BucketId>,
        pending: &mut Additions,
    ) -> Result<(), Kind> {
        let mut wanted = HashMap::<BucketId, usize>::new();
        for bucket in buckets {
            *wanted.entry(bucket).or_default() += 1;
        }
        let all: usize = wanted.values().sum();
        let empty = BucketQueue::default();
        for (bucket, cells) in &wanted {
            let queue = self.buckets.get(bucket).unwrap_or(&empty);
            let added = pending.by_bucket.get(bucket);
            let limits = self.limits(Kind::of(*bucket));
            if !queue.has_room(class, *cells, added, limits) {
                return Err(Kind::of(*bucket));
            }
        }
        if self.known.len() + pending.all + all > self.capacity.all_cells {
            return Err(Kind::Numbered);
        }
        for (bucket, cells) in wanted {
            let of_bucket = pending.by_bucket.entry(bucket).or_default();
            *of_bucket.entry(class).or_default() += cells;
        }
        pending.all += all;
        Ok(())
    }

    /// Adds a cell at the end of its class.
    pub fn push(&mut self, bucket: BucketId, class: QueueClass, ticket: Ticket) {
        if self.known.insert(ticket.cell) {
            let queue = self.buckets.entry(bucket).or_default();
            queue.classes.entry(class).or_default().push_back(ticket);
            queue.cells += 1;
        }
    }

    /// The number of waiting cells of a bucket.
    #[must_use]
    pub fn waiting(&self, bucket: BucketId) -> Waiting {
        let Some(queue) = self.buckets.get(&bucket) else {
            return Waiting::default();
        };
        let tickets = queue.tickets();
        Waiting {
            cells: queue.cells,
            overdue: tickets.filter(|ticket| ticket.waited >= PATIENCE).count(),
        }
    }

    /// Takes cells out of a bucket and counts a close for the remaining ones: first
    /// the cells that the given number of closes, or the number of the capacity,
    /// left behind, then one of each class in turn. Returns the cells taken, and
    /// the previous state of the bucket for [`put_back`](Self::put_back).
    pub fn take(
        &mut self,
        bucket: BucketId,
        count: usize,
        patience: Option<u8>,
        blur: usize,
    ) -> (Vec<Ticket>, BucketQueue) {
        let patience = patience.unwrap_or(self.capacity.patience[Kind::of(bucket)]);
        let queue = self.buckets.entry(bucket).or_default();
        let before = queue.clone();
        let mut taken = Vec::with_capacity(count.min(queue.cells));
        queue.take_turns(count, &mut taken, |ticket| ticket.waited >= patience);
        queue.take_turns(count, &mut taken, |_| true);
        queue.blur = blur;
        for ticket in queue.classes.values_mut().flatten() {
            ticket.waited = ticket.waited.saturating_add(1);
        }
        for ticket in &taken {
            self.known.remove(&ticket.cell);
        }
        (taken, before)
    }

    /// Undoes [`take`](Self::take).
    pub fn put_back(&mut self, bucket: BucketId, before: BucketQueue) {
        let cells = before.tickets().map(|ticket| ticket.cell);
        self.known.extend(cells);
        self.buckets.insert(bucket, before);
    }

    /// Drops cells that more than `most` closes left behind. Returns `true` if
    /// there were any.
    pub fn drop_stale(&mut self, kind: Kind, most: u8) -> bool {
        let mut any = false;
        for queue in self.of_kind_mut(kind) {
            let before = queue.cells;
            queue.retain(|ticket| ticket.waited <= most);
            any |= queue.cells < before;
        }
        if any {
            self.known = self
                .buckets
                .values()
                .flat_map(BucketQueue::tickets)
                .map(|ticket| ticket.cell)
                .collect();
        }
        any
    }

    /// All waiting cells of a kind, in order of arrival.
    #[must_use]
    pub fn of_kind(&self, kind: Kind) -> Vec<(BucketId, Ticket)> {
        let of_kind = self.buckets.iter().filter(|(of, _)| Kind::of(**of) == kind);
        let mut all: Vec<_> = of_kind
            .flat_map(|(bucket, queue)| queue.tickets().map(|ticket| (*bucket, *ticket)))
            .collect();
        all.sort_unstable_by_key(|(_, ticket)| ticket.order());
        all
    }

    /// Updates the locations of cells of a kind.
    pub fn move_to(&mut self, kind: Kind, moved: &HashMap<CellId, Ticket>) {
        for queue in self.of_kind_mut(kind) {
            for ticket in queue.classes.values_mut().flatten() {
                if let Some(moved) = moved.get(&ticket.cell) {
                    *ticket = *moved;
                }
            }
        }
    }

    /// The number of waiting cells of a class in a bucket: the turn of its next cell.
    #[must_use]
    pub fn turn(&self, bucket: BucketId, class: QueueClass) -> usize {
        let queue = self.buckets.get(&bucket);
        let class = queue.and_then(|queue| queue.classes.get(&class));
        class.map_or(0, |tickets| tickets.len())
    }

    /// Removes these cells.
    pub fn forget(&mut self, cells: &HashSet<CellId>) {
        for queue in self.buckets.values_mut() {
            queue.retain(|ticket| !cells.contains(&ticket.cell));
        }
        self.known.retain(|cell| !cells.contains(cell));
    }

    /// Sets the random reduction of the point from which classes get shares, as
    /// [`take`](Self::take) does.
    pub fn set_blur(&mut self, bucket: BucketId, blur: usize) {
        self.buckets.entry(bucket).or_default().blur = blur;
    }

    /// The number of waiting cells.
    #[must_use]
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Returns `true` if no cells are waiting.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    fn limits(&self, kind: Kind) -> Limits {
        let most = self.capacity.cells[kind];
        let free = match kind {
            Kind::Numbered => self.capacity.batch_cells,
            Kind::Lobby => most / 4,
        };
        Limits { free, most }
    }

    fn of_kind_mut(&mut self, kind: Kind) -> impl Iterator<Item = &mut BucketQueue> {
        let all = self.buckets.iter_mut();
        all.filter_map(move |(of, queue)| (Kind::of(*of) == kind).then_some(queue))
    }
}

#[cfg(test)]
mod tests;
