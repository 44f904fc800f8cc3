//! What must hold after the faults.

use std::{
    collections::{BTreeMap, HashMap},
    time::{Duration, Instant},
};

use tessera::wire::BucketId;

use super::{Answered, RECOVERY};
use crate::{bucket, client::Pulled, nats::member::Member};

/// Everything that a relay publishes in a bucket, by epoch, with its chain checked.
fn published(member: &Member, bucket: BucketId) -> Option<BTreeMap<u64, Pulled>> {
    let batches = member.client()?.pull(bucket);
    let by_epoch = batches.into_iter().map(|batch| (batch.header.epoch, batch));
    Some(by_epoch.collect())
}

/// Waits until every relay has published everything that was answered with 202, and
/// compares what they publish.
pub(in crate::nats) fn check(members: &[Member], answered: &Answered) {
    let cells = answered.cells.lock().unwrap();
    let start = Instant::now();
    let buckets = [bucket(0), bucket(1), BucketId::LOBBY];
    let mut batches = 0;
    loop {
        let missing: Vec<String> = members
            .iter()
            .map(|member| {
                let mut found: HashMap<[u8; 32], Vec<BucketId>> = HashMap::new();
                for bucket in buckets {
                    for batch in published(member, bucket).unwrap_or_default().values() {
                        for cell in &batch.cells {
                            let digest =
                                tessera::wire::Cell::parse(cell.clone(), batch.header.cell_size);
                            found
                                .entry(digest.unwrap().sha256())
                                .or_default()
                                .push(bucket);
                        }
                    }
                }
                let twice = found.values().filter(|places| places.len() > 1).count();
                assert_eq!(twice, 0, "cells are published twice");
                let lost = cells
                    .iter()
                    .filter(|(digest, _)| !found.contains_key(*digest));
                let lost = lost.count();
                for (digest, bucket) in cells.iter() {
                    if let Some(places) = found.get(digest) {
                        assert_eq!(places, &[*bucket], "in another bucket");
                    }
                }
                format!("{lost} of {}", cells.len())
            })
            .collect();
        if missing.iter().all(|text| text.starts_with("0 of")) {
            break;
        }
        assert!(
            start.elapsed() < RECOVERY,
            "answered with 202 and not published: {missing:?}"
        );
        std::thread::sleep(Duration::from_millis(500));
    }
    for bucket in buckets {
        let mut all = members
            .iter()
            .map(|member| published(member, bucket).expect("it runs"));
        let first = all.next().unwrap();
        batches += first.len();
        for other in all {
            let last = first
                .keys()
                .last()
                .min(other.keys().last())
                .copied()
                .unwrap();
            let heads = |batches: &BTreeMap<u64, Pulled>| -> Vec<_> {
                let until = batches.range(..=last);
                until.map(|(_, batch)| batch.header.clone()).collect()
            };
            assert!(
                heads(&first) == heads(&other),
                "the relays publish different batches"
            );
        }
    }
    println!(
        "{} cells answered with 202, each in one of {batches} batches of each relay; {:?}",
        cells.len(),
        answered.tries.lock().unwrap()
    );
}
