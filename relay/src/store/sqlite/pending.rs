//! Cells that wait for the end of the epoch.

use rusqlite::{Transaction, params};
use tessera::wire::{BucketId, Cell, CellSize, Entry};

use super::error::WriteError;
use crate::{
    cover::{PATIENCE, Waiting},
    random,
    store::StoreError,
};

/// Keeps those cells that are neither pending nor published.
pub(super) fn put(tx: &Transaction<'_>, entries: &[Entry]) -> Result<(), WriteError> {
    let mut seen = tx.prepare_cached("SELECT 1 FROM seen WHERE digest = ?1")?;
    let mut insert = tx.prepare_cached(
        "INSERT OR IGNORE INTO pending (bucket, digest, cell) VALUES (?1, ?2, ?3)",
    )?;
    for entry in entries {
        let digest = entry.cell.sha256();
        if !seen.exists([&digest])? {
            insert.execute(params![entry.bucket.get(), digest, entry.cell.as_bytes()])?;
        }
    }
    Ok(())
}

/// What waits in a bucket.
pub(super) fn waiting(tx: &Transaction<'_>, bucket: BucketId) -> Result<Waiting, WriteError> {
    let mut count = tx.prepare_cached(
        "SELECT count(*), count(*) FILTER (WHERE waited >= ?2) FROM pending WHERE bucket = ?1",
    )?;
    let (cells, overdue): (u32, u32) = count.query_row([bucket.get(), PATIENCE], |row| {
        Ok((row.get(0)?, row.get(1)?))
    })?;
    Ok(Waiting {
        cells: cells as usize,
        overdue: overdue as usize,
    })
}

/// Takes every cell out of a bucket.
pub(super) fn take_all(
    tx: &Transaction<'_>,
    bucket: BucketId,
    size: CellSize,
) -> Result<Vec<Cell>, WriteError> {
    let mut cells = tx.prepare_cached("SELECT cell FROM pending WHERE bucket = ?1")?;
    let cells: Vec<Vec<u8>> = cells
        .query_map([bucket.get()], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    tx.prepare_cached("DELETE FROM pending WHERE bucket = ?1")?
        .execute([bucket.get()])?;
    let parsed = cells.into_iter().map(|bytes| Cell::parse(bytes, size));
    Ok(parsed
        .collect::<Result<_, _>>()
        .map_err(|_| StoreError::Damaged)?)
}

/// Takes `want` cells out of a bucket in which more wait: those that were
/// left behind most often first, at random among equals. The rest has waited
/// once more.
pub(super) fn take_some(
    tx: &Transaction<'_>,
    bucket: BucketId,
    want: usize,
    size: CellSize,
) -> Result<Vec<Cell>, WriteError> {
    let mut keys = tx.prepare_cached("SELECT waited, digest FROM pending WHERE bucket = ?1")?;
    let mut keys: Vec<(i64, [u8; 32])> = keys
        .query_map([bucket.get()], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    random::shuffle(&mut keys, &mut random::system());
    keys.sort_by_key(|(waited, _)| std::cmp::Reverse(*waited));
    keys.truncate(want);
    let mut remove =
        tx.prepare_cached("DELETE FROM pending WHERE bucket = ?1 AND digest = ?2 RETURNING cell")?;
    let mut cells = Vec::with_capacity(keys.len());
    for (_, digest) in keys {
        let bytes: Vec<u8> = remove.query_row(params![bucket.get(), digest], |row| row.get(0))?;
        cells.push(Cell::parse(bytes, size).map_err(|_| StoreError::Damaged)?);
    }
    tx.prepare_cached("UPDATE pending SET waited = waited + 1 WHERE bucket = ?1")?
        .execute([bucket.get()])?;
    Ok(cells)
}
