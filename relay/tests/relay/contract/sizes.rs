//! Which waiting cells a batch takes, and which posts are refused.

use std::sync::Arc;

use tessera::{
    privacy::{Budget, Noise},
    wire::{BucketId, PostEntry},
};
use tessera_relay::{
    cover::CoverRule,
    store::{Kind, Post, QueueClass, Store, StoreError},
};

use super::{LOBBY, Open, cells, close, closing, holds};
use crate::{bucket, entries};

fn post(class: u64, entries: &[PostEntry]) -> Post {
    Post {
        entries: entries.to_vec(),
        class: QueueClass(class),
    }
}

/// A batch takes 2000 cells here.
pub(super) async fn cells_beyond_a_full_batch_follow_in_the_next<S: Store, O: Open<S>>(o: O) {
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

pub(super) async fn a_class_that_fills_the_queue_does_not_block_others<S: Store, O: Open<S>>(o: O) {
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

pub(super) async fn stale_lobby_cells_are_dropped<S: Store, O: Open<S>>(o: O) {
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

pub(super) async fn the_lobby_is_filled_to_exactly_sixteen<S: Store, O: Open<S>>(o: O) {
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

pub(super) async fn a_constant_batch_grows_only_for_overdue_cells<S: Store, O: Open<S>>(o: O) {
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

pub(super) async fn a_noisy_batch_takes_all_waiting_cells<S: Store, O: Open<S>>(o: O) {
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
