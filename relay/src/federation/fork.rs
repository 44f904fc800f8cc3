//! Two histories of an origin: searched for and proved.

use std::collections::HashMap;

use tessera::wire::{BatchHeader, Fork, Origin, relay_api::KindStanding};

use super::{Federation, Peer, PullError};
use crate::store::{Kind, Store, Window, root};

impl<S: Store> Federation<S> {
    /// The stored headers of one epoch.
    pub(super) async fn own_headers(
        &self,
        origin: Origin,
        kind: Kind,
        epoch: u64,
    ) -> Result<Vec<BatchHeader>, PullError> {
        let after = epoch.checked_sub(1);
        let published = self.store.published()?;
        let headers = published.headers(origin, kind, after, 1, Window::ALL);
        let headers = headers.await?;
        Ok(headers
            .into_iter()
            .filter(|header| header.epoch == epoch)
            .collect())
    }

    /// Looks for two headers of one bucket in an epoch whose root differs. Returns `false`
    /// if it does not, or nothing of the epoch is stored.
    pub(super) async fn compare(
        &self,
        peer: &Peer,
        origin: Origin,
        kind: Kind,
        theirs: &KindStanding,
    ) -> Result<bool, PullError> {
        let ours = self.own_headers(origin, kind, theirs.epoch).await?;
        if ours.is_empty() || root(&ours) == theirs.root.0 {
            return Ok(false);
        }
        let after = theirs.epoch.checked_sub(1);
        let theirs = self.headers(peer, origin, kind, after).await?;
        self.prove(&ours, &theirs).await?;
        Ok(true)
    }

    /// Looks for a stored header with the same `prev` or epoch as one that does not
    /// follow: first among those of its bucket here, then in the member's whole
    /// chain.
    pub(super) async fn search_fork(
        &self,
        peer: &Peer,
        header: &BatchHeader,
    ) -> Result<(), PullError> {
        let (origin, kind) = (header.origin, Kind::of(header.bucket));
        let published = self.store.published()?;
        let ours = published.headers(origin, kind, None, usize::MAX >> 1, Window::ALL);
        let ours = ours.await?;
        self.prove(&ours, std::slice::from_ref(header)).await?;
        let mut after = None;
        loop {
            let theirs = self.headers(peer, origin, kind, after).await?;
            self.prove(&ours, &theirs).await?;
            let last = theirs.last().map(|header| header.epoch);
            if last.is_none_or(|last| last >= header.epoch || after == Some(last)) {
                return Ok(());
            }
            after = last;
        }
    }

    /// Keeps the proof, if two of these headers are one.
    async fn prove(&self, ours: &[BatchHeader], theirs: &[BatchHeader]) -> Result<(), PullError> {
        let mut by_epoch = HashMap::new();
        let mut by_prev = HashMap::new();
        for header in ours {
            by_epoch.insert((header.bucket, header.epoch), header);
            by_prev.insert((header.bucket, header.prev), header);
        }
        for header in theirs {
            let rivals = [
                by_epoch.get(&(header.bucket, header.epoch)),
                by_prev.get(&(header.bucket, header.prev)),
            ];
            for rival in rivals.into_iter().flatten() {
                if let Some(fork) = Fork::prove(rival, header) {
                    self.keep_fork(fork).await?;
                    return Err(PullError::Fork);
                }
            }
        }
        Ok(())
    }
}
