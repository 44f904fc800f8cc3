//! Reading, beside the writer and without waiting for it.

use std::{
    path::PathBuf,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use rusqlite::{Connection, OptionalExtension as _, params};
use tessera::{
    base::UnixTime,
    wire::{BATCH_HEADER_LEN, BatchHeader, BucketId, Origin},
};

use super::{schema::integer, writer::store_error};
use crate::store::{Found, Kind, LastClose, StoreError, Window};

/// Connections kept open for the next reader.
const KEPT: usize = 16;

/// Connections that only read, handed from reader to reader.
pub(super) struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            idle: Mutex::new(Vec::new()),
        }
    }

    /// Runs a query on a connection of its own.
    pub(super) fn run<T>(
        &self,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let idle = self
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        let connection = idle
            .map_or_else(|| self.open(), Ok)
            .map_err(|error| store_error(&error))?;
        let value = query(&connection).map_err(|error| store_error(&error))?;
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < KEPT {
            idle.push(connection);
        }
        Ok(value)
    }

    fn open(&self) -> rusqlite::Result<Connection> {
        let connection = Connection::open(&self.path)?;
        connection.busy_timeout(Duration::from_secs(5))?;
        connection.pragma_update(None, "query_only", true)?;
        Ok(connection)
    }
}

pub(super) fn last_close(
    connection: &Connection,
    kind: Kind,
) -> rusqlite::Result<Option<LastClose>> {
    connection
        .prepare_cached(
            "SELECT epoch, closed_at FROM chain WHERE lobby = ?1 ORDER BY epoch DESC LIMIT 1",
        )?
        .query_row([kind == Kind::Lobby], |row| {
            Ok(LastClose {
                epoch: unsigned(row.get(0)?),
                closed_at: UnixTime(unsigned(row.get(1)?)),
            })
        })
        .optional()
}

pub(super) fn headers(
    connection: &Connection,
    bucket: BucketId,
    window: Window,
) -> rusqlite::Result<Vec<BatchHeader>> {
    connection
        .prepare_cached(
            "SELECT header FROM batch WHERE bucket = ?1 AND epoch <= ?2 AND closed_at >= ?3 ORDER BY epoch",
        )?
        .query_map(params![bucket.get(), integer(window.through), integer(window.from.0)], |row| {
            let bytes: [u8; BATCH_HEADER_LEN] = row.get(0)?;
            BatchHeader::decode(&bytes).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(0, 0))
        })?
        .collect()
}

pub(super) fn batch(
    connection: &Connection,
    bucket: BucketId,
    origin: Origin,
    epoch: u64,
) -> rusqlite::Result<Found> {
    let place = params![bucket.get(), origin.0, integer(epoch)];
    let bytes = connection
        .prepare_cached("SELECT bytes FROM batch WHERE bucket = ?1 AND origin = ?2 AND epoch = ?3")?
        .query_row(place, |row| row.get(0))
        .optional()?;
    if let Some(bytes) = bytes {
        return Ok(Found::Batch(bytes));
    }
    let expired_through: Option<i64> = connection
        .prepare_cached("SELECT expired_through FROM chain WHERE bucket = ?1")?
        .query_row([bucket.get()], |row| row.get(0))
        .optional()?
        .flatten();
    if expired_through.is_none_or(|through| integer(epoch) > through) {
        return Ok(Found::Nothing);
    }
    let oldest: Option<i64> = connection
        .prepare_cached("SELECT min(epoch) FROM batch WHERE bucket = ?1")?
        .query_row([bucket.get()], |row| row.get(0))?;
    Ok(Found::Expired {
        oldest: oldest.map(unsigned),
    })
}

fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}
