//! What readers may see: the last published epoch of each kind. Streams of
//! notices watch it.

use std::sync::Arc;

use tessera::base::UnixTime;
use tokio::sync::watch;

use crate::store::{Kind, Window};

/// The state of one kind of bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published {
    /// The last epoch readers may see.
    pub epoch: u64,
    /// Batches closed earlier are past retention.
    pub cutoff: UnixTime,
}

impl From<Published> for Window {
    fn from(published: Published) -> Self {
        Self {
            from: published.cutoff,
            through: published.epoch,
        }
    }
}

/// Shared between the engines, which write it, and the HTTP interface.
#[derive(Clone, Debug)]
pub struct PublishedEpochs {
    numbered: Arc<watch::Sender<Option<Published>>>,
    lobby: Arc<watch::Sender<Option<Published>>>,
}

impl Default for PublishedEpochs {
    fn default() -> Self {
        let empty = || Arc::new(watch::Sender::new(None));
        Self {
            numbered: empty(),
            lobby: empty(),
        }
    }
}

impl PublishedEpochs {
    /// Nothing published yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What is visible of a kind.
    #[must_use]
    pub fn get(&self, kind: Kind) -> Option<Published> {
        *self.of(kind).borrow()
    }

    /// What is visible of a kind, now and later.
    #[must_use]
    pub fn subscribe(&self, kind: Kind) -> watch::Receiver<Option<Published>> {
        self.of(kind).subscribe()
    }

    /// Makes an epoch visible.
    pub fn publish(&self, kind: Kind, published: Published) {
        self.of(kind).send_replace(Some(published));
    }

    fn of(&self, kind: Kind) -> &watch::Sender<Option<Published>> {
        match kind {
            Kind::Numbered => &self.numbered,
            Kind::Lobby => &self.lobby,
        }
    }
}
