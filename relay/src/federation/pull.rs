//! Pulling new batches of all origins from one member.
//!
//! Who delivers a batch does not matter: its signature and its place in the chain
//! are checked here. Batches of one origin and epoch are stored in one transaction.

use std::collections::HashMap;

use tessera::wire::{
    BATCH_HEADER_LEN, BatchHeader, BucketId, FORK_LEN, Fork, HeaderHash, Origin, paths,
    relay_api::{KindStanding, OriginsAnswer, Standing},
};

use super::{Federation, Peer, PullError, parameters, segments::Ahead};
use crate::{
    epoch::{makes_segments, unix_time},
    store::{Kind, Store},
};

/// Maximum length of the list of origins in bytes.
const ORIGINS_LEN: usize = 256 << 10;
/// Maximum length of a page of headers in bytes: 4 MiB, and one epoch beyond.
const HEADERS_LEN: usize = (4 << 20) + 128 * BATCH_HEADER_LEN;
/// A batch that claims to have been closed further ahead than this is not accepted
/// yet: it would outlive its retention.
const AHEAD_SECONDS: u64 = 3600;

impl<S: Store> Federation<S> {
    /// Pulls all that is new. A failure of one origin does not stop the others; the
    /// first one is returned.
    ///
    /// # Errors
    ///
    /// One of [`PullError`].
    pub async fn pull(&self, peer: &Peer) -> Result<(), PullError> {
        let text = peer.get(paths::ORIGINS, ORIGINS_LEN).await?;
        let theirs: OriginsAnswer =
            serde_json::from_slice(&text).map_err(|_| PullError::Protocol)?;
        if theirs.parameters.0 != parameters(&self.config) {
            return Err(PullError::Parameters);
        }
        let mut outcome = Ok(());
        for standing in &theirs.origins {
            if self.members.of(&standing.origin).is_none() {
                continue;
            }
            let pulled = self.pull_origin(peer, standing).await;
            outcome = outcome.and(pulled);
        }
        outcome
    }

    async fn pull_origin(&self, peer: &Peer, standing: &Standing) -> Result<(), PullError> {
        let origin = standing.origin;
        if standing.fork.is_some() && !self.has_forked(&origin) {
            let proof = peer.get(&paths::fork(&origin), FORK_LEN).await?;
            let fork = Fork::parse(&proof).ok_or(PullError::Protocol)?;
            if fork.header().origin != origin {
                return Err(PullError::Protocol);
            }
            self.keep_fork(fork).await?;
        }
        let kinds = [
            (Kind::Numbered, &standing.kinds.numbered),
            (Kind::Lobby, &standing.kinds.lobby),
        ];
        for (kind, state) in kinds {
            let Some(state) = state else { continue };
            if origin == self.store.origin() {
                self.check_own(peer, kind, state).await?;
            } else if !self.has_forked(&origin) {
                // Another task may be pulling the same origin from another member.
                let Ok(_turn) = self.turn(&origin, kind).try_lock_owned() else {
                    continue;
                };
                self.pull_chains(peer, origin, kind, state).await?;
            }
        }
        Ok(())
    }

    /// A member must not know more of this relay's own chain than this relay.
    async fn check_own(
        &self,
        peer: &Peer,
        kind: Kind,
        theirs: &KindStanding,
    ) -> Result<(), PullError> {
        let (own, epoch) = (self.store.origin(), theirs.epoch);
        let last = self.store.last_close(kind).await?.map(|last| last.epoch);
        if last.is_none_or(|last| last < epoch) {
            // Another process that shares the store may be ahead.
            return match self.store.is_replicated() {
                true => Ok(()),
                false => Err(PullError::RolledBack),
            };
        }
        self.compare(peer, own, kind, theirs).await.map(drop)
    }

