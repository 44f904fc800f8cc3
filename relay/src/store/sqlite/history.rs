//! What a store has published, for moving it into a log that several relays share.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use rusqlite::{Connection, Params, params, types::FromSql};
use tessera::{
    base::Secret,
    wire::{BucketCount, CellSize, Origin},
};

use super::{
    OpenError, frames,
    lock::lock,
    schema::{self, integer, unsigned},
    settings, with_suffix,
};
use crate::{
    files::{PathError, sync_directory_of},
    store::{Kind, SignedBatch, StoreError},
};

/// A store that no relay has open, with its signing key.
#[derive(Debug)]
pub struct History {
    path: PathBuf,
    connection: Connection,
    seed: Secret<32>,
    origin: Origin,
    /// Held as long as this exists.
    _lock: File,
}

impl History {
    /// Opens a store of the current version.
    ///
    /// # Errors
    ///
    /// One of [`OpenError`].
    pub fn open(path: &Path, cell_size: CellSize, buckets: BucketCount) -> Result<Self, OpenError> {
        let sqlite = OpenError::sqlite(path);
        // Neither a file nor its lock is created.
        File::open(path).map_err(PathError::at(path))?;
        let lock = lock(path)?;
        let connection = Connection::open(path).map_err(sqlite)?;
        schema::require_current(&connection, path)?;
        schema::check_settings(&connection, path, cell_size, buckets)?;
        let key = settings::origin_key(&connection).map_err(sqlite)?;
        let key = key.ok_or_else(|| OpenError::Damaged(path.to_owned()))?;
        Ok(Self {
            path: path.to_owned(),
            seed: key.seed(),
            origin: key.origin(),
            connection,
            _lock: lock,
        })
    }

    /// The seed of the signing key.
    #[must_use]
    pub fn seed(&self) -> &Secret<32> {
        &self.seed
    }

    /// Returns `true` if cells wait for the end of an epoch.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub fn has_waiting(&self) -> Result<bool, StoreError> {
        let of = |kind| frames::has_frames(&self.connection, kind).map_err(unreadable);
        Ok(of(Kind::Numbered)? || of(Kind::Lobby)?)
    }

    /// The epochs of this origin's closes, in order.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub fn epochs(&self, kind: Kind) -> Result<Vec<u64>, StoreError> {
        let sql = "SELECT DISTINCT epoch FROM batch WHERE lobby = ?1 AND origin = ?2
            AND id NOT IN (SELECT batch FROM expiring) ORDER BY epoch";
        let epochs = self.column(sql, params![kind, self.origin.0])?;
        Ok(epochs.into_iter().map(unsigned).collect())
    }

    /// The batches of one close, by bucket.
    ///
    /// # Errors
    ///
    /// If the store cannot be read, or is damaged.
    pub fn batches(&self, kind: Kind, epoch: u64) -> Result<Vec<SignedBatch>, StoreError> {
        let sql = "SELECT bytes FROM batch WHERE lobby = ?1 AND origin = ?2 AND epoch = ?3
            AND id NOT IN (SELECT batch FROM expiring) ORDER BY bucket";
        let of = params![kind, self.origin.0, integer(epoch)];
        let batches: Vec<Vec<u8>> = self.column(sql, of)?;
        let parsed = batches.into_iter().map(SignedBatch::parse);
        Ok(parsed.collect::<Result<_, _>>()?)
    }

    /// The values of the only column of a query.
    fn column<T: FromSql>(&self, sql: &str, of: impl Params) -> Result<Vec<T>, StoreError> {
        let read = || -> rusqlite::Result<Vec<T>> {
            let mut select = self.connection.prepare_cached(sql)?;
            select.query_map(of, |row| row.get(0))?.collect()
        };
        read().map_err(unreadable)
    }

    /// Renames the files, so that no relay starts on them: it would sign a second
    /// history.
    ///
    /// # Errors
    ///
    /// The I/O error.
    pub fn retire(self) -> io::Result<()> {
        let Self {
            path, connection, ..
        } = self;
        // Nothing was written; the log is empty, and SQLite deletes it.
        drop(connection);
        for suffix in ["-keys", ""] {
            let from = with_suffix(&path, suffix);
            fs::rename(&from, with_suffix(&path, &format!(".moved{suffix}")))?;
        }
        sync_directory_of(&path)
    }
}

fn unreadable(error: rusqlite::Error) -> StoreError {
    tracing::error!(%error, "the store cannot be read");
    StoreError::Unavailable
}
