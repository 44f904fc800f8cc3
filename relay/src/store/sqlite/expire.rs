//! Deleting what is past its retention, in small steps that do not hold up
//! posts.

use rusqlite::{Transaction, params};
use sha2::{Digest as _, Sha256};
use tessera::{base::UnixTime, wire::BatchHeader};

use super::{schema::integer, writer::WriteError};
use crate::store::{Kind, StoreError};

/// Batches deleted in one transaction.
const STEP: u32 = 8;

/// Deletes up to [`STEP`] of the oldest batches closed before then, with the
/// digests of their cells, and says how many.
pub(super) fn expire(
    tx: &Transaction<'_>,
    kind: Kind,
    before: UnixTime,
) -> Result<usize, WriteError> {
    let ids: Vec<i64> = tx
        .prepare_cached(
            "SELECT id FROM batch WHERE lobby = ?1 AND closed_at < ?2 ORDER BY closed_at LIMIT ?3",
        )?
        .query_map(
            params![kind == Kind::Lobby, integer(before.0), STEP],
            |row| row.get(0),
        )?
        .collect::<rusqlite::Result<_>>()?;
    for id in &ids {
        delete(tx, *id)?;
    }
    Ok(ids.len())
}

fn delete(tx: &Transaction<'_>, id: i64) -> Result<(), WriteError> {
    let (bucket, epoch, bytes): (u32, i64, Vec<u8>) = tx
        .prepare_cached("DELETE FROM batch WHERE id = ?1 RETURNING bucket, epoch, bytes")?
        .query_row([id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let (head, cells) = bytes.split_first_chunk().ok_or(StoreError::Damaged)?;
    let size = BatchHeader::decode(head)
        .map_err(StoreError::from)?
        .cell_size;
    let mut forget = tx.prepare_cached("DELETE FROM seen WHERE digest = ?1")?;
    for cell in cells.chunks(size.bytes()) {
        forget.execute([<[u8; 32]>::from(Sha256::digest(cell))])?;
    }
    tx.prepare_cached(
        "UPDATE chain SET expired_through = max(coalesce(expired_through, 0), ?2) WHERE bucket = ?1",
    )?
    .execute(params![bucket, epoch])?;
    Ok(())
}
