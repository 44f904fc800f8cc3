//! The SQLite backend: one file with a write-ahead log, every commit synced, one
//! writer thread.

mod backup;
mod chains;
mod check;
mod close;
mod disk;
mod error;
mod expire;
mod frames;
mod history;
mod import;
mod lock;
mod parts;
mod read;
mod readers;
mod resign;
mod schema;
mod segment;
mod settings;
pub(super) mod view;
mod writer;

use std::{
    fs::File,
    path::{Path, PathBuf},
    sync::Arc,
};

use tessera::{
    base::UnixTime,
    wire::{BucketCount, BucketId, CellSize, Fork, Origin, OriginKey},
};
use tokio::sync::{mpsc, oneshot, watch};

pub use self::{
    backup::{BackupError, Saved, backup},
    check::{Finding, Place, Report, check},
    disk::{DiskLimit, Reserve},
    error::OpenError,
    history::History,
};
use self::{
    disk::Disk,
    error::is_corrupt,
    frames::Frames,
    lock::lock,
    parts::Parts,
    readers::{ReaderGate, Readers},
    writer::{Job, Writer},
};
use super::{
    Closing, Kind, Post, SignedBatch, Store, StoreError,
    queue::{Capacity, Queue},
};
use crate::{files::PathError, limits::QUEUED_POSTS};

/// The parameters of a store.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Bytes of a cell.
    pub cell_size: CellSize,
    /// Number of numbered buckets.
    pub buckets: BucketCount,
    /// The limit on disk use.
    pub disk: Option<DiskLimit>,
    /// The maximum number of waiting cells and of cells of a batch.
    pub capacity: Capacity,
}

/// The SQLite backend.
#[derive(Clone)]
pub struct SqliteStore(Arc<Inner>);

struct Inner {
    origin: Origin,
    jobs: mpsc::Sender<Job>,
    readers: Readers,
    state: watch::Receiver<Result<(), StoreError>>,
}

impl std::fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SqliteStore({})", self.0.origin)
    }
}

impl SqliteStore {
    /// Opens the file, or creates it with a new origin key.
    ///
    /// # Errors
    ///
    /// One of [`OpenError`].
    pub fn open(path: &Path, options: &Options) -> Result<Self, OpenError> {
        let lock = lock(path)?;
        let (connection, key) = schema::open(path, options.cell_size, options.buckets)?;
        Self::start(path, options, connection, key, lock)
    }

    /// Starts the writer of an open file.
    fn start(
        path: &Path,
        options: &Options,
        connection: rusqlite::Connection,
        key: OriginKey,
        lock: File,
    ) -> Result<Self, OpenError> {
        let origin = key.origin();
        let disk = Disk::new(options.disk, with_suffix(path, "-wal"), &connection)
            .map_err(OpenError::sqlite(path))?;
        let mut queue = Queue::new(options.capacity);
        let frames = Frames::open(path, &connection, options.cell_size, &mut queue);
        let (frames, state) = match frames {
            Err(OpenError::Sqlite { error, .. }) if is_corrupt(&error) => {
                tracing::error!(%error, "waiting cells cannot be read: posts are refused");
                queue = Queue::new(options.capacity);
                let frames = Frames::unusable(path, options.cell_size)?;
                (frames, Err(StoreError::Damaged))
            }
            frames => (frames?, Ok(())),
        };
        let gate = Arc::new(ReaderGate::default());
        let (state, states) = watch::channel(state);
        let writer = Writer {
            connection,
            disk,
            gate: Arc::clone(&gate),
            state,
            parts: Parts {
                key,
                options: *options,
                frames,
                queue,
            },
        };
        let (jobs, queued) = mpsc::channel(QUEUED_POSTS);
        std::thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || writer.run(lock, queued))
            .map_err(PathError::at(path))?;
        Ok(Self(Arc::new(Inner {
            origin,
            jobs,
            readers: Readers::new(path.to_owned(), gate),
            state: states,
        })))
    }

    /// Lets the writer work, and waits until it has.
    async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Writer) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let job = Job::Run(Box::new(move |writer| {
            let _ = reply.send(work(writer));
        }));
        let sent = self.0.jobs.send(job).await;
        sent.map_err(|_| StoreError::Failed)?;
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
}

impl Store for SqliteStore {
    fn origin(&self) -> Origin {
        self.0.origin
    }

    fn published(&self) -> Result<&SqliteStore, StoreError> {
        Ok(self)
    }

    async fn put(&self, post: impl Into<Post> + Send) -> Result<(), StoreError> {
        let post = post.into();
        let (reply, answer) = oneshot::channel();
        self.0
            .jobs
            .try_send(Job::Put(post, reply))
            .map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => StoreError::Busy,
                mpsc::error::TrySendError::Closed(_) => StoreError::Failed,
            })?;
        answer.await.map_err(|_| StoreError::Failed)?
    }

    async fn close(&self, closing: Closing) -> Result<(), StoreError> {
        let mut left = Some(closing);
        while let Some(closing) = left {
            left = self.ask(|writer| writer.close(closing)).await?;
        }
        Ok(())
    }

    async fn end_epoch(&self, kind: Kind, most_waited: u8) -> Result<(), StoreError> {
        self.ask(move |writer| writer.end_epoch(kind, most_waited))
            .await
    }

    async fn import(&self, batches: Vec<SignedBatch>) -> Result<(), StoreError> {
        self.ask(move |writer| writer.import(&batches)).await
    }

    async fn keep_fork(&self, fork: Fork) -> Result<(), StoreError> {
        self.ask(move |writer| writer.write(|tx, _| Ok(import::keep_fork(tx, &fork)?)))
            .await
    }

    async fn seal(&self, buckets: &[BucketId]) -> Result<(), StoreError> {
        // One run of one bucket at a time: posts wait for at most 16 MiB to be read.
        loop {
            let mut due = Vec::new();
            for &bucket in buckets {
                let next = self.read(move |connection| segment::due(connection, bucket));
                due.extend(next.await?);
            }
            if due.is_empty() {
                return Ok(());
            }
            self.ask(move |writer| writer.write(|tx, _| segment::seal(tx, &due)))
                .await?;
        }
    }

    async fn expire(&self, kind: Kind, before: UnixTime) -> Result<bool, StoreError> {
        self.ask(move |writer| writer.expire(kind, before)).await
    }

    async fn hold(&self, kind: Kind, held: bool) -> Result<(), StoreError> {
        self.ask(move |writer| writer.hold(kind, held)).await
    }

    fn writable(&self) -> Result<(), StoreError> {
        *self.0.state.borrow()
    }

    async fn failed(&self) -> StoreError {
        let mut state = self.0.state.clone();
        let failed = |state: &Result<(), StoreError>| *state == Err(StoreError::Failed);
        if state.wait_for(failed).await.is_err() {
            // The writer has stopped normally and cannot fail any more.
            std::future::pending::<()>().await;
        }
        StoreError::Failed
    }

    async fn shutdown(&self) {
        let (reply, stopped) = oneshot::channel();
        // A writer that has already stopped has nothing to finish.
        if self.0.jobs.send(Job::Stop(reply)).await.is_ok() {
            let _ = stopped.await;
        }
    }
}

/// The path of a file beside the store's.
fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
