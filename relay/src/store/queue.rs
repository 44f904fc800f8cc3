//! Which cells wait, for which bucket, and in which order they leave. In
//! memory only: on disk they lie in sealed frames.
//!
//! Each bucket takes up to four batches' worth. Classes of posters share it:
//! beyond the first batch a class may have no more waiting than an even share
//! of one, so that `n` classes that take all they get, one after the other,
//! fill `1 + 1/2 + … + 1/n` batches, and the next still has room. A batch takes
//! first what many closes left behind, so that nothing waits for ever, and
//! then one cell of each class in turn, those that came first first. So a
//! poster who floods a bucket delays its own cells and not those of others.
//! Nothing here reaches the disk; after a restart all that waits is of one
//! class.

mod bucket;

use std::collections::{HashMap, HashSet};

use tessera::wire::{BATCH_HEADER_LEN, BucketId, CellSize, PostEntry};

pub use self::bucket::BucketQueue;
use self::bucket::Limits;
use super::Kind;
use crate::cover::{LOBBY_CELLS, PATIENCE, Waiting};

/// Who posts, as far as fairness goes: a number that the limiter gives out,
/// and that says nothing about an address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QueueClass(pub u64);

/// Cells posted together.
#[derive(Clone, Debug)]
pub struct Post {
    /// The cells and their buckets.
    pub entries: Vec<PostEntry>,
    /// Who posted them.
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

/// Most bytes of cells that wait, in all buckets together.
const ALL_WAITING: u64 = 4 << 30;

/// How many cells the buckets of each kind take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// Most cells of a batch, cover included.
    pub batch_cells: usize,
    /// Most cells that wait for one numbered bucket.
    pub numbered_cells: usize,
    /// Most cells that wait for the lobby.
    pub lobby_cells: usize,
    /// Most cells that wait in all.
    pub all_cells: usize,
    /// A cell of a numbered bucket that so many closes left behind goes first.
    pub numbered_patience: u8,
    /// The same for the lobby.
    pub lobby_patience: u8,
}

impl Capacity {
    /// For batches of at most so many bytes, and buckets of which everything
    /// is published in so many epochs, of the numbered ones and of the lobby.
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
            numbered_cells: batch_cells.saturating_mul(numbered_epochs as usize),
            lobby_cells: lobby_epochs as usize * LOBBY_CELLS as usize,
            all_cells: cells(ALL_WAITING),
            numbered_patience: 16,
            lobby_patience: u8::try_from(lobby_epochs).unwrap_or(u8::MAX),
        }
    }
}

/// The start of a cell's SHA-256: enough to know a cell by.
pub type CellId = [u8; 16];

/// The [`CellId`] of a digest.
#[must_use]
pub fn cell_id(digest: &[u8; 32]) -> CellId {
    digest.first_chunk().map_or([0; 16], |id| *id)
}

/// Where a waiting cell lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// The frame's row. Grows with the order of arrival.
    pub frame: i64,
    /// The place in it.
    pub place: u16,
    /// How many closes left it behind.
    pub waited: u8,
    /// Which cell it is.
    pub cell: CellId,
}

impl Ticket {
    fn order(&self) -> (i64, u16) {
        (self.frame, self.place)
    }

    fn has_waited(&self, closes: u8) -> bool {
        self.waited >= closes
    }
}

/// All waiting cells.
#[derive(Debug)]
pub struct Queue {
    capacity: Capacity,
    buckets: HashMap<BucketId, BucketQueue>,
    known: HashSet<CellId>,
}

/// What a post would add to the queue.
#[derive(Debug, Default)]
pub struct Additions {
    by_bucket: HashMap<BucketId, HashMap<QueueClass, usize>>,
    all: usize,
}

impl Queue {
    /// An empty queue.
    #[must_use]
    pub fn new(capacity: Capacity) -> Self {
        Self {
            capacity,
            buckets: HashMap::new(),
            known: HashSet::new(),
        }
    }

    /// Whether this cell waits.
    #[must_use]
    pub fn holds(&self, cell: &CellId) -> bool {
        self.known.contains(cell)
    }

    /// Adds a post to `pending` if there is room for all of it beside that.
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

    /// How much waits for a bucket.
    #[must_use]
    pub fn waiting(&self, bucket: BucketId) -> Waiting {
        let Some(queue) = self.buckets.get(&bucket) else {
            return Waiting::default();
        };
        let tickets = queue.tickets();
        Waiting {
            cells: queue.cells,
            overdue: tickets.filter(|ticket| ticket.has_waited(PATIENCE)).count(),
        }
    }

    /// Takes cells out of a bucket, and counts a close for those left behind:
    /// first what so many closes left behind, or as many as the capacity says,
    /// then one of each class in turn. Returns what was taken, and the bucket as it was, for
    /// [`put_back`](Self::put_back).
    pub fn take(
        &mut self,
        bucket: BucketId,
        count: usize,
        patience: Option<u8>,
        blur: usize,
    ) -> (Vec<Ticket>, BucketQueue) {
        let patience = patience.unwrap_or(match Kind::of(bucket) {
            Kind::Numbered => self.capacity.numbered_patience,
            Kind::Lobby => self.capacity.lobby_patience,
        });
        let queue = self.buckets.entry(bucket).or_default();
        let before = queue.clone();
        let mut taken = Vec::with_capacity(count.min(queue.cells));
        queue.take_turns(count, &mut taken, |ticket| ticket.has_waited(patience));
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

    /// Forgets cells that more than so many closes left behind; says whether
    /// there were any.
    pub fn drop_stale(&mut self, kind: Kind, most: u8) -> bool {
        let mut any = false;
        for (_, queue) in self.of_kind_mut(kind) {
            let mut dropped = Vec::new();
            queue.retain(|ticket| {
                let stays = ticket.waited <= most;
                if !stays {
                    dropped.push(ticket.cell);
                }
                stays
            });
            any |= !dropped.is_empty();
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

    /// Everything of a kind, in the order of arrival.
    #[must_use]
    pub fn of_kind(&self, kind: Kind) -> Vec<(BucketId, Ticket)> {
        let of_kind = self.buckets.iter().filter(|(of, _)| Kind::of(**of) == kind);
        let mut all: Vec<_> = of_kind
            .flat_map(|(bucket, queue)| queue.tickets().map(|ticket| (*bucket, *ticket)))
            .collect();
        all.sort_unstable_by_key(|(_, ticket)| ticket.order());
        all
    }

    /// Says where cells of a kind lie now.
    pub fn move_to(&mut self, kind: Kind, moved: &HashMap<CellId, Ticket>) {
        for (_, queue) in self.of_kind_mut(kind) {
            for ticket in queue.classes.values_mut().flatten() {
                if let Some(moved) = moved.get(&ticket.cell) {
                    *ticket = *moved;
                }
            }
        }
    }

    /// Cells that wait in all.
    #[must_use]
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    fn limits(&self, kind: Kind) -> Limits {
        let capacity = &self.capacity;
        match kind {
            Kind::Numbered => Limits {
                free: capacity.batch_cells,
                most: capacity.numbered_cells,
            },
            Kind::Lobby => Limits {
                free: capacity.lobby_cells / 4,
                most: capacity.lobby_cells,
            },
        }
    }

    fn of_kind_mut(&mut self, kind: Kind) -> impl Iterator<Item = (&BucketId, &mut BucketQueue)> {
        self.buckets
            .iter_mut()
            .filter(move |(bucket, _)| Kind::of(**bucket) == kind)
    }
}

#[cfg(test)]
mod tests;
