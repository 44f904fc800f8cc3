//! Indexes and batches: availability, retention and caching.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tempfile::TempDir;
use tessera::wire::paths;

use crate::{bucket, server::Server, wait::wait_for};

#[test]
fn missing_resources_are_not_cached() {
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
fn an_expired_batch_gives_the_oldest_epoch() {
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
    wait_for("it is served after its retention", || {
        client.get(&path).status != 200
    });
    let answer = client.get(&path);
    let problem = answer.problem();
    assert_eq!(
        (answer.status, problem.code.as_str()),
        (410, "RETENTION_PASSED")
    );
    assert!(problem.oldest >= index.oldest);
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
fn batches_are_published_a_fixed_delay_after_the_boundary() {
    let directory = TempDir::new().unwrap();
    let server = Server::start(directory.path(), "--epoch 4s");
    let client = server.client;
    let (delay, mut seen) = (Duration::from_millis(200), 0);
    while seen < 2 {
        let batches = client.index(bucket(0)).batches;
        let heard = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        if batches.len() > seen {
            let boundary = Duration::from_secs(4 * (batches.last().unwrap().epoch + 1));
            // A slow response can only make this later.
            assert!(heard >= boundary + delay, "{heard:?} for {boundary:?}");
            seen = batches.len();
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    server.stop();
}
