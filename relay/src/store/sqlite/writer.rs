//! The writer thread. Posts that wait at the same time are committed together,
//! with one sync.

use std::{collections::HashMap, fs::File, sync::Arc, time::Duration};

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tessera::{base::UnixTime, wire::MAX_ENTRIES};
use tokio::sync::{mpsc, oneshot, watch};

use super::{
    close::Closed,
    disk::{Disk, LOG, cost},
    error::{WriteError, store_error},
    expire, import,
    parts::Parts,
    readers::ReaderGate,
    schema,
    settings::{self, hold_name},
    view::{self, Apply, Imported},
};
use crate::store::{ByKind, Closing, Kind, Post, SignedBatch, StoreError};

/// Maximum number of cells of one commit; further posts wait for the next.
const GROUP_CELLS: usize = 1024;
/// A transaction that closes buckets ends once its batches have this many bytes.
const CLOSE_BYTES: usize = 16 << 20;
/// How long a write waits for another process that has locked the file.
const BUSY: Duration = Duration::from_secs(5);
/// How long the write-ahead log's truncation waits for another process.
const TRUNCATE_BUSY: Duration = Duration::from_millis(20);

type Reply = oneshot::Sender<Result<(), StoreError>>;

/// A request to the writer.
pub(super) enum Job {
    /// Posts that wait at the same time are stored together.
    Put(Post, Reply),
    /// Work that is done even if nobody waits for it any more.
    Run(Box<dyn FnOnce(&mut Writer) + Send>),
    Stop(Reply),
}

/// The state of the thread.
pub(super) struct Writer {
    pub(super) connection: Connection,
    pub(super) disk: Disk,
    pub(super) gate: Arc<ReaderGate>,
    pub(super) state: watch::Sender<Result<(), StoreError>>,
    pub(super) parts: Parts,
}

impl Writer {
    /// Runs until a stop request, until all senders are dropped, or until a sync
    /// fails: then the state of the disk is unknown until a restart. Holds the lock
    /// while it runs.
    pub(super) fn run(mut self, lock: File, mut jobs: mpsc::Receiver<Job>) {
        let mut next = None;
        while let Some(job) = next.take().or_else(|| jobs.blocking_recv()) {
            match job {
                Job::Put(post, reply) => {
                    let (posts, replies, other) = gather(post, reply, &mut jobs);
                    next = other;
                    for (reply, result) in replies.into_iter().zip(self.put(&posts)) {
                        let _ = reply.send(result);
                    }
                }
                Job::Run(work) => work(&mut self),
                Job::Stop(reply) => {
                    let _ = self.truncate_log(BUSY);
                    drop((self, lock));
                    let _ = reply.send(Ok(()));
                    return;
                }
            }
            if *self.state.borrow() == Err(StoreError::Failed) {
                tracing::error!(
                    "a sync of the store failed: the relay exits, to not acknowledge cells that are lost"
                );
                return;
            }
        }
    }

    /// Stores all posts in one commit. Each is accepted or refused as a whole.
    fn put(&mut self, posts: &[Post]) -> Vec<Result<(), StoreError>> {
        let cells = posts.iter().map(|post| post.entries.len()).sum();
        let kept = match self.has_room(cost(cells, self.parts.options.cell_size)) {
            Ok(true) => self.write(|tx, parts| parts.keep(tx, posts)).map(|kept| {
                for (bucket, class, ticket) in kept.tickets {
                    self.parts.queue.push(bucket, class, ticket);
                }
                kept.results
            }),
            Ok(false) => self.note(Err(StoreError::Full)),
            Err(error) => self.note(Err(error)),
        };
        kept.unwrap_or_else(|error| vec![Err(error); posts.len()])
    }

