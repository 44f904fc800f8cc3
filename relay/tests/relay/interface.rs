//! The HTTP interface, over real connections.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tempfile::TempDir;
use tessera::wire::{BucketId, CellSize, paths, post};

use crate::{bucket, cell, client::occurrences, entries, server::Server};

#[test]
fn info_says_what_runs_and_what_the_cover_is_worth() {
    let directory = TempDir::new().unwrap();
    let server = Server::start(directory.path(), "--cover-cells 5 --retention 1h");
    let info = server.client.info();
    assert_eq!(
        (info.buckets.get(), info.cell_size, info.slot_cells.get()),
        (2, CellSize::DEFAULT, 4)
    );
    assert_eq!(
        (info.epoch_seconds.get(), info.retention_seconds.get()),
        (1, 3600)
    );
    assert_eq!(
        (info.lobby.cells.get(), info.lobby.retention_seconds.get()),
        (16, 86_400)
    );
    assert_eq!(
        (info.cover.mechanism.as_str(), info.cover.cells),
        ("fixed", Some(5))
    );
    assert_eq!((info.cover.epsilon, info.cover.delta), (None, None));
    assert!(
        info.cover
            .note
            .unwrap()
            .contains("no differential-privacy guarantee")
    );
    assert!(info.time > 1_700_000_000);
    server.stop();
}

#[test]
fn cells_travel_once_through_signed_chained_batches() {
    let directory = TempDir::new().unwrap();
    let server = Server::start(directory.path(), "");
    let client = server.client;
    let mine = entries(bucket(1), 5);
    client.post(&mine);
    client.post(&mine);
    client.index_when(bucket(1), |index| index.batches.iter().any(|b| b.count > 3));
    client.post(&mine);
    let before = client.index(bucket(1)).batches.len();
    client.index_when(bucket(1), |index| index.batches.len() >= before + 2);

    let batches = client.pull(bucket(1));
    assert!(
        batches
            .iter()
            .all(|batch| batch.header.origin == client.info().origin)
    );
    assert!(
        batches.iter().all(|batch| batch.cells.len() >= 3),
        "cover in every batch"
    );
    for entry in &mine {
        assert_eq!(occurrences(&batches, &entry.cell), 1);
        assert_eq!(occurrences(&client.pull(bucket(0)), &entry.cell), 0);
    }
    server.stop();
}

#[test]
fn a_post_is_all_or_nothing() {
    let directory = TempDir::new().unwrap();
    let server = Server::start(directory.path(), "");
    let client = server.client;
    let good = entries(bucket(0), 2);
    let mut body = post::encode(&good).unwrap();
    body[4 + 2048..][..4].copy_from_slice(&2_u32.to_be_bytes());
    let answer = client.post_body(&body);
    assert_eq!(
        (answer.status, answer.problem().code.as_str()),
        (400, "INVALID_ARGUMENT")
    );
    let before = client.index(bucket(0)).batches.len();
    client.index_when(bucket(0), |index| index.batches.len() >= before + 2);
    assert_eq!(occurrences(&client.pull(bucket(0)), &good[0].cell), 0);
    server.stop();
}

/// Headers, body, expected status and code.
type Case<'a> = (&'a [(&'a str, &'a str)], Vec<u8>, u16, &'a str);

#[test]
fn posts_that_are_none_are_refused_with_a_code() {
    let directory = TempDir::new().unwrap();
    let server = Server::start(directory.path(), "");
    let client = server.client;
    let one = post::encode(&entries(bucket(0), 1)).unwrap();
    let octets = [("Content-Type", "application/octet-stream")];
    let cases: [Case; 11] = [
        (&octets, vec![], 400, "MALFORMED"),
        (&octets, one[..one.len() - 1].to_vec(), 400, "MALFORMED"),
        (&octets, [one.clone(), vec![0]].concat(), 400, "MALFORMED"),
        (
            &octets,
            [b"\0\0\0\x02", &one[4..]].concat(),
            400,
            "INVALID_ARGUMENT",
        ),
        (
            &octets,
            [b"\xff\xff\xff\xfe", &one[4..]].concat(),
            400,
            "INVALID_ARGUMENT",
        ),
        (&octets, one.repeat(65), 413, "MESSAGE_TOO_LARGE"),
        (&octets, vec![0; 10_000_000], 413, "MESSAGE_TOO_LARGE"),
        (&[], one.clone(), 415, "RELAY_REFUSED"),
        (
            &[("Content-Type", "application/json")],
            one.clone(),
            415,
            "RELAY_REFUSED",
        ),
        (
            &[("Content-Type", "application/octet-stream; charset=x")],
            one.clone(),
            415,
            "RELAY_REFUSED",
        ),
        (
            &[octets[0], ("Content-Encoding", "gzip")],
            one.clone(),
            415,
            "RELAY_REFUSED",
        ),
    ];
    for (at, (headers, body, status, code)) in cases.into_iter().enumerate() {
        let answer = client.request("POST", paths::CELLS, headers, &body);
        assert_eq!(
            (answer.status, answer.problem().code.as_str()),
            (status, code),
            "case {at}"
        );
    }
    // Chunked, without a length that could be looked at first.
    let mut chunked = b"POST /v1/cells HTTP/1.1\r\nHost: relay\r\nConnection: close\r\n\
        Content-Type: application/octet-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        .to_vec();
    for _ in 0..70 {
        chunked.extend_from_slice(format!("{:x}\r\n", one.len()).as_bytes());
        chunked.extend_from_slice(&one);
        chunked.extend_from_slice(b"\r\n");
    }
    chunked.extend_from_slice(b"0\r\n\r\n");
    let answer =
        crate::client::parse(&client.raw(&chunked, Duration::from_secs(20)).unwrap()).unwrap();
    assert_eq!(answer.status, 413);
    server.stop();
}

