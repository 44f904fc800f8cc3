//! An origin that signs two histories.

use tessera::wire::{Fork, paths};

use super::nodes::Nodes;
use crate::{ports::free_port, wait::wait_for};

/// Node 0 and a copy of it publish under one key. Node 1 sees the one, node 2 the
/// other, and node 3 neither: the proof reaches all of them.
#[test]
fn a_fork_is_proved_to_every_member_and_kept() {
    let mut nodes = Nodes::new(4, &[], "");
    nodes.start(0);
    wait_for("no batch", || nodes.epoch(0, 0).is_some());
    nodes.stop(0);
    let (original, copy) = (nodes.path(0), nodes.path(0).join("copy"));
    std::fs::create_dir(&copy).unwrap();
    for file in ["relay.db", "relay.db-keys", "peer.pem", "peer-key.pem"] {
        std::fs::copy(original.join(file), copy.join(file)).unwrap();
    }
    let (copy_port, nowhere) = (free_port(), free_port());
    // The two of them hear of nobody, or they would stop.
    nodes.write_members(0, |_, _| free_port());
    let members = std::fs::read(original.join("federation.toml")).unwrap();
    std::fs::write(copy.join("federation.toml"), members).unwrap();
    nodes.write_members(2, |other, port| if other == 0 { copy_port } else { port });
    nodes.write_members(3, |other, port| if other == 0 { nowhere } else { port });
    nodes.start(1);
    nodes.start(2);
    nodes.start(0);
    let ports = nodes.ports.clone();
    let path = nodes.path(3);
    let twin = {
        let log = std::process::Stdio::null();
        let flags = super::nodes::member_flags(&copy, copy_port);
        crate::server::Process::start(&copy, &flags, log)
    };
    nodes.start_at(3, ports[3], &path);
    for number in [1, 2, 3] {
        wait_for("no proof", || nodes.standing(number, 0).fork.is_some());
        let proof = nodes.client(number).get(&paths::fork(&nodes.origins[0]));
        let fork = Fork::parse(&proof.body).expect("a valid proof");
        assert_eq!(fork.header().origin, nodes.origins[0]);
    }
    // It is pulled no more, and what was seen first stays.
    let wait = |epochs: u64| {
        let own = nodes.epoch(1, 1).unwrap() + epochs;
        wait_for("node 1 has stopped", || nodes.epoch(1, 1) >= Some(own));
    };
    // A pull may have begun before the proof arrived.
    wait(3);
    let seen = nodes.epoch(1, 0);
    wait(3);
    assert_eq!(nodes.epoch(1, 0), seen);
    let listed = nodes.client(1).index(crate::bucket(0));
    assert!(listed.batches.iter().any(|b| b.origin == nodes.origins[0]));
    // Also after a restart.
    nodes.kill(1);
    nodes.start(1);
    assert!(nodes.standing(1, 0).fork.is_some());
    let none = nodes.client(1).get(&paths::fork(&nodes.origins[1]));
    assert_eq!(none.status, 404);
    twin.kill();
}
