//! A reader that remembers everything, and what it expects of a relay.

use std::collections::{BTreeMap, BTreeSet};

use tessera::{
    base::UnixTime,
    wire::{Batch, BatchHeader, BucketId, Cell, PostEntry, SegmentRef},
};
use tessera_relay::{
    epoch::Published,
    store::{Found, Store},
};

use super::{
    clock::Clock,
    world::{RETENTION, options},
};
use crate::bucket;

/// What the reader knows about a batch that it has seen.
struct Known {
    header: BatchHeader,
    segment: Option<SegmentRef>,
    gone: bool,
}

/// What was posted, and what was seen of it.
#[derive(Default)]
pub(super) struct Reader {
    /// Acknowledged cells, and the number of batches in which they were seen.
    acknowledged: BTreeMap<Vec<u8>, usize>,
    /// Cells of posts interrupted by a crash: published at most once.
    unsure: BTreeMap<Vec<u8>, usize>,
    known: BTreeMap<(u32, u64), Known>,
    /// By digest of a cell: the bucket and epoch of its publication.
    places: BTreeMap<[u8; 32], (u32, u64)>,
    segments: BTreeSet<(u32, u64)>,
}

impl Reader {
    /// Expects the cells of a post, exactly once if it was acknowledged.
    pub(super) fn expect(&mut self, entries: &[PostEntry], is_acknowledged: bool) {
        let expected = match is_acknowledged {
            true => &mut self.acknowledged,
            false => &mut self.unsure,
        };
        for entry in entries {
            expected.insert(entry.cell.as_bytes().to_vec(), 0);
        }
    }

    /// Whether an acknowledged cell waits, or its batch is kept.
    pub(super) fn may_repeat(&self, cell: &[u8]) -> bool {
        let digest = Cell::parse(cell.to_vec(), options().cell_size).unwrap();
        let place = self.places.get(&digest.sha256());
        let known = place.and_then(|place| self.known.get(place));
        self.acknowledged[cell] == 0 || known.is_some_and(|known| !known.gone)
    }

    /// Checks that what a reader sees is consistent with what it saw before. Stops where
    /// the process of the store has died.
    pub(super) async fn observe(
        &mut self,
        store: &impl Store,
        published: Published,
        clock: &Clock,
    ) {
        let Ok(store) = store.published() else {
            return;
        };
        for b in [bucket(0), bucket(1)] {
            let Ok(contents) = store.contents(b, published.into()).await else {
                return;
            };
            let mut visible = BTreeMap::new();
            for listed in &contents.segments {
                self.segments.insert((b.get(), listed.number));
                let Ok(found) = store.segment(b, listed.origin, listed.number).await else {
                    return;
                };
                let Found::Held(segment) = found else {
                    panic!("{listed:?} is listed");
                };
                let mut bytes = Vec::new();
                for epoch in &segment.epochs {
                    let Ok(Found::Held(batch)) = store.batch(b, listed.origin, *epoch).await else {
                        return;
                    };
                    bytes.extend(batch);
                }
                for batch in listed.split(b, &bytes).unwrap() {
                    let batch = Batch::parse(batch).unwrap();
                    let twice = visible.insert(batch.header().epoch, Some(*listed));
                    assert_eq!(twice, None, "a batch is listed twice");
                    self.read(&batch, Some(*listed));
                }
            }
            for header in &contents.batches {
                let Ok(Found::Held(bytes)) = store.batch(b, header.origin, header.epoch).await
                else {
                    return;
                };
                let twice = visible.insert(header.epoch, None);
                assert_eq!(twice, None, "a batch is listed twice");
                self.read(&Batch::parse(&bytes).unwrap(), None);
            }
            self.miss(b, &visible, clock);
        }
    }

    /// Counts a new batch; checks that a known batch has not changed.
    fn read(&mut self, batch: &Batch<'_>, segment: Option<SegmentRef>) {
        let header = batch.header();
        let place = (header.bucket.get(), header.epoch);
        if let Some(known) = self.known.get_mut(&place) {
            assert_eq!(known.header, *header);
            assert!(
                known.segment.is_none() || known.segment == segment,
                "a segment changed"
            );
            known.segment = segment;
            known.gone = false;
            return;
        }
        let before = self
            .known
            .range((place.0, 0)..place)
            .next_back()
            .map(|(_, known)| known.header.clone());
        match before {
            Some(before) => header.follows(&before).unwrap(),
            None => assert_eq!(header.prev, BatchHeader::NO_PREV),
        }
        assert!(batch.cells().len() >= 2, "cover");
        for cell in batch.cells() {
            for counts in [&mut self.acknowledged, &mut self.unsure] {
                if let Some(count) = counts.get_mut(cell) {
                    *count += 1;
                    assert_eq!(*count, 1, "published twice");
                }
            }
            let cell = Cell::parse(cell.to_vec(), options().cell_size).unwrap();
            self.places.insert(cell.sha256(), place);
        }
        self.known.insert(
            place,
            Known {
                header: header.clone(),
                segment,
                gone: false,
            },
        );
    }

    /// Checks that batches that are no longer visible are past retention by a trusted
    /// clock.
    fn miss(&mut self, b: BucketId, visible: &BTreeMap<u64, Option<SegmentRef>>, clock: &Clock) {
        let wall = clock.wall();
        let last_of: BTreeMap<u64, UnixTime> = self
            .known
            .iter()
            .filter(|((of, _), _)| *of == b.get())
            .map(|((_, epoch), known)| (*epoch, known.header.closed_at))
            .collect();
        let missing = self
            .known
            .iter_mut()
            .filter(|((of, epoch), _)| *of == b.get() && !visible.contains_key(epoch));
        for ((_, epoch), known) in missing {
            if known.gone {
                continue;
            }
            known.gone = true;
            let last = known.segment.map_or(*epoch, |segment| segment.last);
            let closed_at = last_of[&last].0;
            assert!(
                closed_at + RETENTION < wall,
                "epoch {epoch} closed at {closed_at} is gone at {wall}"
            );
            assert!(
                clock.is_believed(),
                "epoch {epoch} was deleted by a clock that is not believed"
            );
        }
    }

    /// Checks that every acknowledged cell was seen once.
    pub(super) fn expect_all(&self) {
        let lost = self.acknowledged.values().filter(|count| **count != 1);
        assert_eq!(lost.count(), 0, "of {}", self.acknowledged.len());
    }

    pub(super) fn cells(&self) -> usize {
        self.acknowledged.len()
    }

    pub(super) fn batches(&self) -> usize {
        self.known.len()
    }

    pub(super) fn segments(&self) -> usize {
        self.segments.len()
    }

    pub(super) fn deleted(&self) -> usize {
        self.known.values().filter(|known| known.gone).count()
    }
}
