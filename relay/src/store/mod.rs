//! Durable state: waiting cells, published batches, their chains, and the
//! origin's key.
//!
//! A backend must pass the contract in `tests/relay/contract.rs`.

mod assemble;
mod import;
mod kind;
pub mod log;
pub mod queue;
pub mod ratchet;
pub mod run;
pub mod sqlite;

use std::future::Future;

use tessera::{
    base::UnixTime,
    wire::{BatchError, BatchHeader, BucketId, Cell, CellSize, Fork, Origin, SegmentRef},
};

use crate::{cover::CoverRule, epoch::Boundary};

pub use assemble::{BatchBuilder, SignedBatch};
pub use import::{Head, OriginState, root};
pub use kind::{ByKind, Kind};
pub use queue::{Post, QueueClass};
pub use sqlite::SqliteStore;

/// One step of closing an epoch, for some buckets.
#[derive(Clone, Debug)]
pub struct Closing {
    /// The buckets to close.
    pub buckets: Vec<BucketId>,
    /// The epoch's number, greater than that of every earlier close of these
    /// buckets.
    pub epoch: u64,
    /// The nominal boundary.
    pub closed_at: UnixTime,
    /// Bytes of a cell.
    pub cell_size: CellSize,
    /// The cover of the batches.
    pub rule: CoverRule,
    /// Prepared cover: at least `rule.most()` cells for each bucket.
    pub cover: Vec<Cell>,
}

impl Closing {
    /// The kind of these buckets, which is the same for all.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.buckets
            .first()
            .map_or(Kind::Numbered, |bucket| Kind::of(*bucket))
    }
}

/// The batches of a bucket that are visible to readers; by default, those of other origins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Window {
    /// Batches closed earlier than this are past retention.
    pub from: UnixTime,
    /// The last published epoch of this store's origin. Imported batches, and
    /// those of a former origin, are visible as soon as they are stored.
    pub through: u64,
}

impl Window {
    /// Everything that is stored.
    pub const ALL: Self = Self {
        from: UnixTime(0),
        through: u64::MAX,
    };
}

/// The visible content of a bucket, oldest first; each batch appears once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// Complete segments.
    pub segments: Vec<SegmentRef>,
    /// Headers of the batches outside these segments.
    pub batches: Vec<BatchHeader>,
}

/// A segment: the batches of these epochs, concatenated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Its entry in the index.
    pub listed: SegmentRef,
    /// The epochs of its batches, in order.
    pub epochs: Vec<u64>,
}

/// The result of looking up one batch or segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found<T> {
    /// The store has it.
    Held(T),
    /// Past its retention.
    Expired,
    /// Never published here, or not yet.
    Nothing,
}

/// Why a store operation failed. The log has the details.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// No space left on the disk or within the relay's disk limit.
    #[error("the store is full")]
    Full,
    /// Too many requests are waiting.
    #[error("the store is busy")]
    Busy,
    /// The store cannot be read or written at the moment.
    #[error("the store cannot be read or written")]
    Unavailable,
    /// The store must not be used any more: a write may be lost.
    #[error("the store has failed; restart the relay")]
    Failed,
    /// The shared store has what only a newer version knows. Nothing is lost.
    #[error("LOG_NEWER: the log has messages of a newer version: upgrade this relay")]
    Newer,
    /// The queue for buckets of this kind has as many cells as can be published
    /// in time.
    #[error("the queue is full: more cells cannot be published in time")]
    QueueFull(Kind),
    /// The store is inconsistent. Reads continue where possible; writes are
    /// refused.
    #[error("the store is damaged")]
    Damaged,
    /// An imported batch does not follow the stored ones of its origin. Nothing
    /// changed.
    #[error("the batch does not follow the stored ones of its origin")]
    Unlinked,
    /// An invalid request: a defect of the relay. Nothing changed.
    #[error("invalid request to the store")]
    Misused,
}

impl From<BatchError> for StoreError {
    fn from(_: BatchError) -> Self {
        Self::Damaged
    }
}

/// Durable storage of cells and batches.
pub trait Store: Clone + Send + Sync + 'static {
    /// The public key that signs this store's batches.
    fn origin(&self) -> Origin;

    /// The file with what was published, which answers all reads.
    ///
    /// # Errors
    ///
    /// If there is none any more.
    fn published(&self) -> Result<&SqliteStore, StoreError>;

    /// Stores all of the cells or none; durable when it returns. A cell that is
    /// already waiting, or was published within retention (including cover), is
    /// ignored.
    fn put(
        &self,
        post: impl Into<Post> + Send,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Writes one batch for each bucket that was not yet closed in this epoch:
    /// takes waiting cells, adds cover and shuffles. Each batch is written
    /// completely or not at all; after an error, call it again.
    fn close(&self, closing: Closing) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Ends an epoch of a kind, after its buckets were closed. Cells that were
    /// left behind wait for the next epoch, except those that more than
    /// `most_waited` closes left behind, which are dropped. Afterwards, nothing on
    /// disk shows which published cells were real.
    fn end_epoch(
        &self,
        kind: Kind,
        most_waited: u8,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Stores published batches, unchanged, in the chains of their origins: all of
    /// them or none. Those already stored are ignored. The first one of a chain may
    /// have any `prev`; a later one must follow the last, unless that one has been
    /// deleted after its retention. Their cells count as published.
    ///
    /// Fails with [`StoreError::Unlinked`] if a batch does not follow, and with
    /// [`StoreError::Misused`] for a batch that this store's parameters exclude.
    fn import(
        &self,
        batches: Vec<SignedBatch>,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Completes when another process that shares the store has imported batches of
    /// a kind; otherwise never.
    fn imported_elsewhere(&self) -> impl Future<Output = Kind> + Send {
        std::future::pending()
    }

    /// Keeps the proof of a fork for ever. The first one of an origin is kept.
    fn keep_fork(&self, fork: Fork) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// The last closed epoch of a kind, of this store's origin.
    fn last_close(
        &self,
        kind: Kind,
    ) -> impl Future<Output = Result<Option<Boundary>, StoreError>> + Send {
        async move { self.published()?.last_close(kind).await }
    }

    /// Makes segments of complete runs that are not segments yet. Idempotent.
    fn seal(&self, buckets: &[BucketId]) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Deletes some of the batches that were closed before `before`, segments as a
    /// whole. Returns `true` if there was anything to delete; call it until it
    /// returns `false`.
    fn expire(
        &self,
        kind: Kind,
        before: UnixTime,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Suspends or resumes deletes of a kind.
    fn hold(&self, kind: Kind, held: bool) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Returns `true` if several processes share the store. Any of them then closes
    /// all buckets of a kind together, and the store generates the cover.
    fn is_replicated(&self) -> bool {
        false
    }

    /// Further figures for the metrics, by name.
    fn gauges(&self) -> Vec<(&'static str, u64)> {
        Vec::new()
    }

    /// Checks whether posts are accepted, according to the last write.
    ///
    /// # Errors
    ///
    /// The reason for refusing posts.
    fn writable(&self) -> Result<(), StoreError>;

    /// Completes when the store has failed permanently, with the reason; otherwise
    /// never.
    fn failed(&self) -> impl Future<Output = StoreError> + Send;

    /// Finishes pending work and closes the files.
    fn shutdown(&self) -> impl Future<Output = ()> + Send;
}
