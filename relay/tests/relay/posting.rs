//! Posting of cells, and their publication.

use std::time::Duration;

use tempfile::TempDir;
use tessera::wire::{BucketId, paths, post};

use crate::{bucket, client::occurrences, entries, server::Server};

/// Headers, body, expected status and code.
type Case<'a> = (&'a [(&'a str, &'a str)], Vec<u8>, u16, &'a str);

#[test]
fn invalid_posts_are_refused_with_a_code() {
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
    // Chunked, without a length that could be checked first.
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

#[test]
fn cells_are_published_once_in_signed_chained_batches() {
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
