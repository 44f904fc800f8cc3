//! The last published epoch of each kind, which notices follow.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use tessera::base::UnixTime;
use tokio::sync::watch;

use crate::store::{ByKind, Kind, Window};

/// The state of one kind of bucket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Published {
    /// The last visible epoch.
    pub epoch: u64,
    /// Batches closed earlier are past retention.
    pub cutoff: UnixTime,
    /// How often batches of other origins were imported.
    pub imports: u64,
}

impl From<Published> for Window {
    fn from(published: Published) -> Self {
        Self {
            from: published.cutoff,
            through: published.epoch,
        }
    }
}

/// The published epochs, shared between the engines, which write them, and the HTTP
/// interface.
#[derive(Clone, Debug, Default)]
pub struct PublishedEpochs(Arc<ByKind<OfKind>>);

/// What is published of a kind, and the state of its last close.
#[derive(Debug, Default)]
struct OfKind {
    published: watch::Sender<Option<Published>>,
    is_behind: AtomicBool,
    micros: AtomicU64,
}

impl PublishedEpochs {
    /// Nothing published yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The published state of a kind.
    #[must_use]
    pub fn get(&self, kind: Kind) -> Option<Published> {
        *self.0[kind].published.borrow()
    }

    /// Subscribes to the published state of a kind.
    #[must_use]
    pub fn subscribe(&self, kind: Kind) -> watch::Receiver<Option<Published>> {
        self.0[kind].published.subscribe()
    }

    /// Makes an epoch visible, and hides batches closed before `cutoff`.
    pub fn publish(&self, kind: Kind, epoch: u64, cutoff: UnixTime) {
        self.0[kind].published.send_modify(|published| {
            let imports = published.map_or(0, |published| published.imports);
            *published = Some(Published {
                epoch,
                cutoff,
                imports,
            });
        });
    }

    /// Announces imported batches, which are visible since they were stored.
    pub fn imported(&self, kind: Kind) {
        self.0[kind].published.send_modify(|published| {
            published.get_or_insert_default().imports += 1;
        });
    }

    /// Sets whether a bucket of this kind was not closed in time.
    pub fn set_behind(&self, kind: Kind, is_behind: bool) {
        self.0[kind].is_behind.store(is_behind, Ordering::Relaxed);
    }

    /// Sets the duration of the last close of a kind.
    pub fn set_close_time(&self, kind: Kind, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.0[kind].micros.store(micros, Ordering::Relaxed);
    }

    /// Returns `true` if a bucket was not closed in time.
    #[must_use]
    pub fn is_behind(&self) -> bool {
        let is_behind = |kind| self.0[kind].is_behind.load(Ordering::Relaxed);
        Kind::ALL.into_iter().any(is_behind)
    }

    /// The duration of the last close of a kind.
    #[must_use]
    pub fn close_time(&self, kind: Kind) -> Duration {
        Duration::from_micros(self.0[kind].micros.load(Ordering::Relaxed))
    }
}
