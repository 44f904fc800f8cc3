//! Reading of waiting cells from their frames.

use rusqlite::Connection;
use sha2::{Digest as _, Sha256};
use tessera::wire::{BucketId, CellSize};

use super::super::{error::WriteError, schema::unsigned};
use crate::store::{
    Kind, StoreError,
    queue::{Ticket, cell_id},
    ratchet::{
        KeyFile,
        frame::{Frame, FrameError},
    },
};

/// Visits every waiting cell of a kind, in order of arrival. Published cells remain
/// in their frame until the end of the epoch and are skipped, as are second copies
/// that were being carried over. Fails with [`StoreError::Damaged`] if no key opens a
/// frame.
pub(in super::super) fn for_each_waiting(
    connection: &Connection,
    keys: &KeyFile,
    kind: Kind,
    cell_size: CellSize,
    mut each: impl FnMut(BucketId, Ticket),
) -> Result<(), WriteError> {
    let mut published = connection.prepare("SELECT 1 FROM seen WHERE digest = ?1")?;
    let mut frames =
        connection.prepare("SELECT id, step, bytes FROM frame WHERE lobby = ?1 ORDER BY id")?;
    let mut rows = frames.query([kind])?;
    while let Some(row) = rows.next()? {
        let (id, step, bytes) = (row.get(0)?, unsigned(row.get(1)?), row.get(2)?);
        let key = keys.get(kind, step).ok_or(StoreError::Damaged)?;
        let frame = Frame::open(key, kind, step, bytes, cell_size.bytes())
            .map_err(|FrameError| StoreError::Damaged)?;
        for (place, entry) in (0..).zip(frame.entries()) {
            let Ok(bucket) = BucketId::try_from(entry.bucket) else {
                continue;
            };
            let digest = <[u8; 32]>::from(Sha256::digest(entry.cell));
            if !published.exists([&digest])? {
                let ticket = Ticket {
                    frame: id,
                    place,
                    waited: entry.waited,
                    cell: cell_id(&digest),
                };
                each(bucket, ticket);
            }
        }
    }
    Ok(())
}
