//! A member that was away.

use super::nodes::Nodes;
use crate::{bucket, wait::wait_for};

/// Batches of 4 MB, of which four fill a segment.
#[test]
fn a_member_that_was_away_fetches_segments() {
    let flags = "--cover-cells 2000 --log debug";
    let mut nodes = Nodes::new(2, &[1], flags);
    nodes.start(0);
    let index = nodes
        .client(0)
        .index_when(bucket(0), |index| !index.segments.is_empty());
    nodes.start(1);
    let listed = index.segments[0];
    // The same batches in the same segment, verified by the client.
    let here = nodes
        .client(1)
        .index_when(bucket(0), |index| index.segments.contains(&listed));
    assert!(nodes.client(1).segment(bucket(0), &listed).len() > 2);
    assert!(here.oldest <= Some(listed.first));
    let log = nodes.path(1).join("log");
    wait_for("nothing was fetched as a segment", || {
        let log = std::fs::read_to_string(&log).unwrap();
        log.contains("fetched a segment of another member")
    });
}
