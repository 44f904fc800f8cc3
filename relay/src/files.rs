//! Errors that name their file, and files that only their owner may read.

use std::{
    fs::File,
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

/// Why a file cannot be created, read or written.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {error}")]
pub struct PathError {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub error: io::Error,
}

impl PathError {
    /// Adds the path to an error.
    pub fn at(path: &Path) -> impl Fn(io::Error) -> Self + Copy {
        move |error| Self {
            path: path.to_owned(),
            error,
        }
    }
}

/// Why a file is refused. Repeats nothing that may be secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// It cannot be read.
    #[error(transparent)]
    Read(#[from] PathError),
    /// Its content is invalid.
    #[error("{path}: {reason}")]
    Content {
        /// The file, or the first of several.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

impl FileError {
    /// Adds the path to a reason.
    pub fn at(path: &Path) -> impl Fn(String) -> Self {
        move |reason| Self::Content {
            path: path.to_owned(),
            reason,
        }
    }
}

/// Creates a file that only its owner may read. An existing file is never opened.
pub(crate) fn create_private(path: &Path) -> io::Result<File> {
    File::options()
        .create_new(true)
        .write(true)
        .mode(0o600)
        .open(path)
}

/// Makes the names of the files beside this one durable.
pub(crate) fn sync_directory_of(path: &Path) -> io::Result<()> {
    let directory = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
}
