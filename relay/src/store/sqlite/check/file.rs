//! Checks of everything outside buckets: the file's structure, its tables, the
//! settings, waiting cells, and batches being deleted.

use std::{collections::HashSet, path::Path};

use rusqlite::{Connection, params};
use tessera::wire::{BucketCount, CellSize, Origin};

use super::{
    super::{
        error::WriteError,
        frames,
        schema::{self, unsigned},
        settings, view,
    },
    Place, Report,
};
use crate::store::{Kind, ratchet::KeyFile};

/// The settings against which the rest is checked.
pub(super) struct Layout {
    pub(super) cell_size: CellSize,
    pub(super) buckets: BucketCount,
    /// The origin whose chains the store continues; none for a backup.
    pub(super) origin: Option<Origin>,
    /// Whether it is a member's view of a log, with its own index of digests.
    pub(super) is_view: bool,
}

pub(super) fn check(
    connection: &Connection,
    store: &Path,
    report: &mut Report,
) -> rusqlite::Result<Option<Layout>> {
    structure(connection, report)?;
    let Some(layout) = settings(connection, report)? else {
        return Ok(None);
    };
    waiting(connection, store, &layout, report)?;
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
        schema::create_tables(&mut fresh)?;
        if is_view(connection)? {
            fresh.execute_batch(view::TABLES)?;
        }
        tables(&fresh)?
    };
    let same = tables(connection)? == expected;
    report.require(same, Place::File, "the tables differ from those of a store");
    Ok(())
}

fn is_view(connection: &Connection) -> rusqlite::Result<bool> {
    connection
        .prepare("SELECT 1 FROM setting WHERE name = ?1")?
        .exists([view::VIEW])
}

fn tables(connection: &Connection) -> rusqlite::Result<Vec<(String, String, Option<String>)>> {
    connection
        .prepare("SELECT type, name, sql FROM sqlite_schema ORDER BY type, name")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect()
}

fn settings(connection: &Connection, report: &mut Report) -> rusqlite::Result<Option<Layout>> {
    let known = [
        settings::CELL_SIZE,
        settings::BUCKETS,
        settings::ORIGIN_SEED,
        settings::ORIGIN,
        settings::BACKUP,
        settings::hold_name(Kind::Numbered),
        settings::hold_name(Kind::Lobby),
        view::VIEW,
        view::LEVEL,
    ];
    let mut names = connection.prepare("SELECT name FROM setting")?;
    for name in names.query_map([], |row| row.get::<_, String>(0))? {
        if !known.contains(&name?.as_str()) {
            report.find(Place::Settings, "unknown setting");
        }
    }
    let value = |name| settings::setting::<Vec<u8>>(connection, name);
    let number = |name| {
        let bytes: Option<[u8; 4]> = value(name)?.and_then(|bytes| bytes.try_into().ok());
        Ok::<_, rusqlite::Error>(bytes.map(u32::from_be_bytes))
    };
    let cell_size = number(settings::CELL_SIZE)?.and_then(|size| CellSize::try_from(size).ok());
    let buckets = number(settings::BUCKETS)?.and_then(|count| BucketCount::try_from(count).ok());
    report.require(cell_size.is_some(), Place::Settings, "no cell size");
    report.require(buckets.is_some(), Place::Settings, "no bucket count");
    let seed = value(settings::ORIGIN_SEED)?;
    let is_backup = value(settings::BACKUP)?.is_some();
    let is_view = is_view(connection)?;
    let wanted = if is_backup || is_view { None } else { Some(32) };
    let fits = seed.as_ref().map(Vec::len) == wanted;
    report.require(
        fits,
        Place::Settings,
        "a store must have a signing key, and a backup or view none",
    );
    report.is_backup = is_backup;
    if seed.is_some() && !fits {
        return Ok(None);
    }
    let (origin, named) = match is_view {
        true => {
            let named = value(view::VIEW)?;
            let origin = named.as_ref().and_then(|bytes| bytes.first_chunk());
            (origin.copied().map(Origin), named)
        }
        false => {
            let key = settings::origin_key(connection)?;
            (key.map(|key| key.origin()), value(settings::ORIGIN)?)
        }
    };
    report.require(
        named == origin.map(|origin| origin.0.to_vec()),
        Place::Settings,
        "the signing key is not that of the origin",
    );
    Ok(cell_size.zip(buckets).map(|(cell_size, buckets)| Layout {
        cell_size,
        buckets,
        origin,
        is_view,
    }))
}

/// Checks that every frame opens, every cell is valid for this relay, and a backup
/// has none.
fn waiting(
    connection: &Connection,
    store: &Path,
    layout: &Layout,
    report: &mut Report,
) -> rusqlite::Result<()> {
    let mut steps =
        connection.prepare("SELECT lobby FROM ratchet WHERE step > 0 ORDER BY lobby")?;
    let kinds: Vec<i64> = steps
        .query_map([], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    report.require(
        kinds == [0, 1],
        Place::Pending,
        "the step of a ratchet is missing",
    );
    let (frames, strange): (i64, i64) = connection.query_row(
        "SELECT count(*), count(*) FILTER (WHERE lobby NOT IN (0, 1)) FROM frame",
        [],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    report.require(
        strange == 0,
        Place::Pending,
        "a frame of an unknown kind of bucket",
    );
    report.require(
        frames == 0 || !report.is_backup,
        Place::Pending,
        "in a backup",
    );
    let keys = match KeyFile::open_read_only(&frames::key_path(store)) {
        Ok(keys) => keys,
        Err(_) if frames == 0 => return Ok(()),
        Err(error) => {
            report.find(Place::Pending, format!("no key file: {error}"));
            return Ok(());
        }
    };
    let mut cells = HashSet::new();
    for kind in Kind::ALL {
        let step = frames::current_step(connection, kind)?;
        let has_key = keys.get(kind, step).is_some();
        report.require(has_key, Place::Pending, "the key of this step is missing");
        let mut fit = true;
        let read = frames::for_each_waiting(
            connection,
            &keys,
            kind,
            layout.cell_size,
            |bucket, ticket| {
                fit &= Kind::of(bucket) == kind && layout.buckets.contains(bucket);
                cells.insert(ticket.cell);
            },
        );
        match read {
            Ok(()) => (),
            Err(WriteError::Sqlite(error)) => return Err(error),
            Err(WriteError::Store(_)) => {
                report.find(Place::Pending, "a frame that no key in the key file opens");
            }
        }
        report.require(fit, Place::Pending, "a cell for an invalid bucket");
    }
    report.pending = cells.len() as u64;
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
            "a batch that does not exist or is smaller",
        );
    }
    Ok(())
}
