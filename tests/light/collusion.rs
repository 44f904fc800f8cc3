//! What two relays learn that pool their logs: everything that was retrieved.
//! An attack of ours, so that nobody takes them for more than they are.

use std::collections::BTreeSet;

use tessera::wire::batch_tags;

use crate::stage::*;

/// The cells that a person retrieved, by epoch and place, from both logs.
fn pooled(stage: &Stage) -> BTreeSet<(u64, u32)> {
    let requests = stage.seen[0].requests.iter();
    let selects: Vec<&Seen> = requests
        .filter(|seen| seen.path.ends_with("/select"))
        .collect();
    let pairs = stage.seen[0].bitmaps.iter().zip(&stage.seen[1].bitmaps);
    let headers = stage.own_headers();
    let mut found = BTreeSet::new();
    for (seen, (one, other)) in selects.into_iter().zip(pairs) {
        let (first, last, _) = window_of(seen);
        for places in differences(one, other, QUERIES.into()) {
            let mut at = places[0];
            for header in headers.iter().filter(|h| (first..=last).contains(&h.epoch)) {
                if at < header.count {
                    found.insert((header.epoch, at));
                    break;
                }
                at -= header.count;
            }
        }
    }
    found
}

#[test]
fn two_relays_that_pool_their_logs_learn_which_cells_were_retrieved() {
    let mut stage = Stage::new();
    stage.write(&["stop warfarin", "and take this"]);
    let bucket = stage.own_bucket();
    let posted: Vec<[u8; 16]> = stage.relay.pending[&bucket]
        .iter()
        .map(|cell| *cell.as_bytes().first_chunk().unwrap())
        .collect();
    stage.close();
    stage.open();
    stage.run(5);
    assert_eq!(stage.texts().len(), 2);
    let (header, bytes) = stage.relay.batches(bucket).last().unwrap();
    let tags = batch_tags(bytes).unwrap();
    let place = |tag: &[u8; 16]| {
        let tags = tags[224..].as_chunks::<16>().0;
        tags.iter().position(|known| known == tag).unwrap() as u32
    };
    let retrieved: BTreeSet<_> = posted
        .iter()
        .map(|tag| (header.epoch, place(tag)))
        .collect();
    let learned = pooled(&stage);
    // Among them are places that were drawn to fill up the number.
    assert!(learned.is_superset(&retrieved));
    assert!(learned.len() <= QUERIES.into());
}
