//! Migration of chains from before version 4 of the layout, which had one for each
//! bucket: that of the store's origin, after those of former origins.

use rusqlite::{Transaction, params};
use sha2::{Digest as _, Sha256};
use tessera::wire::{BatchHeader, Origin};

use super::settings::{ORIGIN, put_setting};

/// Fills `chain` from `former_chain` and the batches.
pub(super) fn convert(tx: &Transaction<'_>, own: Option<Origin>) -> rusqlite::Result<()> {
    if let Some(own) = own {
        put_setting(tx, ORIGIN, &own.0)?;
        // A store that was restored and has not closed an epoch since has no chains.
        tx.execute(
            "INSERT INTO chain SELECT bucket, ?1, lobby, epoch, closed_at, head, expired_through,
                 (SELECT nullif(max(coalesce(max(number), -1), coalesce(segment_expired, -1)), -1)
                  FROM segment AS s WHERE s.bucket = c.bucket AND s.origin = ?1),
                 segment_expired
             FROM former_chain AS c WHERE head <> ?2",
            params![own.0, BatchHeader::NO_PREV.0],
        )?;
    }
    let mut newest = tx.prepare(
        "SELECT b.bucket, b.origin, b.lobby, b.epoch, b.closed_at, b.header, expired_through,
             (SELECT nullif(max(coalesce(max(number), -1), coalesce(segment_expired, -1)), -1)
              FROM segment AS s WHERE s.bucket = b.bucket AND s.origin = b.origin),
             segment_expired
         FROM batch AS b JOIN former_chain AS c ON c.bucket = b.bucket
         WHERE b.epoch = (SELECT max(epoch) FROM batch AS n
             WHERE n.bucket = b.bucket AND n.origin = b.origin)",
    )?;
    let mut rows = newest.query([])?;
    while let Some(row) = rows.next()? {
        let head = <[u8; 32]>::from(Sha256::digest(row.get_ref(5)?.as_blob()?));
        let origin: [u8; 32] = row.get(1)?;
        if own == Some(Origin(origin)) {
            continue;
        }
        tx.execute(
            "INSERT INTO chain VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            params![
                row.get::<_, i64>(0)?,
                origin,
                row.get::<_, i64>(2)?,
                row.get::<_, i64>(3)?,
                row.get::<_, i64>(4)?,
                head,
                row.get::<_, Option<i64>>(6)?,
                row.get::<_, Option<i64>>(7)?,
                row.get::<_, Option<i64>>(8)?,
            ],
        )?;
    }
    Ok(())
}
