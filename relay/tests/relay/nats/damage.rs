//! One relay reads something else than the others, as from a replica whose disk is
//! damaged: it says so, and publishes what the others do.

use std::sync::atomic::AtomicBool;

use tessera::wire::post;

use super::{
    member::{Member, init, join},
    network::Link,
    servers::Servers,
};
use crate::{
    bucket,
    client::Client,
    entries,
    wait::{PATIENCE, SetOnDrop, until, wait_for},
};

/// Epochs that do not end between a post and its reading; nothing but frames and
/// batches of posts is longer than the damage needs.
const FLAGS: &str = "--epoch 5s --lobby-epoch 1h --lobby-retention 1d --cover fixed --cover-cells 3 \
     --buckets 2 --max-message-size 64KiB";

#[test]
fn a_relay_that_reads_something_else_alarms_and_publishes_the_same() {
    let Some(servers) = Servers::one() else {
        return;
    };
    let server = servers.servers[0].client;
    let link = Link::to(server);
    let direct = Member::new(&servers, "r0", 0, FLAGS);
    let through = Member::through(&servers, "r1", 1, FLAGS, link.address);
    init(&servers, &direct.state, FLAGS);
    join(&servers, &direct.state, &through.state);
    let end = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let _end = SetOnDrop(&end);
        for member in [&direct, &through] {
            scope.spawn(|| member.keep(&end));
        }
        let [direct, through_client] =
            [&direct, &through].map(|member| until("a relay starts", || member.client()));
        let alarms = || {
            let log = std::fs::read_to_string(&through.log).unwrap();
            log.contains("published otherwise than this process computed it")
        };
        let newest_of = |client: Client| {
            let batches = client.index(bucket(0)).batches;
            batches.last().map(|batch| batch.epoch)
        };
        let newest = || newest_of(direct);
        wait_for("no close", || newest().is_some());
        wait_for("it does not follow", || {
            newest_of(through_client) >= newest()
        });
        // Once, unless the machine is so slow that the epoch ends between post and reading.
        assert!(!alarms());
        until("no alarm", || {
            let damaged = link.damage();
            let body = post::encode(&entries(bucket(0), 64)).unwrap();
            assert_eq!(direct.post_within(&body, PATIENCE), Some(202));
            wait_for("nothing was damaged", || link.damaged() > damaged);
            let before = newest();
            wait_for("no close", || newest() > before);
            wait_for("it does not follow", || {
                newest_of(through_client) >= newest()
            });
            alarms().then_some(())
        });
        let last = newest();
        through_client.index_when(bucket(0), |index| {
            index.batches.last().map(|batch| batch.epoch) >= last
        });
        for of in [bucket(0), bucket(1)] {
            let ours = direct.index(of).batches;
            let theirs = through_client.index(of).batches;
            assert!(ours.iter().zip(&theirs).all(|(a, b)| a == b));
        }
    });
}
