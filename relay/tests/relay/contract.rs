//! The contract of every backend of [`Store`]. A new backend calls [`all`].
//!
//! Longer than other files: it is one list of cases over the same helpers.

mod segments;

use std::sync::Arc;

use tessera::{
    base::UnixTime,
    privacy::{Budget, Noise},
    wire::{Batch, BatchHeader, BucketId, Cell, CellSize, Origin, PostEntry},
};
use tessera_relay::{
    cover::{CoverRule, prepare},
    random,
    store::{Closing, Found, Kind, LastClose, Post, QueueClass, Store, StoreError, Window},
};

use self::segments::*;
use crate::{bucket, entries};

/// Opens the store of one test, with two buckets; called again after
/// [`Store::shutdown`], it reopens the same store.
pub(crate) trait Open<S> {
    fn open(&self) -> S;
}

/// Runs every case, each on a new store.
pub(crate) async fn all<S: Store, O: Open<S>>(fresh: impl Fn() -> O) {
    macro_rules! run {
        ($($case:ident),* $(,)?) => {$(
            println!("contract: {}", stringify!($case));
            $case::<S, O>(fresh()).await;
        )*};
    }
    run![
        every_bucket_gets_a_batch_even_without_cells,
        the_same_cell_is_published_once,
        reposted_cover_is_ignored,
        pending_cells_survive_a_restart,
        cells_left_behind_survive_the_end_of_the_epoch,
        cells_beyond_a_full_batch_follow_in_the_next,
        a_class_that_fills_the_queue_does_not_block_others,
        stale_lobby_cells_are_dropped,
        origin_and_chain_survive_a_restart,
        an_epoch_that_is_not_later_publishes_nothing,
        too_little_cover_publishes_nothing,
        the_lobby_is_filled_to_exactly_sixteen,
        a_constant_batch_grows_only_for_overdue_cells,
        a_noisy_batch_takes_all_waiting_cells,
        windows_hide_unpublished_and_expired_batches,
        expired_batches_are_deleted_and_their_cells_may_be_posted_again,
        batches_are_shuffled,
        a_run_becomes_a_segment_when_a_later_batch_starts_the_next,
        a_segment_is_listed_once_the_next_batch_is_visible,
        a_segment_expires_as_a_whole_after_its_last_batch,
        segment_numbers_increase_after_a_clock_set_back_and_a_restart,
        many_cells_are_deleted_in_many_steps,
        suspended_deletes_survive_a_restart,
    ];
}

const FIXED: CoverRule = CoverRule::Fixed(4);
const LOBBY: CoverRule = CoverRule::FillTo(16);

fn closing(buckets: &[BucketId], epoch: u64, rule: CoverRule) -> Closing {
    let most = rule.most() * buckets.len();
    Closing {
        buckets: buckets.to_vec(),
        epoch,
        closed_at: UnixTime(epoch * 10 + 10),
        cell_size: CellSize::DEFAULT,
        rule,
        cover: prepare(most, CellSize::DEFAULT, &mut random::system()),
    }
}

async fn close(store: &impl Store, epoch: u64) {
    store
        .close(closing(&[bucket(0), bucket(1)], epoch, FIXED))
        .await
        .unwrap();
}

/// Deletes the batches of numbered buckets that were closed before `before`.
async fn expire(store: &impl Store, before: u64) {
    while store
        .expire(Kind::Numbered, UnixTime(before))
        .await
        .unwrap()
    {}
}

pub(crate) const EVERYTHING: Window = Window {
    from: UnixTime(0),
    through: u64::MAX,
};

async fn headers(store: &impl Store, bucket: BucketId) -> Vec<BatchHeader> {
    store.contents(bucket, EVERYTHING).await.unwrap().batches
}

/// The cells of one batch, after verification.
async fn cells(store: &impl Store, bucket: BucketId, epoch: u64) -> Vec<Vec<u8>> {
    let Found::Held(bytes) = store.batch(bucket, store.origin(), epoch).await.unwrap() else {
        panic!("no batch {epoch}");
    };
    let batch = Batch::parse(&bytes).unwrap();
    batch
        .header()
        .expect(bucket, &store.origin(), epoch)
        .unwrap();
    batch.cells().map(<[u8]>::to_vec).collect()
}

fn holds(cells: &[Vec<u8>], cell: &Cell) -> usize {
    cells
        .iter()
        .filter(|c| c.as_slice() == cell.as_bytes())
        .count()
}