    /// Closes as many buckets as one transaction takes, and returns the rest: posts
    /// are stored in between.
    pub(super) fn close(&mut self, mut closing: Closing) -> Result<Option<Closing>, StoreError> {
        let mut cover = std::mem::take(&mut closing.cover);
        let (mut closed, mut looked_at) = (Vec::new(), 0);
        let written = self.write(|tx, parts| {
            let mut close = parts.close(&closing);
            let mut bytes = 0;
            for bucket in &closing.buckets {
                if bytes >= CLOSE_BYTES {
                    break;
                }
                looked_at += 1;
                if !close.is_done(tx, *bucket)? {
                    let bucket = close.bucket(tx, *bucket, &mut cover)?;
                    bytes += bucket.bytes;
                    closed.push(bucket);
                }
            }
            Ok(())
        });
        if let Err(error) = written {
            for Closed { bucket, before, .. } in closed.into_iter().rev() {
                self.parts.queue.put_back(bucket, before);
            }
            return Err(error);
        }
        self.disk.closed(closing.kind(), closed.len());
        // No bucket and no numbers: batches are deleted after their retention, logs may remain.
        if closed.iter().any(|closed| closed.is_full) {
            tracing::warn!(
                "more cells are waiting than fit into --max-batch: the rest follows in later epochs"
            );
        }
        if closed.iter().any(|closed| closed.grew) {
            tracing::warn!(
                "more cells were posted than --cover-cells can hide: batches have grown"
            );
        }
        closing.buckets.drain(..looked_at);
        closing.cover = cover;
        Ok((!closing.buckets.is_empty()).then_some(closing))
    }

    /// Seals left-behind cells under the next key, deletes the frames of this epoch,
    /// and erases their key.
    pub(super) fn end_epoch(&mut self, kind: Kind, most_waited: u8) -> Result<(), StoreError> {
        if self.parts.queue.drop_stale(kind, most_waited) {
            tracing::warn!(?kind, "cells that waited too long were dropped");
        }
        if !self.parts.frames.is_used(kind) {
            return Ok(());
        }
        let prepared = self.parts.frames.prepare(kind);
        self.note(prepared)?;
        let left = self.parts.queue.of_kind(kind);
        let at_once = self.parts.frames.carried_at_once();
        let chunks = left.len().div_ceil(at_once).max(1);
        let mut moved = HashMap::with_capacity(left.len());
        for number in 0..chunks {
            let chunk = left.get(number * at_once..).unwrap_or_default();
            let chunk = chunk.get(..at_once.min(chunk.len())).unwrap_or_default();
            moved.extend(self.write(|tx, Parts { frames, .. }| {
                if number == 0 {
                    frames.forget_copies(tx, kind)?;
                }
                let moved = frames.carry(tx, kind, chunk)?;
                if number + 1 == chunks {
                    frames.finish(tx, kind)?;
                }
                Ok(moved)
            })?);
        }
        self.parts.queue.move_to(kind, &moved);
        let erased = self.parts.frames.erase(kind, !moved.is_empty());
        self.note(erased)?;
        self.trim_log()
    }

    pub(super) fn import(&mut self, batches: &[SignedBatch]) -> Result<(), StoreError> {
        let bytes = batches.iter().map(|batch| batch.bytes.len());
        if !self.has_room(bytes.sum::<usize>() as u64)? {
            return Err(StoreError::Full);
        }
        let new = self.write(|tx, parts| import::import(tx, batches, &parts.options))?;
        self.imported(new)
    }

    /// Imports into a view.
    pub(super) fn apply_import(&mut self, imported: &Imported) -> Result<(), StoreError> {
        let new = self.write(|tx, parts| view::apply_import(tx, imported, &parts.options))?;
        self.imported(new)
    }

    fn imported(&mut self, new: ByKind<usize>) -> Result<(), StoreError> {
        for kind in Kind::ALL {
            self.disk.closed(kind, new[kind]);
        }
        self.trim_log()
    }

    /// Returns `true` if there was anything to delete.
    pub(super) fn expire(&mut self, kind: Kind, before: UnixTime) -> Result<bool, StoreError> {
        let secure = |connection: &Connection, on| {
            schema::secure_delete(connection, on).map_err(store_error)
        };
        secure(&self.connection, true)?;
        let expired = self.write(|tx, _| expire::expire(tx, kind, before));
        secure(&self.connection, false)?;
        let expired = expired?;
        self.disk.expired(kind, expired.batches);
        Ok(expired.any)
    }

    /// Applies a step of a close to a view.
    pub(super) fn apply(&mut self, apply: &Apply) -> Result<(), StoreError> {
        self.write(|tx, _| view::apply(tx, apply))?;
        self.disk.closed(apply.kind, apply.batches.len());
        self.trim_log()
    }

