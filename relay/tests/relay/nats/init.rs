//! `store init`, `member …` and the checks before a relay starts, on real servers:
//! refusals first.

use std::path::Path;

use super::{
    member::{FLAGS, init, join, refused, run, said},
    servers::{Options, Servers},
};
use crate::{bucket, entries, server::Process};

/// One server, so that these tests are short.
fn one(sync: &'static str, more: &str) -> Option<Servers> {
    Servers::start(&Options {
        count: 1,
        sync,
        more: more.to_owned(),
        ..Options::default()
    })
}

/// The refusal of `store init`.
fn init_refused(servers: &Servers, state: &Path, more: &str) -> String {
    let line = format!("{} {FLAGS} {more}", servers.flags(state));
    let mut words = vec!["store", "init", "--replicas=1"];
    words.extend(line.split_whitespace());
    refused(&words, "")
}

/// The refusal of a relay that does not start.
fn serve_refused(servers: &Servers, state: &Path, more: &str) -> String {
    Process::refused(state, &format!("{} {FLAGS} {more}", servers.flags(state)))
}

fn has(error: &str, code: &str, text: &str) {
    assert!(
        error.contains(&format!("tessera-relay: {code}: ")),
        "{code}: {error}"
    );
    assert!(error.contains(text), "{text}: {error}");
}

#[test]
fn a_store_is_not_created_on_servers_that_may_lose_it() {
    let Some(servers) = one("\"2m\"", "") else {
        return;
    };
    let state = servers.directory.path().join("r0");
    let error = init_refused(&servers, &state, "");
    has(
        &error,
        "SERVER_UNSAFE",
        "server n1: loses acknowledged cells",
    );
    assert!(!state.exists(), "nothing was created");
}

#[test]
fn a_store_is_created_once_and_its_settings_hold() {
    let Some(servers) = one("always", "") else {
        return;
    };
    let state = servers.directory.path().join("r0");
    let missing = serve_refused(&servers, &state, "");
    has(&missing, "STATE_MISSING", "store init");
    let said = init(&servers, &state, FLAGS);
    assert!(said.starts_with("store T on 1 servers, origin "), "{said}");
    let error = init_refused(&servers, &servers.directory.path().join("other"), "");
    has(&error, "STORE_EXISTS", "TSR_T_");
    // A second init with the same directory changes no key.
    let error = init_refused(&servers, &state, "");
    has(&error, "STORE_EXISTS", "TSR_T_");

    let other_epoch = FLAGS.replace("--epoch 2s", "--epoch 3s");
    let line = format!("{} {other_epoch}", servers.flags(&state));
    let error = Process::refused(&state, &line);
    has(&error, "SETTINGS_DIFFER", "epoch");
    let line = servers.flags(&state).replace("/T ", "/OTHER ");
    let error = Process::refused(&state, &format!("{line} {FLAGS}"));
    has(&error, "STORE_MISSING", "TSR_OTHER_");
    let wrong = format!(
        "{} --nats-monitor http://{}",
        servers.flags(&state),
        servers.servers[0].client
    );
    let error = Process::refused(&state, &format!("{wrong} {FLAGS}"));
    has(&error, "SERVERS_UNREACHABLE", "1 of 2");
}

#[test]
fn a_member_with_the_keys_of_another_store_does_not_start() {
    let Some(servers) = one("always", "") else {
        return;
    };
    let [first, second, third] = ["r0", "r1", "r2"].map(|name| servers.directory.path().join(name));
    init(&servers, &first, FLAGS);
    join(&servers, &first, &second);
    let words = |first: &[&str], state: &Path| -> Vec<String> {
        let storage = servers.storage();
        let state = state.display().to_string();
        let rest = ["--storage", &storage, "--state-dir", &state].map(str::to_owned);
        first
            .iter()
            .map(|word| (*word).to_owned())
            .chain(rest)
            .collect()
    };
    let refused = |first: &[&str], state, input| {
        let words = words(first, state);
        refused(&words.iter().map(String::as_str).collect::<Vec<_>>(), input)
    };
    has(
        &refused(&["member", "admit", "nonsense"], &first, ""),
        "MEMBER_KEY_INVALID",
        "",
    );
    let new = words(&["member", "new"], &third);
    let key = said(&new.iter().map(String::as_str).collect::<Vec<_>>(), "");
    has(
        &refused(&["member", "admit", key.trim()], &third, ""),
        "STATE_MISSING",
        "store init",
    );
    has(
        &refused(&["member", "join"], &third, "nonsense"),
        "ADMISSION_INVALID",
        "",
    );
    // The keys of a store that was given up.
    let Some(other) = one("always", "") else {
        return;
    };
    init(&other, &third, FLAGS);
    let line = servers.flags(&third);
    let error = Process::refused(&third, &format!("{line} {FLAGS}"));
    has(&error, "ORIGIN_DIFFERS", "another store");
}

#[test]
fn no_flag_or_key_file_is_in_an_error() {
    let output = run(
        &[
            "store",
            "init",
            "--storage=nats://user:secret@127.0.0.1:1/T",
        ],
        "",
    );
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert!(error.contains("--nats-nkey names a file"), "{error}");
}

#[test]
fn the_store_of_one_relay_is_moved_with_its_origin_and_batches() {
    let Some(servers) = one("always", "") else {
        return;
    };
    let directory = servers.directory.path();
    let state = directory.join("r0");
    std::fs::create_dir(directory.join("old")).unwrap();
    let log = || std::process::Stdio::null();
    let old = directory.join("old");
    let process = Process::start(&old, FLAGS, log());
    let origin = process.client.info().origin;
    let index = process
        .client
        .index_when(bucket(0), |index| index.batches.len() >= 2);
    let from = format!("--from sqlite://{}", old.join("relay.db").display());
    let error = init_refused(&servers, &state, &from);
    has(&error, "MOVE_UNUSABLE", "in use by another relay");
    assert_eq!(process.terminate(), Some(0));
    // Cells that wait would be lost.
    let long = FLAGS.replace("--epoch 2s", "--epoch 1h --max-message-size 64KiB");
    let process = Process::start(&old, &long, log());
    process.client.post(&entries(bucket(0), 1));
    assert_eq!(process.terminate(), Some(0));
    let error = init_refused(&servers, &state, &from);
    has(&error, "CELLS_WAITING", "without clients");
    assert!(!state.exists(), "nothing was created");
    let process = Process::start(&old, FLAGS, log());
    process.client.index_when(bucket(0), |now| {
        now.batches.iter().any(|batch| batch.count > 3)
    });
    assert_eq!(process.terminate(), Some(0));

    let said = init(&servers, &state, &format!("{FLAGS} {from}"));
    assert!(said.contains(&format!("origin {origin}")), "{said}");
    assert!(said.contains("closes were moved"), "{said}");
    let line = format!("{} {FLAGS}", servers.flags(&state));
    let process = Process::start(&state, &line, log());
    assert_eq!(process.client.info().origin, origin);
    let last = index.batches.last().unwrap().epoch;
    process.client.index_when(bucket(0), |now| {
        let has_all = index
            .batches
            .iter()
            .all(|batch| now.batches.contains(batch));
        assert!(has_all, "{now:?}");
        now.batches
            .iter()
            .filter(|batch| batch.epoch > last)
            .count()
            >= 3
    });
    // The chain is whole.
    process.client.pull(bucket(0));
    assert_eq!(process.terminate(), Some(0));
}
