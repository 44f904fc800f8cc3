//! Cover over many epochs in a real store: a simulation that is reproducible
//! from its seed (except for the store's own draws), and the sizes that readers
//! see.

use std::{collections::BTreeMap, sync::Arc};

use tessera::{
    base::UnixTime,
    privacy::{Budget, Noise},
    wire::{BucketId, CellSize},
};
use tessera_relay::{
    cover::{CoverRule, PATIENCE, prepare},
    random,
    store::{Closing, Kind, Store},
};

use crate::{
    bucket,
    contract::{Open, cells},
    entries,
};

/// Runs every case, each on a new store.
pub(crate) async fn all<S: Store, O: Open<S>>(fresh: impl Fn() -> O) {
    for seed in 1..=3 {
        constant_batches_over_many_epochs::<S, O>(fresh(), seed).await;
    }
    sizes_of_batches_follow_the_table::<S, O>(fresh()).await;
}

/// The cells of the batch that closes the epoch, by digest of the cell.
async fn close(store: &impl Store, bucket: BucketId, epoch: u64, rule: &CoverRule) -> Vec<Vec<u8>> {
    let closing = Closing {
        buckets: vec![bucket],
        epoch,
        closed_at: UnixTime(epoch * 10),
        cell_size: CellSize::DEFAULT,
        rule: rule.clone(),
        cover: prepare(rule.most(), CellSize::DEFAULT, &mut random::system()),
    };
    store.close(closing).await.unwrap();
    store.end_epoch(Kind::of(bucket), u8::MAX).await.unwrap();
    cells(store, bucket, epoch).await
}

/// Load that varies between nothing and several times the size of a batch, with
/// restarts: no cell waits longer than specified, is lost or published twice, and
/// a batch grows for no other reason.
async fn constant_batches_over_many_epochs<S: Store, O: Open<S>>(o: O, seed: u64) {
    const SIZE: usize = 6;
    const EPOCHS: u64 = 40;
    println!("constant batches, seed {seed}");
    let rule = CoverRule::Constant(SIZE as u32);
    let mut dice = Dice(seed);
    let mut store = o.open();
    // Cell → the epoch it was posted in.
    let mut waiting: BTreeMap<Vec<u8>, u64> = BTreeMap::new();
    let mut grew = 0;
    for epoch in 1..=EPOCHS + 20 {
        if dice.below(8) == 0 {
            store.shutdown().await;
            drop(store);
            store = o.open();
        }
        let load = match dice.below(6) {
            _ if epoch > EPOCHS => 0, // it runs dry
            0 => 0,
            1..=3 => dice.below(SIZE as u64),
            4 => dice.below(3 * SIZE as u64),
            _ => dice.below(8 * SIZE as u64),
        };
        let posted = entries(bucket(0), load as usize);
        store.put(posted.clone()).await.unwrap();
        waiting.extend(
            posted
                .iter()
                .map(|entry| (entry.cell.as_bytes().to_vec(), epoch)),
        );

        let overdue = |posted: u64| epoch - posted >= u64::from(PATIENCE);
        let due = waiting.values().filter(|posted| overdue(**posted)).count();
        let all = waiting.len();
        let batch = close(&store, bucket(0), epoch, &rule).await;
        let size = due.div_ceil(SIZE).max(1) * SIZE;
        assert_eq!(
            batch.len(),
            size,
            "seed {seed}, epoch {epoch}: {due} of {all} were due"
        );
        grew += usize::from(size > SIZE);

        let mut left: Vec<u64> = Vec::new();
        for cell in &batch {
            left.extend(waiting.remove(cell));
        }
        assert_eq!(left.len(), all.min(size), "real cells before cover");
        let eldest = waiting.values().min().copied().unwrap_or(epoch);
        assert!(
            !overdue(eldest),
            "seed {seed}, epoch {epoch}: left behind a third time"
        );
        assert!(left.iter().all(|posted| *posted <= eldest), "oldest first");
    }
    assert!(
        waiting.is_empty(),
        "seed {seed}: {} cells never left",
        waiting.len()
    );
    assert!(grew > 2, "seed {seed}: the load was never too much");
}

/// The number of cells that readers see is that of posted cells plus a draw from
/// the table: χ² test over many batches.
async fn sizes_of_batches_follow_the_table<S: Store, O: Open<S>>(o: O) {
    const CLOSES: u64 = 300;
    println!("sizes of batches");
    let budget = Budget {
        epsilon: "1.5".parse().unwrap(),
        delta: "0.01".parse().unwrap(),
        sensitivity: 1,
    };
    let noise = Noise::laplace(&budget).unwrap();
    let rule = CoverRule::Noise(Arc::new(noise.clone()));
    let store = o.open();
    let mut seen = vec![0_u32; noise.most() as usize + 1];
    for epoch in 1..=CLOSES {
        let posted = (epoch % 3) as usize;
        store.put(entries(bucket(1), posted)).await.unwrap();
        seen[close(&store, bucket(1), epoch, &rule).await.len() - posted] += 1;
    }
    // Rare values at the ends are pooled with their neighbours.
    let total = noise.total() as f64;
    let expected: Vec<f64> = noise
        .weights()
        .map(|w| w as f64 / total * CLOSES as f64)
        .collect();
    let (mut chi2, mut pools, mut count, mut want) = (0.0, 0.0, 0.0, 0.0);
    for (seen, expected) in seen.iter().zip(&expected) {
        count += f64::from(*seen);
        want += expected;
        if want >= 15.0 {
            chi2 += f64::powi(count - want, 2) / want;
            pools += 1.0;
            (count, want) = (0.0, 0.0);
        }
    }
    chi2 += f64::powi(count - want, 2) / 15.0;
    // Exceeded with probability below e^−21 < 10^−9 (Laurent and Massart 2000).
    let bound = pools + 2.0 * f64::sqrt(pools * 21.0) + 42.0;
    assert!(
        pools >= 3.0 && chi2 < bound,
        "{chi2} of {pools}: {seen:?} {expected:?}"
    );
}

/// Reproducible randomness (SplitMix64), for loads and not for secrets.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % bound.max(1)
    }
}
