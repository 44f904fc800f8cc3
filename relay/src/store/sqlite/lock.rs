//! The lock of a store: two processes that write one file would fork the chain.

use std::{
    fs::{File, TryLockError},
    path::Path,
    time::{Duration, Instant},
};

use super::{OpenError, with_suffix};
use crate::files::PathError;

/// Takes the lock for writing, creating its file.
pub(super) fn lock(path: &Path) -> Result<File, OpenError> {
    let path_of_lock = with_suffix(path, ".lock");
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path_of_lock)
        .map_err(PathError::at(&path_of_lock))?;
    take_lock(path, &path_of_lock, file)
}

/// Takes the lock for reading, without creating its file.
pub(super) fn lock_existing(path: &Path) -> Result<Option<File>, OpenError> {
    let path_of_lock = with_suffix(path, ".lock");
    match File::open(&path_of_lock) {
        Ok(file) => take_lock(path, &path_of_lock, file).map(Some),
        Err(_) => Ok(None),
    }
}

/// How long a lock may be held that nobody uses: a process that was just forked
/// holds the files of its parent until its exec.
const PATIENCE: Duration = Duration::from_secs(1);

fn take_lock(path: &Path, path_of_lock: &Path, file: File) -> Result<File, OpenError> {
    let start = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if start.elapsed() < PATIENCE => {
                std::thread::sleep(Duration::from_millis(10));
            }
            Err(TryLockError::WouldBlock) => return Err(OpenError::InUse(path.to_owned())),
            Err(TryLockError::Error(error)) => {
                return Err(PathError::at(path_of_lock)(error).into());
            }
        }
    }
}
