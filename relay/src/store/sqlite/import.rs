//! Import of published batches, and proofs of forks.

use rusqlite::{Connection, OptionalExtension as _, Transaction, params};
use tessera::wire::{BATCH_HEADER_LEN, BatchHeader, BucketId, Fork, Origin};

use super::{
    Options,
    close::{chain_end, remember, write},
    error::WriteError,
    schema::integer,
};
use crate::store::{ByKind, Kind, SignedBatch, StoreError};

/// Stores the batches that are not stored yet. Returns their number.
pub(super) fn import(
    tx: &Transaction<'_>,
    batches: &[SignedBatch],
    options: &Options,
) -> Result<ByKind<usize>, WriteError> {
    let mut new = ByKind::<usize>::default();
    for batch in batches {
        let header = &batch.header;
        if header.cell_size != options.cell_size || !options.buckets.contains(header.bucket) {
            return Err(StoreError::Misused.into());
        }
        if is_next(tx, header)? {
            write(tx, batch)?;
            remember(tx, batch.digests())?;
            new[Kind::of(header.bucket)] += 1;
        }
    }
    Ok(new)
}

/// The batches that an import would store now. Fails as that would; stores nothing.
pub(super) fn check(
    tx: &Transaction<'_>,
    mut batches: Vec<SignedBatch>,
    options: &Options,
) -> Result<Vec<SignedBatch>, WriteError> {
    let mut stored = Vec::with_capacity(batches.len());
    for batch in &batches {
        let header = &batch.header;
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
    let chain = chain_end(tx, header.bucket, header.origin)?;
    let Some((last, head)) = chain else {
        return Ok(true);
    };
    if last >= header.epoch {
        let stored = stored_header(tx, header.bucket, header.origin, header.epoch)?;
        return match stored {
            Some(stored) if stored == header.encode() => Ok(false),
            _ => Err(StoreError::Unlinked.into()),
        };
    }
    // What lay between may have been deleted everywhere, as the last one was here.
    let is_held = stored_header(tx, header.bucket, header.origin, last)?.is_some();
    match header.prev == head || !is_held {
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

pub(super) fn keep_fork(tx: &Transaction<'_>, fork: &Fork) -> rusqlite::Result<()> {
    tx.execute(
        "INSERT OR IGNORE INTO fork (origin, proof) VALUES (?1, ?2)",
        params![fork.header().origin.0, fork.encode()],
    )
    .map(drop)
}
