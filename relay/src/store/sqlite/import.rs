//! Import of published batches, and what is stored of each origin's chains.

use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params};
use tessera::{
    base::UnixTime,
    wire::{BATCH_HEADER_LEN, BatchHeader, BucketId, Fork, HeaderHash, Origin},
};

use super::{
    Options,
    close::{remember, write},
    error::WriteError,
    schema::{integer, unsigned},
};
use crate::store::{ByKind, Head, ImportedBatch, Kind, OriginState, StoreError, Window, root};

/// Stores the batches that are not stored yet. Returns their number.
pub(super) fn import(
    tx: &Transaction<'_>,
    batches: &[ImportedBatch],
    options: &Options,
) -> Result<ByKind<usize>, WriteError> {
    let mut new = ByKind::<usize>::default();
    for batch in batches {
        let header = batch.header();
        if header.cell_size != options.cell_size || !options.buckets.contains(header.bucket) {
            return Err(StoreError::Misused.into());
        }
        if is_next(tx, header)? {
            write(tx, batch.assembled())?;
            remember(tx, batch.assembled().digests())?;
            new[Kind::of(header.bucket)] += 1;
        }
    }
    Ok(new)
}

/// The batches that an import would store now. Fails as that would; stores nothing.
pub(super) fn check(
    tx: &Transaction<'_>,
    mut batches: Vec<ImportedBatch>,
    options: &Options,
) -> Result<Vec<ImportedBatch>, WriteError> {
    let mut stored = Vec::with_capacity(batches.len());
    for batch in &batches {
        let header = batch.header();
        let held = stored_header(tx, header.bucket, header.origin, header.epoch)?;
        stored.push(held == Some(header.encode()));
    }
    tx.execute_batch("SAVEPOINT check_import")?;
    let imported = import(tx, &batches, options);
    tx.execute_batch("ROLLBACK TO check_import; RELEASE check_import")?;
    imported?;
    let mut stored = stored.into_iter();
    batches.retain(|_| !stored.next().unwrap_or(false));
    Ok(batches)
}

/// Returns `true` if the batch is the next of its chain, `false` if it is stored.
fn is_next(tx: &Transaction<'_>, header: &BatchHeader) -> Result<bool, WriteError> {
    let place = params![header.bucket.get(), header.origin.0];
    let chain: Option<(i64, [u8; 32])> = tx
        .prepare_cached("SELECT epoch, head FROM chain WHERE bucket = ?1 AND origin = ?2")?
        .query_row(place, |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((last, head)) = chain else {
        return Ok(true);
    };
    if unsigned(last) >= header.epoch {
        let stored = stored_header(tx, header.bucket, header.origin, header.epoch)?;
        return match stored {
            Some(stored) if stored == header.encode() => Ok(false),
            _ => Err(StoreError::Unlinked.into()),
        };
    }
    // What lay between may have been deleted everywhere, as the last one was here.
    let is_held = stored_header(tx, header.bucket, header.origin, unsigned(last))?.is_some();
    match header.prev == HeaderHash(head) || !is_held {
        true => Ok(true),
        false => Err(StoreError::Unlinked.into()),
    }
}

fn stored_header(
    connection: &Connection,
    bucket: BucketId,
    origin: Origin,
    epoch: u64,
) -> rusqlite::Result<Option<[u8; BATCH_HEADER_LEN]>> {
    connection
        .prepare_cached(
            "SELECT header FROM batch WHERE bucket = ?1 AND origin = ?2 AND epoch = ?3
             AND id NOT IN (SELECT batch FROM expiring)",
        )?
        .query_row(params![bucket.get(), origin.0, integer(epoch)], |row| {
            row.get(0)
        })
        .optional()
}

/// The origins with visible batches of a kind.
pub(super) fn origins(
    connection: &Connection,
    own: Origin,
    kind: Kind,
    window: Window,
) -> rusqlite::Result<Vec<OriginState>> {
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

pub(super) fn header(row: &Row<'_>) -> rusqlite::Result<BatchHeader> {
    let bytes: [u8; BATCH_HEADER_LEN] = row.get(0)?;
    BatchHeader::decode(&bytes).map_err(|_| rusqlite::Error::InvalidQuery)
}

/// Visible headers of whole epochs after `after`.
pub(super) fn headers(
    connection: &Connection,
    own: Origin,
    (origin, kind, after): (Origin, Kind, Option<u64>),
    most: usize,
    window: Window,
) -> rusqlite::Result<Vec<BatchHeader>> {
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
}

pub(super) fn heads(
    connection: &Connection,
    origin: Origin,
    kind: Kind,
) -> rusqlite::Result<Vec<Head>> {
    connection
        .prepare_cached(
            "SELECT bucket, epoch, head FROM chain WHERE origin = ?1 AND lobby = ?2
             ORDER BY bucket",
        )?
        .query_map(params![origin.0, kind == Kind::Lobby], |row| {
            let bucket: u32 = row.get(0)?;
            Ok(Head {
                bucket: BucketId::try_from(bucket).map_err(|_| rusqlite::Error::InvalidQuery)?,
                epoch: unsigned(row.get(1)?),
                hash: HeaderHash(row.get(2)?),
            })
        })?
        .collect()
}

pub(super) fn forks(connection: &Connection) -> rusqlite::Result<Vec<Fork>> {
    connection
        .prepare_cached("SELECT proof FROM fork ORDER BY origin")?
        .query_map([], |row| {
            let proof = row.get_ref(0)?.as_blob()?;
            Fork::parse(proof).ok_or(rusqlite::Error::InvalidQuery)
        })?
        .collect()
}

pub(super) fn keep_fork(tx: &Transaction<'_>, fork: &Fork) -> rusqlite::Result<()> {
    tx.execute(
        "INSERT OR IGNORE INTO fork (origin, proof) VALUES (?1, ?2)",
        params![fork.header().origin.0, fork.encode()],
    )
    .map(drop)
}
