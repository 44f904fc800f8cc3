//! A network that is cut, and a store that is an old copy.

use super::nodes::{Link, Nodes, roots};
use crate::{bucket, entries, wait::wait_for};

#[test]
fn a_cut_network_heals() {
    let mut nodes = Nodes::new(3, &[], "");
    // Node 0 reaches the others, and they reach it, through links.
    let links: Vec<Link> = nodes.ports.iter().map(|port| Link::to(*port)).collect();
    nodes.write_members(0, |other, port| match other {
        0 => port,
        other => links[other].port,
    });
    for number in [1, 2] {
        nodes.write_members(number, |other, port| match other {
            0 => links[0].port,
            _ => port,
        });
    }
    nodes.start_all();
    for number in 0..3 {
        for of in 0..3 {
            wait_for("not connected", || nodes.epoch(number, of).is_some());
        }
    }
    links.iter().for_each(|link| link.set(false));
    // Both sides publish, and do not hear of each other.
    let cut = nodes.epoch(0, 0).unwrap() + 3;
    wait_for("node 0 has stopped", || nodes.epoch(0, 0) >= Some(cut));
    wait_for("node 1 has stopped", || nodes.epoch(1, 1) >= Some(cut));
    nodes.wait_until_in_step(&[1, 2]);
    assert!(nodes.epoch(1, 0) < Some(cut), "it was not cut");
    let own = entries(bucket(0), 1);
    nodes.client(0).post(&own);
    links.iter().for_each(|link| link.set(true));
    nodes.wait_until_in_step(&[0, 1, 2]);
    for number in [1, 2] {
        wait_for("a cell posted to the other side", || {
            let client = nodes.client(number);
            client.index(bucket(0)).batches.iter().any(|listed| {
                let cells = client.batch(bucket(0), listed).cells;
                cells.iter().any(|cell| cell == own[0].cell.as_bytes())
            })
        });
    }
    let forks = roots(nodes.client(1)).len();
    assert_eq!(forks, 6, "three origins with two kinds each");
}

/// A relay whose store is an older copy would sign a second history.
#[test]
fn a_publisher_with_an_old_copy_of_its_store_does_not_start() {
    let mut nodes = Nodes::new(2, &[], "");
    nodes.start_all();
    wait_for("no batch", || nodes.epoch(0, 0).is_some());
    nodes.stop(0);
    let copy = |from: &str, to: &str| {
        for file in ["relay.db", "relay.db-keys"] {
            let path = nodes.path(0);
            std::fs::copy(
                path.join(file.replace("relay", from)),
                path.join(file.replace("relay", to)),
            )
            .unwrap();
        }
    };
    copy("relay", "old");
    nodes.start(0);
    let last = nodes.epoch(0, 0).unwrap();
    wait_for("node 1 has no later batch", || {
        nodes.epoch(1, 0) > Some(last + 1)
    });
    nodes.stop(0);
    let path = nodes.path(0);
    for (from, to) in [("old.db", "relay.db"), ("old.db-keys", "relay.db-keys")] {
        std::fs::copy(path.join(from), path.join(to)).unwrap();
    }
    let flags = super::nodes::member_flags(&path, nodes.ports[0]);
    let error = crate::server::Process::ends(&path, &flags);
    assert!(error.contains("must be an old copy"), "{error}");
}
