//! Migration of batches from before version 3 of the layout: their headers
//! (`TSB1`) are replaced by newly signed ones of the second version.
//!
//! Readers of the last such batch see one gap in the chain and lose nothing. A
//! batch of a former origin, whose key is gone, cannot be signed and is deleted.

use rusqlite::{Transaction, params};
use tessera::{
    base::UnixTime,
    wire::{
        BATCH_HEADER_LEN, BatchHeader, BucketId, CellSize, HeaderHash, Origin, OriginKey,
        batch::BatchPlace,
    },
};

pub(super) fn resign(
    transaction: &Transaction<'_>,
    key: Option<&OriginKey>,
) -> rusqlite::Result<()> {
    // Segments contain digests of bytes that change; closes make new ones.
    transaction.execute("DELETE FROM segment", [])?;
    let mut ids = transaction.prepare("SELECT id FROM batch ORDER BY bucket, epoch")?;
    let ids: Vec<i64> = ids
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let (mut bucket, mut prev) = (None, BatchHeader::NO_PREV);
    for id in ids {
        let sql = "SELECT bytes FROM batch WHERE id = ?1";
        let bytes: Vec<u8> = transaction.query_row(sql, [id], |row| row.get(0))?;
        let own = read(&bytes).zip(key);
        let Some((old, key)) = own.filter(|(old, key)| old.origin == key.origin()) else {
            transaction.execute("DELETE FROM batch WHERE id = ?1", [id])?;
            continue;
        };
        if bucket.replace(old.bucket) != Some(old.bucket) {
            prev = BatchHeader::NO_PREV;
        }
        prev = sign(transaction, id, &old, prev, key)?;
    }
    transaction.execute(
        "DELETE FROM expiring WHERE batch NOT IN (SELECT id FROM batch)",
        [],
    )?;
    Ok(())
}

/// Signs one batch and returns the hash for the next one.
fn sign(
    transaction: &Transaction<'_>,
    id: i64,
    old: &Batch<'_>,
    prev: HeaderHash,
    key: &OriginKey,
) -> rusqlite::Result<HeaderHash> {
    let place = BatchPlace {
        bucket: old.bucket,
        epoch: old.epoch,
        closed_at: old.closed_at,
        prev,
    };
    let Ok(header) = BatchHeader::sign(&place, old.cells, old.cell_size, key) else {
        transaction.execute("DELETE FROM batch WHERE id = ?1", [id])?;
        return Ok(prev);
    };
    transaction.execute(
        "UPDATE batch SET header = ?2, bytes = ?3 WHERE id = ?1",
        params![
            id,
            header.encode(),
            [&header.encode()[..], old.cells].concat()
        ],
    )?;
    let head = header.hash();
    transaction.execute(
        "UPDATE former_chain SET head = ?2 WHERE bucket = ?1",
        params![old.bucket.get(), head.0],
    )?;
    Ok(head)
}

/// A batch with the first version of the header, without digest and signature.
struct Batch<'a> {
    bucket: BucketId,
    origin: Origin,
    epoch: u64,
    closed_at: UnixTime,
    cell_size: CellSize,
    cells: &'a [u8],
}

fn read(bytes: &[u8]) -> Option<Batch<'_>> {
    let (header, cells) = bytes.split_at_checked(BATCH_HEADER_LEN)?;
    let u32_at = |at: usize| Some(u32::from_be_bytes(*header.get(at..)?.first_chunk()?));
    let u64_at = |at: usize| Some(u64::from_be_bytes(*header.get(at..)?.first_chunk()?));
    header.starts_with(b"TSB1").then_some(())?;
    Some(Batch {
        bucket: u32_at(4)?.try_into().ok()?,
        origin: Origin(*header.get(8..)?.first_chunk()?),
        epoch: u64_at(40)?,
        closed_at: UnixTime(u64_at(48)?),
        cell_size: u32_at(124)?.try_into().ok()?,
        cells,
    })
}
