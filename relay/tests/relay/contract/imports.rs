//! Batches of other origins.

use tessera::{
    base::UnixTime,
    wire::{
        Batch, BatchHeader, BucketId, Cell, CellSize, Fork, HeaderHash, OriginKey, PostEntry,
        batch::BatchPlace,
    },
};
use tessera_relay::{
    random,
    store::{Found, Kind, OriginState, SignedBatch, Store, StoreError, Window, root},
};

use super::{EVERYTHING, Open, cells, close, contents, expire, headers, holds};
use crate::{bucket, cell};

/// Another relay, which publishes batches of its own.
pub(crate) struct Foreign {
    pub(crate) key: OriginKey,
    size: CellSize,
    heads: Vec<HeaderHash>,
}

impl Foreign {
    pub(crate) fn new() -> Self {
        Self::with_cells(CellSize::DEFAULT)
    }

    pub(crate) fn with_cells(size: CellSize) -> Self {
        Self {
            key: OriginKey::generate(&mut random::system()),
            size,
            heads: vec![BatchHeader::NO_PREV; 2],
        }
    }

    /// A relay with the same key and no history.
    pub(crate) fn twin(&self) -> Self {
        Self {
            key: OriginKey::from_seed(&self.key.seed()),
            size: self.size,
            heads: vec![BatchHeader::NO_PREV; 2],
        }
    }

    /// The batch of a bucket with these cells.
    pub(crate) fn batch(
        &mut self,
        bucket: BucketId,
        epoch: u64,
        closed_at: u64,
        cells: &[Cell],
    ) -> SignedBatch {
        let head = self.heads.get_mut(bucket.get() as usize);
        let prev = head
            .as_ref()
            .map_or(BatchHeader::NO_PREV, |head| HeaderHash(head.0));
        let place = BatchPlace {
            bucket,
            epoch,
            closed_at: UnixTime(closed_at),
            prev,
        };
        let (header, bytes) = Batch::build(&place, cells, self.size, &self.key).unwrap();
        if let Some(head) = head {
            *head = header.hash();
        }
        SignedBatch::parse(bytes).unwrap()
    }

    /// The batches of both buckets, with three cells each.
    fn epoch(&mut self, epoch: u64) -> Vec<SignedBatch> {
        [bucket(0), bucket(1)]
            .map(|bucket| self.batch(bucket, epoch, epoch * 10 + 10, &[cell(), cell(), cell()]))
            .to_vec()
    }
}

fn bytes(batch: &SignedBatch) -> Vec<u8> {
    batch.bytes.clone()
}

fn all_headers(batches: &[SignedBatch]) -> Vec<BatchHeader> {
    batches.iter().map(|batch| batch.header.clone()).collect()
}

async fn of(store: &impl Store, foreign: &Foreign) -> Vec<BatchHeader> {
    store
        .published()
        .unwrap()
        .headers(foreign.key.origin(), Kind::Numbered, None, 1000, EVERYTHING)
        .await
        .unwrap()
}

pub(super) async fn imported_batches_are_served_unchanged<S: Store, O: Open<S>>(o: O) {
    let store = o.open();
    let (mut one, mut other) = (Foreign::new(), Foreign::new());
    let mut all = Vec::new();
    close(&store, 5).await;
    for epoch in [5, 6, 8] {
        all.extend(one.epoch(epoch));
    }
    all.extend(other.epoch(7));
    store.import(all.clone()).await.unwrap();
    store.import(all.clone()).await.unwrap();
    close(&store, 6).await;
    store.shutdown().await;
    drop(store);
    let store = o.open();
    for batch in &all {
        let header = &batch.header;
        let found = store
            .published()
            .unwrap()
            .batch(header.bucket, header.origin, header.epoch)
            .await;
        assert_eq!(found, Ok(Found::Held(bytes(batch))));
    }
    // Own batches are visible up to the last published epoch, the others at once.
    let window = Window {
        through: 5,
        ..EVERYTHING
    };
    let visible = contents(&store, bucket(0), window).await.batches;
    let epochs = |of| -> Vec<u64> {
        let visible = visible.iter().filter(|header| header.origin == of);
        visible.map(|header| header.epoch).collect()
    };
    assert_eq!(epochs(store.origin()), [5]);
    assert_eq!(epochs(one.key.origin()), [5, 6, 8]);
    assert_eq!(epochs(other.key.origin()), [7]);
    assert_eq!(
        store
            .last_close(Kind::Numbered)
            .await
            .unwrap()
            .unwrap()
            .epoch,
        6
    );
    // The own chain is not interrupted.
    let own: Vec<_> = headers(&store, bucket(0)).await;
    let own: Vec<_> = own.iter().filter(|h| h.origin == store.origin()).collect();
    own[1].follows(own[0]).unwrap();
}

