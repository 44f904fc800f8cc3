//! Continuation after downtime.

use std::time::Duration;

use tempfile::TempDir;

use crate::{bucket, cell, client::occurrences, server::Server};

#[test]
fn restarts_keep_the_chain_and_downtime_gives_one_batch() {
    let directory = TempDir::new().unwrap();
    let server = Server::start(directory.path(), "");
    let origin = server.client.info().origin;
    server
        .client
        .index_when(bucket(0), |index| index.batches.len() >= 2);
    let mine = cell();
    server.client.post(&[tessera::wire::PostEntry {
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
    let while_down = after.windows(2).find(|pair| {
        let first_after = pair[1].header.epoch;
        pair[0].header.epoch >= last && first_after - pair[0].header.epoch >= 4
    });
    assert!(while_down.is_some(), "no batch of the epochs in between");
    assert_eq!(occurrences(&after, &mine), 1);
    server.stop();
}
