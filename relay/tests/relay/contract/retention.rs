//! What readers see, and what is deleted.

use tessera::{
    base::UnixTime,
    wire::{BucketId, Origin},
};
use tessera_relay::store::{Found, Store, Window};

use super::{LOBBY, Open, cells, close, closing, contents, expire, headers, holds};
use crate::{bucket, entries};

pub(super) async fn windows_hide_unpublished_and_expired_batches<S: Store, O: Open<S>>(o: O) {
    let store = o.open();
    for epoch in [5, 6, 7] {
        close(&store, epoch).await;
    }
    let seen = async |from, through| -> Vec<u64> {
        let window = Window {
            from: UnixTime(from),
            through,
        };
        contents(&store, bucket(0), window)
            .await
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

pub(super) async fn expired_batches_are_deleted_and_their_cells_may_be_posted_again<
    S: Store,
    O: Open<S>,
>(
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
    let found = async |b, origin, epoch| {
        store
            .published()
            .unwrap()
            .batch(b, origin, epoch)
            .await
            .unwrap()
    };
    assert_eq!(
        found(bucket(0), origin, 4).await,
        Found::Nothing,
        "never was"
    );
    expire(&store, 61).await;
    assert_eq!(found(bucket(0), origin, 5).await, Found::Expired);
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
