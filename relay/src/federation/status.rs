//! What is known of the other members, for the log and the metrics.

use std::sync::{
    Mutex,
    atomic::{AtomicUsize, Ordering},
};

use super::PullError;
use crate::lock::lock;

/// The outcome of the last request to one member.
#[derive(Clone, Debug)]
pub struct PeerState {
    /// Its name.
    pub name: String,
    /// The last outcome, before the first one `None`.
    pub last: Option<Result<(), PullError>>,
}

/// The outcomes for all members.
#[derive(Debug)]
pub struct Status {
    peers: Mutex<Vec<PeerState>>,
    forks: AtomicUsize,
}

impl Status {
    pub(super) fn new(names: Vec<String>, forks: usize) -> Self {
        let state = |name| PeerState { name, last: None };
        Self {
            peers: Mutex::new(names.into_iter().map(state).collect()),
            forks: AtomicUsize::new(forks),
        }
    }

    /// Records an outcome, and logs it if it differs from the one before.
    pub(super) fn pulled(&self, number: usize, outcome: Result<(), PullError>) {
        let mut peers = lock(&self.peers);
        let Some(peer) = peers.get_mut(number) else {
            return;
        };
        if peer.last != Some(outcome) {
            match outcome {
                Ok(()) => tracing::info!(member = peer.name, "in step with a member"),
                Err(error) => tracing::warn!(member = peer.name, %error, "pulling failed"),
            }
        }
        peer.last = Some(outcome);
    }

    pub(super) fn forked(&self) {
        self.forks.fetch_add(1, Ordering::Relaxed);
    }

    /// The members.
    #[must_use]
    pub fn peers(&self) -> Vec<PeerState> {
        lock(&self.peers).clone()
    }

    /// Number of origins that have forked.
    #[must_use]
    pub fn forks(&self) -> usize {
        self.forks.load(Ordering::Relaxed)
    }
}
