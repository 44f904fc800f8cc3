//! Fetching batches: one at a time, or those of a segment by a member that was
//! away.

use std::collections::{HashMap, hash_map::Entry};

use tessera::wire::{BATCH_HEADER_LEN, BatchHeader, BucketId, BucketIndex, SegmentRef, paths};

use super::{Peer, PullError};
use crate::store::SignedBatch;

/// Maximum length of a batch in bytes, as for clients.
const BATCH_LEN: usize = 64 << 20;
/// Maximum length of an index in bytes.
const INDEX_LEN: usize = 8 << 20;
/// Maximum number of bytes of batches that are held until it is their turn.
const MOST: usize = 64 << 20;

/// Batches that came in segments, before it was their turn.
#[derive(Default)]
pub(super) struct Ahead {
    /// The segments that the member lists, once asked for.
    listed: HashMap<BucketId, Vec<SegmentRef>>,
    batches: HashMap<(BucketId, u64), SignedBatch>,
}

impl Ahead {
    /// The batch with this header, and the following ones of its segment if there are
    /// any. This member has no later batch of the chain either, so nothing is fetched
    /// twice.
    pub(super) async fn batch(
        &mut self,
        peer: &Peer,
        header: &BatchHeader,
    ) -> Result<SignedBatch, PullError> {
        let place = (header.bucket, header.epoch);
        if !self.batches.contains_key(&place) {
            self.fetch_segment(peer, header).await;
        }
        match self.batches.remove(&place) {
            Some(batch) if batch.header == *header => Ok(batch),
            _ => fetch(peer, header).await,
        }
    }

    /// Fetches the segment of a batch. Whatever prevents it, the batch is fetched alone.
    async fn fetch_segment(&mut self, peer: &Peer, header: &BatchHeader) {
        let bucket = header.bucket;
        if let Entry::Vacant(place) = self.listed.entry(bucket) {
            place.insert(segments(peer, bucket).await.unwrap_or_default());
        }
        let has_more = |of: &&SegmentRef| {
            of.origin == header.origin && of.first <= header.epoch && header.epoch < of.last
        };
        let listed = self.listed.get(&bucket);
        let Some(segment) = listed.and_then(|all| all.iter().find(has_more)).copied() else {
            return;
        };
        self.batches
            .retain(|(of, epoch), _| *of != bucket || *epoch > header.epoch);
        let held = self.batches.values();
        let held: usize = held.map(|batch| batch.bytes.len()).sum();
        let len = usize::try_from(segment.bytes).unwrap_or(usize::MAX);
        if held.saturating_add(len) > MOST {
            return;
        }
        let path = paths::segment(bucket, &segment.origin, segment.number);
        let Ok(bytes) = peer.get(&path, len).await else {
            return;
        };
        let verify = move || -> Option<Vec<SignedBatch>> {
            let batches = segment.split(bucket, &bytes).ok()?;
            let verified = batches
                .into_iter()
                .map(|of| SignedBatch::parse(of.to_vec()));
            verified.collect::<Result<_, _>>().ok()
        };
        let verified = tokio::task::spawn_blocking(verify).await.ok().flatten();
        let batches = verified.unwrap_or_default();
        tracing::debug!(
            batches = batches.len(),
            "fetched a segment of another member"
        );
        self.batches.extend(
            batches
                .into_iter()
                .map(|batch| ((bucket, batch.header.epoch), batch)),
        );
    }
}

async fn segments(peer: &Peer, bucket: BucketId) -> Option<Vec<SegmentRef>> {
    let index = peer.get(&paths::index(bucket), INDEX_LEN).await.ok()?;
    Some(BucketIndex::parse(&index).ok()?.segments)
}

/// Fetches one batch, which must be exactly the one with this header.
async fn fetch(peer: &Peer, header: &BatchHeader) -> Result<SignedBatch, PullError> {
    let path = paths::batch(header.bucket, &header.origin, header.epoch);
    let cells = u64::from(header.count) * u64::from(header.cell_size.get());
    let len = usize::try_from(cells)
        .ok()
        .and_then(|cells| cells.checked_add(BATCH_HEADER_LEN))
        .filter(|len| *len <= BATCH_LEN)
        .ok_or(PullError::Invalid)?;
    let bytes = peer.get(&path, len).await?;
    let verify = move || SignedBatch::parse(bytes.to_vec());
    let batch = tokio::task::spawn_blocking(verify)
        .await
        .map_err(|_| PullError::Protocol)?
        .map_err(|_| PullError::Invalid)?;
    match batch.header == *header {
        true => Ok(batch),
        false => Err(PullError::Invalid),
    }
}
