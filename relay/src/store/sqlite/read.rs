//! Queries, which run concurrently with the writer.

use rusqlite::{Connection, OptionalExtension as _, Row, params};
use tessera::{
    base::UnixTime,
    wire::{BATCH_HEADER_LEN, BatchHeader, BucketId, Fork, HeaderHash, Origin},
};

use super::{
    SqliteStore,
    schema::{integer, unsigned},
    segment,
    settings::hold_name,
};
use crate::{
    epoch::Boundary,
    store::{Contents, Found, Head, Kind, OriginState, Segment, StoreError, Window, root},
};

/// What was published.
impl SqliteStore {
    pub(crate) async fn last_close(&self, kind: Kind) -> Result<Option<Boundary>, StoreError> {
        let own = self.0.origin;
        self.read(move |connection| {
            connection
                .prepare_cached(
                    "SELECT epoch, closed_at FROM chain WHERE lobby = ?1 AND origin = ?2
                     ORDER BY epoch DESC LIMIT 1",
                )?
                .query_row(params![kind, own.0], |row| {
                    Ok(Boundary {
                        epoch: unsigned(row.get(0)?),
                        at: UnixTime(unsigned(row.get(1)?)),
                    })
                })
                .optional()
        })
        .await
    }

    /// Returns `true` if deletes of a kind are suspended because the clock jumped.
    /// Durable, so that a restart does not delete what the suspension protects.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub async fn held(&self, kind: Kind) -> Result<bool, StoreError> {
        self.read(move |connection| {
            connection
                .prepare_cached("SELECT 1 FROM setting WHERE name = ?1")?
                .exists([hold_name(kind)])
        })
        .await
    }

    /// The content of a bucket within the window.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub async fn contents(&self, bucket: BucketId, window: Window) -> Result<Contents, StoreError> {
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

    /// The bytes of one batch.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub async fn batch(
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

    /// Passes the bytes of some batches of one chain to a function, in this order and
    /// not on the threads that answer, each time with what it returned before. Returns
    /// nothing if a batch is not held, or when the function does.
    ///
    /// # Errors
    ///
    /// If the store cannot be read, or as the function fails.
    pub async fn fold_batches<T: Send + 'static>(
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

    /// One segment. It may exist before the batch that completes it is visible:
    /// the caller must compare its last epoch.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub async fn segment(
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

    /// The state of every origin with a visible batch of this kind, by origin.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub async fn origins(
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
                    params![kind, own.0, integer(window.through)],
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

    /// Visible headers of one origin after epoch `after`, by epoch and bucket: those
    /// of whole epochs, about `most` headers or fewer.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub async fn headers(
        &self,
        origin: Origin,
        kind: Kind,
        after: Option<u64>,
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
                        kind,
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

    /// The last batch of each chain of an origin, also when it was deleted.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub async fn heads(&self, origin: Origin, kind: Kind) -> Result<Vec<Head>, StoreError> {
        self.read(move |connection| {
            connection
                .prepare_cached(
                    "SELECT bucket, epoch, head FROM chain WHERE origin = ?1 AND lobby = ?2
                     ORDER BY bucket",
                )?
                .query_map(params![origin.0, kind], |row| {
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

    /// The proofs of forks, one for each origin that has forked.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub async fn forks(&self) -> Result<Vec<Fork>, StoreError> {
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
        .query_map(params![origin.0, kind, integer(epoch)], header)?
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
    Ok(
        match through.is_some_and(|through| integer(number) <= through) {
            true => Found::Expired,
            false => Found::Nothing,
        },
    )
}
