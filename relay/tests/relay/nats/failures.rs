//! A stream at its limit, and a server whose disk was replaced: what is refused, what
//! continues, and that nothing answered with 202 is lost.

use std::{collections::BTreeSet, sync::atomic::AtomicBool, time::Duration};

use serde_json::{Value, json};
use tessera::wire::{PostEntry, post};
use tessera_relay::store::log::nats::{Nats, NatsOptions};

use super::{
    member::{FLAGS, Member, init, join, said},
    servers::{Options, Servers},
};
use crate::{
    bucket,
    client::Client,
    entries,
    wait::{PATIENCE, SetOnDrop, until},
};

/// Requests of the servers' API, as an administrator makes them.
fn api(servers: &Servers, subject: &str, body: &Value) -> Value {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let answer = runtime.block_on(async {
        let log = Nats::start(NatsOptions {
            servers: vec![servers.servers[0].client.to_string()],
            id: "T".to_owned(),
            ca: None,
            nkey: None,
        })
        .unwrap();
        log.request(subject, body.to_string().as_bytes())
            .await
            .unwrap()
    });
    serde_json::from_slice(&answer).unwrap()
}

/// Waits until all of these are published by this relay, each once.
fn published(client: Client, posted: &[PostEntry]) {
    let wanted: BTreeSet<_> = posted
        .iter()
        .map(|entry| entry.cell.as_bytes().to_vec())
        .collect();
    until("all that was answered with 202 is published", || {
        let batches = client.pull(bucket(0));
        let cells: Vec<_> = batches.iter().flat_map(|batch| &batch.cells).collect();
        let found: BTreeSet<_> = cells.iter().map(|cell| (*cell).clone()).collect();
        assert_eq!(found.len(), cells.len(), "a cell twice");
        wanted.is_subset(&found).then_some(())
    });
}

#[test]
fn a_stream_at_its_limit_refuses_posts_until_the_next_close() {
    let Some(servers) = Servers::one() else {
        return;
    };
    let flags = FLAGS.replace("--epoch 2s", "--epoch 5s");
    let member = Member::new(&servers, "r0", 0, &flags);
    init(&servers, &member.state, &flags);
    let end = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let _end = SetOnDrop(&end);
        scope.spawn(|| member.keep(&end));
        let client = until("the relay starts", || member.client());
        // The relay leaves half of a small stream free for markers.
        let found = api(&servers, "$JS.API.STREAM.INFO.TSR_T_N", &json!({}));
        let mut config = found["config"].clone();
        config["max_bytes"] = json!(1 << 20);
        let updated = api(&servers, "$JS.API.STREAM.UPDATE.TSR_T_N", &config);
        assert_eq!(updated["config"]["max_bytes"], json!(1 << 20), "{updated}");
        let mut taken = Vec::new();
        let mut posted = entries(bucket(0), 64);
        until("a full stream refuses", || {
            match client.post_within(&post::encode(&posted).unwrap(), PATIENCE) {
                Some(202) => taken.extend(std::mem::replace(&mut posted, entries(bucket(0), 64))),
                Some(507) => return Some(()),
                // The machine is busy.
                Some(503) => (),
                other => panic!("{other:?}"),
            }
            None
        });
        assert_eq!(client.get("/v1/info").status, 200, "reading continues");
        published(client, &taken);
        // The close has purged what was published.
        let body = post::encode(&posted).unwrap();
        until("posts are taken again", || {
            (client.post_within(&body, PATIENCE) == Some(202)).then_some(())
        });
        taken.extend(posted);
        published(client, &taken);
        drop(_end);
    });
}

#[test]
fn a_server_with_an_empty_disk_gets_the_log_from_the_others() {
    let Some(mut servers) = Servers::start(&Options::default()) else {
        return;
    };
    let members = [0, 1].map(|rank| Member::new(&servers, &format!("r{rank}"), rank, FLAGS));
    init(&servers, &members[0].state, FLAGS);
    join(&servers, &members[0].state, &members[1].state);
    let backup = servers.directory.path().join("backup.db");
    let backup = backup.display().to_string();
    let view = |member: &Member| format!("sqlite://{}", member.state.join("view.db").display());
    let end = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let _end = SetOnDrop(&end);
        for member in &members {
            scope.spawn(|| member.keep(&end));
        }
        let client = |at: usize| until("a relay runs", || members[at].client());
        let post = |at: usize| {
            let posted = entries(bucket(0), 8);
            let body = post::encode(&posted).unwrap();
            until("202", || {
                (client(at).post_within(&body, Duration::from_secs(10)) == Some(202)).then_some(())
            });
            posted
        };
        let mut all = post(0);
        // Each disk in turn is replaced: afterwards nothing is left of the first ones.
        for at in 0..servers.servers.len() {
            let server = &mut servers.servers[at];
            server.kill();
            std::fs::remove_dir_all(&server.store).unwrap();
            server.start();
            all.extend(post(at % 2));
            servers.until_healthy();
            until("the server has all streams", || {
                let text = servers.servers[at].ask("/jsz?streams=true&accounts=true")?;
                (0..4)
                    .all(|of| text.contains(["TSR_T_N", "TSR_T_L", "TSR_T_P", "TSR_T_R"][of]))
                    .then_some(())
            });
            servers.until_healthy();
        }
        // A member whose view is lost rebuilds it from them.
        members[1]
            .is_wanted
            .store(false, std::sync::atomic::Ordering::Relaxed);
        members[1].signal("KILL");
        until("it has ended", || {
            members[1].client().is_none().then_some(())
        });
        for name in ["view.db", "view.db-wal", "view.db-shm"] {
            let _ = std::fs::remove_file(members[1].state.join(name));
        }
        members[1]
            .is_wanted
            .store(true, std::sync::atomic::Ordering::Relaxed);
        all.extend(post(1));
        published(client(0), &all);
        published(client(1), &all);
        // A backup of a running member's view, without its keys.
        said(
            &["backup", "--storage", &view(&members[0]), "--to", &backup],
            "",
        );
        drop(_end);
    });
    for storage in [
        &view(&members[0]),
        &view(&members[1]),
        &format!("sqlite://{backup}"),
    ] {
        let report = said(&["check", "--storage", storage], "");
        assert!(report.ends_with("in order\n"), "{report}");
    }
}
