//! The end of an epoch: pending cells become part of a batch.

use rusqlite::{OptionalExtension as _, Transaction, params};
use tessera::wire::{BatchHeader, BucketId, Cell, HeaderHash, OriginKey, batch::BatchPlace};

use super::{error::WriteError, pending, schema::integer};
use crate::{
    random,
    store::{Assembled, Closing, StoreError, assemble},
};

/// Publishes one batch for each bucket. All or nothing.
pub(super) fn close(
    tx: &Transaction<'_>,
    closing: Closing,
    key: &OriginKey,
) -> Result<(), WriteError> {
    let mut cover = closing.cover;
    let mut rng = random::system();
    let (mut grew, mut digests) = (false, Vec::new());
    for bucket in closing.buckets {
        let waiting = pending::waiting(tx, bucket)?;
        let draw = closing.rule.draw(waiting, &mut rng);
        grew |= closing.rule.shows(draw);
        let real = if draw.real < waiting.cells {
            pending::take_some(tx, bucket, draw.real, closing.cell_size)?
        } else {
            pending::take_all(tx, bucket, closing.cell_size)?
        };
        let cover: Vec<Cell> = cover
            .len()
            .checked_sub(draw.cover)
            .map(|rest| cover.split_off(rest))
            .ok_or(StoreError::Misused)?;
        let place = BatchPlace {
            bucket,
            epoch: closing.epoch,
            closed_at: closing.closed_at,
            prev: chain_head(tx, bucket, closing.epoch)?,
        };
        let batch = assemble(&place, real, cover, closing.cell_size, key, &mut rng)
            .map_err(StoreError::from)?;
        publish(tx, &batch)?;
        digests.extend(batch.digests);
    }
    remember(tx, digests)?;
    if grew {
        // Neither which bucket nor how much: batches go after their retention, logs may stay.
        tracing::warn!("more cells were posted than --cover-cells hides: batches have grown");
    }
    Ok(())
}

/// The hash the next header names; an epoch that is not later than the last
/// is a defect, and published nothing.
fn chain_head(
    tx: &Transaction<'_>,
    bucket: BucketId,
    epoch: u64,
) -> Result<HeaderHash, WriteError> {
    let head: Option<(i64, [u8; 32])> = tx
        .prepare_cached("SELECT epoch, head FROM chain WHERE bucket = ?1")?
        .query_row([bucket.get()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    match head {
        None => Ok(BatchHeader::NO_PREV),
        Some((last, head)) if last < integer(epoch) => Ok(HeaderHash(head)),
        Some(_) => Err(StoreError::Misused.into()),
    }
}

fn publish(tx: &Transaction<'_>, batch: &Assembled) -> Result<(), WriteError> {
    let header = &batch.header;
    let (bucket, lobby) = (header.bucket.get(), header.bucket.is_lobby());
    let (epoch, closed_at) = (integer(header.epoch), integer(header.closed_at.0));
    tx.prepare_cached(
        "INSERT INTO batch (bucket, lobby, origin, epoch, closed_at, header, bytes)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        bucket,
        lobby,
        header.origin.0,
        epoch,
        closed_at,
        header.encode(),
        batch.bytes
    ])?;
    tx.prepare_cached(
        "INSERT INTO chain (bucket, lobby, epoch, closed_at, head) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (bucket) DO UPDATE SET epoch = ?3, closed_at = ?4, head = ?5",
    )?
    .execute(params![bucket, lobby, epoch, closed_at, header.hash().0])?;
    Ok(())
}

/// Adds to the index over all published cells: sorted, so that neighbours in
/// it are written together.
fn remember(tx: &Transaction<'_>, mut digests: Vec<[u8; 32]>) -> Result<(), WriteError> {
    digests.sort_unstable();
    let mut seen = tx.prepare_cached("INSERT OR IGNORE INTO seen (digest) VALUES (?1)")?;
    for digest in &digests {
        seen.execute([digest])?;
    }
    Ok(())
}
