//! The connections of queries, and a lock that excludes them while the write-ahead
//! log is truncated.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
    time::Duration,
};

use rusqlite::Connection;

use super::error::store_error;
use crate::{lock::lock, store::StoreError};

/// Maximum number of idle connections.
const KEPT: usize = 16;

/// A pool of read-only connections.
pub(super) struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
    gate: Arc<ReaderGate>,
}

impl Readers {
    pub(super) fn new(path: PathBuf, gate: Arc<ReaderGate>) -> Self {
        Self {
            path,
            idle: Mutex::new(Vec::new()),
            gate,
        }
    }

    /// Runs a query on a connection of the pool.
    pub(super) fn run<T>(
        &self,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let _inside = self.gate.enter();
        let idle = lock(&self.idle).pop();
        let connection = idle.map_or_else(|| self.open(), Ok).map_err(store_error)?;
        let value = query(&connection).map_err(store_error)?;
        let mut idle = lock(&self.idle);
        if idle.len() < KEPT {
            idle.push(connection);
        }
        Ok(value)
    }

    fn open(&self) -> rusqlite::Result<Connection> {
        let connection = Connection::open(&self.path)?;
        connection.busy_timeout(Duration::from_secs(5))?;
        connection.pragma_update(None, "query_only", true)?;
        Ok(connection)
    }
}

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
