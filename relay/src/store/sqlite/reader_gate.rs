//! Keeps readers out while the write-ahead log is cleared.

use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Shut for a moment while the write-ahead log is cleared, which needs that
/// nobody reads: without it, readers that never pause would keep it for ever.
#[derive(Debug, Default)]
pub(super) struct ReaderGate(RwLock<()>);

impl ReaderGate {
    /// Waits until those inside have left; others wait outside.
    pub(super) fn shut(&self) -> RwLockWriteGuard<'_, ()> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn enter(&self) -> RwLockReadGuard<'_, ()> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }
}
