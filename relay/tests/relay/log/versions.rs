//! Processes of two versions on one log: a newer one writes nothing that an older
//! one does not know, and an older one stops at what it does not know.

use std::collections::BTreeSet;

use ed25519_dalek::{Signer as _, SigningKey};
use tessera::wire::{BucketId, CellSize, PostEntry, cover_cell};
use tessera_relay::{
    random,
    store::{
        Kind, Store as _, StoreError,
        log::{Item, Log as _, LogOpenError, StateDir, Stream, Subject},
    },
};

use super::{
    memory::until,
    team::{Team, copies},
};
use crate::{bucket, contract::imports::Foreign};

fn size() -> CellSize {
    CellSize::try_from(1024).unwrap()
}

/// Cells of both kinds of buckets.
fn entries() -> Vec<PostEntry> {
    let of = |bucket: BucketId| PostEntry {
        bucket,
        cell: cover_cell(size(), &mut random::system()),
    };
    vec![of(bucket(0)), of(bucket(1)), of(BucketId::LOBBY)]
}

/// A record as the origin signs it.
fn signed(magic: &[u8; 4], body: &[u8], seed: &[u8; 32]) -> Vec<u8> {
    let text = [magic.as_slice(), body].concat();
    let signature = SigningKey::from_bytes(seed).sign(&text).to_bytes();
    [magic.as_slice(), &signature, body].concat()
}

/// All members publish the same, with each of these cells once.
async fn agree(team: &Team, posted: &[PostEntry]) {
    let first = team.batches(0).await;
    let copies = copies(&first).unwrap();
    for entry in posted {
        assert_eq!(copies.get(entry.cell.as_bytes()), Some(&1));
    }
    for member in 0..team.members.len() {
        assert!(team.batches(member).await == first, "member {member}");
        assert_eq!(team.gauge(member, "close_differs"), 0);
    }
}

/// What the messages of the log are.
fn items(team: &Team) -> BTreeSet<String> {
    let all = Stream::ALL.into_iter();
    let messages = all.flat_map(|stream| team.servers.messages(stream));
    messages
        .map(|message| format!("{:?}", message.subject.item))
        .collect()
}

/// The messages that the log holds, by stream and number.
fn held(team: &Team) -> BTreeSet<(String, u64)> {
    let all = Stream::ALL.into_iter();
    let of = |stream| {
        let messages = team.servers.messages(stream).into_iter();
        messages.map(move |message| (format!("{stream:?}"), message.seq))
    };
    all.flat_map(of).collect()
}

