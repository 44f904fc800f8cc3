//! The one thread that writes. Posts that wait together are committed
//! together: one sync for all of them.

use std::{fs::File, sync::Arc, time::Duration};

use rusqlite::{Connection, TransactionBehavior};
use tessera::{
    base::UnixTime,
    wire::{CellSize, Entry, MAX_ENTRIES, OriginKey},
};
use tokio::sync::{mpsc, oneshot, watch};

use super::{
    close,
    disk::{Disk, cost},
    error::{WriteError, store_error},
    expire, pending,
    reader_gate::ReaderGate,
    schema::{self, hold_name},
    segment,
};
use crate::store::{Closing, Kind, StoreError};

/// Most cells of one commit; more posts wait for the next.
const GROUP_CELLS: usize = 1024;
/// How long a write waits for another process that holds the file.
const BUSY: Duration = Duration::from_secs(5);

pub(super) type Reply<T> = oneshot::Sender<Result<T, StoreError>>;

/// What the writer is asked to do. A reply nobody waits for any more is
/// dropped: the work is done all the same.
pub(super) enum Job {
    Put(Vec<Entry>, Reply<()>),
    Close(Box<Closing>, Reply<()>),
    Seal(Vec<segment::Due>, Reply<()>),
    /// Whether there was anything to do.
    Expire(Kind, UnixTime, Reply<bool>),
    Hold(Kind, bool, Reply<()>),
    /// Waits so long for readers; `false` while one is in the way.
    ClearLog(Duration, Reply<bool>),
    Stop(Reply<()>),
}

/// What the thread owns.
pub(super) struct Writer {
    connection: Connection,
    key: OriginKey,
    disk: Disk,
    cell_size: CellSize,
    gate: Arc<ReaderGate>,
    state: watch::Sender<Result<(), StoreError>>,
}

type Group = Vec<(Vec<Entry>, Reply<()>)>;

impl Writer {
    /// A writer, and whether it can write, as it last found.
    pub(super) fn new(
        connection: Connection,
        key: OriginKey,
        disk: Disk,
        cell_size: CellSize,
        gate: Arc<ReaderGate>,
    ) -> (Self, watch::Receiver<Result<(), StoreError>>) {
        let (state, receiver) = watch::channel(Ok(()));
        let writer = Self {
            connection,
            key,
            disk,
            cell_size,
            gate,
            state,
        };
        (writer, receiver)
    }

    /// Works until it is told to stop, until nobody can ask any more, or
    /// until a sync has failed: what the disk then holds is unknown, and only
    /// a restart may look. As long as it works it holds the lock.
    pub(super) fn run(mut self, lock: File, mut queue: mpsc::Receiver<Job>) {
        let mut next = None;
        while let Some(job) = next.take().or_else(|| queue.blocking_recv()) {
            match job {
                Job::Put(entries, reply) => {
                    let (group, other) = gather(entries, reply, &mut queue);
                    next = other;
                    self.put(group);
                }
                Job::Close(closing, reply) => reply_with(reply, self.close(*closing)),
                Job::Seal(due, reply) => {
                    reply_with(reply, self.write(|tx, _| segment::seal(tx, &due)));
                }
                Job::Expire(kind, before, reply) => reply_with(reply, self.expire(kind, before)),
                Job::Hold(kind, held, reply) => reply_with(reply, self.hold(kind, held)),
                Job::ClearLog(wait, reply) => reply_with(reply, self.clear_log(wait)),
                Job::Stop(reply) => {
                    let _ = self.clear_log(BUSY);
                    let _ = self.connection.close();
                    drop(lock);
                    reply_with(reply, Ok(()));
                    return;
                }
            }
            if *self.state.borrow() == Err(StoreError::Failed) {
                tracing::error!(
                    "a sync of the store has failed: the relay ends, lest it acknowledge what is lost"
                );
                return;
            }
        }
    }

