//! The one thread that writes. Posts that wait together are committed
//! together: one sync for all of them.

use std::fs::File;

use rusqlite::{Connection, TransactionBehavior, ffi};
use tessera::{
    base::UnixTime,
    wire::{Entry, OriginKey},
};
use tokio::sync::{mpsc, oneshot, watch};

use super::{close, expire, pending};
use crate::store::{Closing, Kind, StoreError};

/// Most cells of one commit; more posts wait for the next.
const GROUP_CELLS: usize = 1024;

pub(super) type Reply<T> = oneshot::Sender<Result<T, StoreError>>;

/// What the writer is asked to do. A reply nobody waits for any more is
/// dropped: the work is done all the same.
pub(super) enum Job {
    Put(Vec<Entry>, Reply<()>),
    Close(Box<Closing>, Reply<()>),
    Expire(Kind, UnixTime, Reply<usize>),
    TruncateLog(Reply<bool>),
    Stop(Reply<()>),
}

/// Works until it is told to stop, until nobody can ask any more, or until a
/// sync has failed: what the disk then holds is unknown, and only a restart
/// may look. As long as it works it holds the lock.
pub(super) fn run(
    mut connection: Connection,
    lock: File,
    key: &OriginKey,
    mut queue: mpsc::Receiver<Job>,
    fail: &watch::Sender<bool>,
) {
    let mut next = None;
    while let Some(job) = next.take().or_else(|| queue.blocking_recv()) {
        let failed = match job {
            Job::Put(entries, reply) => {
                let (group, other) = gather(entries, reply, &mut queue);
                next = other;
                put(&mut connection, group)
            }
            Job::Close(closing, reply) => answer(
                reply,
                transact(&mut connection, |tx| close::close(tx, *closing, key)),
            ),
            Job::Expire(kind, before, reply) => answer(
                reply,
                transact(&mut connection, |tx| expire::expire(tx, kind, before)),
            ),
            Job::TruncateLog(reply) => answer(reply, truncate_log(&connection)),
            Job::Stop(reply) => {
                let _ = truncate_log(&connection);
                let _ = connection.close();
                drop(lock);
                let _ = reply.send(Ok(()));
                return;
            }
        };
        if failed {
            tracing::error!(
                "a sync of the store has failed: the relay ends, lest it acknowledge what is lost"
            );
            let _ = fail.send(true);
            return;
        }
    }
}

type Group = Vec<(Vec<Entry>, Reply<()>)>;

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

/// One commit for the whole group; every post hears the same.
fn put(connection: &mut Connection, group: Group) -> bool {
    let result = transact(connection, |tx| {
        for (entries, _) in &group {
            pending::put(tx, entries)?;
        }
        Ok(())
    });
    for (_, reply) in group {
        let _ = reply.send(result);
    }
    result == Err(StoreError::Failed)
}

fn transact<T>(
    connection: &mut Connection,
    work: impl FnOnce(&rusqlite::Transaction<'_>) -> Result<T, WriteError>,
) -> Result<T, StoreError> {
    let attempt = || {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let value = work(&transaction)?;
        transaction.commit()?;
        Ok(value)
    };
    attempt().map_err(WriteError::into_store)
}

/// `false` while a reader is in the way.
fn truncate_log(connection: &Connection) -> Result<bool, StoreError> {
    let short = std::time::Duration::from_millis(20);
    let usual = std::time::Duration::from_secs(5);
    let attempt = || {
        connection.busy_timeout(short)?;
        let busy: i64 =
            connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
        connection.busy_timeout(usual)?;
        Ok::<_, WriteError>(busy == 0)
    };
    attempt().map_err(WriteError::into_store)
}

/// Replies, and says whether the store has failed.
fn answer<T>(reply: Reply<T>, result: Result<T, StoreError>) -> bool {
    let failed = matches!(result, Err(StoreError::Failed));
    let _ = reply.send(result);
    failed
}

/// Either SQLite's error, or one of ours that rolls the transaction back.
pub(super) enum WriteError {
    Sqlite(rusqlite::Error),
    Store(StoreError),
}

impl From<rusqlite::Error> for WriteError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<StoreError> for WriteError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl WriteError {
    fn into_store(self) -> StoreError {
        match self {
            Self::Store(error) => error,
            Self::Sqlite(error) => store_error(&error),
        }
    }
}

/// Tells SQLite's errors apart by what a client should do, and logs the rest.
/// SQLite's messages name tables and files, never what a row holds.
pub(super) fn store_error(error: &rusqlite::Error) -> StoreError {
    tracing::error!(%error, "store");
    let Some(code) = error.sqlite_error() else {
        return StoreError::Damaged;
    };
    match (code.code, code.extended_code) {
        (_, ffi::SQLITE_IOERR_FSYNC | ffi::SQLITE_IOERR_DIR_FSYNC) => StoreError::Failed,
        (ffi::ErrorCode::DiskFull, _) => StoreError::Full,
        (ffi::ErrorCode::DatabaseBusy | ffi::ErrorCode::DatabaseLocked, _) => StoreError::Busy,
        (ffi::ErrorCode::DatabaseCorrupt | ffi::ErrorCode::NotADatabase, _) => StoreError::Damaged,
        _ => StoreError::Unavailable,
    }
}
