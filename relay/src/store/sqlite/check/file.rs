//! What belongs to no bucket: the file's structure, its layout, the settings,
//! waiting cells, and what is being deleted.

use rusqlite::{Connection, OptionalExtension as _, params};
use sha2::{Digest as _, Sha256};
use tessera::wire::{BucketCount, BucketId, CellSize, Origin};

use super::{
    super::schema::{self, unsigned},
    Place, Report,
};

/// What the rest is checked against.
pub(super) struct Layout {
    pub(super) cell_size: CellSize,
    pub(super) buckets: BucketCount,
    /// Whose chains the store goes on with; none for a backup.
    pub(super) origin: Option<Origin>,
}

pub(super) fn check(
    connection: &Connection,
    report: &mut Report,
) -> rusqlite::Result<Option<Layout>> {
    structure(connection, report)?;
    let Some(layout) = settings(connection, report)? else {
        return Ok(None);
    };
    pending(connection, &layout, report)?;
    deleting(connection, report)?;
    Ok(Some(layout))
}

fn structure(connection: &Connection, report: &mut Report) -> rusqlite::Result<()> {
    let mut lines = connection.prepare("PRAGMA integrity_check(20)")?;
    let mut rows = lines.query([])?;
    while let Some(row) = rows.next()? {
        let line: String = row.get(0)?;
        if line != "ok" {
            report.find(Place::File, line);
        }
    }
    let expected = {
        let mut fresh = Connection::open_in_memory()?;
        schema::migrate(&mut fresh, 0, None)?;
        tables(&fresh)?
    };
    let same = tables(connection)? == expected;
    report.require(same, Place::File, "its tables are not those of a store");
    Ok(())
}

fn tables(connection: &Connection) -> rusqlite::Result<Vec<(String, String, Option<String>)>> {
    connection
        .prepare("SELECT type, name, sql FROM sqlite_schema ORDER BY type, name")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect()
}

fn settings(connection: &Connection, report: &mut Report) -> rusqlite::Result<Option<Layout>> {
    let known = [
        schema::CELL_SIZE,
        schema::BUCKETS,
        schema::ORIGIN_SEED,
        schema::BACKUP,
        "hold_numbered",
        "hold_lobby",
    ];
    let mut names = connection.prepare("SELECT name FROM setting")?;
    for name in names.query_map([], |row| row.get::<_, String>(0))? {
        if !known.contains(&name?.as_str()) {
            report.find(Place::Settings, "one that no relay makes");
        }
    }
    let value = |name| {
        connection
            .query_row("SELECT value FROM setting WHERE name = ?1", [name], |row| {
                row.get::<_, Vec<u8>>(0)
            })
            .optional()
    };
    let number = |name| {
        let bytes: Option<[u8; 4]> = value(name)?.and_then(|bytes| bytes.try_into().ok());
        Ok::<_, rusqlite::Error>(bytes.map(u32::from_be_bytes))
    };
    let cell_size = number(schema::CELL_SIZE)?.and_then(|size| CellSize::try_from(size).ok());
    let buckets = number(schema::BUCKETS)?.and_then(|count| BucketCount::try_from(count).ok());
    report.require(cell_size.is_some(), Place::Settings, "no cell size");
    report.require(buckets.is_some(), Place::Settings, "no bucket count");
    let seed = value(schema::ORIGIN_SEED)?;
    let is_backup = value(schema::BACKUP)?.is_some();
    let fits = seed.as_ref().map(Vec::len) == if is_backup { None } else { Some(32) };
    report.require(
        fits,
        Place::Settings,
        "a store has a signing key, a backup none",
    );
    report.is_backup = is_backup;
    if seed.is_some() && !fits {
        return Ok(None);
    }
    let origin = schema::origin_key(connection)?.map(|key| key.origin());
    Ok(cell_size.zip(buckets).map(|(cell_size, buckets)| Layout {
        cell_size,
        buckets,
        origin,
    }))
}

fn pending(connection: &Connection, layout: &Layout, report: &mut Report) -> rusqlite::Result<()> {
    let mut cells = connection.prepare(
        "SELECT bucket, digest, cell, waited, EXISTS (SELECT 1 FROM seen WHERE seen.digest = pending.digest)
         FROM pending",
    )?;
    let mut rows = cells.query([])?;
    while let Some(row) = rows.next()? {
        report.pending += 1;
        let bucket: i64 = row.get(0)?;
        let is_bucket = u32::try_from(bucket)
            .ok()
            .and_then(|bucket| BucketId::try_from(bucket).ok())
            .is_some_and(|bucket| layout.buckets.contains(bucket));
        report.require(is_bucket, Place::Pending, "one for a bucket that is none");
        let (digest, cell) = (row.get_ref(1)?.as_blob()?, row.get_ref(2)?.as_blob()?);
        let fits = Sha256::digest(cell).as_slice() == digest;
        report.require(fits, Place::Pending, "one with another digest");
        let fits = cell.len() == layout.cell_size.bytes();
        report.require(fits, Place::Pending, "one of another size");
        report.require(
            row.get::<_, i64>(3)? >= 0,
            Place::Pending,
            "one that waited less than not at all",
        );
        report.require(
            !row.get::<_, bool>(4)?,
            Place::Pending,
            "one that is published already",
        );
    }
    let none = !report.is_backup || report.pending == 0;
    report.require(none, Place::Pending, "in a backup");
    Ok(())
}

fn deleting(connection: &Connection, report: &mut Report) -> rusqlite::Result<()> {
    let mut listed = connection
        .prepare("SELECT batch, forgotten, header FROM expiring LEFT JOIN batch ON id = batch")?;
    let mut rows = listed.query(params![])?;
    while let Some(row) = rows.next()? {
        let header: Option<Vec<u8>> = row.get(2)?;
        let count = header
            .as_deref()
            .and_then(|header| header.get(120..124)?.try_into().ok())
            .map(u32::from_be_bytes);
        let forgotten: i64 = row.get(1)?;
        let fits =
            count.is_some_and(|count| forgotten >= 0 && unsigned(forgotten) <= u64::from(count));
        report.require(
            fits,
            Place::Deleting,
            "one that is not there, or not so large",
        );
    }
    Ok(())
}
