//! How long sending takes, as it is foretold and as it is.

use tessera::{base::UnixTime, enrolment::Kind};

use crate::stage::*;

#[test]
fn a_queued_message_has_left_by_when_it_says() {
    let mut relay = Relay::new();
    relay.per_bucket = 1;
    let (mut a, mut b) = (Person::new("Lab"), Person::new("Dr. Rivera"));
    let (b_at_a, _) = enrol(&mut relay, &mut a, &mut b, Kind::Link);
    for _ in 0..4 {
        round(&mut relay, &mut [&mut a, &mut b]);
    }
    let now = UnixTime(relay.epoch * EPOCH + 60);
    let long = "x".repeat(9_000);
    let estimate = a.client.estimate(9_000, false).unwrap();
    let prompt = a.client.estimate(9_000, true).unwrap();
    assert_eq!(prompt.cells, estimate.cells);
    assert_eq!(
        (prompt.seconds, estimate.seconds),
        (EPOCH, EPOCH * estimate.cells)
    );
    for text in [long.as_str(), "after it"] {
        a.send(b_at_a, text, now).unwrap();
    }
    let leaving = |a: &Person, now| {
        let mut views = a.client.messages(b_at_a, None, 2).unwrap();
        a.client.estimate_departures(&mut views, now);
        views
    };
    let foretold: Vec<u64> = leaving(&a, now)
        .iter()
        .map(|m| m.leaves_by.unwrap())
        .collect();
    assert_eq!(foretold[0], now.0 + EPOCH * estimate.cells);
    assert_eq!(foretold[1], foretold[0] + EPOCH);
    let mut time = now;
    for (message, leaves_by) in foretold.into_iter().enumerate() {
        while leaving(&a, time)[message].state == "queued" {
            assert!(time.0 < leaves_by, "it is late");
            let post = a.client.next_slot(time, &mut rng()).unwrap();
            relay.post(&post.body);
            let effects = a.client.posted(&post.tokens, time);
            a.commit(effects);
            time = time.plus(EPOCH);
        }
        assert!(time.0 <= leaves_by);
        assert_eq!(leaving(&a, time)[message].leaves_by, None, "it has left");
    }
}
