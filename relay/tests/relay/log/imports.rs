//! Batches of other origins in a store that several processes share.

use tessera::wire::{BucketId, Cell, CellSize, PostEntry, cover_cell};
use tessera_relay::{
    random,
    store::{Kind, SignedBatch, Store as _, StoreError, log::Stream},
};

use super::{
    memory::until,
    team::{Team, copies},
};
use crate::{bucket, contract::imports::Foreign};

fn size() -> CellSize {
    CellSize::try_from(1024).unwrap()
}

fn cells(count: usize) -> Vec<Cell> {
    let cell = |_| cover_cell(size(), &mut random::system());
    (0..count).map(cell).collect()
}

async fn holds(team: &Team, member: usize, batch: &SignedBatch) -> bool {
    let header = &batch.header;
    let place = (header.bucket.get(), header.origin.0, header.epoch);
    let held = team.batches(member).await.remove(&place);
    held.as_ref() == Some(&batch.bytes)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_any_process_imports_all_have_and_a_lost_view_gets_again() {
    let mut team = Team::new(1, 3, None).await;
    let mut foreign = Foreign::with_cells(size());
    let first = foreign.batch(bucket(0), 1, 10, &cells(3));
    let lobby = Foreign::with_cells(size()).batch(BucketId::LOBBY, 1, 10, &cells(600));
    let both = vec![first.clone(), lobby.clone()];
    team.members[1].store.import(both).await.unwrap();
    let notices = team.members[2].store.imported_elsewhere().await;
    assert!(matches!(notices, Kind::Numbered | Kind::Lobby));
    // The same again adds nothing to the log.
    let len = team.servers.messages(Stream::Published).len();
    until("rank 0 has it", async || holds(&team, 0, &lobby).await).await;
    team.members[0]
        .store
        .import(vec![first.clone()])
        .await
        .unwrap();
    assert_eq!(team.servers.messages(Stream::Published).len(), len);
    let second = foreign.batch(bucket(0), 2, 20, &cells(3));
    team.members[0]
        .store
        .import(vec![second.clone()])
        .await
        .unwrap();
    assert_eq!(team.close(1, &[0, 1, 2]).await, []);

    team.members[2].store.kill().await;
    for file in ["view.db", "view.db-wal", "view.db-shm"] {
        let _ = std::fs::remove_file(team.path(2).join(file));
    }
    team.members[2] = team.open(2).await;
    for batch in [&first, &second, &lobby] {
        for member in 0..3 {
            assert!(holds(&team, member, batch).await);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cell_of_an_imported_batch_is_not_published_again_by_any_process() {
    let team = Team::new(1, 2, None).await;
    let mut foreign = Foreign::with_cells(size());
    let known = cells(4);
    let batch = foreign.batch(bucket(0), 1, 10, &known);
    team.members[0]
        .store
        .import(vec![batch.clone()])
        .await
        .unwrap();
    let posted = known.iter().cloned().chain(cells(1));
    let entries = posted.map(|cell| PostEntry {
        bucket: bucket(0),
        cell,
    });
    let entries: Vec<PostEntry> = entries.collect();
    team.members[1].store.put(entries.clone()).await.unwrap();
    assert_eq!(team.close(1, &[0, 1]).await, []);
    for member in 0..2 {
        let copies = copies(&team.batches(member).await).unwrap();
        for entry in &entries {
            assert_eq!(copies.get(entry.cell.as_bytes()), Some(&1));
        }
        assert_eq!(team.gauge(member, "close_differs"), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_histories_all_processes_keep_the_first_and_the_log_goes_on() {
    let team = Team::new(1, 2, None).await;
    let mut foreign = Foreign::with_cells(size());
    let mut twin = foreign.twin();
    let first = foreign.batch(bucket(0), 1, 10, &cells(1));
    let rival = twin.batch(bucket(0), 1, 10, &cells(2));
    let [one, other] = [0, 1].map(|number| &team.members[number].store);
    let imported = tokio::join!(
        one.import(vec![first.clone()]),
        other.import(vec![rival.clone()])
    );
    let kept = match imported {
        (Ok(()), Err(StoreError::Unlinked)) => first,
        (Err(StoreError::Unlinked), Ok(())) => rival,
        other => panic!("{other:?}"),
    };
    assert_eq!(team.close(1, &[0, 1]).await, []);
    for member in 0..2 {
        assert!(holds(&team, member, &kept).await);
        assert_eq!(team.members[member].store.writable(), Ok(()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_read_a_damaged_import_passes_it_over_and_gets_it_later() {
    let team = Team::new(1, 2, None).await;
    let mut foreign = Foreign::with_cells(size());
    let batches = [0, 1].map(|number| foreign.batch(bucket(number), 1, 10, &cells(3)));
    let next = team.servers.messages(Stream::Published).len() as u64 + 1;
    // The part of the first batch, the record of the second.
    for damaged in [next, next + 3] {
        team.members[1].log.garble(Stream::Published, damaged);
    }
    for batch in &batches {
        team.members[0]
            .store
            .import(vec![batch.clone()])
            .await
            .unwrap();
    }
    assert_eq!(team.close(1, &[0, 1]).await, []);
    for batch in &batches {
        assert!(holds(&team, 0, batch).await);
        assert!(!holds(&team, 1, batch).await);
    }
    team.members[1]
        .store
        .import(batches.to_vec())
        .await
        .unwrap();
    for batch in &batches {
        assert!(holds(&team, 1, batch).await);
    }
    assert_eq!(team.members[1].store.writable(), Ok(()));
}
