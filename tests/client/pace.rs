//! How long sending takes, as it is foretold and as it is.

use tessera::enrolment::Kind;

use crate::stage::*;

#[test]
fn a_queued_message_leaves_by_its_estimate() {
    let mut relay = Relay::new();
    relay.per_bucket = 1;
    let (mut a, mut b) = (Person::new("Lab"), Person::new("Dr. Rivera"));
    let (b_at_a, _) = enrol(&mut relay, &mut a, &mut b, Kind::Link);
    for _ in 0..4 {
        round(&mut relay, &mut [&mut a, &mut b]);
    }
    let now = relay.now();
    let long = "x".repeat(9_000);
    let estimate = a.client.estimate(9_000, false).unwrap();
    let prompt = a.client.estimate(9_000, true).unwrap();
    assert_eq!(prompt.cells, estimate.cells);
    assert_eq!(
        (prompt.seconds, estimate.seconds),
        (EPOCH, EPOCH * estimate.cells)
    );
    // Of many requests, 600 are made at once and ten a second after them.
    let file = a.client.estimate(10 << 20, true).unwrap();
    assert!(file.cells > 5_000);
    assert_eq!(file.seconds, EPOCH + (file.cells - 600).div_ceil(10));
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
            a.post_slot(&mut relay, time);
            time = time.plus(EPOCH);
        }
        assert!(time.0 <= leaves_by);
        assert_eq!(leaving(&a, time)[message].leaves_by, None, "it has left");
    }
}
