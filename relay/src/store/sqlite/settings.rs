//! The settings of a store: values by name.

use rusqlite::{Connection, OptionalExtension as _, Transaction, params, types::FromSql};
use tessera::{base::Secret, wire::OriginKey};

use crate::store::Kind;

/// Name of the setting with the bytes of a cell.
pub(super) const CELL_SIZE: &str = "cell_size";
/// Name of the setting with the number of buckets.
pub(super) const BUCKETS: &str = "buckets";
/// Name of the setting with the seed of the signing key.
pub(super) const ORIGIN_SEED: &str = "origin_seed";
/// Name of the setting with the public key, which must fit the seed.
pub(super) const ORIGIN: &str = "origin";
/// Name of the setting, empty, that marks a backup.
pub(super) const BACKUP: &str = "backup";

/// Name of the setting that exists while deletes are suspended.
pub(super) fn hold_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Numbered => "hold_numbered",
        Kind::Lobby => "hold_lobby",
    }
}

pub(super) fn put_setting(
    transaction: &Transaction<'_>,
    name: &str,
    value: &[u8],
) -> rusqlite::Result<()> {
    transaction
        .execute(
            "INSERT OR REPLACE INTO setting (name, value) VALUES (?1, ?2)",
            params![name, value],
        )
        .map(drop)
}

pub(super) fn setting<T: FromSql>(
    connection: &Connection,
    name: &str,
) -> rusqlite::Result<Option<T>> {
    connection
        .query_row("SELECT value FROM setting WHERE name = ?1", [name], |row| {
            row.get(0)
        })
        .optional()
}

/// Reads a numeric setting.
pub(super) fn number(connection: &Connection, name: &str) -> rusqlite::Result<Option<u32>> {
    Ok(setting(connection, name)?.map(u32::from_be_bytes))
}

/// Reads the signing key.
pub(super) fn origin_key(connection: &Connection) -> rusqlite::Result<Option<OriginKey>> {
    let seed: Option<[u8; 32]> = setting(connection, ORIGIN_SEED)?;
    Ok(seed.map(|mut seed| OriginKey::from_seed(&Secret::take(&mut seed))))
}
