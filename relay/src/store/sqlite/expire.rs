//! Deletion of batches past their retention, in small steps that do not delay
//! posts.
//!
//! First a segment, or some single batches, are listed in `expiring`, which hides
//! them from readers. Then the digests of their cells are deleted, a few at a
//! time, and finally the batches.

use rusqlite::{MAIN_DB, OptionalExtension as _, Transaction, params};
use sha2::{Digest as _, Sha256};
use tessera::{
    base::UnixTime,
    wire::{BATCH_HEADER_LEN, BatchHeader},
};

use super::{
    error::WriteError,
    schema::{integer, unsigned},
};
use crate::store::{Kind, StoreError};

/// Single batches listed in one transaction.
const BATCHES: u32 = 8;
/// Digests deleted in one transaction: each is on a different page.
const DIGESTS: usize = 256;

/// The result of one step.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Expired {
    /// Whether there was anything to delete.
    pub(super) any: bool,
    /// Number of deleted batches.
    pub(super) batches: u64,
}

/// Performs one step.
pub(super) fn expire(
    tx: &Transaction<'_>,
    kind: Kind,
    before: UnixTime,
) -> Result<Expired, WriteError> {
    let mut next = listed(tx, kind)?;
    if next.is_none() && (drop_segment(tx, kind, before)? || list_batches(tx, kind, before)?) {
        next = listed(tx, kind)?;
    }
    let mut expired = Expired {
        any: next.is_some(),
        batches: 0,
    };
    let mut left = DIGESTS;
    while let (Some((id, forgotten)), 1..) = (next, left) {
        let cells = forget(tx, id, forgotten, left)?;
        if cells < left {
            delete(tx, id)?;
            expired.batches += 1;
        } else {
            tx.prepare_cached("UPDATE expiring SET forgotten = forgotten + ?2 WHERE batch = ?1")?
                .execute(params![id, integer(cells as u64)])?;
        }
        left -= cells.min(left);
        next = listed(tx, kind)?;
    }
    Ok(expired)
}

/// The batch to continue with, and the number of its digests already deleted.
fn listed(tx: &Transaction<'_>, kind: Kind) -> rusqlite::Result<Option<(i64, u64)>> {
    tx.prepare_cached(
        "SELECT batch, forgotten FROM expiring JOIN batch ON id = batch WHERE lobby = ?1
         ORDER BY batch LIMIT 1",
    )?
    .query_row([kind], |row| Ok((row.get(0)?, unsigned(row.get(1)?))))
    .optional()
}

/// Lists the oldest segment with all its batches if its last one is past retention.
fn drop_segment(tx: &Transaction<'_>, kind: Kind, before: UnixTime) -> Result<bool, WriteError> {
    let oldest: Option<(u32, [u8; 32], i64, i64, i64)> = tx
        .prepare_cached(
            "SELECT bucket, origin, number, first, last FROM segment
             WHERE lobby = ?1 AND closed_at < ?2 ORDER BY closed_at LIMIT 1",
        )?
        .query_row(params![kind, integer(before.0)], |row| row.try_into())
        .optional()?;
    let Some((bucket, origin, number, first, last)) = oldest else {
        return Ok(false);
    };
    tx.prepare_cached("DELETE FROM segment WHERE bucket = ?1 AND origin = ?2 AND number = ?3")?
        .execute(params![bucket, origin, number])?;
    tx.prepare_cached(
        "INSERT INTO expiring (batch) SELECT id FROM batch
         WHERE bucket = ?1 AND origin = ?2 AND epoch BETWEEN ?3 AND ?4",
    )?
    .execute(params![bucket, origin, first, last])?;
    tx.prepare_cached(
        "UPDATE chain SET expired_through = max(coalesce(expired_through, 0), ?2),
             segment_expired = max(coalesce(segment_expired, 0), ?3)
         WHERE bucket = ?1 AND origin = ?4",
    )?
    .execute(params![bucket, last, number, origin])?;
    Ok(true)
}

/// Lists some of the oldest batches outside segments.
fn list_batches(tx: &Transaction<'_>, kind: Kind, before: UnixTime) -> Result<bool, WriteError> {
    let batches: Vec<(i64, u32, i64, [u8; 32])> = tx
        .prepare_cached(
            "SELECT id, bucket, epoch, origin FROM batch AS b WHERE lobby = ?1 AND closed_at < ?2
             AND coalesce((SELECT last FROM segment AS s WHERE s.bucket = b.bucket
                 AND s.origin = b.origin AND s.first <= b.epoch ORDER BY s.first DESC LIMIT 1), -1) < b.epoch
             ORDER BY closed_at LIMIT ?3",
        )?
        .query_map(
            params![kind, integer(before.0), BATCHES],
            |row| row.try_into(),
        )?
        .collect::<rusqlite::Result<_>>()?;
    for (id, bucket, epoch, origin) in &batches {
        tx.prepare_cached("INSERT INTO expiring (batch) VALUES (?1)")?
            .execute([id])?;
        tx.prepare_cached(
            "UPDATE chain SET expired_through = max(coalesce(expired_through, 0), ?2)
             WHERE bucket = ?1 AND origin = ?3",
        )?
        .execute(params![bucket, epoch, origin])?;
    }
    Ok(!batches.is_empty())
}

/// Deletes up to `most` digests of a batch's cells, starting at `from`. Returns
/// their number.
fn forget(tx: &Transaction<'_>, id: i64, from: u64, most: usize) -> Result<usize, WriteError> {
    let batch = tx.blob_open(MAIN_DB, "batch", "bytes", id, true)?;
    let mut head = [0; BATCH_HEADER_LEN];
    batch.read_at_exact(&mut head, 0)?;
    let header = BatchHeader::decode(&head).map_err(StoreError::from)?;
    // A cell that was posted to two origins is in two batches.
    let mut one_less =
        tx.prepare_cached("UPDATE seen SET more = more - 1 WHERE digest = ?1 AND more > 0")?;
    let mut delete = tx.prepare_cached("DELETE FROM seen WHERE digest = ?1")?;
    let size = header.cell_size.bytes();
    let mut cell = vec![0; size];
    let cells = (from..u64::from(header.count)).take(most);
    let count = cells.clone().count();
    for number in cells {
        let number = usize::try_from(number).map_err(|_| StoreError::Damaged)?;
        batch.read_at_exact(&mut cell, BATCH_HEADER_LEN + number * size)?;
        let digest = <[u8; 32]>::from(Sha256::digest(&cell));
        if one_less.execute([digest])? == 0 {
            delete.execute([digest])?;
        }
    }
    Ok(count)
}

fn delete(tx: &Transaction<'_>, id: i64) -> Result<(), WriteError> {
    for sql in [
        "DELETE FROM expiring WHERE batch = ?1",
        "DELETE FROM batch WHERE id = ?1",
    ] {
        tx.prepare_cached(sql)?.execute([id])?;
    }
    Ok(())
}