async fn every_bucket_gets_a_batch_even_without_cells<S: Store, O: Open<S>>(o: O) {
    let store = o.open();
    assert_eq!(store.last_close(Kind::Numbered).await.unwrap(), None);
    let posted = entries(bucket(1), 3);
    store.put(posted.clone()).await.unwrap();
    close(&store, 5).await;
    assert_eq!(cells(&store, bucket(0), 5).await.len(), 4);
    let second = cells(&store, bucket(1), 5).await;
    assert_eq!(second.len(), 7);
    assert!(posted.iter().all(|entry| holds(&second, &entry.cell) == 1));
    let last = LastClose {
        epoch: 5,
        closed_at: UnixTime(60),
    };
    assert_eq!(store.last_close(Kind::Numbered).await.unwrap(), Some(last));
    assert_eq!(store.last_close(Kind::Lobby).await.unwrap(), None);
}

async fn the_same_cell_is_published_once<S: Store, O: Open<S>>(o: O) {
    let store = o.open();
    let posted = entries(bucket(0), 2);
    let elsewhere: Vec<_> = posted
        .iter()
        .map(|e| PostEntry {
            bucket: bucket(1),
            cell: e.cell.clone(),
        })
        .collect();
    for copy in [
        &posted,
        &posted,
        &[posted.clone(), posted.clone()].concat(),
        &elsewhere,
    ] {
        store.put(copy.clone()).await.unwrap();
    }
    close(&store, 5).await;
    store.put(posted.clone()).await.unwrap();
    store.put(elsewhere).await.unwrap();
    close(&store, 6).await;
    assert_eq!(cells(&store, bucket(0), 5).await.len(), 6);
    assert_eq!(cells(&store, bucket(1), 5).await.len(), 4);
    assert_eq!(cells(&store, bucket(0), 6).await.len(), 4);
    assert_eq!(cells(&store, bucket(1), 6).await.len(), 4);
}

async fn reposted_cover_is_ignored<S: Store, O: Open<S>>(o: O) {
    let store = o.open();
    close(&store, 5).await;
    for cover in cells(&store, bucket(0), 5).await {
        let cell = Cell::parse(cover, CellSize::DEFAULT).unwrap();
        store
            .put(vec![PostEntry {
                bucket: bucket(0),
                cell,
            }])
            .await
            .unwrap();
    }
    close(&store, 6).await;
    assert_eq!(
        cells(&store, bucket(0), 6).await.len(),
        4,
        "a second copy would mark a cell as real"
    );
}

async fn pending_cells_survive_a_restart<S: Store, O: Open<S>>(o: O) {
    let store = o.open();
    let posted = entries(bucket(0), 64);
    store.put(posted.clone()).await.unwrap();
    store.shutdown().await;
    drop(store);
    let store = o.open();
    store.put(posted[..10].to_vec()).await.unwrap();
    close(&store, 5).await;
    let published = cells(&store, bucket(0), 5).await;
    assert_eq!(published.len(), 68);
    assert!(
        posted
            .iter()
            .all(|entry| holds(&published, &entry.cell) == 1)
    );
}

async fn cells_left_behind_survive_the_end_of_the_epoch<S: Store, O: Open<S>>(o: O) {
    let mut store = o.open();
    let posted = [entries(bucket(0), 70), entries(bucket(1), 70)].concat();
    for part in posted.chunks(9) {
        store.put(part.to_vec()).await.unwrap();
    }
    // Bucket 1 is not closed in these epochs, nor in those after a restart.
    for epoch in 1..=3 {
        let only = closing(&[bucket(0)], epoch, FIXED);
        store.close(only).await.unwrap();
        store.end_epoch(Kind::Numbered, u8::MAX).await.unwrap();
        store.put(posted.clone()).await.unwrap();
        store.shutdown().await;
        drop(store);
        store = o.open();
    }
    close(&store, 4).await;
    let (first, last) = (
        cells(&store, bucket(0), 1).await,
        cells(&store, bucket(1), 4).await,
    );
    assert_eq!((first.len(), last.len()), (74, 74));
    for entry in &posted {
        let of = if entry.bucket == bucket(0) {
            &first
        } else {
            &last
        };
        assert_eq!(holds(of, &entry.cell), 1);
    }
    assert_eq!(cells(&store, bucket(0), 4).await.len(), 4);
}

