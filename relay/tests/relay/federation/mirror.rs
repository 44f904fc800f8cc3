//! Members that publish nothing.

use tessera::{
    base::ErrorCode,
    wire::{BucketId, post},
};

use super::nodes::Nodes;
use crate::{
    bucket,
    client::{Client, occurrences},
    entries,
    wait::wait_for,
};

fn pulled(client: Client, of: BucketId) -> Vec<crate::client::Pulled> {
    let listed = client.index(of).batches;
    listed
        .iter()
        .map(|listed| client.batch(of, listed))
        .collect()
}

#[test]
fn a_mirror_passes_posts_on_and_serves_what_was_published() {
    let mut nodes = Nodes::new(2, &[1], "");
    nodes.start_all();
    let info = nodes.client(1).info();
    let members: Vec<_> = info
        .federation
        .iter()
        .map(|m| (m.origin, m.publishes))
        .collect();
    assert_eq!(
        members,
        [(nodes.origins[0], true), (nodes.origins[1], false)]
    );

    let posted = [entries(bucket(1), 2), entries(BucketId::LOBBY, 1)].concat();
    let body = post::encode(&posted).unwrap();
    wait_for("the publisher does not answer", || {
        nodes.client(1).post_body(&body).status == 202
    });
    // Repeated, it changes nothing.
    assert_eq!(nodes.client(1).post_body(&body).status, 202);
    for entry in &posted {
        for number in [0, 1] {
            wait_for("a cell is not published", || {
                occurrences(&pulled(nodes.client(number), entry.bucket), &entry.cell) == 1
            });
        }
    }
    let origins: Vec<_> = pulled(nodes.client(1), bucket(1))
        .iter()
        .map(|batch| batch.header.origin)
        .collect();
    assert!(origins.iter().all(|origin| *origin == nodes.origins[0]));

    // A refusal is passed on, and so is that no publisher answers.
    let invalid = nodes.client(1).post_body(&body[1..]);
    assert_eq!(invalid.status, 400);
    nodes.kill(0);
    let later = post::encode(&entries(bucket(0), 1)).unwrap();
    let refused = nodes.client(1).post_body(&later);
    assert_eq!(refused.status, 503);
    assert_eq!(refused.problem().code, ErrorCode::RelayBusy.as_str());
    assert!(refused.header("retry-after").is_some());
    // Reading goes on.
    assert!(!pulled(nodes.client(1), bucket(1)).is_empty());
    nodes.start(0);
    wait_for("the publisher does not answer again", || {
        nodes.client(1).post_body(&later).status == 202
    });
}
