//! Relays of two versions on one store, as processes: `TESSERA_OLDER_RELAY` names the
//! binary of an earlier version. And what a relay does that is too old.

use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
};

use ed25519_dalek::{Signer as _, SigningKey};
use tessera::wire::post;
use tessera_relay::store::log::{
    StateDir,
    nats::{Nats, NatsOptions},
};

use super::{
    member::{FLAGS, Member, init, init_with, join, refused, run, said},
    nemesis::{none_alarmed, under_posts},
    servers::{Options, Servers},
};
use crate::{
    bucket, entries,
    server::Process,
    wait::{PATIENCE, SetOnDrop, until, wait_for},
};

/// Cells that must be answered with 202 before the next change.
const MORE: usize = 100;

/// The words of `store raise`.
fn raise(servers: &Servers, state: &Path) -> Vec<String> {
    let line = format!("store raise {} {FLAGS}", servers.flags(state));
    line.split_whitespace().map(str::to_owned).collect()
}

fn strs(words: &[String]) -> Vec<&str> {
    words.iter().map(String::as_str).collect()
}

#[test]
fn a_relay_stops_at_a_record_that_it_does_not_know_and_keeps_its_place() {
    let Some(servers) = Servers::one() else {
        return;
    };
    let member = Member::new(&servers, "r0", 0, FLAGS);
    init(&servers, &member.state, FLAGS);
    let elsewhere = servers.directory.path().join("elsewhere");
    let error = refused(&strs(&raise(&servers, &elsewhere)), "");
    assert!(error.contains("STATE_MISSING: "), "{error}");
    // The store has the level already.
    let raised = said(&strs(&raise(&servers, &member.state)), "");
    assert!(raised.starts_with("store T has level 2"), "{raised}");
    let end = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let _end = SetOnDrop(&end);
        scope.spawn(|| member.keep(&end));
        let client = until("the relay starts", || member.client());
        let body = post::encode(&entries(bucket(0), 2)).unwrap();
        until("202", || {
            (client.post_within(&body, PATIENCE) == Some(202)).then_some(())
        });
        member.is_wanted.store(false, Ordering::Relaxed);
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let log = Nats::start(NatsOptions {
                servers: vec![servers.servers[0].client.to_string()],
                id: "T".to_owned(),
                ca: None,
                nkey: None,
            });
            let log = log.unwrap();
            let state = StateDir::open(&member.state).unwrap();
            let key = SigningKey::from_bytes(state.seed().expose());
            let signature = key.sign(b"TSZ1{}").to_bytes();
            let record = [b"TSZ1".as_slice(), &signature, b"{}"].concat();
            // The first could be anybody's, and is ignored.
            for message in [b"?".as_slice(), &record] {
                let answer = log.request("tsr.T.p.n.z", message).await.unwrap();
                assert!(String::from_utf8(answer).unwrap().contains("\"seq\""));
            }
        });
        wait_for("it does not stop", || !member.is_running());
    });
    let log = std::fs::read_to_string(&member.log).unwrap();
    let says = |text: &str| log.matches(text).count();
    assert_eq!(says("tessera-relay: LOG_NEWER: "), 1, "{log}");
    // At each start again; it keeps its keys and its place.
    let flags = format!("{} {FLAGS}", servers.flags(&member.state));
    let error = Process::refused(&member.state, &flags);
    assert!(error.contains("tessera-relay: LOG_NEWER: "), "{error}");
}

#[test]
fn a_relay_of_an_earlier_version_and_this_one_share_a_store() {
    let Some(older) = std::env::var_os("TESSERA_OLDER_RELAY").map(PathBuf::from) else {
        println!("SKIPPED: TESSERA_OLDER_RELAY does not name the binary of an earlier version");
        return;
    };
    let Some(mut servers) = Servers::start(&Options::default()) else {
        return;
    };
    let this = PathBuf::from(env!("CARGO_BIN_EXE_tessera-relay"));
    let members: Vec<Member> = (0..2)
        .map(|rank| Member::new(&servers, &format!("r{rank}"), rank, FLAGS))
        .collect();
    *members[0].binary.lock().unwrap() = older.clone();
    init_with(&older, &servers, &members[0].state, FLAGS);
    join(&servers, &members[0].state, &members[1].state);
    under_posts(&mut servers, &members, 4, 0, |servers, answered| {
        let replace = |member: &Member, binary: &Path| {
            member.is_wanted.store(false, Ordering::Relaxed);
            member.signal("KILL");
            wait_for("it runs on", || !member.is_running());
            answered.wait_for_more(MORE);
            *member.binary.lock().unwrap() = binary.to_owned();
            member.is_wanted.store(true, Ordering::Relaxed);
            wait_for("it does not start", || member.client().is_some());
            answered.wait_for_more(MORE);
        };
        answered.wait_for_more(MORE);
        for (member, binary) in [(0, &older), (1, &this), (0, &older), (0, &this), (1, &this)] {
            answered.note(&format!("r{member} is killed, then {}", binary.display()));
            replace(&members[member], binary);
        }
        let words = raise(servers, &members[0].state);
        let raised = run(&strs(&words), "");
        assert!(raised.status.success(), "{raised:?}");
        for member in &members {
            wait_for("the level is not read", || {
                let log = std::fs::read_to_string(&member.log).unwrap();
                log.contains("the store has a new level")
            });
        }
        answered.wait_for_more(MORE);
    });
    let alarms = ["published otherwise", "messages are missing", "LOG_NEWER"];
    none_alarmed(&members, &alarms);
}