/// A batch takes 2000 cells here.
async fn cells_beyond_a_full_batch_follow_in_the_next<S: Store, O: Open<S>>(o: O) {
    let store = o.open();
    let (many, few) = (entries(bucket(0), 1500), entries(bucket(0), 900));
    for (class, cells) in [(1, &many), (2, &few)] {
        for part in cells.chunks(64) {
            store.put(post(class, part)).await.unwrap();
        }
    }
    close(&store, 5).await;
    store.end_epoch(Kind::Numbered, u8::MAX).await.unwrap();
    let first = cells(&store, bucket(0), 5).await;
    assert_eq!(first.len(), 2000);
    let published = |of: &[PostEntry], batch: &[Vec<u8>]| -> Vec<bool> {
        let batch: std::collections::HashSet<&[u8]> = batch.iter().map(Vec::as_slice).collect();
        of.iter()
            .map(|entry| batch.contains(entry.cell.as_bytes()))
            .collect()
    };
    assert!(published(&few, &first).iter().all(|published| *published));
    let of_many = published(&many, &first);
    assert!(
        of_many[..1096].iter().all(|published| *published),
        "oldest first"
    );
    assert!(!of_many[1096..].iter().any(|published| *published));
    close(&store, 6).await;
    let second = cells(&store, bucket(0), 6).await;
    assert_eq!(second.len(), 404 + 4);
    let rest = published(&many[1096..], &second);
    assert!(rest.iter().all(|published| *published));
}

async fn a_class_that_fills_the_queue_does_not_block_others<S: Store, O: Open<S>>(o: O) {
    let store = o.open();
    let mut kept = Vec::new();
    let refused = loop {
        let flood = entries(bucket(0), 64);
        match store.put(post(1, &flood)).await {
            Ok(()) => kept.extend(flood),
            Err(error) => break error,
        }
    };
    assert_eq!(refused, StoreError::QueueFull(Kind::Numbered));
    assert_eq!(kept.len(), 1984, "a batch's worth, in whole posts");
    // All or nothing, in all buckets.
    let mixed = [entries(bucket(1), 1), entries(bucket(0), 63)].concat();
    let refused = store.put(post(1, &mixed)).await;
    assert_eq!(refused, Err(StoreError::QueueFull(Kind::Numbered)));
    // Cells that already wait need no room; other classes and other buckets have room.
    store.put(post(1, &kept[..64])).await.unwrap();
    let others = entries(bucket(0), 64);
    store.put(post(2, &others)).await.unwrap();
    store.put(post(1, &entries(bucket(1), 64))).await.unwrap();
    assert_eq!(store.writable(), Ok(()));
    close(&store, 5).await;
    let batch = cells(&store, bucket(0), 5).await;
    assert!(others.iter().all(|entry| holds(&batch, &entry.cell) == 1));
    assert_eq!(cells(&store, bucket(1), 5).await.len(), 68);
}

async fn stale_lobby_cells_are_dropped<S: Store, O: Open<S>>(o: O) {
    let store = o.open();
    let lobby = BucketId::LOBBY;
    store.put(entries(lobby, 56)).await.unwrap();
    let end = async |epoch| {
        store.close(closing(&[lobby], epoch, LOBBY)).await.unwrap();
        store.end_epoch(Kind::Lobby, 2).await.unwrap();
    };
    end(1).await;
    end(2).await;
    let late = entries(lobby, 3);
    store.put(late.clone()).await.unwrap();
    // Of 56, 24 are left; 3 closes leave 8 behind, and one too many.
    end(3).await;
    end(4).await;
    let [third, fourth] = [cells(&store, lobby, 3).await, cells(&store, lobby, 4).await];
    let of_late =
        |batch: &[Vec<u8>]| -> usize { late.iter().map(|entry| holds(batch, &entry.cell)).sum() };
    assert_eq!((of_late(&third), of_late(&fourth)), (0, 3));
}

fn post(class: u64, entries: &[PostEntry]) -> Post {
    Post {
        entries: entries.to_vec(),
        class: QueueClass(class),
    }
}

async fn origin_and_chain_survive_a_restart<S: Store, O: Open<S>>(o: O) {
    let store = o.open();
    let origin = store.origin();
    close(&store, 5).await;
    close(&store, 6).await;
    store.shutdown().await;
    drop(store);
    let store = o.open();
    assert_eq!(store.origin(), origin);
    close(&store, 60).await;
    for b in [bucket(0), bucket(1)] {
        let chain = headers(&store, b).await;
        assert_eq!(
            chain.iter().map(|h| h.epoch).collect::<Vec<_>>(),
            [5, 6, 60]
        );
        assert_eq!(chain[0].prev, BatchHeader::NO_PREV);
        assert!(
            chain
                .iter()
                .all(|h| h.origin == origin && h.verify().is_ok())
        );
        assert!(
            chain
                .windows(2)
                .all(|pair| pair[1].follows(&pair[0]).is_ok())
        );
    }
}

