//! Errors of opening a store and of transactions, and their mapping to what a client
//! should do.

use std::path::{Path, PathBuf};

use rusqlite::ffi;

use crate::{
    files::PathError,
    store::{StoreError, ratchet::KeyFileError},
};

/// Why a store cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// A file cannot be created.
    #[error(transparent)]
    Directory(#[from] PathError),
    /// Another relay has it open.
    #[error("{0}: in use by another relay")]
    InUse(PathBuf),
    /// SQLite failed.
    #[error("{path}: {error}")]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// Why.
        error: rusqlite::Error,
    },
    /// A database of another program.
    #[error("{0}: another program's database")]
    Foreign(PathBuf),
    /// Written by a newer version.
    #[error("{0}: written by a newer version of tessera-relay")]
    Newer(PathBuf),
    /// Written by an older version, and the caller may not change it.
    #[error("{0}: written by an older version of tessera-relay; start a relay on it to migrate it")]
    Older(PathBuf),
    /// Created for another cell size or bucket count.
    #[error("{path}: created with {what} {stored}, not {asked}")]
    Other {
        /// The file.
        path: PathBuf,
        /// The setting.
        what: &'static str,
        /// The value in the store.
        stored: u32,
        /// The requested value.
        asked: u32,
    },
    /// A store on NATS servers, for a command that reads a file.
    #[error("a store on NATS servers: name a member's view, sqlite://STATE-DIR/view.db")]
    Shared,
    /// The view of another origin, or written by another version.
    #[error("{0}: the view of another origin or version; delete it: it is rebuilt from the log")]
    OtherView(PathBuf),
    /// The store is inconsistent.
    #[error("{0}: damaged")]
    Damaged(PathBuf),
    /// The key file cannot be used.
    #[error(transparent)]
    Keys(#[from] KeyFileError),
    /// The key file has no key for the waiting cells.
    #[error(
        "{0}: does not contain the key of the store's waiting cells: restore the key file that belongs to this store"
    )]
    KeyMissing(PathBuf),
}

impl OpenError {
    /// Adds the path to an error of SQLite.
    pub(super) fn sqlite(path: &Path) -> impl Fn(rusqlite::Error) -> Self + Copy {
        move |error| Self::Sqlite {
            path: path.to_owned(),
            error,
        }
    }
}

/// An error of SQLite, or of the store, that rolls the transaction back.
#[derive(Debug, thiserror::Error)]
pub(super) enum WriteError {
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl WriteError {
    pub(super) fn into_store(self) -> StoreError {
        match self {
            Self::Store(error) => error,
            Self::Sqlite(error) => store_error(error),
        }
    }
}

/// Maps an error of SQLite to what a client should do, and logs it otherwise.
/// SQLite's messages name tables and files, never the content of a row.
pub(super) fn store_error(error: rusqlite::Error) -> StoreError {
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