#[test]
fn a_lobby_batch_has_exactly_sixteen_cells() {
    let directory = TempDir::new().unwrap();
    let server = Server::start(directory.path(), "");
    let client = server.client;
    let lobby = BucketId::LOBBY;
    let posted = entries(lobby, 40);
    // At most four per connection and epoch, and a connection per post.
    for slot in posted.chunks(4) {
        client.post(slot);
    }
    client.index_when(lobby, |index| index.batches.len() >= 5);
    let batches = client.pull(lobby);
    assert!(batches.iter().all(|batch| batch.cells.len() == 16));
    assert!(
        posted
            .iter()
            .all(|entry| occurrences(&batches, &entry.cell) == 1)
    );
    server.stop();
}

#[test]
fn batches_are_immutable_and_indexes_cacheable() {
    let directory = TempDir::new().unwrap();
    let server = Server::start(directory.path(), "--epoch 2s");
    let client = server.client;
    let index = client.index_when(bucket(0), |index| !index.batches.is_empty());
    let listed = index.batches[0];
    let path = paths::batch(bucket(0), &listed.origin, listed.epoch);
    let etag = format!("\"{}\"", listed.digest);

    let whole = client.get(&path);
    assert_eq!(
        whole.header("cache-control"),
        Some("public, max-age=31536000, immutable")
    );
    assert_eq!(
        whole.header("content-type"),
        Some("application/octet-stream")
    );
    for tags in [
        etag.clone(),
        format!("W/{etag}"),
        format!("\"other\", {etag}"),
        "*".to_owned(),
    ] {
        let answer = client.request("GET", &path, &[("If-None-Match", &tags)], b"");
        assert_eq!((answer.status, answer.body.len()), (304, 0), "{tags}");
        assert_eq!(answer.header("etag"), Some(etag.as_str()));
    }
    let answer = client.request("GET", &path, &[("If-None-Match", "\"other\"")], b"");
    assert_eq!((answer.status, answer.body), (200, whole.body.clone()));

    let head = client.request("HEAD", &path, &[], b"");
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(
        head.header("content-length"),
        Some(whole.body.len().to_string().as_str())
    );

    let index = client.get(&paths::index(bucket(0)));
    assert!(
        index
            .header("cache-control")
            .unwrap()
            .starts_with("public, max-age=")
    );
    assert!(index.header("etag").is_some());
    server.stop();
}

