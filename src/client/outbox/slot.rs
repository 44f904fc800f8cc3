//! What one request to the relay carries. A slot holds the same number of
//! cells for every numbered bucket, whatever is queued. Protocol §13.

use rand_core::CryptoRng;

use crate::{
    client::ClientError,
    wire::{
        BucketCount, BucketId, Cell, CellSize, CellsPerBucket, MAX_ENTRIES, PostEntry,
        RelaySettings, cover_cell, post,
    },
};

/// Most cells of one post: the relay's limit.
pub const MAX_POST: usize = MAX_ENTRIES;

/// One request body for `POST /v1/cells`, and what it carries.
#[derive(Clone, Debug)]
pub struct Post {
    /// 1 to 64 entries.
    pub body: Vec<u8>,
    /// Ordinals of the queued cells in it.
    pub tokens: Vec<u64>,
}

/// A slot that is being filled. A real cell takes the place of cover for its
/// bucket; how many cells there are for each bucket never changes.
#[derive(Debug)]
pub(crate) struct Slot {
    buckets: BucketCount,
    cell_size: CellSize,
    /// Places left, by bucket.
    places: Vec<usize>,
    entries: Vec<PostEntry>,
    tokens: Vec<u64>,
}

impl Slot {
    pub(crate) fn new(relay: &RelaySettings) -> Self {
        Self::with(relay.buckets, relay.per_bucket, relay.cell_size)
    }

    pub(super) fn with(
        buckets: BucketCount,
        per_bucket: CellsPerBucket,
        cell_size: CellSize,
    ) -> Self {
        // A slot is one post, whatever the relay asks for.
        let most = MAX_ENTRIES / buckets.get() as usize;
        let per_bucket = (per_bucket.get() as usize).clamp(1, most.max(1));
        Self {
            buckets,
            cell_size,
            places: vec![per_bucket; buckets.get() as usize],
            entries: Vec::new(),
            tokens: Vec::new(),
        }
    }

    /// Puts a cell in place of cover, if its bucket has a place left in
    /// this slot; says whether it had.
    pub(crate) fn take(
        &mut self,
        token: u64,
        bucket: BucketId,
        cell: impl FnOnce() -> Result<Cell, ClientError>,
    ) -> Result<bool, ClientError> {
        let place = self.places.get_mut(bucket.get() as usize);
        let Some(place) = place.filter(|place| **place > 0) else {
            return Ok(false);
        };
        let cell = cell()?;
        *place -= 1;
        self.entries.push(PostEntry { bucket, cell });
        self.tokens.push(token);
        Ok(true)
    }

    /// Ordinals of the queued cells in it.
    pub(super) fn tokens(&self) -> &[u64] {
        &self.tokens
    }

    /// Whether it would be cover alone.
    pub(crate) fn is_cover(&self) -> bool {
        self.tokens.is_empty()
    }

    /// Cover in the places that are left, and all in random order.
    pub(crate) fn finish(mut self, rng: &mut impl CryptoRng) -> Result<Post, ClientError> {
        for (number, places) in (0..).zip(&self.places) {
            for _ in 0..*places {
                self.entries.push(PostEntry {
                    bucket: self.buckets.wrap(number),
                    cell: cover_cell(self.cell_size, rng),
                });
            }
        }
        shuffle(&mut self.entries, rng);
        Ok(Post {
            body: encode(&self.entries)?,
            tokens: self.tokens,
        })
    }
}

pub(super) fn encode(entries: &[PostEntry]) -> Result<Vec<u8>, ClientError> {
    post::encode(entries).map_err(|_| ClientError::Internal)
}

/// Fisher–Yates with unbiased draws.
fn shuffle<T>(items: &mut [T], rng: &mut impl CryptoRng) {
    for i in (1..items.len()).rev() {
        items.swap(i, below(i + 1, rng));
    }
}

fn below(bound: usize, rng: &mut impl CryptoRng) -> usize {
    let bound = bound as u64;
    let limit = u64::MAX - u64::MAX % bound;
    loop {
        let draw = rng.next_u64();
        if draw < limit {
            return usize::try_from(draw % bound).unwrap_or(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::wire::post;

    fn rng() -> impl CryptoRng {
        rand_core::UnwrapErr(getrandom::SysRng)
    }

    fn buckets(count: u32) -> BucketCount {
        BucketCount::try_from(count).unwrap()
    }

    fn empty(count: u32, per_bucket: u32) -> Slot {
        let per_bucket = CellsPerBucket::nearest(per_bucket);
        Slot::with(buckets(count), per_bucket, CellSize::DEFAULT)
    }

    fn take(slot: &mut Slot, token: u64, bucket: BucketId) -> bool {
        let cell = || Ok(cover_cell(CellSize::DEFAULT, &mut rng()));
        slot.take(token, bucket, cell).unwrap()
    }

    /// The buckets of a slot's entries, in order.
    fn destinations(slot: Slot) -> Vec<u32> {
        let buckets = slot.buckets;
        let post = slot.finish(&mut rng()).unwrap();
        let entries = post::decode(&post.body, CellSize::DEFAULT, buckets).unwrap();
        entries.iter().map(|entry| entry.bucket.get()).collect()
    }

    #[test]
    fn a_slot_has_the_same_destinations_whatever_it_carries() {
        for (count, per_bucket, each) in [(1, 1, 1), (8, 1, 1), (8, 2, 2), (64, 1, 1), (64, 8, 1)] {
            let expected: BTreeMap<_, _> = (0..count).map(|bucket| (bucket, each)).collect();
            for waiting in [0, 1, 3, 100] {
                let mut slot = empty(count, per_bucket);
                for token in 0..waiting {
                    take(&mut slot, token, buckets(count).wrap(token / 3));
                }
                assert_eq!(slot.tokens.is_empty(), waiting == 0);
                let mut counts = BTreeMap::new();
                for bucket in destinations(slot) {
                    *counts.entry(bucket).or_default() += 1;
                }
                assert_eq!(counts, expected, "{waiting} cells wait");
            }
        }
    }

    #[test]
    fn cells_without_a_place_are_left_in_the_queue() {
        let mut slot = empty(8, 2);
        let bucket = buckets(8).wrap(5);
        assert!(take(&mut slot, 1, bucket));
        assert!(take(&mut slot, 2, bucket));
        assert!(!take(&mut slot, 3, bucket), "no place left");
        assert!(take(&mut slot, 4, buckets(8).wrap(6)));
        assert!(!take(&mut slot, 5, BucketId::LOBBY));
        assert_eq!(slot.finish(&mut rng()).unwrap().tokens, [1, 2, 4]);
    }

    #[test]
    fn entries_are_in_random_order() {
        let order = || {
            let mut slot = empty(8, 1);
            take(&mut slot, 0, buckets(8).wrap(7));
            destinations(slot)
        };
        // Two of twenty orders out of 8! are equal once in 200 runs; ten never.
        let orders: BTreeSet<_> = (0..20).map(|_| order()).collect();
        assert!(orders.len() > 10, "{orders:?}");
    }
}
