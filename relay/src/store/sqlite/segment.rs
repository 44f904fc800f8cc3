//! Segments: rows that refer to batches; the bytes are stored in the batches only.

use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params};
use sha2::{Digest as _, Sha256};
use tessera::{
    base::UnixTime,
    wire::{BATCH_HEADER_LEN, BatchDigest, BatchHeader, BucketId, Origin, SegmentRef},
};

use super::{
    error::WriteError,
    schema::{integer, unsigned},
};
use crate::store::{
    Segment, Window,
    run::{Run, complete},
};

/// A complete segment that is not yet stored.
pub(super) struct Due {
    bucket: BucketId,
    origin: Origin,
    run: Run,
    digest: [u8; 32],
}

/// Finds the first complete run of one chain of a bucket that is not a segment yet.
/// Reads all of its bytes, concurrently with the writer.
pub(super) fn due(connection: &Connection, bucket: BucketId) -> rusqlite::Result<Option<Due>> {
    let origins: Vec<[u8; 32]> = connection
        .prepare_cached("SELECT origin FROM chain WHERE bucket = ?1")?
        .query_map([bucket.get()], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for origin in origins.into_iter().map(Origin) {
        let open = open_batches(connection, bucket, origin)?;
        if let Some(run) = complete(open).into_iter().next() {
            let digest = digest(connection, bucket, origin, &run)?;
            return Ok(Some(Due {
                bucket,
                origin,
                run,
                digest,
            }));
        }
    }
    Ok(None)
}

/// The batches after the last segment.
fn open_batches(
    connection: &Connection,
    bucket: BucketId,
    origin: Origin,
) -> rusqlite::Result<Vec<Run>> {
    connection
        .prepare_cached(
            "SELECT epoch, closed_at, length(bytes) FROM batch
             WHERE bucket = ?1 AND origin = ?2 AND epoch > coalesce(
                 (SELECT max(last) FROM segment WHERE bucket = ?1 AND origin = ?2), -1)
             AND id NOT IN (SELECT batch FROM expiring) ORDER BY epoch",
        )?
        .query_map(params![bucket.get(), origin.0], |row| {
            let (epoch, closed_at) = (unsigned(row.get(0)?), unsigned(row.get(1)?));
            Ok(Run::of(epoch, UnixTime(closed_at), unsigned(row.get(2)?)))
        })?
        .collect()
}

/// SHA-256 of the concatenated batches of a run.
pub(super) fn digest(
    connection: &Connection,
    bucket: BucketId,
    origin: Origin,
    run: &Run,
) -> rusqlite::Result<[u8; 32]> {
    let mut batches = connection.prepare_cached(
        "SELECT bytes FROM batch WHERE bucket = ?1 AND origin = ?2 AND epoch BETWEEN ?3 AND ?4
         ORDER BY epoch",
    )?;
    let mut rows = batches.query(params![
        bucket.get(),
        origin.0,
        integer(run.first),
        integer(run.last)
    ])?;
    let mut hash = Sha256::new();
    while let Some(row) = rows.next()? {
        hash.update(row.get_ref(0)?.as_blob()?);
    }
    Ok(hash.finalize().into())
}

/// Stores segments, each under the chain's next number.
pub(super) fn seal(tx: &Transaction<'_>, due: &[Due]) -> Result<(), WriteError> {
    let mut last =
        tx.prepare_cached("SELECT segment FROM chain WHERE bucket = ?1 AND origin = ?2")?;
    let mut insert = tx.prepare_cached(
        "INSERT INTO segment (bucket, lobby, origin, number, first, last, closed_at, bytes, digest)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?;
    let mut advance =
        tx.prepare_cached("UPDATE chain SET segment = ?3 WHERE bucket = ?1 AND origin = ?2")?;
    for Due {
        bucket,
        origin,
        run,
        digest,
    } in due
    {
        let last: Option<i64> =
            last.query_row(params![bucket.get(), origin.0], |row| row.get(0))?;
        let number = integer(run.number(last.map(unsigned)));
        insert.execute(params![
            bucket.get(),
            bucket.is_lobby(),
            origin.0,
            number,
            integer(run.first),
            integer(run.last),
            integer(run.closed_at.0),
            integer(run.bytes),
            digest
        ])?;
        advance.execute(params![bucket.get(), origin.0, number])?;
    }
    Ok(())
}

/// The columns of a [`SegmentRef`] of `segment AS s`: the last two give the number
/// of its cells.
pub(super) const COLUMNS: &str = "origin, number, first, last, bytes, digest,
    (SELECT count(*) FROM batch AS b WHERE b.bucket = s.bucket AND b.origin = s.origin
        AND b.epoch BETWEEN s.first AND s.last),
    (SELECT header FROM batch AS b WHERE b.bucket = s.bucket AND b.origin = s.origin
        AND b.epoch = s.first)";
/// How many columns these are.
pub(super) const COLUMN_COUNT: usize = 8;

pub(super) fn listed(row: &Row<'_>) -> rusqlite::Result<SegmentRef> {
    let bytes = unsigned(row.get(4)?);
    let batches: u64 = unsigned(row.get(6)?);
    // Absent only in a damaged store, whose segments are not readable anyway.
    let first: Option<[u8; BATCH_HEADER_LEN]> = row.get(7)?;
    let size = first.and_then(|header| BatchHeader::decode(&header).ok());
    let cells = size.map_or(0, |header| {
        bytes.saturating_sub(batches * BATCH_HEADER_LEN as u64) / u64::from(header.cell_size.get())
    });
    Ok(SegmentRef {
        origin: Origin(row.get(0)?),
        number: unsigned(row.get(1)?),
        first: unsigned(row.get(2)?),
        last: unsigned(row.get(3)?),
        cells,
        bytes,
        digest: BatchDigest(row.get(5)?),
    })
}

/// The visible segments: those whose last batch is within retention, and which a
/// visible batch follows.
pub(super) fn visible(
    connection: &Connection,
    own: Origin,
    bucket: BucketId,
    window: Window,
) -> rusqlite::Result<Vec<SegmentRef>> {
    connection
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM segment AS s WHERE bucket = ?1 AND closed_at >= ?2 AND EXISTS (
                 SELECT 1 FROM batch AS b WHERE b.bucket = s.bucket AND b.origin = s.origin
                 AND b.epoch > s.last AND (b.origin <> ?4 OR b.epoch <= ?3))
             ORDER BY first, origin"
        ))?
        .query_map(
            params![
                bucket.get(),
                integer(window.from.0),
                integer(window.through),
                own.0
            ],
            listed,
        )?
        .collect()
}

/// One segment.
pub(super) fn find(
    connection: &Connection,
    bucket: BucketId,
    origin: Origin,
    number: u64,
) -> rusqlite::Result<Option<Segment>> {
    let found = connection
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM segment AS s WHERE bucket = ?1 AND origin = ?2 AND number = ?3"
        ))?
        .query_row(params![bucket.get(), origin.0, integer(number)], listed)
        .optional()?;
    let Some(listed) = found else {
        return Ok(None);
    };
    let epochs = connection
        .prepare_cached(
            "SELECT epoch FROM batch WHERE bucket = ?1 AND origin = ?2 AND epoch BETWEEN ?3 AND ?4
             ORDER BY epoch",
        )?
        .query_map(
            params![
                bucket.get(),
                origin.0,
                integer(listed.first),
                integer(listed.last)
            ],
            |row| Ok(unsigned(row.get(0)?)),
        )?
        .collect::<rusqlite::Result<_>>()?;
    Ok(Some(Segment { listed, epochs }))
}