#[test]
fn batches_appear_a_fixed_delay_after_the_boundary() {
    let directory = TempDir::new().unwrap();
    let server = Server::start(directory.path(), "--epoch 4s");
    let client = server.client;
    let (delay, mut seen) = (Duration::from_millis(200), 0);
    while seen < 2 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let batches = client.index(bucket(0)).batches;
        if batches.len() > seen {
            let after = now.as_secs_f64() % 4.0;
            // Asked before the answer was heard: visible then means at most this early.
            assert!(
                after + 0.05 >= delay.as_secs_f64(),
                "{after} s after the boundary"
            );
            seen = batches.len();
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    server.stop();
}

#[test]
fn what_is_not_there_is_not_cached() {
    let directory = TempDir::new().unwrap();
    let server = Server::start(directory.path(), "");
    let client = server.client;
    let index = client.index_when(bucket(0), |index| !index.batches.is_empty());
    let listed = index.batches[0];
    let (origin, epoch) = (listed.origin, listed.epoch);
    let upper = origin.to_string().to_uppercase();
    for path in [
        paths::batch(bucket(0), &origin, epoch + 1000),
        paths::batch(bucket(0), &origin, epoch - 1000),
        paths::batch(bucket(2), &origin, epoch),
        paths::batch(bucket(0), &tessera::wire::Origin([7; 32]), epoch),
        format!("/v1/buckets/0/batches/{upper}/{epoch}"),
        format!("/v1/buckets/00/batches/{origin}/{epoch}"),
        format!("/v1/buckets/0/batches/{origin}/0{epoch}"),
        format!("/v1/buckets/0/batches/{origin}/99999999999999999999"),
        format!("/v1/buckets/0/batches/{origin}/%ff"),
        "/v1/buckets/%ff%fe/index".to_owned(),
        "/v1/buckets/2/index".to_owned(),
        "/v1/buckets/-1/index".to_owned(),
        "/v1/buckets/4294967295/index".to_owned(),
        "/v1/buckets/lobby/batches".to_owned(),
        "/v1".to_owned(),
        "/v1/".to_owned(),
        "/v1/unknown".to_owned(),
        "/".to_owned(),
        "/index.html".to_owned(),
    ] {
        let answer = client.get(&path);
        assert_eq!(
            (answer.status, answer.problem().code.as_str()),
            (404, "NOT_FOUND"),
            "{path}"
        );
    }
    server.stop();
}

#[test]
fn past_retention_the_oldest_epoch_is_told() {
    let directory = TempDir::new().unwrap();
    let server = Server::start(directory.path(), "--retention 2s");
    let client = server.client;
    let first = client
        .index_when(bucket(0), |index| !index.batches.is_empty())
        .batches[0];
    let index = client.index_when(bucket(0), |index| {
        index.oldest.is_some_and(|oldest| oldest > first.epoch + 1)
    });
    let path = paths::batch(bucket(0), &first.origin, first.epoch);
    let mut answer = client.get(&path);
    for _ in 0..20 {
        if answer.status == 410 {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
        answer = client.get(&path);
    }
    let problem = answer.problem();
    assert_eq!(
        (answer.status, problem.code.as_str()),
        (410, "RETENTION_PASSED")
    );
    assert!(problem.oldest >= index.oldest);
    server.stop();
}

#[test]
fn methods_and_preflight_are_answered_right() {
    let directory = TempDir::new().unwrap();
    let server = Server::start(directory.path(), "");
    let client = server.client;
    for (path, allow) in [
        (paths::INFO, "GET, HEAD, OPTIONS"),
        (paths::CELLS, "POST, OPTIONS"),
        ("/v1/buckets/0/index", "GET, HEAD, OPTIONS"),
        ("/healthz", "GET, HEAD, OPTIONS"),
    ] {
        for method in [
            "DELETE",
            "PUT",
            "PATCH",
            "PROPFIND",
            if path == paths::CELLS { "GET" } else { "POST" },
        ] {
            let answer = client.request(method, path, &[], b"");
            assert_eq!(
                (answer.status, answer.header("allow")),
                (405, Some(allow)),
                "{method} {path}"
            );
            assert_eq!(answer.problem().code, "RELAY_REFUSED");
        }
        let preflight = [
            ("Origin", "https://portal.example"),
            ("Access-Control-Request-Method", "POST"),
        ];
        let answer = client.request("OPTIONS", path, &preflight, b"");
        assert_eq!((answer.status, answer.header("allow")), (204, Some(allow)));
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
        assert!(
            answer
                .header("access-control-allow-headers")
                .unwrap()
                .contains("content-type")
        );
        assert!(
            answer
                .header("access-control-allow-methods")
                .unwrap()
                .contains("OPTIONS")
        );
    }
    let post = client.post_body(&post::encode(&entries(bucket(0), 1)).unwrap());
    assert_eq!(post.header("access-control-allow-origin"), Some("*"));
    assert_eq!(post.header("server"), None, "no banner");
    assert_eq!(client.get("/healthz").status, 200);
    assert_eq!(client.get("/readyz").status, 200);
    server.stop();
}

#[test]
fn restarts_keep_the_chain_and_downtime_gives_one_batch() {
    let directory = TempDir::new().unwrap();
    let server = Server::start(directory.path(), "");
    let origin = server.client.info().origin;
    server
        .client
        .index_when(bucket(0), |index| index.batches.len() >= 2);
    let mine = cell();
    server.client.post(&[tessera::wire::Entry {
        bucket: bucket(0),
        cell: mine.clone(),
    }]);
    let before = server.client.pull(bucket(0));
    server.stop();

    std::thread::sleep(Duration::from_millis(4200));
    let server = Server::start(directory.path(), "");
    assert_eq!(server.client.info().origin, origin);
    assert!(
        server.client.index(bucket(0)).batches.len() >= before.len(),
        "visible at once"
    );
    let last = before.last().unwrap().header.epoch;
    server.client.index_when(bucket(0), |index| {
        index.batches.iter().filter(|b| b.epoch > last + 1).count() >= 2
    });
    let after = server.client.pull(bucket(0));
    let jumps: Vec<_> = after
        .windows(2)
        .map(|pair| pair[1].header.epoch - pair[0].header.epoch)
        .filter(|jump| *jump > 2)
        .collect();
    assert_eq!(jumps.len(), 1, "one gap in the numbers, and no batch in it");
    assert!(jumps[0] >= 4);
    assert_eq!(occurrences(&after, &mine), 1);
    server.stop();
}
