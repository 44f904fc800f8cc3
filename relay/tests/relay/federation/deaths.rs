//! Members that die.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tessera::wire::{BatchHeader, Cell, Origin, paths, post};

use super::nodes::Nodes;
use crate::{
    bucket,
    client::{Client, Pulled},
    entries,
    wait::{SetOnDrop, wait_for},
};

/// Posts to one relay until told to stop, each post until it is answered with 202, or
/// until the relay is dead.
fn post_until(
    client: Client,
    stop: &AtomicBool,
    is_dead: &AtomicBool,
    acknowledged: &Mutex<Vec<Cell>>,
) {
    let headers = [("Content-Type", "application/octet-stream")];
    while !stop.load(Ordering::Relaxed) {
        let batch = entries(bucket(1), 2);
        let body = post::encode(&batch).unwrap();
        loop {
            let answer = client.try_request("POST", paths::CELLS, &headers, &body);
            if answer.is_some_and(|answer| answer.status == 202) {
                let cells = batch.into_iter().map(|entry| entry.cell);
                acknowledged.lock().unwrap().extend(cells);
                break;
            }
            if stop.load(Ordering::Relaxed) || is_dead.load(Ordering::Relaxed) {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Counts the cells of bucket 1 that a relay has published, of all origins. Each
/// batch is fetched once.
#[derive(Default)]
struct Reader {
    read: BTreeSet<(Origin, u64)>,
    cells: BTreeMap<Vec<u8>, usize>,
}

impl Reader {
    fn look(&mut self, client: Client) {
        let index = client.index(bucket(1));
        for listed in &index.segments {
            for batch in client.segment(bucket(1), listed) {
                self.count(batch);
            }
        }
        for listed in &index.batches {
            if !self.read.contains(&(listed.origin, listed.epoch)) {
                self.count(client.batch(bucket(1), listed));
            }
        }
    }

    fn count(&mut self, batch: Pulled) {
        if self.read.insert((batch.header.origin, batch.header.epoch)) {
            for cell in batch.cells {
                *self.cells.entry(cell).or_default() += 1;
            }
        }
    }
}

/// The last epochs, of the numbered buckets and the lobby, that all nodes have of an
/// origin.
fn common(nodes: &Nodes, of: usize) -> [Option<u64>; 2] {
    let held = (0..5).map(|number| {
        let kinds = nodes.standing(number, of).kinds;
        [kinds.numbered, kinds.lobby].map(|kind| kind.map(|standing| standing.epoch))
    });
    held.reduce(|a, b| [a[0].min(b[0]), a[1].min(b[1])])
        .unwrap()
}

/// Whether a node serves the batch with this header.
fn has(nodes: &Nodes, number: usize, header: &BatchHeader) -> bool {
    let path = paths::batch(header.bucket, &header.origin, header.epoch);
    let answer = nodes.client(number).get(&path);
    answer.status == 200 && answer.body[..192] == header.encode()
}

fn two_of_five_die(topology: &str, victims: [usize; 2]) {
    let flags = format!("--epoch 2s --lobby-epoch 4s --topology {topology}");
    let mut nodes = Nodes::new(5, &[], &flags);
    nodes.start_all();
    let everyone = [0, 1, 2, 3, 4];
    let is_victim = |number: &usize| victims.contains(number);
    let survivors: Vec<usize> = everyone.into_iter().filter(|n| !is_victim(n)).collect();
    for number in everyone {
        for of in everyone {
            wait_for("a node has no batch of another", || {
                nodes.epoch(number, of).is_some()
            });
        }
    }
    let (stop, are_dead) = (AtomicBool::new(false), AtomicBool::new(false));
    let (never, acknowledged) = (AtomicBool::new(false), Mutex::new(Vec::new()));
    let count = || acknowledged.lock().unwrap().len();
    std::thread::scope(|scope| {
        // Posting ends with the test, also if it fails.
        let _stop = SetOnDrop(&stop);
        for number in everyone {
            let client = nodes.client(number);
            let is_dead = if is_victim(&number) {
                &are_dead
            } else {
                &never
            };
            let (stop, acknowledged) = (&stop, &acknowledged);
            scope.spawn(move || post_until(client, stop, is_dead, acknowledged));
        }
        wait_for("posts are not answered", || count() > 40);
        // One of the survivors has what the two had published; then they die.
        let before: Vec<BatchHeader> = victims
            .iter()
            .flat_map(|victim| nodes.headers(*victim, *victim))
            .collect();
        assert!(before.len() >= 4, "two buckets of each");
        for header in &before {
            wait_for("it is not passed on", || has(&nodes, survivors[0], header));
        }
        for victim in victims {
            nodes.kill(victim);
        }
        are_dead.store(true, Ordering::Relaxed);
        // Every other relay gets it from that one, and goes on.
        for number in &survivors {
            for header in &before {
                wait_for("lost with the dead", || has(&nodes, *number, header));
            }
        }
        let then = count();
        wait_for("posts are not answered any more", || count() > then + 20);
        nodes.wait_until_in_step(&survivors);
    });
    for victim in victims {
        nodes.start(victim);
    }
    let acknowledged = acknowledged.into_inner().unwrap();
    // What waited at the dead ones is published after their return, everything once.
    for number in everyone {
        let (mut reader, mut counts) = (Reader::default(), Vec::new());
        wait_for("a relay has not every acknowledged cell", || {
            reader.look(nodes.client(number));
            let published = &reader.cells;
            let count = |cell: &Cell| published.get(cell.as_bytes()).copied().unwrap_or(0);
            counts = acknowledged.iter().map(count).collect();
            counts.iter().all(|count| *count >= 1)
        });
        assert!(counts.iter().all(|count| *count == 1), "published twice");
    }
    nodes.wait_until_in_step(&everyone);
    // On a fast machine all of this took only a few epochs, which would compare little.
    wait_for("the histories stay short", || {
        let long = |number, of| nodes.headers(number, of).len() > 12;
        let all = |of| everyone.into_iter().all(|number| long(number, of));
        everyone.into_iter().all(all)
    });
    // All have the same histories.
    for of in everyone {
        let [numbered, lobby] = common(&nodes, of);
        let history = |number| {
            let mut headers = nodes.headers(number, of);
            headers.retain(|header| {
                let through = if header.bucket.is_lobby() {
                    lobby
                } else {
                    numbered
                };
                Some(header.epoch) <= through
            });
            headers
        };
        let of_first = history(0);
        assert!(of_first.len() > 4);
        for number in everyone {
            assert_eq!(history(number), of_first);
        }
    }
}

#[test]
fn any_two_of_five_in_a_mesh_may_die() {
    two_of_five_die("mesh", [0, 1]);
}

#[test]
fn two_members_of_a_ring_that_are_not_adjacent_may_die() {
    two_of_five_die("ring", [1, 3]);
}
