//! One SQLite file: write-ahead log, every commit synced, one writer thread.

mod close;
mod expire;
mod pending;
mod read;
mod schema;
mod writer;

use std::{
    fs::{File, TryLockError},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tessera::{
    base::UnixTime,
    wire::{BatchHeader, BucketCount, BucketId, CellSize, Entry, Origin},
};
use tokio::sync::{mpsc, oneshot, watch};

use self::{read::Readers, writer::Job};
use super::{Closing, Found, Kind, LastClose, Store, StoreError, Window};
use crate::limits::QUEUED_POSTS;

/// How soon clearing the write-ahead log is tried again while readers hold it.
const TRUNCATE_AGAIN: Duration = Duration::from_millis(50);

/// Why a store cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// A file cannot be made.
    #[error("{path}: {error}")]
    Directory {
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// Another relay has it open.
    #[error("{0}: in use by another relay")]
    InUse(PathBuf),
    /// SQLite refuses.
    #[error("{path}: {error}")]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// Why.
        error: rusqlite::Error,
    },
    /// A newer relay wrote it.
    #[error("{0}: written by a newer version of tessera-relay")]
    Newer(PathBuf),
    /// It was made for another cell size or bucket count.
    #[error("{path}: made with {what} {stored}, not {asked}")]
    Other {
        /// The file.
        path: PathBuf,
        /// The setting.
        what: &'static str,
        /// What the store was made with.
        stored: u32,
        /// What was asked for.
        asked: u32,
    },
    /// What it holds does not fit together.
    #[error("{0}: damaged")]
    Damaged(PathBuf),
}

/// The SQLite backend.
#[derive(Clone)]
pub struct SqliteStore(Arc<Inner>);

struct Inner {
    origin: Origin,
    jobs: mpsc::Sender<Job>,
    readers: Readers,
    failed: watch::Receiver<bool>,
}

impl std::fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SqliteStore({})", self.0.origin)
    }
}

impl SqliteStore {
    /// Opens the file, or makes it with a fresh origin key.
    ///
    /// # Errors
    ///
    /// One of [`OpenError`].
    pub fn open(path: &Path, cell_size: CellSize, buckets: BucketCount) -> Result<Self, OpenError> {
        let lock = lock(path)?;
        let (connection, key) = schema::open(path, cell_size, buckets)?;
        let origin = key.origin();
        let (jobs, queue) = mpsc::channel(QUEUED_POSTS);
        let (fail, failed) = watch::channel(false);
        std::thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || writer::run(connection, lock, &key, queue, &fail))
            .map_err(|error| OpenError::Directory {
                path: path.to_owned(),
                error,
            })?;
        let readers = Readers::new(path.to_owned());
        Ok(Self(Arc::new(Inner {
            origin,
            jobs,
            readers,
            failed,
        })))
    }

    async fn ask<T>(&self, job: impl FnOnce(writer::Reply<T>) -> Job) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.0
            .jobs
            .send(job(reply))
            .await
            .map_err(|_| StoreError::Failed)?;
        answer.await.map_err(|_| StoreError::Failed)?
    }

    async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&rusqlite::Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let store = Arc::clone(&self.0);
        tokio::task::spawn_blocking(move || store.readers.run(query))
            .await
            .map_err(|_| StoreError::Unavailable)?
    }

    /// Clears the write-ahead log, again and again until no reader is in the
    /// way: until then it still holds copies of real cells from when they
    /// were pending, and none of cover.
    fn truncate_log(&self) {
        let store = self.clone();
        tokio::spawn(async move {
            while matches!(store.ask(Job::TruncateLog).await, Ok(false)) {
                tokio::time::sleep(TRUNCATE_AGAIN).await;
            }
        });
    }
}

impl Store for SqliteStore {
    fn origin(&self) -> Origin {
        self.0.origin
    }

    async fn put(&self, entries: Vec<Entry>) -> Result<(), StoreError> {
        let (reply, answer) = oneshot::channel();
        self.0
            .jobs
            .try_send(Job::Put(entries, reply))
            .map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => StoreError::Busy,
                mpsc::error::TrySendError::Closed(_) => StoreError::Failed,
            })?;
        answer.await.map_err(|_| StoreError::Failed)?
    }

    async fn close(&self, closing: Closing) -> Result<(), StoreError> {
        self.ask(|reply| Job::Close(Box::new(closing), reply))
            .await?;
        self.truncate_log();
        Ok(())
    }

    async fn last_close(&self, kind: Kind) -> Result<Option<LastClose>, StoreError> {
        self.read(move |connection| read::last_close(connection, kind))
            .await
    }

    async fn headers(
        &self,
        bucket: BucketId,
        window: Window,
    ) -> Result<Vec<BatchHeader>, StoreError> {
        self.read(move |connection| read::headers(connection, bucket, window))
            .await
    }

    async fn batch(
        &self,
        bucket: BucketId,
        origin: Origin,
        epoch: u64,
    ) -> Result<Found, StoreError> {
        let ours = origin == self.0.origin;
        let found = self
            .read(move |connection| read::batch(connection, bucket, origin, epoch))
            .await?;
        // Another origin's epochs are not on this store's chain.
        Ok(if ours || matches!(found, Found::Batch(_)) {
            found
        } else {
            Found::Nothing
        })
    }

    async fn expire(&self, kind: Kind, before: UnixTime) -> Result<usize, StoreError> {
        self.ask(|reply| Job::Expire(kind, before, reply)).await
    }

    async fn failed(&self) {
        let mut failed = self.0.failed.clone();
        if failed.wait_for(|failed| *failed).await.is_err() {
            // The writer ended in good order: it will not fail any more.
            std::future::pending::<()>().await;
        }
    }

    async fn shutdown(&self) {
        // A writer that is gone already has nothing left to finish.
        let _ = self.ask(Job::Stop).await;
    }
}

/// Two writers on one file would fork the chain.
fn lock(path: &Path) -> Result<File, OpenError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let path_of_lock = PathBuf::from(name);
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path_of_lock)
        .map_err(|error| OpenError::Directory {
            path: path_of_lock.clone(),
            error,
        })?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse(path.to_owned())),
        Err(TryLockError::Error(error)) => Err(OpenError::Directory {
            path: path_of_lock,
            error,
        }),
    }
}