async fn an_epoch_that_is_not_later_publishes_nothing<S: Store, O: Open<S>>(o: O) {
    let store = o.open();
    close(&store, 5).await;
    store.put(entries(bucket(0), 1)).await.unwrap();
    let refused = store.close(closing(&[bucket(0)], 4, FIXED)).await;
    assert_eq!(refused, Err(StoreError::Misused));
    // The same epoch again is closed already.
    close(&store, 5).await;
    assert_eq!(headers(&store, bucket(0)).await.len(), 1);
    close(&store, 6).await;
    assert_eq!(
        cells(&store, bucket(0), 6).await.len(),
        5,
        "the cell still waited"
    );
}

async fn too_little_cover_publishes_nothing<S: Store, O: Open<S>>(o: O) {
    let store = o.open();
    store.put(entries(bucket(0), 1)).await.unwrap();
    let mut short = closing(&[bucket(0), bucket(1)], 5, FIXED);
    short.cover.pop();
    assert_eq!(store.close(short).await, Err(StoreError::Misused));
    assert!(
        headers(&store, bucket(0)).await.is_empty(),
        "all or nothing"
    );
    close(&store, 5).await;
    assert_eq!(cells(&store, bucket(0), 5).await.len(), 5);
}

async fn the_lobby_is_filled_to_exactly_sixteen<S: Store, O: Open<S>>(o: O) {
    let store = o.open();
    let lobby = BucketId::LOBBY;
    store.close(closing(&[lobby], 1, LOBBY)).await.unwrap();
    let first = entries(lobby, 40);
    store.put(first.clone()).await.unwrap();
    store.close(closing(&[lobby], 2, LOBBY)).await.unwrap();
    // Later cells wait behind earlier ones.
    let later = entries(lobby, 20);
    store.put(later.clone()).await.unwrap();
    let mut published = Vec::new();
    for epoch in 1..=6 {
        if epoch > 2 {
            store.close(closing(&[lobby], epoch, LOBBY)).await.unwrap();
        }
        let batch = cells(&store, lobby, epoch).await;
        assert_eq!(batch.len(), 16, "epoch {epoch}");
        published.push(batch);
    }
    let of = |posted: &[PostEntry], epoch: usize| -> usize {
        posted
            .iter()
            .map(|entry| holds(&published[epoch - 1], &entry.cell))
            .sum()
    };
    assert_eq!(
        [1, 2, 3, 4, 5, 6].map(|epoch| of(&first, epoch)),
        [0, 16, 16, 8, 0, 0]
    );
    assert_eq!(
        [1, 2, 3, 4, 5, 6].map(|epoch| of(&later, epoch)),
        [0, 0, 0, 8, 12, 0]
    );
}

async fn a_constant_batch_grows_only_for_overdue_cells<S: Store, O: Open<S>>(o: O) {
    let store = o.open();
    let constant = async |epoch| {
        let rule = CoverRule::Constant(8);
        store
            .close(closing(&[bucket(0)], epoch, rule))
            .await
            .unwrap();
        cells(&store, bucket(0), epoch).await
    };
    let first = entries(bucket(0), 45);
    store.put(first.clone()).await.unwrap();
    let mut published = vec![constant(1).await, constant(2).await];
    let later = entries(bucket(0), 5);
    store.put(later.clone()).await.unwrap();
    for epoch in 3..=6 {
        published.push(constant(epoch).await);
    }
    // 45 − 8 − 8 = 29 have waited twice: room for 32, of which three are of those that came later.
    let sizes: Vec<usize> = published.iter().map(Vec::len).collect();
    assert_eq!(sizes, [8, 8, 32, 8, 8, 8]);
    let of = |posted: &[PostEntry]| -> Vec<usize> {
        let in_batch = |batch: &Vec<Vec<u8>>| posted.iter().map(|e| holds(batch, &e.cell)).sum();
        published.iter().map(in_batch).collect()
    };
    assert_eq!(
        of(&first),
        [8, 8, 29, 0, 0, 0],
        "nobody waits longer than two epochs"
    );
    assert_eq!(of(&later), [0, 0, 3, 2, 0, 0]);
}