/// How many markers the log of numbered buckets holds.
fn markers(team: &Team) -> usize {
    let messages = team.servers.messages(Stream::Numbered);
    let markers = messages.iter().filter(|of| of.subject.item == Item::Marker);
    markers.count()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_versions_publish_the_same_whichever_closes_or_dies() {
    let mut team = Team::of_first_level(1, 3, None, &[0, 2]).await;
    let mut posted = Vec::new();
    let all = [0, 1, 2];
    for epoch in 1..=6 {
        for member in 0..3 {
            let entries = entries();
            posted.extend(entries.clone());
            team.members[member].store.put(entries).await.unwrap();
        }
        // Each dies in turn, and the others close without it.
        let dead = epoch as usize % 3;
        team.members[dead].store.kill().await;
        let living: Vec<usize> = all.into_iter().filter(|member| *member != dead).collect();
        assert_eq!(team.close(epoch, &living).await, []);
        team.members[dead] = team.open(dead as u32).await;
    }
    assert_eq!(team.close(7, &all).await, []);
    agree(&team, &posted).await;

    // What the older ones do not know is not written.
    let batch = Foreign::with_cells(size()).batch(bucket(0), 1, 10, &[]);
    let import = || team.members[1].store.import(vec![batch.clone()]);
    assert_eq!(import().await, Err(StoreError::Unavailable));
    let known = [
        "Commit",
        "Config",
        "Frame",
        "Marker",
        "Part",
        "RatchetInput",
    ];
    let known = BTreeSet::from(known.map(str::to_owned));
    assert!(items(&team).is_subset(&known), "{:?}", items(&team));
    let level =
        |team: &Team, member| ["log_level", "log_level_known"].map(|name| team.gauge(member, name));
    assert_eq!([level(&team, 0), level(&team, 1)], [[1, 1], [1, 2]]);

    // One is upgraded after the other, and the level raised at the end.
    for member in [0, 2] {
        team.old.retain(|of| *of != member as u32);
        team.restart(member).await;
        assert_eq!(team.close(8 + member as u64, &all).await, []);
    }
    team.raise().await;
    for member in all {
        until("the level is read", async || level(&team, member) == [2, 2]).await;
    }
    team.members[1].store.import(vec![batch]).await.unwrap();
    // A member whose view is lost knows the level, although the record has expired.
    assert_eq!(team.close(11, &all).await, []);
    let messages = team.servers.messages(Stream::Published);
    let record = messages.iter().find(|of| of.subject.item == Item::Level);
    team.servers
        .expire(Stream::Published, record.unwrap().seq + 1);
    team.restart(1).await;
    team.members[2].store.kill().await;
    for file in ["view.db", "view.db-wal", "view.db-shm"] {
        let _ = std::fs::remove_file(team.path(2).join(file));
    }
    team.members[2] = team.open(2).await;
    assert_eq!(team.close(12, &all).await, []);
    for member in all {
        assert_eq!(level(&team, member), [2, 2]);
    }
    // It has less than the others: only what has not expired.
    team.members.pop();
    agree(&team, &posted).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_process_stops_when_the_level_is_raised_and_loses_nothing() {
    let mut team = Team::of_first_level(2, 2, None, &[1]).await;
    let posted = entries();
    let old = team.members[1].store.clone();
    old.put(posted.clone()).await.unwrap();
    team.raise().await;
    assert_eq!(old.failed().await, StoreError::Newer);
    assert_eq!(old.writable(), Err(StoreError::Newer));
    assert_eq!(old.put(entries()).await, Err(StoreError::Newer));
    old.kill().await;
    drop(old);
    // Again at each start, with the same error.
    for _ in 0..2 {
        let refused = team.try_open(1).await;
        assert!(matches!(refused, Err(LogOpenError::Newer)), "{refused:?}");
    }
    // The others publish what it has acknowledged, and go on.
    let batch = Foreign::with_cells(size()).batch(bucket(0), 1, 10, &[]);
    team.members[0].store.import(vec![batch]).await.unwrap();
    for epoch in 1..=3 {
        assert_eq!(team.close(epoch, &[0]).await, []);
    }
    team.old.clear();
    team.members[1] = team.open(1).await;
    assert_eq!(team.close(4, &[0, 1]).await, []);
    agree(&team, &posted).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_no_process_knows_stops_all_in_every_stream() {
    for stream in [Stream::Numbered, Stream::Lobby, Stream::Published] {
        let team = Team::new(3, 2, None).await;
        let unknown = Subject::new(Kind::Numbered, Item::Unknown);
        let append = |bytes| team.servers.append_to(stream, unknown, bytes);
        // Anybody who may write to the log could have written these.
        append(Vec::new());
        append(signed(b"TSZ1", b"{}", &[9; 32]));
        let posted = entries();
        team.members[0].store.put(posted.clone()).await.unwrap();
        assert_eq!(team.close(1, &[0, 1]).await, []);
        agree(&team, &posted).await;
        let seed = *StateDir::open(&team.path(0)).unwrap().seed().expose();
        append(signed(b"TSZ1", b"{}", &seed));
        let (before, written) = (items(&team), markers(&team));
        for member in &team.members {
            assert_eq!(member.store.failed().await, StoreError::Newer, "{stream:?}");
        }
        // Nothing is written after it, not even a marker.
        let held_before = held(&team);
        let failed = team.close(2, &[0, 1]).await;
        assert!(failed.iter().all(|(_, error)| *error == StoreError::Newer));
        assert_eq!(failed.len(), 4);
        // What was published before may still be deleted from the waiting cells.
        assert!(items(&team).is_subset(&before), "{:?}", items(&team));
        assert!(held(&team).is_subset(&held_before), "{:?}", held(&team));
        assert_eq!(markers(&team), written);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_record_of_another_version_stops_a_process_and_a_forged_one_does_not() {
    let team = Team::new(4, 1, None).await;
    let log = team.servers.connect();
    let record = |seed: &[u8; 32]| signed(b"TSC1", br#"{"v":2,"kind":"n"}"#, seed);
    let subject = Subject::new(Kind::Numbered, Item::Commit);
    log.publish(subject, record(&[9; 32])).await.unwrap();
    let posted = entries();
    team.members[0].store.put(posted.clone()).await.unwrap();
    assert_eq!(team.close(1, &[0]).await, []);
    agree(&team, &posted).await;
    let seed = *StateDir::open(&team.path(0)).unwrap().seed().expose();
    log.publish(subject, record(&seed)).await.unwrap();
    assert_eq!(team.members[0].store.failed().await, StoreError::Newer);
}
