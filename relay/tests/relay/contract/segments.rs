//! Segments, and deletion after retention.

use tessera::{
    base::UnixTime,
    wire::{Origin, SegmentRef},
};
use tessera_relay::store::{Closing, Found, Kind, Store, Window};

use super::{EVERYTHING, FIXED, Open, cells, close, closing, contents, expire, headers, holds};
use crate::{bucket, entries};

/// Closes both buckets at this hour, and makes segments of complete runs.
async fn close_at(store: &impl Store, epoch: u64, hour: u64) {
    let buckets = [bucket(0), bucket(1)];
    let closing = Closing {
        closed_at: UnixTime(hour * 3600),
        ..closing(&buckets, epoch, FIXED)
    };
    store.close(closing).await.unwrap();
    store.seal(&buckets).await.unwrap();
}

async fn segments(store: &impl Store, through: u64) -> Vec<SegmentRef> {
    let window = Window {
        through,
        ..EVERYTHING
    };
    contents(store, bucket(0), window).await.segments
}

/// Numbers, first and last epochs.
fn places(segments: &[SegmentRef]) -> Vec<(u64, u64, u64)> {
    segments
        .iter()
        .map(|segment| (segment.number, segment.first, segment.last))
        .collect()
}

/// The batches of a listed segment.
async fn read_segment(store: &impl Store, listed: &SegmentRef) -> Vec<Vec<u8>> {
    let found = store
        .published()
        .unwrap()
        .segment(bucket(0), listed.origin, listed.number)
        .await;
    let Ok(Found::Held(segment)) = found else {
        panic!("{found:?}");
    };
    assert_eq!(segment.listed, *listed);
    let mut bytes = Vec::new();
    for epoch in segment.epochs {
        let Ok(Found::Held(batch)) = store
            .published()
            .unwrap()
            .batch(bucket(0), listed.origin, epoch)
            .await
        else {
            panic!("no batch {epoch}");
        };
        bytes.extend(batch);
    }
    let batches = listed.split(bucket(0), &bytes).unwrap();
    batches.into_iter().map(<[u8]>::to_vec).collect()
}

pub(super) async fn a_run_becomes_a_segment_when_a_later_batch_starts_the_next<
    S: Store,
    O: Open<S>,
>(
    o: O,
) {
    let store = o.open();
    for (epoch, hour) in [(10, 0), (11, 3), (12, 5)] {
        close_at(&store, epoch, hour).await;
    }
    assert_eq!(segments(&store, 12).await, [], "not complete");
    close_at(&store, 13, 6).await;
    let listed = segments(&store, 13).await;
    assert_eq!(places(&listed), [(0, 10, 12)]);
    let read = read_segment(&store, &listed[0]).await;
    assert_eq!(read.len(), 3);
    let epochs: Vec<_> = headers(&store, bucket(0))
        .await
        .iter()
        .map(|h| h.epoch)
        .collect();
    assert_eq!(epochs, [13], "each batch is listed once");
    store.seal(&[bucket(0), bucket(1)]).await.unwrap();
    assert_eq!(segments(&store, 13).await, listed, "and each segment");
    for wrong in [1, u64::MAX] {
        let found = store
            .published()
            .unwrap()
            .segment(bucket(0), store.origin(), wrong)
            .await;
        assert_eq!(found, Ok(Found::Nothing));
    }
    let found = store
        .published()
        .unwrap()
        .segment(bucket(0), Origin([7; 32]), 0)
        .await;
    assert_eq!(found, Ok(Found::Nothing), "another origin's");
    assert_eq!(
        cells(&store, bucket(0), 11).await.len(),
        4,
        "its batches are there one by one"
    );
}

pub(super) async fn a_segment_is_listed_once_the_next_batch_is_visible<S: Store, O: Open<S>>(o: O) {
    let store = o.open();
    for (epoch, hour) in [(10, 0), (11, 5), (12, 6), (13, 7)] {
        close_at(&store, epoch, hour).await;
    }
    for (through, segments, batches) in [
        (11, vec![], vec![10, 11]),
        (12, vec![(0, 10, 11)], vec![12]),
        (13, vec![(0, 10, 11)], vec![12, 13]),
    ] {
        let window = Window {
            through,
            ..EVERYTHING
        };
        let seen = contents(&store, bucket(0), window).await;
        assert_eq!(places(&seen.segments), segments, "through {through}");
        let epochs: Vec<_> = seen.batches.iter().map(|header| header.epoch).collect();
        assert_eq!(epochs, batches, "through {through}");
    }
}