pub(super) async fn a_batch_that_does_not_follow_is_not_imported<S: Store, O: Open<S>>(o: O) {
    let store = o.open();
    let mut foreign = Foreign::new();
    let (first, missing, third) = (foreign.epoch(1), foreign.epoch(2), foreign.epoch(3));
    store.import(first.clone()).await.unwrap();
    assert_eq!(store.import(third.clone()).await, Err(StoreError::Unlinked));
    // All or nothing: bucket 0 follows, bucket 1 does not.
    let mixed = vec![missing[0].clone(), third[1].clone()];
    assert_eq!(store.import(mixed).await, Err(StoreError::Unlinked));
    assert_eq!(of(&store, &foreign).await, all_headers(&first));
    // Another batch under the same epoch, or under an earlier one.
    let mut twin = foreign.twin();
    for epoch in [1, 0] {
        let refused = store.import(twin.epoch(epoch)).await;
        assert_eq!(refused, Err(StoreError::Unlinked));
    }
    assert_eq!(store.writable(), Ok(()));
    store.import([missing, third].concat()).await.unwrap();
    assert_eq!(of(&store, &foreign).await.len(), 6);
}

pub(super) async fn a_batch_of_other_parameters_is_not_imported<S: Store, O: Open<S>>(o: O) {
    let store = o.open();
    let mut foreign = Foreign::new();
    let strange = foreign.batch(bucket(2), 5, 60, &[cell()]);
    let size = CellSize::try_from(1024).unwrap();
    let place = BatchPlace {
        bucket: bucket(0),
        epoch: 5,
        closed_at: UnixTime(60),
        prev: BatchHeader::NO_PREV,
    };
    let (_, small) = Batch::build(&place, &[], size, &foreign.key).unwrap();
    for batch in [strange, SignedBatch::parse(small).unwrap()] {
        assert_eq!(store.import(vec![batch]).await, Err(StoreError::Misused));
    }
    let mut altered = bytes(&foreign.epoch(6)[0]);
    *altered.last_mut().unwrap() ^= 1;
    assert!(SignedBatch::parse(altered).is_err());
    assert_eq!(of(&store, &foreign).await, []);
}

pub(super) async fn a_chain_is_entered_anywhere_and_goes_on_after_retention<
    S: Store,
    O: Open<S>,
>(
    o: O,
) {
    let store = o.open();
    let mut foreign = Foreign::new();
    let epochs: Vec<_> = (1..=6).map(|epoch| foreign.epoch(epoch)).collect();
    store.import(epochs[1].clone()).await.unwrap();
    store.import(epochs[2].clone()).await.unwrap();
    assert_eq!(
        store.import(epochs[0].clone()).await,
        Err(StoreError::Unlinked)
    );
    expire(&store, 41).await;
    let (origin, gone) = (foreign.key.origin(), epochs[2][0].header.epoch);
    assert_eq!(
        store
            .published()
            .unwrap()
            .batch(bucket(0), origin, gone)
            .await,
        Ok(Found::Expired)
    );
    // Epoch 4 was never here, and nothing that it follows is left.
    store.import(epochs[4].clone()).await.unwrap();
    store.import(epochs[5].clone()).await.unwrap();
    let held: Vec<u64> = of(&store, &foreign).await.iter().map(|h| h.epoch).collect();
    assert_eq!(held, [5, 5, 6, 6]);
}

pub(super) async fn imported_cells_count_as_published_until_the_last_copy_expires<
    S: Store,
    O: Open<S>,
>(
    o: O,
) {
    let store = o.open();
    let mut foreign = Foreign::new();
    let (known, twice) = (cell(), cell());
    let entry = |cell: &Cell| PostEntry {
        bucket: bucket(0),
        cell: cell.clone(),
    };
    store.put(vec![entry(&twice)]).await.unwrap();
    let batch = foreign.batch(bucket(0), 5, 60, &[known.clone(), twice.clone()]);
    store.import(vec![batch]).await.unwrap();
    close(&store, 6).await;
    // It waited here before the other relay's batch came: published by both, unless an
    // import has its place in a log before the end of the epoch.
    let copies = usize::from(!store.is_replicated());
    assert_eq!(holds(&cells(&store, bucket(0), 6).await, &twice), copies);
    store.put(vec![entry(&known), entry(&twice)]).await.unwrap();
    close(&store, 7).await;
    assert_eq!(cells(&store, bucket(0), 7).await.len(), 4, "both are known");
    expire(&store, 61).await;
    store.put(vec![entry(&known), entry(&twice)]).await.unwrap();
    close(&store, 8).await;
    let batch = cells(&store, bucket(0), 8).await;
    // A copy in an own batch has not expired.
    let again = (holds(&batch, &known), holds(&batch, &twice));
    assert_eq!(again, (1, 1 - copies));
}

