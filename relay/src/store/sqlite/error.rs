//! What goes wrong in a transaction, and what a client should do about it.

use rusqlite::ffi;

use crate::store::StoreError;

/// Either SQLite's error, or one of ours that rolls the transaction back.
pub(super) enum WriteError {
    Sqlite(rusqlite::Error),
    Store(StoreError),
}

impl From<rusqlite::Error> for WriteError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<StoreError> for WriteError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl WriteError {
    pub(super) fn into_store(self) -> StoreError {
        match self {
            Self::Store(error) => error,
            Self::Sqlite(error) => store_error(&error),
        }
    }
}

/// Tells SQLite's errors apart by what a client should do, and logs the rest.
/// SQLite's messages name tables and files, never what a row holds.
pub(super) fn store_error(error: &rusqlite::Error) -> StoreError {
    tracing::error!(%error, "SQLite refused");
    let Some(code) = error.sqlite_error() else {
        return StoreError::Damaged;
    };
    match (code.code, code.extended_code) {
        (_, ffi::SQLITE_IOERR_FSYNC | ffi::SQLITE_IOERR_DIR_FSYNC) => StoreError::Failed,
        (ffi::ErrorCode::DiskFull, _) => StoreError::Full,
        (ffi::ErrorCode::DatabaseBusy | ffi::ErrorCode::DatabaseLocked, _) => StoreError::Busy,
        (ffi::ErrorCode::DatabaseCorrupt | ffi::ErrorCode::NotADatabase, _) => StoreError::Damaged,
        _ => StoreError::Unavailable,
    }
}

/// Whether the file is damaged, as far as this error shows.
pub(super) fn is_corrupt(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error().map(|error| error.code);
    matches!(
        code,
        Some(ffi::ErrorCode::DatabaseCorrupt | ffi::ErrorCode::NotADatabase)
    )
}
