//! Errors of transactions, and their mapping to what a client should do.

use rusqlite::ffi;

use crate::store::StoreError;

/// An error of SQLite, or of the store, that rolls the transaction back.
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

/// Maps an error of SQLite to what a client should do, and logs it otherwise.
/// SQLite's messages name tables and files, never the content of a row.
pub(super) fn store_error(error: &rusqlite::Error) -> StoreError {
    tracing::error!(%error, "SQLite failed");
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

/// Returns `true` if the error shows that the file is damaged.
pub(super) fn is_corrupt(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error().map(|error| error.code);
    matches!(
        code,
        Some(ffi::ErrorCode::DatabaseCorrupt | ffi::ErrorCode::NotADatabase)
    )
}
