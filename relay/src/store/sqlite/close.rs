//! Closing of buckets: waiting cells become part of a batch.

use rusqlite::{MAIN_DB, OptionalExtension as _, Transaction, blob::ZeroBlob, params};
use tessera::wire::{
    BatchHeader, BucketId, Cell, HeaderHash, Origin, OriginKey, batch::BatchPlace,
};

use super::{
    error::WriteError,
    frames::Frames,
    schema::{integer, unsigned},
};
use crate::{
    cover::{CoverRule, Draw, PATIENCE},
    random,
    store::{
        BatchBuilder, Closing, SignedBatch, StoreError,
        queue::{BucketQueue, Queue, Ticket},
    },
};

/// Bytes of a batch that are passed to SQLite at a time.
const CHUNK: usize = 1 << 20;

/// A bucket whose batch is part of an uncommitted transaction.
pub(super) struct Closed {
    pub(super) bucket: BucketId,
    /// The previous state of the queue, in case the transaction fails.
    pub(super) before: BucketQueue,
    /// Length of the batch in bytes.
    pub(super) bytes: usize,
    /// Whether the batch grew for cells that had waited too long.
    pub(super) grew: bool,
    /// Whether cells were left behind because the batch has its maximum size.
    pub(super) is_full: bool,
}

/// The state that a close uses.
pub(super) struct Close<'a> {
    pub(super) closing: &'a Closing,
    pub(super) batch_cells: usize,
    pub(super) key: &'a OriginKey,
    pub(super) frames: &'a Frames,
    pub(super) queue: &'a mut Queue,
}

impl Close<'_> {
    /// Returns `true` if the bucket was already closed in this epoch. An epoch
    /// before its last is a defect.
    pub(super) fn is_done(
        &self,
        tx: &Transaction<'_>,
        bucket: BucketId,
    ) -> Result<bool, WriteError> {
        let end = chain_end(tx, bucket, self.key.origin())?;
        match end.map(|(epoch, _)| epoch.cmp(&self.closing.epoch)) {
            Some(std::cmp::Ordering::Greater) => Err(StoreError::Misused.into()),
            Some(std::cmp::Ordering::Equal) => Ok(true),
            _ => Ok(false),
        }
    }

    /// Writes one batch. On an error the queue is unchanged.
    pub(super) fn bucket(
        &mut self,
        tx: &Transaction<'_>,
        bucket: BucketId,
        cover: &mut Vec<Cell>,
    ) -> Result<Closed, WriteError> {
        let rule = &self.closing.rule;
        let mut rng = random::system();
        let waiting = self.queue.waiting(bucket);
        let draw = rule.draw(waiting, self.batch_cells, &mut rng);
        let blur = rule.blur(&mut rng);
        let patience = matches!(rule, CoverRule::Constant(_)).then_some(PATIENCE);
        let (tickets, before) = self.queue.take(bucket, draw.real, patience, blur);
        let published = self.publish(tx, bucket, draw, &tickets, cover);
        match published {
            Ok(bytes) => Ok(Closed {
                bucket,
                before,
                bytes,
                grew: rule.shows(draw),
                is_full: rule.is_full(waiting, draw),
            }),
            Err(error) => {
                self.queue.put_back(bucket, before);
                Err(error)
            }
        }
    }

    fn publish(
        &self,
        tx: &Transaction<'_>,
        bucket: BucketId,
        draw: Draw,
        tickets: &[Ticket],
        cover: &mut Vec<Cell>,
    ) -> Result<usize, WriteError> {
        let closing = self.closing;
        let mut rng = random::system();
        let kept = cover.len().checked_sub(draw.cover);
        let cover = cover.split_off(kept.ok_or(StoreError::Misused)?);
        let count = tickets.len() + cover.len();
        let mut builder = BatchBuilder::new(count, closing.cell_size, &mut rng);
        let mut put = Ok(());
        self.frames.read(tx, closing.kind(), tickets, |at, cell| {
            if put.is_ok() {
                put = builder.put(at, cell);
            }
        })?;
        put.map_err(StoreError::from)?;
        for (at, cell) in (tickets.len()..).zip(&cover) {
            builder.put(at, cell.as_bytes()).map_err(StoreError::from)?;
        }
        let end = chain_end(tx, bucket, self.key.origin())?;
        let place = BatchPlace {
            bucket,
            epoch: closing.epoch,
            closed_at: closing.closed_at,
            prev: end.map_or(BatchHeader::NO_PREV, |(_, head)| head),
        };
        let batch = builder.sign(&place, self.key).map_err(StoreError::from)?;
        write(tx, &batch)?;
        remember(tx, batch.digests())?;
        Ok(batch.bytes.len())
    }
}

/// The epoch and hash of the last batch of a chain.
pub(super) fn chain_end(
    tx: &Transaction<'_>,
    bucket: BucketId,
    origin: Origin,
) -> rusqlite::Result<Option<(u64, HeaderHash)>> {
    tx.prepare_cached("SELECT epoch, head FROM chain WHERE bucket = ?1 AND origin = ?2")?
        .query_row(params![bucket.get(), origin.0], |row| {
            Ok((unsigned(row.get(0)?), HeaderHash(row.get(1)?)))
        })
        .optional()
}

/// Writes the batch in chunks: SQLite would copy a whole value twice.
pub(super) fn write(tx: &Transaction<'_>, batch: &SignedBatch) -> Result<(), WriteError> {
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
        ZeroBlob(batch.bytes.len() as u64)
    ])?;
    let mut blob = tx.blob_open(MAIN_DB, "batch", "bytes", tx.last_insert_rowid(), false)?;
    for (at, chunk) in (0..).zip(batch.bytes.chunks(CHUNK)) {
        blob.write_at(chunk, at * CHUNK)?;
    }
    blob.close()?;
    tx.prepare_cached(
        "INSERT INTO chain (bucket, origin, lobby, epoch, closed_at, head)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (bucket, origin) DO UPDATE SET epoch = ?4, closed_at = ?5, head = ?6",
    )?
    .execute(params![
        bucket,
        header.origin.0,
        lobby,
        epoch,
        closed_at,
        header.hash().0
    ])?;
    Ok(())
}

/// Adds digests to the index of published cells; sorted, so that neighbouring
/// entries are written together.
pub(super) fn remember(tx: &Transaction<'_>, mut digests: Vec<[u8; 32]>) -> Result<(), WriteError> {
    digests.sort_unstable();
    let mut seen = tx.prepare_cached(
        "INSERT INTO seen (digest) VALUES (?1) ON CONFLICT DO UPDATE SET more = more + 1",
    )?;
    for digest in &digests {
        seen.execute([digest])?;
    }
    Ok(())
}
