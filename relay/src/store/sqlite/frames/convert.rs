//! Conversion of the plaintext rows of waiting cells from before version 3.

use std::path::Path;

use rusqlite::{Transaction, params};
use tessera::wire::{BucketId, CellSize};

use super::{
    super::{OpenError, schema::integer},
    FRAME_CELLS, key_path,
};
use crate::{
    files::PathError,
    store::{
        Kind,
        ratchet::{
            KeyFile, StepKey,
            frame::{FrameEntry, FrameError, Sealer},
        },
    },
};

/// The first step of a store.
const FIRST_STEP: u64 = 1;

/// Creates the key file for a store from before version 3, which has no frames.
pub(in super::super) fn first_keys(path: &Path) -> Result<KeyFile, OpenError> {
    let mut keys = KeyFile::open(&key_path(path))?;
    for kind in Kind::ALL {
        let put = keys.put(kind, FIRST_STEP, StepKey::random());
        put.map_err(PathError::at(keys.path()))?;
    }
    Ok(keys)
}

/// Seals the rows of a store from before version 3, oldest first.
pub(in super::super) fn seal_rows(
    tx: &Transaction<'_>,
    keys: &KeyFile,
    cell_size: CellSize,
) -> rusqlite::Result<()> {
    let mut sealer = Sealer::new();
    let mut select = tx.prepare(
        "SELECT bucket, waited, cell FROM pending WHERE (bucket = ?2) = ?1
         ORDER BY waited DESC, digest",
    )?;
    for kind in Kind::ALL {
        let rows: Vec<(u32, u32, Vec<u8>)> = select
            .query_map(params![kind, BucketId::LOBBY.get()], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })?
            .collect::<rusqlite::Result<_>>()?;
        for rows in rows.chunks(FRAME_CELLS) {
            let entries: Vec<_> = rows
                .iter()
                .map(|(bucket, waited, cell)| FrameEntry {
                    bucket: *bucket,
                    waited: u8::try_from(*waited).unwrap_or(u8::MAX),
                    cell,
                })
                .collect();
            let frame = keys
                .get(kind, FIRST_STEP)
                .ok_or(FrameError)
                .and_then(|key| sealer.seal(key, kind, FIRST_STEP, &entries, cell_size.bytes()))
                .map_err(|FrameError| rusqlite::Error::InvalidQuery)?;
            tx.execute(
                "INSERT INTO frame (lobby, step, bytes) VALUES (?1, ?2, ?3)",
                params![kind, integer(FIRST_STEP), frame],
            )?;
        }
    }
    Ok(())
}
