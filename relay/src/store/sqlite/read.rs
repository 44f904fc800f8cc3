//! Queries, which run concurrently with the writer.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use rusqlite::{Connection, OptionalExtension as _, Row, params};
use tessera::{
    base::UnixTime,
    wire::{BATCH_HEADER_LEN, BatchHeader, BucketId, Fork, HeaderHash, Origin},
};

use super::{
    SqliteStore,
    error::store_error,
    reader_gate::ReaderGate,
    schema::{integer, unsigned},
    segment,
    settings::hold_name,
};
use crate::{
    lock::lock,
    store::{
        Contents, Found, Head, Kind, LastClose, OriginState, Segment, StoreError, Window, root,
    },
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

/// What was published.
impl SqliteStore {
    pub(crate) async fn last_close(&self, kind: Kind) -> Result<Option<LastClose>, StoreError> {
        let own = self.0.origin;
        self.read(move |connection| {
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
        })
        .await
    }

    pub(crate) async fn held(&self, kind: Kind) -> Result<bool, StoreError> {
        self.read(move |connection| {
            connection
                .prepare_cached("SELECT 1 FROM setting WHERE name = ?1")?
                .exists([hold_name(kind)])
        })
        .await
    }

    /// Lists segments, and the batches outside visible segments.
    pub(crate) async fn contents(
        &self,
        bucket: BucketId,
        window: Window,
    ) -> Result<Contents, StoreError> {
        let own = self.0.origin;
        self.read(move |connection| {
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
        })
        .await
    }

    pub(crate) async fn batch(
        &self,
        bucket: BucketId,
        origin: Origin,
        epoch: u64,
    ) -> Result<Found<Vec<u8>>, StoreError> {
        self.read(move |connection| {
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
        })
        .await
    }

    /// Passes batches to a function one after the other, without a copy of their bytes.
    pub(crate) async fn fold_batches<T: Send + 'static>(
        &self,
        (bucket, origin): (BucketId, Origin),
        epochs: Vec<u64>,
        first: T,
        mut add: impl FnMut(T, &[u8]) -> Result<Option<T>, StoreError> + Send + 'static,
    ) -> Result<Option<T>, StoreError> {
        self.read(move |connection| {
            let mut find = connection.prepare_cached(
                "SELECT bytes FROM batch WHERE bucket = ?1 AND origin = ?2 AND epoch = ?3
                 AND id NOT IN (SELECT batch FROM expiring)",
            )?;
            let mut value = first;
            for epoch in epochs {
                let mut rows = find.query(params![bucket.get(), origin.0, integer(epoch)])?;
                let Some(row) = rows.next()? else {
                    return Ok(Ok(None));
                };
                match add(value, row.get_ref(0)?.as_blob()?) {
                    Ok(Some(next)) => value = next,
                    ended => return Ok(ended),
                }
            }
            Ok(Ok(Some(value)))
        })
        .await?
    }

    pub(crate) async fn segment(
        &self,
        bucket: BucketId,
        origin: Origin,
        number: u64,
    ) -> Result<Found<Segment>, StoreError> {
        self.read(
            move |connection| match segment::find(connection, bucket, origin, number)? {
                Some(segment) => Ok(Found::Held(segment)),
                None => gone(connection, bucket, origin, "segment_expired", number),
            },
        )
        .await
    }

    /// The origins with visible batches of a kind.
    pub(crate) async fn origins(
        &self,
        kind: Kind,
        window: Window,
    ) -> Result<Vec<OriginState>, StoreError> {
        let own = self.0.origin;
        self.read(move |connection| {
            let ranges: Vec<([u8; 32], i64, i64)> = connection
                .prepare_cached(
                    "SELECT origin, min(first), max(last) FROM (
                         SELECT c.origin AS origin, min(b.epoch) AS first, max(b.epoch) AS last
                         FROM chain AS c CROSS JOIN batch AS b ON b.bucket = c.bucket AND b.origin = c.origin
                             AND (c.origin <> ?2 OR b.epoch <= ?3) AND b.id NOT IN (SELECT batch FROM expiring)
                         WHERE c.lobby = ?1 GROUP BY c.bucket, c.origin)
                     GROUP BY origin ORDER BY origin",
                )?
                .query_map(
                    params![kind == Kind::Lobby, own.0, integer(window.through)],
                    |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
                )?
                .collect::<rusqlite::Result<_>>()?;
            let mut states = Vec::with_capacity(ranges.len());
            for (origin, oldest, epoch) in ranges {
                let newest = epoch_headers(connection, Origin(origin), kind, unsigned(epoch))?;
                states.push(OriginState {
                    origin: Origin(origin),
                    oldest: unsigned(oldest),
                    epoch: unsigned(epoch),
                    closed_at: newest
                        .first()
                        .map_or(UnixTime(0), |header| header.closed_at),
                    root: root(&newest),
                });
            }
            Ok(states)
        })
        .await
    }

    /// Visible headers of whole epochs after `after`.
    pub(crate) async fn headers(
        &self,
        (origin, kind, after): (Origin, Kind, Option<u64>),
        most: usize,
        window: Window,
    ) -> Result<Vec<BatchHeader>, StoreError> {
        let own = self.0.origin;
        self.read(move |connection| {
            let through = match origin == own {
                true => integer(window.through),
                false => i64::MAX,
            };
            let mut headers: Vec<BatchHeader> = connection
                .prepare_cached(
                    "SELECT b.header FROM chain AS c CROSS JOIN batch AS b
                         ON b.bucket = c.bucket AND b.origin = c.origin AND b.epoch > ?3 AND b.epoch <= ?4
                     WHERE c.origin = ?1 AND c.lobby = ?2 AND b.closed_at >= ?5
                         AND b.id NOT IN (SELECT batch FROM expiring)
                     ORDER BY b.epoch, c.bucket LIMIT ?6",
                )?
                .query_map(
                    params![
                        origin.0,
                        kind == Kind::Lobby,
                        after.map_or(-1, integer),
                        through,
                        integer(window.from.0),
                        integer(most as u64)
                    ],
                    header,
                )?
                .collect::<rusqlite::Result<_>>()?;
            // The last epoch may have been cut: complete it.
            if headers.len() == most
                && let Some(last) = headers.last().map(|header| header.epoch)
            {
                headers.retain(|header| header.epoch != last);
                headers.extend(epoch_headers(connection, origin, kind, last)?);
            }
            Ok(headers)
        })
        .await
    }

    pub(crate) async fn heads(&self, origin: Origin, kind: Kind) -> Result<Vec<Head>, StoreError> {
        self.read(move |connection| {
            connection
                .prepare_cached(
                    "SELECT bucket, epoch, head FROM chain WHERE origin = ?1 AND lobby = ?2
                     ORDER BY bucket",
                )?
                .query_map(params![origin.0, kind == Kind::Lobby], |row| {
                    let bucket: u32 = row.get(0)?;
                    Ok(Head {
                        bucket: BucketId::try_from(bucket)
                            .map_err(|_| rusqlite::Error::InvalidQuery)?,
                        epoch: unsigned(row.get(1)?),
                        hash: HeaderHash(row.get(2)?),
                    })
                })?
                .collect()
        })
        .await
    }

    pub(crate) async fn forks(&self) -> Result<Vec<Fork>, StoreError> {
        self.read(move |connection| {
            connection
                .prepare_cached("SELECT proof FROM fork ORDER BY origin")?
                .query_map([], |row| {
                    let proof = row.get_ref(0)?.as_blob()?;
                    Fork::parse(proof).ok_or(rusqlite::Error::InvalidQuery)
                })?
                .collect()
        })
        .await
    }
}

fn epoch_headers(
    connection: &Connection,
    origin: Origin,
    kind: Kind,
    epoch: u64,
) -> rusqlite::Result<Vec<BatchHeader>> {
    connection
        .prepare_cached(
            "SELECT b.header FROM chain AS c CROSS JOIN batch AS b
                 ON b.bucket = c.bucket AND b.origin = c.origin AND b.epoch = ?3
             WHERE c.origin = ?1 AND c.lobby = ?2 AND b.id NOT IN (SELECT batch FROM expiring)
             ORDER BY c.bucket",
        )?
        .query_map(
            params![origin.0, kind == Kind::Lobby, integer(epoch)],
            header,
        )?
        .collect()
}

fn header(row: &Row<'_>) -> rusqlite::Result<BatchHeader> {
    let bytes: [u8; BATCH_HEADER_LEN] = row.get(0)?;
    BatchHeader::decode(&bytes).map_err(|_| rusqlite::Error::InvalidQuery)
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
