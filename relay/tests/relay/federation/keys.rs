//! Who may speak to a peer port, and with which parameters.

use std::path::Path;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use tessera::wire::paths;
use tessera_relay::federation::{Identity, Member, Peer, PeerError, Pin};

use super::nodes::Nodes;
use crate::{server::Process, wait::wait_for};

fn identity(directory: &Path) -> Identity {
    let read = |name: &str| std::fs::read(directory.join(name)).unwrap();
    Identity::parse(&read("peer.pem"), &read("peer-key.pem")).unwrap()
}

fn stranger() -> Identity {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["node-0".to_owned()]).unwrap();
    let key = signing_key.serialize_pem();
    Identity::parse(cert.pem().as_bytes(), key.as_bytes()).unwrap()
}

/// Asks node 0 for its origins, as `own`, expecting the key `pin`.
fn ask(nodes: &Nodes, own: &Identity, pin: Pin) -> Result<usize, PeerError> {
    let member = Member {
        name: "node-0".to_owned(),
        origin: nodes.origins[0],
        pins: vec![pin],
        peer: format!("127.0.0.1:{}", nodes.ports[0]),
        urls: Vec::new(),
        publishes: true,
        lobby: true,
    };
    let peer = Peer::new(member, own.client(vec![pin]).unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let answer = runtime.block_on(peer.get(paths::ORIGINS, 1 << 20));
    answer.map(|body| body.len())
}

#[test]
fn only_listed_keys_are_served_and_asked() {
    let mut nodes = Nodes::new(2, &[], "");
    nodes.start(0);
    let (server, member, stranger) = (
        identity(&nodes.path(0)).pin().unwrap(),
        identity(&nodes.path(1)),
        stranger(),
    );
    // On a slow machine a handshake may take too long.
    wait_for("a member is not served", || {
        ask(&nodes, &member, server).is_ok_and(|len| len > 100)
    });
    // An intruder's handshake ends without a byte of an answer.
    let refused = ask(&nodes, &stranger, server);
    assert!(
        matches!(
            refused,
            Err(PeerError::Interrupted | PeerError::Handshake | PeerError::Unreachable)
        ),
        "{refused:?}"
    );
    // A member does not speak to a relay with another key either.
    let refused = ask(&nodes, &member, stranger.pin().unwrap());
    assert_eq!(refused, Err(PeerError::Handshake));
    // Nor is the peer port one for clients in the clear.
    let plain = crate::client::Client(([127, 0, 0, 1], nodes.ports[0]).into());
    assert!(
        plain
            .try_request("GET", paths::ORIGINS, &[], b"")
            .is_none_or(|answer| answer.status != 200)
    );
}

#[test]
fn a_relay_that_is_not_in_the_file_does_not_start() {
    let nodes = Nodes::new(3, &[], "");
    let path = nodes.path(0);
    let flags = super::nodes::member_flags(&path, nodes.ports[0]);
    let file = path.join("federation.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let own = text.find("[[member]]\nname = \"node-1\"").unwrap();
    std::fs::write(&file, &text[own..]).unwrap();
    let error = Process::refused(&path, &flags);
    assert!(error.contains("is not in the file"), "{error}");
    // The right origin, with the certificate of another member.
    std::fs::write(&file, &text).unwrap();
    for name in ["peer.pem", "peer-key.pem"] {
        std::fs::copy(nodes.path(1).join(name), path.join(name)).unwrap();
    }
    let error = Process::refused(&path, &flags);
    assert!(
        error.contains("is not one of this member's keys"),
        "{error}"
    );
    std::fs::write(&file, "member = 1").unwrap();
    let error = Process::refused(&path, &flags);
    assert!(error.contains("federation.toml"), "{error}");
}

#[test]
fn a_member_with_other_parameters_is_refused() {
    let mut nodes = Nodes::new(2, &[], "");
    nodes.start(0);
    let (path, port) = (nodes.path(1), nodes.ports[1]);
    let log = std::fs::File::create(path.join("log")).unwrap();
    let flags = super::nodes::member_flags(&path, port) + " --epoch 2s";
    let other = Process::start(&path, &flags, log.into());
    for number in [0, 1] {
        let log = nodes.path(number).join("log");
        wait_for("not refused", || {
            std::fs::read_to_string(&log)
                .unwrap()
                .contains("has other parameters")
        });
    }
    assert_eq!(nodes.epoch(0, 1), None);
    let listed = other.client.index(crate::bucket(0)).batches;
    assert!(listed.iter().all(|batch| batch.origin == nodes.origins[1]));
    other.kill();
}
