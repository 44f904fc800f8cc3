//! The users and permissions of `deploy/cluster/nats-server.conf`, on a server that has
//! them: what a relay may not do, and that it works with what it may.

use std::path::Path;

use tessera::wire::PostEntry;

use super::{
    member::{FLAGS, init, refused},
    servers::{Options, Servers},
};
use crate::{bucket, cell, client::occurrences, server::Process};

/// Seeds of nkeys and their public halves, for these tests only.
const RELAY: [&str; 2] = [
    "SUAACAIBAEAQCAIBAEAQCAIBAEAQCAIBAEAQCAIBAEAQCAIBAEAQCAN7EY",
    "UCFIRY65OQE7DFP5KLNS2PF2LVZMUZYJX4OZIEQ36N2IQANUB5XVZ45L",
];
const ADMINISTRATOR: [&str; 2] = [
    "SUAAEAQCAIBAEAQCAIBAEAQCAIBAEAQCAIBAEAQCAIBAEAQCAIBAEAT6EE",
    "UCATS5YOVB6ROX2WUNKGNQ2MP3GMXDMKSG2O4N5CLX3A6W4PZGZZJPJO",
];

/// The shipped users and permissions, for the service `T` and with the keys above.
fn users() -> String {
    let shipped = include_str!("../../../../deploy/cluster/nats-server.conf");
    let (_, users) = shipped.split_once("\nRELAY: {").unwrap();
    format!("RELAY: {{{users}")
        .replace("CLINIC", "T")
        .replace("UAREPLACEWITHPUBLICKEYOFRELAY1", RELAY[1])
        .replace("UAREPLACEWITHPUBLICKEYOFTHEADMINISTRATOR", ADMINISTRATOR[1])
        .lines()
        .filter(|line| !line.contains("UAREPLACE"))
        .map(|line| format!("{line}\n"))
        .collect()
}

fn key_file(directory: &Path, name: &str, seed: &str) -> String {
    let path = directory.join(name);
    std::fs::write(&path, format!("{seed}\n")).unwrap();
    format!("--nats-nkey {}", path.display())
}

#[test]
fn a_relay_works_with_the_shipped_permissions_and_cannot_create_streams() {
    let options = Options {
        count: 1,
        more: users(),
        ..Options::default()
    };
    let Some(servers) = Servers::start(&options) else {
        return;
    };
    let directory = servers.directory.path();
    let state = directory.join("r0");
    let relay = key_file(directory, "relay.nk", RELAY[0]);
    let administrator = key_file(directory, "administrator.nk", ADMINISTRATOR[0]);
    let wrong = key_file(directory, "wrong.nk", "SUAACAIB");
    let line = format!("{} {FLAGS}", servers.flags(&state));
    let refused_init = |key: &str| {
        let line = format!("{line} {key}");
        let mut words = vec!["store", "init", "--replicas=1"];
        words.extend(line.split_whitespace());
        refused(&words, "")
    };
    let error = refused_init(&wrong);
    assert!(
        error.contains("NKEY_INVALID: ") && error.contains("wrong.nk"),
        "{error}"
    );
    assert!(!error.contains("SUAACAIB"), "{error}");
    let error = refused_init("");
    assert!(error.contains("LOG_UNREACHABLE: "), "{error}");
    let error = refused_init(&relay);
    assert!(error.contains("NOT_PERMITTED: "), "{error}");
    assert!(error.contains("$JS.API.STREAM.CREATE.TSR_T_"), "{error}");
    init(&servers, &state, &format!("{FLAGS} {administrator}"));
    let error = Process::refused(&state, &line);
    assert!(error.contains("LOG_UNREACHABLE: "), "{error}");

    let log = std::process::Stdio::null();
    let process = Process::start(&state, &format!("{line} {relay}"), log);
    let mine = cell();
    process.client.post(&[PostEntry {
        bucket: bucket(0),
        cell: mine.clone(),
    }]);
    process.client.index_when(bucket(0), |_| {
        occurrences(&process.client.pull(bucket(0)), &mine) == 1
    });
    assert_eq!(process.terminate(), Some(0));
}
