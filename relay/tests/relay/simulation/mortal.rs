//! A store that simulates a crash of its process at a given step.

use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
};

use tessera::{
    base::UnixTime,
    wire::{BucketId, Fork, Origin},
};
use tessera_relay::store::{Closing, Kind, Post, SignedBatch, SqliteStore, Store, StoreError};

/// Counts the steps that write; crashes before or after one of them, and does
/// nothing from then on.
#[derive(Debug, Default)]
pub(super) struct Life {
    left: AtomicI64,
    doomed: AtomicBool,
    after: AtomicBool,
    dead: AtomicBool,
}

impl Life {
    pub(super) fn ends_in(&self, steps: u64, after: bool) {
        self.left.store(steps as i64, Ordering::SeqCst);
        self.after.store(after, Ordering::SeqCst);
        self.doomed.store(true, Ordering::SeqCst);
    }

    pub(super) fn is_over(&self) -> bool {
        self.dead.load(Ordering::SeqCst)
    }

    fn is_last_step(&self) -> bool {
        self.doomed.load(Ordering::SeqCst) && self.left.fetch_sub(1, Ordering::SeqCst) == 0
    }

    fn end<T>(&self) -> Result<T, StoreError> {
        self.dead.store(true, Ordering::SeqCst);
        Err(StoreError::Failed)
    }
}

#[derive(Clone, Debug)]
pub(super) struct Mortal<S> {
    pub(super) store: S,
    pub(super) life: Arc<Life>,
}

impl<S: Store> Mortal<S> {
    async fn step<T>(
        &self,
        work: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        if self.life.is_over() {
            return Err(StoreError::Failed);
        }
        let last = self.life.is_last_step();
        if last && !self.life.after.load(Ordering::SeqCst) {
            return self.life.end();
        }
        let result = work.await;
        if last { self.life.end() } else { result }
    }

    /// The store, while the process lives.
    fn living(&self) -> Result<&S, StoreError> {
        match self.life.is_over() {
            true => Err(StoreError::Failed),
            false => Ok(&self.store),
        }
    }
}

impl<S: Store> Store for Mortal<S> {
    fn origin(&self) -> Origin {
        self.store.origin()
    }

    async fn put(&self, post: impl Into<Post> + Send) -> Result<(), StoreError> {
        self.step(self.store.put(post)).await
    }

    async fn end_epoch(&self, kind: Kind, most_waited: u8) -> Result<(), StoreError> {
        self.step(self.store.end_epoch(kind, most_waited)).await
    }

    async fn close(&self, closing: Closing) -> Result<(), StoreError> {
        self.step(self.store.close(closing)).await
    }

    async fn seal(&self, buckets: &[BucketId]) -> Result<(), StoreError> {
        self.step(self.store.seal(buckets)).await
    }

    async fn expire(&self, kind: Kind, before: UnixTime) -> Result<bool, StoreError> {
        self.step(self.store.expire(kind, before)).await
    }

    async fn hold(&self, kind: Kind, held: bool) -> Result<(), StoreError> {
        self.step(self.store.hold(kind, held)).await
    }

    async fn import(&self, batches: Vec<SignedBatch>) -> Result<(), StoreError> {
        self.step(self.store.import(batches)).await
    }

    async fn keep_fork(&self, fork: Fork) -> Result<(), StoreError> {
        self.step(self.store.keep_fork(fork)).await
    }

    fn published(&self) -> Result<&SqliteStore, StoreError> {
        self.living()?.published()
    }

    fn writable(&self) -> Result<(), StoreError> {
        self.store.writable()
    }

    async fn failed(&self) -> StoreError {
        pending().await
    }

    async fn shutdown(&self) {
        self.store.shutdown().await;
    }
}