async fn a_noisy_batch_takes_all_waiting_cells<S: Store, O: Open<S>>(o: O) {
    let store = o.open();
    let budget = Budget {
        epsilon: "1".parse().unwrap(),
        delta: "1e-6".parse().unwrap(),
        sensitivity: 1,
    };
    let rule = CoverRule::Noise(Arc::new(Noise::laplace(&budget).unwrap()));
    let mut sizes = std::collections::BTreeSet::new();
    for epoch in 1..=40 {
        let posted = entries(bucket(1), 5);
        store.put(posted.clone()).await.unwrap();
        let both = [bucket(0), bucket(1)];
        store
            .close(closing(&both, epoch, rule.clone()))
            .await
            .unwrap();
        let batch = cells(&store, bucket(1), epoch).await;
        assert!(posted.iter().all(|entry| holds(&batch, &entry.cell) == 1));
        assert!((5..=5 + rule.most()).contains(&batch.len()));
        assert!(cells(&store, bucket(0), epoch).await.len() <= rule.most());
        sizes.insert(batch.len());
    }
    // 40 draws, whose likeliest value has probability 0.46: two or fewer distinct values occur
    // with probability below 10^−7.
    assert!(sizes.len() >= 3, "{sizes:?}");
}

async fn windows_hide_unpublished_and_expired_batches<S: Store, O: Open<S>>(o: O) {
    let store = o.open();
    for epoch in [5, 6, 7] {
        close(&store, epoch).await;
    }
    let seen = async |from, through| -> Vec<u64> {
        let window = Window {
            from: UnixTime(from),
            through,
        };
        store
            .contents(bucket(0), window)
            .await
            .unwrap()
            .batches
            .iter()
            .map(|h| h.epoch)
            .collect()
    };
    assert_eq!(seen(0, 4).await, [0_u64; 0]);
    assert_eq!(seen(0, 6).await, [5, 6]);
    assert_eq!(seen(61, 7).await, [6, 7]);
    assert_eq!(seen(81, 7).await, [0_u64; 0]);
}

async fn expired_batches_are_deleted_and_their_cells_may_be_posted_again<S: Store, O: Open<S>>(
    o: O,
) {
    let store = o.open();
    let (old, new) = (entries(bucket(0), 1), entries(bucket(0), 1));
    store.put(old.clone()).await.unwrap();
    close(&store, 5).await;
    store.put(new.clone()).await.unwrap();
    close(&store, 6).await;
    store
        .close(closing(&[BucketId::LOBBY], 5, LOBBY))
        .await
        .unwrap();

    let origin = store.origin();
    let found = async |b, origin, epoch| store.batch(b, origin, epoch).await.unwrap();
    assert_eq!(
        found(bucket(0), origin, 4).await,
        Found::Nothing,
        "never was"
    );
    expire(&store, 61).await;
    assert_eq!(
        found(bucket(0), origin, 5).await,
        Found::Expired { oldest: Some(6) }
    );
    assert_eq!(
        found(bucket(0), Origin([7; 32]), 5).await,
        Found::Nothing,
        "another origin's"
    );
    assert_eq!(found(bucket(0), origin, 7).await, Found::Nothing, "not yet");
    assert_eq!(
        cells(&store, BucketId::LOBBY, 5).await.len(),
        16,
        "the lobby has its own retention"
    );

    // Digests of deleted cells are deleted; those of others are not.
    store
        .put([old.clone(), new.clone()].concat())
        .await
        .unwrap();
    close(&store, 7).await;
    let published = cells(&store, bucket(0), 7).await;
    assert_eq!(
        (
            holds(&published, &old[0].cell),
            holds(&published, &new[0].cell)
        ),
        (1, 0)
    );
    let chain = headers(&store, bucket(0)).await;
    chain[1].follows(&chain[0]).unwrap();
}

async fn batches_are_shuffled<S: Store, O: Open<S>>(o: O) {
    let store = o.open();
    let mut firsts = Vec::new();
    for epoch in 1..=24 {
        let posted = entries(bucket(0), 4);
        for entry in &posted {
            store.put(vec![entry.clone()]).await.unwrap();
        }
        close(&store, epoch).await;
        let published = cells(&store, bucket(0), epoch).await;
        firsts.push(
            published
                .iter()
                .position(|c| c.as_slice() == posted[0].cell.as_bytes())
                .unwrap(),
        );
    }
    firsts.sort_unstable();
    firsts.dedup();
    // 24 draws of 8 positions: fewer than four distinct ones occur with probability 10^-7.
    assert!(firsts.len() >= 4, "{firsts:?}");
}
