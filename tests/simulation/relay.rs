//! What a relay publishes.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::{EPOCH, START, dice::Dice};
use tessera::{
    base::UnixTime,
    wire::{
        Batch, BatchHeader, BucketCount, BucketId, Cell, CellSize, OriginKey, batch::BatchPlace,
        cover_cell, post,
    },
};

/// What a relay publishes, and nothing else of one.
pub(crate) struct Relay {
    pub(crate) key: OriginKey,
    pub(crate) buckets: BucketCount,
    pub(crate) epoch: u64,
    pub(crate) pending: BTreeMap<u32, Vec<Cell>>,
    pub(crate) known: HashSet<[u8; 32]>,
    pub(crate) tags: HashMap<[u8; 16], [u8; 32]>,
    pub(crate) published: BTreeMap<u32, Vec<(BatchHeader, Vec<u8>)>>,
    pub(crate) withheld: HashSet<u64>,
}

impl Relay {
    pub(crate) fn new(dice: &mut Dice) -> Self {
        Self {
            key: OriginKey::generate(dice),
            buckets: BucketCount::try_from(2).unwrap(),
            epoch: START / EPOCH,
            pending: BTreeMap::new(),
            known: HashSet::new(),
            tags: HashMap::new(),
            published: BTreeMap::new(),
            withheld: HashSet::new(),
        }
    }

    pub(crate) fn info(&self) -> String {
        format!(
            r#"{{"protocol":1,"origin":"{}","buckets":2,"cell_size":2048,"epoch_seconds":1800,
            "lobby":{{"epoch_seconds":15,"cells":16,"retention_seconds":86400}},
            "retention_seconds":5184000,"slot_cells":4,"max_attachment_bytes":262144,
            "cover":{{"mechanism":"fixed"}},"time":0}}"#,
            self.key.origin(),
        )
    }

    /// Stores each cell once, and sees to it that no tag is used twice.
    pub(crate) fn post(&mut self, body: &[u8]) {
        for entry in post::decode(body, CellSize::DEFAULT, self.buckets).unwrap() {
            let digest = entry.cell.sha256();
            let first = *self.tags.entry(entry.cell.tag()).or_insert(digest);
            assert_eq!(first, digest, "one tag, two cells");
            if self.known.insert(digest) {
                self.pending
                    .entry(entry.bucket.get())
                    .or_default()
                    .push(entry.cell);
            }
        }
    }

    pub(crate) fn close(&mut self, now: &mut u64, dice: &mut Dice) {
        self.epoch += 1;
        *now = self.epoch * EPOCH + 60;
        let closed_at = UnixTime(self.epoch * EPOCH);
        let all: Vec<BucketId> = self.buckets.numbered().chain([BucketId::LOBBY]).collect();
        for bucket in all {
            let mut cells = self.pending.remove(&bucket.get()).unwrap_or_default();
            cells.push(cover_cell(CellSize::DEFAULT, dice));
            for i in (1..cells.len()).rev() {
                cells.swap(i, dice.below(i + 1));
            }
            let chain = self.published.entry(bucket.get()).or_default();
            let prev = chain
                .last()
                .map_or(BatchHeader::NO_PREV, |(header, _)| header.hash());
            let place = BatchPlace {
                bucket,
                epoch: self.epoch,
                closed_at,
                prev,
            };
            chain.push(Batch::build(&place, &cells, CellSize::DEFAULT, &self.key).unwrap());
        }
    }

    pub(crate) fn withhold_newest(&mut self) {
        self.withheld.insert(self.epoch);
    }

    pub(crate) fn index(&self, bucket: u32) -> String {
        let batches: Vec<String> = self
            .published
            .get(&bucket)
            .into_iter()
            .flatten()
            .filter(|(header, _)| !self.withheld.contains(&header.epoch))
            .map(|(h, _)| {
                format!(
                    r#"{{"origin":"{}","epoch":{},"count":{},"digest":"{}"}}"#,
                    h.origin, h.epoch, h.count, h.digest
                )
            })
            .collect();
        format!(
            r#"{{"oldest":null,"batches":[{}],"segments":[]}}"#,
            batches.join(",")
        )
    }

    pub(crate) fn batch(&self, bucket: u32, epoch: u64) -> Vec<u8> {
        let chain = &self.published[&bucket];
        chain
            .iter()
            .find(|(header, _)| header.epoch == epoch)
            .unwrap()
            .1
            .clone()
    }
}
