//! A lock that excludes readers while the write-ahead log is truncated.

use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Excludes readers for the moment in which the write-ahead log is truncated.
/// Otherwise continuous readers would prevent truncation for ever.
#[derive(Debug, Default)]
pub(super) struct ReaderGate(RwLock<()>);

impl ReaderGate {
    /// Waits for current readers to finish and blocks new ones.
    pub(super) fn shut(&self) -> RwLockWriteGuard<'_, ()> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn enter(&self) -> RwLockReadGuard<'_, ()> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }
}