pub(super) async fn a_segment_expires_as_a_whole_after_its_last_batch<S: Store, O: Open<S>>(o: O) {
    let store = o.open();
    let posted = entries(bucket(0), 1);
    store.put(posted.clone()).await.unwrap();
    for (epoch, hour) in [(10, 0), (11, 5), (12, 6), (13, 12)] {
        close_at(&store, epoch, hour).await;
    }
    let origin = store.origin();
    expire(&store, 5 * 3600).await;
    assert_eq!(
        places(&segments(&store, 13).await),
        [(0, 10, 11), (1, 12, 12)],
        "its first batch alone is past retention"
    );
    assert_eq!(cells(&store, bucket(0), 10).await.len(), 5);
    store.put(posted.clone()).await.unwrap();
    let window = Window {
        from: UnixTime(5 * 3600 + 1),
        ..EVERYTHING
    };
    let seen = contents(&store, bucket(0), window).await;
    assert_eq!(
        places(&seen.segments),
        [(1, 12, 12)],
        "hidden before it is deleted"
    );
    assert_eq!(seen.batches.len(), 1);

    expire(&store, 5 * 3600 + 1).await;
    assert_eq!(places(&segments(&store, 13).await), [(1, 12, 12)]);
    let gone = Found::Expired;
    assert_eq!(
        store
            .published()
            .unwrap()
            .segment(bucket(0), origin, 0)
            .await,
        Ok(gone)
    );
    for epoch in [10, 11] {
        let gone = Found::Expired;
        assert_eq!(
            store
                .published()
                .unwrap()
                .batch(bucket(0), origin, epoch)
                .await,
            Ok(gone)
        );
    }
    let other = store
        .published()
        .unwrap()
        .segment(bucket(0), Origin([7; 32]), 0)
        .await;
    assert_eq!(other, Ok(Found::Nothing));
    // Its digest is known as long as its segment exists, and not longer.
    store.put(posted.clone()).await.unwrap();
    close_at(&store, 14, 13).await;
    let published = cells(&store, bucket(0), 14).await;
    assert_eq!(
        (published.len(), holds(&published, &posted[0].cell)),
        (5, 1)
    );
}

pub(super) async fn segment_numbers_increase_after_a_clock_set_back_and_a_restart<
    S: Store,
    O: Open<S>,
>(
    o: O,
) {
    let store = o.open();
    for (epoch, hour) in [(10, 60), (11, 66), (12, 7), (13, 12)] {
        close_at(&store, epoch, hour).await;
    }
    store.shutdown().await;
    drop(store);
    let store = o.open();
    close_at(&store, 14, 90).await;
    let listed = segments(&store, 14).await;
    assert_eq!(
        places(&listed),
        [(10, 10, 10), (11, 11, 11), (12, 12, 12), (13, 13, 13)]
    );
    for segment in &listed {
        assert_eq!(read_segment(&store, segment).await.len(), 1);
    }
    // Deleted numbers are not reused.
    expire(&store, 89 * 3600).await;
    assert_eq!(segments(&store, 14).await, []);
    close_at(&store, 15, 1).await;
    close_at(&store, 16, 8).await;
    assert_eq!(
        places(&segments(&store, 16).await),
        [(15, 14, 14), (16, 15, 15)]
    );
}

pub(super) async fn many_cells_are_deleted_in_many_steps<S: Store, O: Open<S>>(o: O) {
    let store = o.open();
    let posted: Vec<_> = (0..9).flat_map(|_| entries(bucket(0), 64)).collect();
    for post in posted.chunks(64) {
        store.put(post.to_vec()).await.unwrap();
    }
    close(&store, 5).await;
    let mut steps = 0;
    while store.expire(Kind::Numbered, UnixTime(61)).await.unwrap() {
        steps += 1;
        let found = store
            .published()
            .unwrap()
            .batch(bucket(0), store.origin(), 5)
            .await
            .unwrap();
        assert_eq!(found, Found::Expired, "gone at once");
        assert_eq!(headers(&store, bucket(0)).await, []);
        // Posts are accepted in between, and a restart continues.
        store.put(entries(bucket(1), 1)).await.unwrap();
    }
    assert!(steps >= 3, "{steps}");
    store.put(posted.clone()).await.unwrap();
    close(&store, 6).await;
    assert_eq!(cells(&store, bucket(0), 6).await.len(), posted.len() + 4);
}

pub(super) async fn suspended_deletes_survive_a_restart<S: Store, O: Open<S>>(o: O) {
    let store = o.open();
    assert_eq!(
        store.published().unwrap().held(Kind::Numbered).await,
        Ok(false)
    );
    for _ in 0..2 {
        store.hold(Kind::Numbered, true).await.unwrap();
    }
    store.shutdown().await;
    drop(store);
    let store = o.open();
    assert_eq!(
        store.published().unwrap().held(Kind::Numbered).await,
        Ok(true)
    );
    assert_eq!(
        store.published().unwrap().held(Kind::Lobby).await,
        Ok(false)
    );
    store.hold(Kind::Numbered, false).await.unwrap();
    assert_eq!(
        store.published().unwrap().held(Kind::Numbered).await,
        Ok(false)
    );
}
