//! Segments over real connections.

use tempfile::TempDir;
use tessera::wire::{Batch, BatchTags, BucketId, paths};

use crate::{bucket, client::occurrences, server::Server};

/// Batches so large that two of them fill a segment, to avoid waiting for six hours.
const LARGE: &str = "--cell-size 16384 --cover-cells 400 --buckets 1";

#[test]
fn segments_are_immutable_and_contain_each_batch_once() {
    let directory = TempDir::new().unwrap();
    let server = Server::start(directory.path(), LARGE);
    let client = server.client;
    let index = client.index_when(bucket(0), |index| index.segments.len() >= 2);
    let listed = index.segments[0];
    let path = paths::segment(bucket(0), &listed.origin, listed.number);
    let whole = client.get(&path);
    assert_eq!(whole.status, 200);
    assert_eq!(
        whole.header("cache-control"),
        Some("public, max-age=31536000, immutable")
    );
    assert_eq!(
        whole.header("content-type"),
        Some("application/octet-stream")
    );
    let length = listed.bytes.to_string();
    assert_eq!(whole.header("content-length"), Some(length.as_str()));
    let etag = format!("\"{}\"", listed.digest);
    assert_eq!(whole.header("etag"), Some(etag.as_str()));

    let again = client.request("GET", &path, &[("If-None-Match", &etag)], b"");
    assert_eq!((again.status, again.body.len()), (304, 0));
    let head = client.request("HEAD", &path, &[], b"");
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.header("content-length"), Some(length.as_str()));

    let batches = client.pull(bucket(0));
    let first = tessera::wire::Cell::parse(
        batches[0].cells[0].clone(),
        tessera::wire::CellSize::try_from(16_384).unwrap(),
    )
    .unwrap();
    assert_eq!(occurrences(&batches, &first), 1);
    // Its batches are available individually as well.
    let single = client.get(&paths::batch(bucket(0), &listed.origin, listed.first));
    assert_eq!(whole.body[..single.body.len()], single.body[..]);

    // The tags of all its batches, and of a batch alone.
    let tags = client.get(&paths::segment_tags(
        bucket(0),
        &listed.origin,
        listed.number,
    ));
    assert_eq!(tags.status, 200);
    assert_eq!(tags.header("etag"), Some(etag.as_str()));
    assert_eq!(
        tags.header("content-length"),
        Some(tags.body.len().to_string().as_str())
    );
    let cut = listed.split_tags(bucket(0), &tags.body).unwrap();
    let cut_whole = listed.split(bucket(0), &whole.body).unwrap();
    assert_eq!(cut.len(), cut_whole.len());
    for (tags, batch) in cut.iter().zip(&cut_whole) {
        let (tags, batch) = (
            BatchTags::parse(tags).unwrap(),
            Batch::parse(batch).unwrap(),
        );
        assert_eq!(tags.header(), batch.header());
        assert!(
            tags.tags()
                .eq(batch.cells().map(|cell| cell.first_chunk().unwrap()))
        );
    }
    let alone = client.get(&paths::batch_tags(bucket(0), &listed.origin, listed.first));
    assert_eq!(alone.status, 200);
    assert_eq!(
        alone.header("cache-control"),
        Some("public, max-age=31536000, immutable")
    );
    assert_eq!(alone.body, cut[0]);
    let missing = client.get(&paths::batch_tags(
        bucket(0),
        &listed.origin,
        u64::MAX >> 12,
    ));
    assert_eq!(missing.status, 404);
    server.stop();
}

#[test]
fn missing_segments_are_not_found() {
    let directory = TempDir::new().unwrap();
    let server = Server::start(directory.path(), LARGE);
    let client = server.client;
    let index = client.index_when(bucket(0), |index| !index.segments.is_empty());
    let listed = index.segments[0];
    let good = paths::segment(bucket(0), &listed.origin, listed.number);
    for path in [
        good.replace("/buckets/0/", "/buckets/1/"),
        good.replace("/buckets/0/", "/buckets/lobby/"),
        format!("{good}0"),
        good.replace(
            &format!("/{}", listed.number),
            &format!("/0{}", listed.number),
        ),
        good.replace(&listed.origin.to_string(), &"ab".repeat(32)),
        good.replace(&listed.origin.to_string(), "ab"),
    ] {
        let answer = client.get(&path);
        assert_eq!(
            (answer.status, answer.problem().code.as_str()),
            (404, "NOT_FOUND"),
            "{path}"
        );
    }
    assert_eq!(client.request("DELETE", &good, &[], b"").status, 405);
    assert!(client.index(BucketId::LOBBY).segments.is_empty());
    server.stop();
}

#[test]
fn a_short_retention_makes_no_segments() {
    let directory = TempDir::new().unwrap();
    let server = Server::start(directory.path(), &format!("{LARGE} --retention 23h"));
    let client = server.client;
    let index = client.index_when(bucket(0), |index| index.batches.len() >= 4);
    assert_eq!(index.segments, []);
    server.stop();
}
