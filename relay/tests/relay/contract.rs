//! The contract of every backend of [`Store`]. A new backend calls [`all`].

pub(crate) mod imports;
mod retention;
mod segments;
mod sizes;

use tessera::{
    base::UnixTime,
    wire::{Batch, BatchHeader, BucketId, Cell, CellSize, PostEntry},
};
use tessera_relay::{
    cover::{CoverRule, prepare},
    epoch::Boundary,
    random,
    store::{Closing, Contents, Found, Kind, Store, StoreError, Window},
};

use self::{imports::*, retention::*, segments::*, sizes::*};
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
        imported_batches_are_served_unchanged,
        a_batch_that_does_not_follow_is_not_imported,
        a_batch_of_other_parameters_is_not_imported,
        a_chain_is_entered_anywhere_and_goes_on_after_retention,
        imported_cells_count_as_published_until_the_last_copy_expires,
        imported_runs_become_the_same_segments,
        the_state_of_each_origin_is_known,
        a_fork_is_kept_for_ever,
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

/// What a bucket holds, as its readers see it.
async fn contents(store: &impl Store, bucket: BucketId, window: Window) -> Contents {
    let file = store.published().unwrap();
    file.contents(bucket, window).await.unwrap()
}

async fn headers(store: &impl Store, bucket: BucketId) -> Vec<BatchHeader> {
    contents(store, bucket, EVERYTHING).await.batches
}

/// The cells of one batch, after verification.
pub(crate) async fn cells(store: &impl Store, bucket: BucketId, epoch: u64) -> Vec<Vec<u8>> {
    let Found::Held(bytes) = store
        .published()
        .unwrap()
        .batch(bucket, store.origin(), epoch)
        .await
        .unwrap()
    else {
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
    let last = Boundary {
        epoch: 5,
        at: UnixTime(60),
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