pub(super) async fn imported_runs_become_the_same_segments<S: Store, O: Open<S>>(o: O) {
    let store = o.open();
    let mut foreign = Foreign::new();
    for (epoch, hour) in [(1, 0), (2, 3), (3, 6)] {
        let batch = foreign.batch(bucket(0), epoch, hour * 3600, &[cell()]);
        store.import(vec![batch]).await.unwrap();
    }
    let before = contents(&store, bucket(0), EVERYTHING).await;
    store.seal(&[bucket(0), bucket(1)]).await.unwrap();
    let after = contents(&store, bucket(0), EVERYTHING).await;
    assert_eq!((before.segments.len(), before.batches.len()), (0, 3));
    assert_eq!((after.segments.len(), after.batches.len()), (1, 1));
    let segment = after.segments[0];
    assert_eq!(
        (segment.origin, segment.first, segment.last),
        (foreign.key.origin(), 1, 2)
    );
    let found = store
        .published()
        .unwrap()
        .segment(bucket(0), segment.origin, segment.number)
        .await;
    assert!(matches!(found, Ok(Found::Held(_))), "{found:?}");
}

pub(super) async fn the_state_of_each_origin_is_known<S: Store, O: Open<S>>(o: O) {
    let store = o.open();
    let mut foreign = Foreign::new();
    let epochs: Vec<_> = (1..=4).map(|epoch| foreign.epoch(epoch)).collect();
    store.import(epochs.concat()).await.unwrap();
    close(&store, 3).await;
    close(&store, 5).await;
    let window = Window {
        through: 3,
        ..EVERYTHING
    };
    let states = store
        .published()
        .unwrap()
        .origins(Kind::Numbered, window)
        .await
        .unwrap();
    let state = |origin| *states.iter().find(|state| state.origin == origin).unwrap();
    assert_eq!(states.len(), 2);
    let newest = OriginState {
        origin: foreign.key.origin(),
        oldest: 1,
        epoch: 4,
        closed_at: UnixTime(50),
        root: root(&all_headers(&epochs[3])),
    };
    assert_eq!(state(foreign.key.origin()), newest);
    let own = state(store.origin());
    assert_eq!((own.oldest, own.epoch), (3, 3), "epoch 5 is not published");
    assert!(
        store
            .published()
            .unwrap()
            .origins(Kind::Lobby, window)
            .await
            .unwrap()
            .is_empty()
    );

    // Pages hold whole epochs.
    let page = async |after, most| {
        let of = foreign.key.origin();
        let page = store
            .published()
            .unwrap()
            .headers(of, Kind::Numbered, after, most, window)
            .await;
        page.unwrap()
    };
    assert_eq!(page(Some(1), 3).await, all_headers(&epochs[1..3].concat()));
    assert_eq!(page(Some(3), 100).await, all_headers(&epochs[3]));
    let own = store
        .published()
        .unwrap()
        .headers(store.origin(), Kind::Numbered, None, 100, window)
        .await
        .unwrap();
    assert_eq!(own.len(), 2);
    let heads = store
        .published()
        .unwrap()
        .heads(foreign.key.origin(), Kind::Numbered)
        .await;
    let heads: Vec<_> = heads.unwrap().iter().map(|h| (h.epoch, h.hash)).collect();
    let expected = epochs[3].iter().map(|batch| (4, batch.header.hash()));
    assert_eq!(heads, expected.collect::<Vec<_>>());
}

pub(super) async fn a_fork_is_kept_for_ever<S: Store, O: Open<S>>(o: O) {
    let store = o.open();
    let key = OriginKey::generate(&mut random::system());
    let fork = |closed_at| {
        let header = |closed_at| {
            let place = BatchPlace {
                bucket: bucket(0),
                epoch: 5,
                closed_at: UnixTime(closed_at),
                prev: BatchHeader::NO_PREV,
            };
            BatchHeader::sign(&place, &[], CellSize::DEFAULT, &key).unwrap()
        };
        Fork::prove(&header(1), &header(closed_at)).unwrap()
    };
    assert_eq!(store.published().unwrap().forks().await.unwrap(), []);
    store.keep_fork(fork(2)).await.unwrap();
    store.keep_fork(fork(3)).await.unwrap();
    expire(&store, u64::MAX).await;
    store.shutdown().await;
    drop(store);
    let store = o.open();
    assert_eq!(
        store.published().unwrap().forks().await.unwrap(),
        [fork(2)],
        "the first one"
    );
}
