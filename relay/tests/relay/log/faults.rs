//! Single faults of the log and of processes, and what follows from each.

use tessera::wire::{BucketId, Cell, CellSize, PostEntry, cover_cell};
use tessera_relay::{
    cover::CoverRule,
    random,
    store::{
        Store as _, StoreError,
        log::{LogConfig, LogOpenError, LogStore, StateDir, Stream, initialize},
    },
};

use super::{
    memory::{Servers, until},
    options,
    team::{Team, copies},
};
use crate::bucket;

fn entries(to: BucketId, count: usize) -> Vec<PostEntry> {
    let size = CellSize::try_from(1024).unwrap();
    let entry = |_| PostEntry {
        bucket: to,
        cell: cover_cell(size, &mut random::system()),
    };
    (0..count).map(entry).collect()
}

async fn is_published(team: &Team, member: usize, cell: &Cell) -> bool {
    let copies = copies(&team.batches(member).await).unwrap();
    match copies.get(cell.as_bytes()) {
        None => false,
        Some(1) => true,
        Some(more) => panic!("published {more} times"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_with_another_configuration_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state");
    StateDir::create(&path).unwrap();
    let servers = Servers::new(1);
    let open = async |buckets, rule| {
        let directory = StateDir::open(&path).unwrap();
        let options = options(2048, buckets, rule);
        let store = LogStore::open(servers.connect(), directory, options).unwrap();
        let ready = store.ready().await;
        store.shutdown().await;
        std::fs::remove_file(path.join("view.db")).unwrap();
        ready
    };
    let refused = open(2, CoverRule::Fixed(4)).await;
    assert!(matches!(refused, Err(LogOpenError::NotInitialized)));
    let log = servers.connect();
    let config = LogConfig::new(&options(2048, 2, CoverRule::Fixed(4)));
    initialize(&log, &config).await.unwrap();
    assert!(initialize(&log, &config).await.is_err(), "once only");
    open(2, CoverRule::Fixed(4)).await.unwrap();
    for (buckets, rule, name) in [
        (4, CoverRule::Fixed(4), "buckets"),
        (2, CoverRule::Fixed(5), "cover"),
    ] {
        match open(buckets, rule).await {
            Err(LogOpenError::Config(differs)) => assert_eq!(differs.name, name),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_log_refuses_posts_and_still_closes() {
    let team = Team::new(1, 1, None).await;
    let store = &team.members[0].store;
    let kept = entries(bucket(0), 1);
    store.put(kept.clone()).await.unwrap();
    // Room for markers and commits, not for more posts.
    team.servers.set_max_bytes(32 << 10);
    let refused = async || store.put(entries(bucket(0), 30)).await == Err(StoreError::Full);
    until("posts are refused", refused).await;
    assert_eq!(store.writable(), Err(StoreError::Full));
    assert_eq!(team.close(1, &[0]).await, []);
    assert!(is_published(&team, 0, &kept[0].cell).await);
    team.servers.set_max_bytes(0);
    // A restart looks at the size again.
    let mut team = team;
    team.restart(0).await;
    let store = &team.members[0].store;
    let later = entries(bucket(0), 1);
    store.put(later.clone()).await.unwrap();
    assert_eq!(team.close(2, &[0]).await, []);
    assert!(is_published(&team, 0, &later[0].cell).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_the_log_lost_stops_posts_and_alarms() {
    let team = Team::new(1, 2, None).await;
    let [first, second] = [0, 1].map(|number| &team.members[number].store);
    first.put(entries(bucket(0), 1)).await.unwrap();
    // The second process has not read it when the log loses it.
    team.members[1].log.freeze(true);
    let lost = entries(bucket(0), 1);
    first.put(lost.clone()).await.unwrap();
    let at = team.servers.messages(Stream::Numbered).last().unwrap().seq;
    team.servers.lose(Stream::Numbered, at);
    first.put(entries(bucket(0), 1)).await.unwrap();
    team.members[1].log.freeze(false);
    until("the gap is noticed", async || team.gauge(1, "log_gap") == 1).await;
    let refused = second.put(entries(bucket(0), 1)).await;
    assert_eq!(refused, Err(StoreError::Unavailable));
    // The first process has read it, and closes. The commit explains the gap.
    assert_eq!(team.close(1, &[0]).await, []);
    until("the gap is explained", async || {
        team.gauge(1, "log_gap") == 0
    })
    .await;
    assert!(is_published(&team, 1, &lost[0].cell).await);
    second.put(entries(bucket(0), 1)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cell_that_a_commit_lacks_is_posted_again() {
    let team = Team::new(1, 2, None).await;
    // Rank 0 reads a damaged replica; rank 1 acknowledges the cell.
    let at = team.servers.messages(Stream::Numbered).len() as u64 + 1;
    team.members[0].log.garble(Stream::Numbered, at);
    let posted = entries(bucket(0), 1);
    team.members[1].store.put(posted.clone()).await.unwrap();
    assert_eq!(team.servers.messages(Stream::Numbered)[0].seq, at);
    // Rank 0 alone ends the epoch, and publishes first.
    team.members[1].log.freeze(true);
    assert_eq!(team.close(1, &[0]).await, []);
    team.members[1].log.freeze(false);
    until("the difference is noticed", async || {
        team.gauge(0, "close_differs") + team.gauge(1, "close_differs") > 0
            || !is_published(&team, 1, &posted[0].cell).await
    })
    .await;
    assert!(!is_published(&team, 0, &posted[0].cell).await);
    let mut epoch = 1;
    until("the cell is published", async || {
        epoch += 1;
        assert_eq!(team.close(epoch, &[0, 1]).await, []);
        is_published(&team, 1, &posted[0].cell).await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_was_away_follows_with_the_ratchets_inputs() {
    let mut team = Team::new(1, 2, None).await;
    team.members[1].store.kill().await;
    let mut posted = Vec::new();
    for epoch in 1..=5 {
        posted.extend(entries(bucket(1), 2));
        let last = posted[posted.len() - 2..].to_vec();
        team.members[0].store.put(last).await.unwrap();
        assert_eq!(team.close(epoch, &[0]).await, []);
    }
    team.restart(1).await;
    assert_eq!(team.gauge(1, "ratchet_lag"), 0);
    let later = entries(bucket(1), 1);
    team.members[1].store.put(later.clone()).await.unwrap();
    team.members[0].store.kill().await;
    assert_eq!(team.close(6, &[1]).await, []);
    for entry in posted.iter().chain(&later) {
        assert!(is_published(&team, 1, &entry.cell).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_was_away_too_long_only_reads() {
    let mut team = Team::new(1, 2, None).await;
    team.members[1].store.kill().await;
    let posted = entries(bucket(1), 2);
    team.members[0].store.put(posted.clone()).await.unwrap();
    for epoch in 1..=3 {
        assert_eq!(team.close(epoch, &[0]).await, []);
    }
    let last = team.servers.messages(Stream::Ratchet).last().unwrap().seq;
    team.servers.expire(Stream::Ratchet, last + 1);
    team.restart(1).await;
    assert!(team.gauge(1, "ratchet_lag") > 0);
    assert!(is_published(&team, 1, &posted[0].cell).await, "reads go on");
    let refused = team.members[1].store.put(entries(bucket(1), 1)).await;
    assert_eq!(refused, Err(StoreError::Unavailable));
    assert_eq!(team.close(4, &[0]).await, [], "the others go on");
    let behind = team.batches(0).await;
    until("the view follows", async || team.batches(1).await == behind).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_view_is_rebuilt_from_what_the_log_still_has() {
    let mut team = Team::new(1, 2, None).await;
    for epoch in 1..=6 {
        let posted = entries(bucket(0), 3);
        team.members[0].store.put(posted).await.unwrap();
        assert_eq!(team.close(epoch, &[0, 1]).await, []);
    }
    let waiting = entries(bucket(0), 1);
    team.members[0].store.put(waiting.clone()).await.unwrap();
    for expired in [false, true] {
        let before = team.batches(0).await;
        if expired {
            // Half of it is past the retention, from the middle of a close on.
            let all = team.servers.messages(Stream::Published);
            team.servers
                .expire(Stream::Published, all[all.len() / 2].seq);
        }
        team.members[1].store.kill().await;
        for suffix in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(team.path(1).join(format!("view.db{suffix}")));
        }
        team.restart(1).await;
        let rebuilt = team.batches(1).await;
        assert!(
            rebuilt
                .iter()
                .all(|(at, batch)| before.get(at) == Some(batch))
        );
        if expired {
            assert!(rebuilt.len() >= 3 && rebuilt.len() < before.len());
        } else {
            assert_eq!(rebuilt, before);
        }
        assert_eq!(team.gauge(1, "ratchet_lag"), 0);
        assert_eq!(team.gauge(1, "log_gap"), 0);
    }
    team.members[1]
        .store
        .put(entries(bucket(1), 1))
        .await
        .unwrap();
    assert_eq!(team.close(7, &[0, 1]).await, []);
    assert!(is_published(&team, 0, &waiting[0].cell).await);
    let copies = |batches: &std::collections::BTreeMap<super::team::Place, Vec<u8>>| {
        let mut of_bucket = batches.range((0, [0; 32], 0)..(1, [0; 32], 0));
        let mut of = |epoch| {
            let found = of_bucket.find(|((_, _, of), _)| *of == epoch);
            found.map(|(_, batch)| batch.clone())
        };
        of(7)
    };
    assert_eq!(
        copies(&team.batches(0).await),
        copies(&team.batches(1).await)
    );
    assert_eq!(team.gauge(1, "close_differs"), 0);
}
