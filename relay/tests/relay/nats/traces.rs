//! What the files of all servers and all relays together reveal: no waiting cell, no
//! key of an earlier epoch, and nothing that distinguishes published real cells from
//! cover.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicBool, Ordering},
};

use tessera::wire::{PostEntry, post};

use super::{
    member::{Member, init, join},
    servers::{Options, Servers},
};
use crate::{
    bucket,
    cover::Dice,
    entries,
    traces::{Piece, count, pieces},
    wait::{PATIENCE, SetOnDrop, until},
};

/// No epoch ends while files are searched.
const LONG: &str = "--epoch 1h --lobby-epoch 1h --cover fixed --cover-cells 30 --buckets 2 \
     --max-message-size 4KiB";
const SHORT: &str = "--epoch 1s --lobby-epoch 1s --cover fixed --cover-cells 30 --buckets 2";
const EPOCHS: usize = 6;

/// The ratchet keys that a member holds.
fn keys(member: &Member) -> Vec<Piece> {
    let bytes = std::fs::read(member.state.join("ratchet")).unwrap();
    let slots = bytes.chunks(512).skip(1).take(4);
    let keys = slots.map(|slot| *slot[8..].first_chunk().unwrap());
    keys.filter(|key| *key != [0; 8]).collect()
}

/// Two relays on three servers.
fn two_members(servers: &Servers, flags: &str) -> [Member; 2] {
    let members = [0, 1].map(|rank| Member::new(servers, &format!("r{rank}"), rank, flags));
    init(servers, &members[0].state, flags);
    join(servers, &members[0].state, &members[1].state);
    members
}

/// Posts some cells, half of the posts to each relay.
fn post_some(members: &[Member], dice: &mut Dice) -> Vec<PostEntry> {
    let mut posted = Vec::new();
    for member in members.iter().cycle().take(8) {
        let cells = entries(bucket(0), 1 + dice.below(6) as usize);
        let body = post::encode(&cells).unwrap();
        until("202", || {
            let status = member.client()?.post_within(&body, PATIENCE);
            (status == Some(202)).then_some(())
        });
        posted.extend(cells);
    }
    posted
}

#[test]
fn no_file_of_any_node_contains_waiting_cells() {
    let Some(servers) = Servers::start(&Options::default()) else {
        return;
    };
    let members = two_members(&servers, LONG);
    let end = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let _end = SetOnDrop(&end);
        for member in &members {
            scope.spawn(|| member.keep(&end));
        }
        let waiting = post_some(&members, &mut Dice(5));
        let sought = waiting.iter().flat_map(|entry| {
            let digest = *entry.cell.sha256().first_chunk().unwrap();
            pieces(entry.cell.as_bytes()).into_iter().chain([digest])
        });
        let found = count(servers.directory.path(), sought);
        assert!(found.values().all(|copies| *copies == 0), "{found:?}");
    });
}

#[test]
fn no_file_of_any_node_contains_old_keys_or_distinguishes_cover() {
    let Some(servers) = Servers::start(&Options::default()) else {
        return;
    };
    let members = two_members(&servers, SHORT);
    let (end, directory) = (AtomicBool::new(false), servers.directory.path());
    std::thread::scope(|scope| {
        let _end = SetOnDrop(&end);
        for member in &members {
            scope.spawn(|| member.keep(&end));
        }
        let client = until("a relay starts", || members[1].client());
        let (mut dice, mut posted, mut held) = (Dice(5), BTreeSet::new(), BTreeSet::new());
        for _ in 0..EPOCHS {
            held.extend(members.iter().flat_map(keys));
            let cells = post_some(&members, &mut dice);
            posted.extend(cells.iter().map(|entry| entry.cell.as_bytes().to_vec()));
            let before = client.index(bucket(0)).batches.len();
            client.index_when(bucket(0), |index| index.batches.len() > before + 1);
        }
        let batches = until("all of it is published", || {
            let batches = client.pull(bucket(0));
            let cells: BTreeSet<_> = batches
                .iter()
                .flat_map(|batch| batch.cells.clone())
                .collect();
            posted.is_subset(&cells).then_some(batches)
        });
        // Nothing is written any more.
        end.store(true, Ordering::Relaxed);
        until("the relays end", || {
            members
                .iter()
                .all(|member| !member.is_running())
                .then_some(())
        });
        let now: BTreeSet<_> = members.iter().flat_map(keys).collect();
        let old: Vec<Piece> = held.difference(&now).copied().collect();
        assert!(old.len() >= EPOCHS, "the ratchet advances");
        let cells = batches.iter().flat_map(|batch| &batch.cells);
        let sought = cells
            .flat_map(|cell| pieces(cell))
            .chain(old.iter().copied());
        let counts = count(directory, sought);
        assert!(
            old.iter().all(|key| counts[key] == 0),
            "an old key in a file"
        );
        // (copies, cells) of real cells and of cover, of batches that have both.
        let (mut real, mut cover) = ((0_u32, 0_u32), (0_u32, 0_u32));
        for batch in &batches {
            if !batch.cells.iter().any(|cell| posted.contains(cell)) {
                continue;
            }
            for cell in &batch.cells {
                let copies = pieces(cell).map(|piece| counts[&piece]).into_iter().max();
                let sum = if posted.contains(cell) {
                    &mut real
                } else {
                    &mut cover
                };
                assert!(copies > Some(0));
                *sum = (sum.0 + copies.unwrap(), sum.1 + 1);
            }
        }
        // Each cell is in the log of three servers and in two views, some with a copy in a
        // write-ahead log. Were frames readable, real cells would have at least three more.
        let mean = |(copies, cells): (u32, u32)| f64::from(copies) / f64::from(cells);
        let (real, cover) = (mean(real), mean(cover));
        println!("copies of a real cell {real}, of cover {cover}");
        assert!((real - cover).abs() < 0.5, "{real} {cover}");
    });
}
