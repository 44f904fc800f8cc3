//! What must survive power loss: waiting cells, published batches, the
//! chain, and the origin's key.
//!
//! A backend is whatever passes the contract in `tests/relay/contract.rs`.

mod assemble;
pub mod queue;
pub mod ratchet;
pub mod run;
pub mod sqlite;

use std::future::Future;

use tessera::{
    base::UnixTime,
    wire::{BatchError, BatchHeader, BucketId, Cell, CellSize, Origin, SegmentRef},
};

use crate::cover::CoverRule;

pub use assemble::{Assembled, BatchBuilder};
pub use queue::{Post, QueueClass};
pub use sqlite::SqliteStore;

/// The two kinds of buckets: each has its own epochs and its own retention.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Buckets with a number.
    Numbered,
    /// The lobby.
    Lobby,
}

impl Kind {
    /// The kind of a bucket.
    #[must_use]
    pub const fn of(bucket: BucketId) -> Self {
        if bucket.is_lobby() {
            Self::Lobby
        } else {
            Self::Numbered
        }
    }
}

/// One step of closing an epoch: some buckets.
#[derive(Clone, Debug)]
pub struct Closing {
    /// The buckets to close.
    pub buckets: Vec<BucketId>,
    /// The epoch's number: larger than any these buckets were closed under.
    pub epoch: u64,
    /// The nominal boundary.
    pub closed_at: UnixTime,
    /// Bytes of a cell.
    pub cell_size: CellSize,
    /// How batches are made up.
    pub rule: CoverRule,
    /// Prepared cover: at least `rule.most()` cells for each bucket.
    pub cover: Vec<Cell>,
}

impl Closing {
    /// The kind of these buckets: all of them are of one.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.buckets
            .first()
            .map_or(Kind::Numbered, |bucket| Kind::of(*bucket))
    }
}

/// The last epoch that was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastClose {
    /// Its number.
    pub epoch: u64,
    /// Its nominal boundary.
    pub closed_at: UnixTime,
}

/// Which batches of a bucket a reader may see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Batches closed earlier than this are past retention.
    pub from: UnixTime,
    /// The last published epoch.
    pub through: u64,
}

/// What a reader may see of a bucket, oldest first: every batch once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// Complete segments.
    pub segments: Vec<SegmentRef>,
    /// Headers of the batches that are in none of them.
    pub batches: Vec<BatchHeader>,
}

/// A segment: nothing but the batches of these epochs, one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// As it is listed.
    pub listed: SegmentRef,
    /// The epochs of its batches, in their order.
    pub epochs: Vec<u64>,
}

/// What there is of one batch or segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found<T> {
    /// It is held.
    Held(T),
    /// Past its retention; the oldest epoch still held, if any.
    Expired {
        /// Oldest epoch of the bucket.
        oldest: Option<u64>,
    },
    /// Never published here, or not yet.
    Nothing,
}

/// Why a store could not do it. What exactly went wrong is in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// No space left, on the disk or in what the relay may take of it.
    #[error("the store is full")]
    Full,
    /// Too many requests wait already.
    #[error("the store is busy")]
    Busy,
    /// It cannot be read or written now.
    #[error("the store cannot be read or written")]
    Unavailable,
    /// It must not be used any more: a write may be lost.
    #[error("the store has failed and must be started anew")]
    Failed,
    /// As many cells wait for buckets of a kind as can be published in time.
    #[error("as many cells wait as can be published in time")]
    QueueFull(Kind),
    /// What it holds does not fit together. It is read as far as it goes,
    /// and written no more.
    #[error("the store is damaged")]
    Damaged,
    /// It was asked for what cannot be, a defect of the relay; nothing changed.
    #[error("the store was asked for what cannot be")]
    Misused,
}

impl From<BatchError> for StoreError {
    fn from(_: BatchError) -> Self {
        Self::Damaged
    }
}

/// A place for cells.
pub trait Store: Clone + Send + Sync + 'static {
    /// The public key that signs this store's batches.
    fn origin(&self) -> Origin;

    /// Keeps the cells, all or none; durable when it returns. A cell that is
    /// waiting or was published within retention, cover included, is left
    /// as it is.
    fn put(
        &self,
        post: impl Into<Post> + Send,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Publishes one batch for each bucket that was not closed in this epoch
    /// yet: waiting cells leave, cover joins, the order is shuffled. Each batch
    /// is published whole or not at all; after an error call it again.
    fn close(&self, closing: Closing) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Ends an epoch of a kind, after its buckets were closed: what was left
    /// behind waits for the next, and nothing on disk tells any more which
    /// published cells had waited. What more than `most_waited` closes left
    /// behind is dropped.
    fn end_epoch(
        &self,
        kind: Kind,
        most_waited: u8,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// The last closed epoch of a kind.
    fn last_close(
        &self,
        kind: Kind,
    ) -> impl Future<Output = Result<Option<LastClose>, StoreError>> + Send;

    /// What there is of a bucket in the window.
    fn contents(
        &self,
        bucket: BucketId,
        window: Window,
    ) -> impl Future<Output = Result<Contents, StoreError>> + Send;

    /// The bytes of one batch.
    fn batch(
        &self,
        bucket: BucketId,
        origin: Origin,
        epoch: u64,
    ) -> impl Future<Output = Result<Found<Vec<u8>>, StoreError>> + Send;

    /// One segment. It may be made already though the batch that completes it
    /// is not to be seen yet: whoever asks compares its last epoch.
    fn segment(
        &self,
        bucket: BucketId,
        origin: Origin,
        number: u64,
    ) -> impl Future<Output = Result<Found<Segment>, StoreError>> + Send;

    /// Makes segments of the runs that are complete and are none yet. Called
    /// again it changes nothing.
    fn seal(&self, buckets: &[BucketId]) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Deletes some of what was closed before then, segments as a whole, and
    /// says whether there was anything: to be called again until there is not.
    fn expire(
        &self,
        kind: Kind,
        before: UnixTime,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Whether deletes of a kind wait because its clock jumped. Remembered,
    /// or a restart would delete what the wait protects.
    fn held(&self, kind: Kind) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Remembers it.
    fn hold(&self, kind: Kind, held: bool) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Whether posts are taken, as far as is known from what was written
    /// last.
    ///
    /// # Errors
    ///
    /// Why not.
    fn writable(&self) -> Result<(), StoreError>;

    /// Returns when the store has failed for good; otherwise never.
    fn failed(&self) -> impl Future<Output = ()> + Send;

    /// Finishes what was begun and lets go of the files.
    fn shutdown(&self) -> impl Future<Output = ()> + Send;
}
