//! Queries, which run concurrently with the writer.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use rusqlite::{Connection, OptionalExtension as _, params};
use tessera::{
    base::UnixTime,
    wire::{BucketId, Origin},
};

use super::{
    error::store_error,
    import::header,
    reader_gate::ReaderGate,
    schema::{integer, unsigned},
    segment,
    settings::hold_name,
};
use crate::{
    lock::lock,
    store::{Contents, Found, Kind, LastClose, Segment, StoreError, Window},
};

/// Maximum number of idle connections.
const KEPT: usize = 16;

/// A pool of read-only connections.
pub(super) struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
    gate: Arc<ReaderGate>,
}

impl Readers {
    pub(super) fn new(path: PathBuf, gate: Arc<ReaderGate>) -> Self {
        Self {
            path,
            idle: Mutex::new(Vec::new()),
            gate,
        }
    }

    /// Runs a query on a connection of the pool.
    pub(super) fn run<T>(
        &self,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let _inside = self.gate.enter();
        let idle = lock(&self.idle).pop();
        let connection = idle
            .map_or_else(|| self.open(), Ok)
            .map_err(|error| store_error(&error))?;
        let value = query(&connection).map_err(|error| store_error(&error))?;
        let mut idle = lock(&self.idle);
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
    own: Origin,
    kind: Kind,
) -> rusqlite::Result<Option<LastClose>> {
    connection
        .prepare_cached(
            "SELECT epoch, closed_at FROM chain WHERE lobby = ?1 AND origin = ?2
             ORDER BY epoch DESC LIMIT 1",
        )?
        .query_row(params![kind == Kind::Lobby, own.0], |row| {
            Ok(LastClose {
                epoch: unsigned(row.get(0)?),
                closed_at: UnixTime(unsigned(row.get(1)?)),
            })
        })
        .optional()
}

pub(super) fn held(connection: &Connection, kind: Kind) -> rusqlite::Result<bool> {
    connection
        .prepare_cached("SELECT 1 FROM setting WHERE name = ?1")?
        .exists([hold_name(kind)])
}

/// Lists segments, and the batches outside visible segments.
pub(super) fn contents(
    connection: &Connection,
    own: Origin,
    bucket: BucketId,
    window: Window,
) -> rusqlite::Result<Contents> {
    let batches = connection
        .prepare_cached(
            "SELECT header FROM batch AS b WHERE bucket = ?1 AND (origin <> ?4 OR epoch <= ?2)
             AND closed_at >= ?3
             AND id NOT IN (SELECT batch FROM expiring)
             AND coalesce((SELECT last FROM segment AS s WHERE s.bucket = b.bucket AND s.origin = b.origin
                 AND s.first <= b.epoch AND EXISTS (SELECT 1 FROM batch AS n WHERE n.bucket = s.bucket
                     AND n.origin = s.origin AND n.epoch > s.last AND (n.origin <> ?4 OR n.epoch <= ?2))
                 ORDER BY s.first DESC LIMIT 1), -1) < epoch
             ORDER BY epoch, origin",
        )?
        .query_map(
            params![
                bucket.get(),
                integer(window.through),
                integer(window.from.0),
                own.0
            ],
            header,
        )?
        .collect::<rusqlite::Result<_>>()?;
    Ok(Contents {
        segments: segment::visible(connection, own, bucket, window)?,
        batches,
    })
}

pub(super) fn batch(
    connection: &Connection,
    bucket: BucketId,
    origin: Origin,
    epoch: u64,
) -> rusqlite::Result<Found<Vec<u8>>> {
    let place = params![bucket.get(), origin.0, integer(epoch)];
    let bytes = connection
        .prepare_cached(
            "SELECT bytes FROM batch WHERE bucket = ?1 AND origin = ?2 AND epoch = ?3
             AND id NOT IN (SELECT batch FROM expiring)",
        )?
        .query_row(place, |row| row.get(0))
        .optional()?;
    match bytes {
        Some(bytes) => Ok(Found::Held(bytes)),
        None => gone(connection, bucket, origin, "expired_through", epoch),
    }
}

/// Passes batches to a function one after the other, without a copy of their bytes.
pub(super) fn fold_batches<T>(
    connection: &Connection,
    (bucket, origin): (BucketId, Origin),
    epochs: &[u64],
    first: T,
    mut add: impl FnMut(T, &[u8]) -> Result<Option<T>, StoreError>,
) -> rusqlite::Result<Result<Option<T>, StoreError>> {
    let mut find = connection.prepare_cached(
        "SELECT bytes FROM batch WHERE bucket = ?1 AND origin = ?2 AND epoch = ?3
         AND id NOT IN (SELECT batch FROM expiring)",
    )?;
    let mut value = first;
    for epoch in epochs {
        let mut rows = find.query(params![bucket.get(), origin.0, integer(*epoch)])?;
        let Some(row) = rows.next()? else {
            return Ok(Ok(None));
        };
        match add(value, row.get_ref(0)?.as_blob()?) {
            Ok(Some(next)) => value = next,
            ended => return Ok(ended),
        }
    }
    Ok(Ok(Some(value)))
}

pub(super) fn segment(
    connection: &Connection,
    bucket: BucketId,
    origin: Origin,
    number: u64,
) -> rusqlite::Result<Found<Segment>> {
    match segment::find(connection, bucket, origin, number)? {
        Some(segment) => Ok(Found::Held(segment)),
        None => gone(connection, bucket, origin, "segment_expired", number),
    }
}

/// The result for a missing item: expired up to the number in that column.
fn gone<T>(
    connection: &Connection,
    bucket: BucketId,
    origin: Origin,
    column: &'static str,
    number: u64,
) -> rusqlite::Result<Found<T>> {
    let through: Option<i64> = connection
        .prepare_cached(&format!(
            "SELECT {column} FROM chain WHERE bucket = ?1 AND origin = ?2"
        ))?
        .query_row(params![bucket.get(), origin.0], |row| row.get(0))
        .optional()?
        .flatten();
    if through.is_none_or(|through| integer(number) > through) {
        return Ok(Found::Nothing);
    }
    let oldest: Option<i64> = connection
        .prepare_cached(
            "SELECT min(epoch) FROM batch WHERE bucket = ?1 AND origin = ?2
             AND id NOT IN (SELECT batch FROM expiring)",
        )?
        .query_row(params![bucket.get(), origin.0], |row| row.get(0))?;
    Ok(Found::Expired {
        oldest: oldest.map(unsigned),
    })
}