    pub(super) fn hold(&mut self, kind: Kind, held: bool) -> Result<(), StoreError> {
        self.write(|tx, _| {
            let name = hold_name(kind);
            match held {
                true => settings::put_setting(tx, name, &[])?,
                false => drop(tx.execute("DELETE FROM setting WHERE name = ?1", [name])?),
            }
            Ok(())
        })
    }

    /// Runs one transaction. Once the file proves to be damaged, it is not written
    /// any more: acknowledged cells might be lost.
    pub(super) fn write<T>(
        &mut self,
        work: impl FnOnce(&Transaction<'_>, &mut Parts) -> Result<T, WriteError>,
    ) -> Result<T, StoreError> {
        if *self.state.borrow() == Err(StoreError::Damaged) {
            return Err(StoreError::Damaged);
        }
        let (connection, parts) = (&mut self.connection, &mut self.parts);
        let attempt = || {
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let value = work(&transaction, parts)?;
            transaction.commit()?;
            Ok(value)
        };
        let result = attempt().map_err(WriteError::into_store);
        self.note(result)
    }

    /// Truncates the write-ahead log once it is larger than its reserve. Readers
    /// wait for a moment; continuous readers would let it grow for ever.
    fn trim_log(&self) -> Result<(), StoreError> {
        if self.disk.log_len() <= LOG {
            return Ok(());
        }
        self.truncate_log(TRUNCATE_BUSY)
    }

    /// Checkpoints concurrently with readers first, and finishes without them.
    /// Another process that reads may prevent truncation.
    fn truncate_log(&self, wait: Duration) -> Result<(), StoreError> {
        let connection = &self.connection;
        let attempt = || {
            let checkpoint = |mode: &str| -> rusqlite::Result<()> {
                let sql = format!("PRAGMA wal_checkpoint({mode})");
                connection.query_row(&sql, [], |_| Ok(()))
            };
            checkpoint("PASSIVE")?;
            let _nobody = self.gate.shut();
            connection.busy_timeout(wait)?;
            checkpoint("TRUNCATE")?;
            connection.busy_timeout(BUSY)?;
            Ok::<_, WriteError>(())
        };
        match attempt().map_err(WriteError::into_store) {
            Err(error) => self.note(Err(error)),
            Ok(()) => Ok(()),
        }
    }

    fn has_room(&self, bytes: u64) -> Result<bool, StoreError> {
        // At the end of the epoch, waiting cells are briefly both in frames and in batches.
        let again = cost(self.parts.queue.len(), self.parts.options.cell_size);
        self.disk
            .has_room(&self.connection, bytes.saturating_add(again))
            .map_err(store_error)
    }

    /// Records whether the store can be written, and logs changes.
    fn note<T>(&self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        let state = match &result {
            Ok(_) => match self.has_room(cost(MAX_ENTRIES, self.parts.options.cell_size)) {
                Ok(false) => Err(StoreError::Full),
                _ => Ok(()),
            },
            Err(
                StoreError::Busy
                | StoreError::Misused
                | StoreError::Unlinked
                | StoreError::QueueFull(_),
            ) => return result,
            Err(error) => Err(*error),
        };
        self.state.send_if_modified(|known| {
            let changed = *known != state;
            match state {
                Ok(()) if changed => tracing::info!("the store can be written again"),
                Err(error) if changed => tracing::error!(%error, "posts are refused"),
                _ => (),
            }
            *known = state;
            changed
        });
        result
    }
}

/// Collects this post and those that follow it, up to the first other job.
fn gather(
    post: Post,
    reply: Reply,
    jobs: &mut mpsc::Receiver<Job>,
) -> (Vec<Post>, Vec<Reply>, Option<Job>) {
    let mut cells = post.entries.len();
    let (mut posts, mut replies) = (vec![post], vec![reply]);
    while cells < GROUP_CELLS {
        match jobs.try_recv() {
            Ok(Job::Put(post, reply)) => {
                cells += post.entries.len();
                posts.push(post);
                replies.push(reply);
            }
            Ok(other) => return (posts, replies, Some(other)),
            Err(_) => break,
        }
    }
    (posts, replies, None)
}