    async fn pull_chains(
        &self,
        peer: &Peer,
        origin: Origin,
        kind: Kind,
        theirs: &KindStanding,
    ) -> Result<(), PullError> {
        let epoch = theirs.epoch;
        let heads = self.store.published()?.heads(origin, kind).await?;
        let newest = heads.iter().map(|head| head.epoch).max();
        if newest.is_some_and(|newest| newest >= epoch)
            && !self.compare(peer, origin, kind, theirs).await?
        {
            return Ok(());
        }
        let buckets = kind.buckets(self.config.buckets);
        let oldest = heads.iter().map(|head| head.epoch).min();
        let mut after = oldest.filter(|_| heads.len() == buckets.len());
        let mut heads: HashMap<BucketId, (u64, HeaderHash)> = heads
            .into_iter()
            .map(|head| (head.bucket, (head.epoch, head.hash)))
            .collect();
        let (mut imported, mut ahead) = (false, Ahead::default());
        loop {
            let mut page = self.headers(peer, origin, kind, after).await?;
            let Some(last) = page.last().map(|header| header.epoch) else {
                break;
            };
            page.sort_by_key(|header| header.epoch);
            for headers in page.chunk_by(|one, other| one.epoch == other.epoch) {
                let new = self.new_in(peer, headers, &heads).await?;
                if new.is_empty() {
                    continue;
                }
                let mut batches = Vec::with_capacity(new.len());
                for header in &new {
                    batches.push(ahead.batch(peer, header).await?);
                }
                self.store.import(batches).await?;
                imported = true;
                self.published.imported(kind);
                heads.extend(
                    new.iter()
                        .map(|header| (header.bucket, (header.epoch, header.hash()))),
                );
            }
            if after.is_some_and(|after| last <= after) || last >= epoch {
                break;
            }
            after = Some(last);
        }
        if imported && makes_segments(kind, self.config.retentions()[kind].duration()) {
            self.store.seal(&buckets).await?;
        }
        Ok(())
    }

    /// A page of verified headers of this origin.
    pub(super) async fn headers(
        &self,
        peer: &Peer,
        origin: Origin,
        kind: Kind,
        after: Option<u64>,
    ) -> Result<Vec<BatchHeader>, PullError> {
        let path = paths::headers(&origin, kind.name(), after);
        let bytes = peer.get(&path, HEADERS_LEN).await?;
        let (buckets, size) = (self.config.buckets, self.config.cell_size);
        let latest = unix_time().0 + AHEAD_SECONDS;
        let read = move || {
            let (headers, rest) = bytes.as_chunks::<BATCH_HEADER_LEN>();
            if !rest.is_empty() {
                return Err(PullError::Protocol);
            }
            let mut read = Vec::with_capacity(headers.len());
            for header in headers {
                let header = BatchHeader::decode(header).map_err(|_| PullError::Invalid)?;
                header.verify().map_err(|_| PullError::Invalid)?;
                let is_asked_for = header.origin == origin
                    && Kind::of(header.bucket) == kind
                    && buckets.contains(header.bucket)
                    && header.cell_size == size
                    && after.is_none_or(|after| header.epoch > after);
                if !is_asked_for {
                    return Err(PullError::Protocol);
                }
                if header.closed_at.0 > latest {
                    return Err(PullError::Future);
                }
                read.push(header);
            }
            Ok(read)
        };
        tokio::task::spawn_blocking(read)
            .await
            .map_err(|_| PullError::Protocol)?
    }

    /// Those of one epoch's headers that are to be fetched. Every one must follow
    /// its chain.
    async fn new_in(
        &self,
        peer: &Peer,
        headers: &[BatchHeader],
        heads: &HashMap<BucketId, (u64, HeaderHash)>,
    ) -> Result<Vec<BatchHeader>, PullError> {
        let mut new = Vec::new();
        for header in headers {
            let kind = Kind::of(header.bucket);
            // Past retention here: it would be deleted at once.
            let cutoff = self.published.get(kind).map(|published| published.cutoff);
            if cutoff.is_some_and(|cutoff| header.closed_at < cutoff) {
                continue;
            }
            match heads.get(&header.bucket) {
                Some((epoch, _)) if header.epoch <= *epoch => continue,
                Some((epoch, head)) if header.prev != *head => {
                    // Unless the last batch of the chain was deleted after its retention.
                    let held = self.own_headers(header.origin, kind, *epoch).await?;
                    if held.iter().any(|held| held.bucket == header.bucket) {
                        self.search_fork(peer, header).await?;
                        return Err(PullError::Unlinked);
                    }
                }
                _ => (),
            }
            new.push(header.clone());
        }
        Ok(new)
    }
}