    /// One commit for the whole group; every post hears the same.
    fn put(&mut self, group: Group) {
        let cells = group.iter().map(|(entries, _)| entries.len()).sum();
        let result = match self.has_room(cost(cells, self.cell_size)) {
            Ok(true) => self.write(|tx, _| {
                for (entries, _) in &group {
                    pending::put(tx, entries)?;
                }
                Ok(())
            }),
            Ok(false) => self.note(Err(StoreError::Full)),
            Err(error) => self.note(Err(error)),
        };
        for (_, reply) in group {
            reply_with(reply, result);
        }
    }

    fn close(&mut self, closing: Closing) -> Result<(), StoreError> {
        let (kind, batches) = (closing.kind(), closing.buckets.len());
        self.write(|tx, key| close::close(tx, closing, key))?;
        self.disk.closed(kind, batches);
        Ok(())
    }

    fn expire(&mut self, kind: Kind, before: UnixTime) -> Result<bool, StoreError> {
        let expired = self.write(|tx, _| expire::expire(tx, kind, before))?;
        self.disk.expired(kind, expired.batches);
        Ok(expired.any)
    }

    fn hold(&mut self, kind: Kind, held: bool) -> Result<(), StoreError> {
        self.write(|tx, _| {
            tx.execute("DELETE FROM setting WHERE name = ?1", [hold_name(kind)])?;
            if held {
                schema::put_setting(tx, hold_name(kind), &[])?;
            }
            Ok(())
        })
    }

    /// One transaction. A file that turned out to be damaged is not written
    /// any more: what it would acknowledge might not be found again.
    fn write<T>(
        &mut self,
        work: impl FnOnce(&rusqlite::Transaction<'_>, &OriginKey) -> Result<T, WriteError>,
    ) -> Result<T, StoreError> {
        if *self.state.borrow() == Err(StoreError::Damaged) {
            return Err(StoreError::Damaged);
        }
        let (connection, key) = (&mut self.connection, &self.key);
        let attempt = || {
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let value = work(&transaction, key)?;
            transaction.commit()?;
            Ok(value)
        };
        let result = attempt().map_err(WriteError::into_store);
        self.note(result)
    }

    /// Clears the write-ahead log: most of the work beside the readers of this
    /// process, the end of it without them.
    fn clear_log(&mut self, wait: Duration) -> Result<bool, StoreError> {
        let connection = &self.connection;
        let attempt = || {
            let checkpoint = |mode: &str| -> rusqlite::Result<i64> {
                let sql = format!("PRAGMA wal_checkpoint({mode})");
                connection.query_row(&sql, [], |row| row.get(0))
            };
            checkpoint("PASSIVE")?;
            let _nobody = self.gate.shut();
            connection.busy_timeout(wait)?;
            let busy = checkpoint("TRUNCATE")?;
            connection.busy_timeout(BUSY)?;
            Ok::<_, WriteError>(busy == 0)
        };
        let result = attempt().map_err(WriteError::into_store);
        match result {
            Err(error) => self.note(Err(error)),
            cleared => cleared,
        }
    }

    fn has_room(&self, bytes: u64) -> Result<bool, StoreError> {
        self.disk
            .has_room(&self.connection, bytes)
            .map_err(|error| store_error(&error))
    }

    /// Remembers whether the store can be written, and logs when that changes.
    fn note<T>(&self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        let state = match &result {
            Ok(_) => match self.has_room(cost(MAX_ENTRIES, self.cell_size)) {
                Ok(false) => Err(StoreError::Full),
                _ => Ok(()),
            },
            Err(StoreError::Busy | StoreError::Misused) => return result,
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

/// This post and those that wait behind it, up to the first other job.
fn gather(
    entries: Vec<Entry>,
    reply: Reply<()>,
    queue: &mut mpsc::Receiver<Job>,
) -> (Group, Option<Job>) {
    let mut cells = entries.len();
    let mut group = vec![(entries, reply)];
    while cells < GROUP_CELLS {
        match queue.try_recv() {
            Ok(Job::Put(entries, reply)) => {
                cells += entries.len();
                group.push((entries, reply));
            }
            Ok(other) => return (group, Some(other)),
            Err(_) => break,
        }
    }
    (group, None)
}

fn reply_with<T>(reply: Reply<T>, result: Result<T, StoreError>) {
    let _ = reply.send(result);
}
