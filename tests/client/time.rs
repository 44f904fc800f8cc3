//! What time brings: waiting, months, a relay that moves.

use crate::stage::*;
use tessera::{
    client::{ClientError, Event, StoreKey},
    enrolment::{Invitation, Kind},
};

#[test]
fn after_a_clock_is_set_back_every_sent_cell_is_found() {
    let mut relay = Relay::new();
    let (mut a, mut b) = (Person::new("A"), Person::new("B"));
    let (b_at_a, _) = enrol(&mut relay, &mut a, &mut b, Kind::Link);
    for _ in 0..3 {
        round(&mut relay, &mut [&mut a, &mut b]);
    }
    let now = relay.now();
    let mut bodies = Vec::new();
    for i in 0..40 {
        let text = format!("waits {i}");
        let id = a.send(b_at_a, &text, now).unwrap();
        bodies.push((id, text.as_bytes().into()));
    }
    // The clock is far ahead for a moment: all of it counts as too late.
    let ahead = now.plus(3 * 86_400);
    let effects = a.client.tick(ahead);
    assert_eq!(a.commit(effects).len(), 40);
    let effects = a.client.reseal(&bodies, ahead, &mut rng());
    a.commit(effects);
    a.restart();
    assert_eq!(
        a.send(b_at_a, "beyond the hole", now),
        Err(ClientError::ClockBehind)
    );
    a.send(b_at_a, "the day after", now.plus(86_400)).unwrap();
}

#[test]
fn a_message_that_waited_four_days_is_sealed_again_and_shown_once() {
    let mut relay = Relay::new();
    let (mut a, mut b) = (Person::new("A"), Person::new("B"));
    let (b_at_a, a_at_b) = enrol(&mut relay, &mut a, &mut b, Kind::Link);
    for _ in 0..3 {
        round(&mut relay, &mut [&mut a, &mut b]);
    }
    let now = relay.now();
    let id = a.send(b_at_a, "recheck HbA1c", now).unwrap();
    // It reached the relay, but the answer was lost, and then the network for four days.
    let slot = a.slot(now);
    relay.post(&slot.body);
    relay.close();
    a.restart();
    let received = b.pull(&relay, now);
    assert_eq!(received.messages.len(), 1);
    relay.epoch += 4 * 86_400 / EPOCH;
    let later = relay.now();
    let effects = a.client.tick(later);
    assert_eq!(a.commit(effects), std::slice::from_ref(&id));
    let body = a.store[&StoreKey::Body(id).to_string()].clone();
    let slot = a.slot(later);
    assert!(slot.tokens.is_empty(), "nobody looks for it any more");
    a.restart();
    let bodies = [(id, body.as_slice().into())];
    let effects = a.client.reseal(&bodies, later, &mut rng());
    a.commit(effects);
    a.restart();
    let effects = a.client.tick(later);
    assert!(a.commit(effects).is_empty(), "once is enough");
    // B's receipt waited as long; it needs no body.
    let queued = b.client.queued();
    let effects = b.client.tick(later);
    assert!(b.commit(effects).is_empty());
    let effects = b.client.reseal(&[], later, &mut rng());
    b.commit(effects);
    assert_eq!((queued, b.client.queued()), (1, 1));
    a.events.clear();
    b.events.clear();
    for _ in 0..3 {
        round(&mut relay, &mut [&mut a, &mut b]);
    }
    assert_eq!(a.state(id), "delivered");
    assert_eq!(b.client.messages(a_at_b, None, 10).unwrap().len(), 1);
    let alarms = |p: &Person| {
        p.events
            .iter()
            .any(|e| matches!(e, Event::Rejected(_) | Event::Gap(_)))
    };
    assert!(!alarms(&a) && !alarms(&b), "{:?} {:?}", a.events, b.events);
}

#[test]
fn new_invitations_name_the_relays_new_url() {
    let mut relay = Relay::new();
    let mut a = Person::new("A");
    round(&mut relay, &mut [&mut a]);
    let moved = a.client.relocate("https://moved.example/", NOW);
    a.commit(moved);
    a.restart();
    let effects = a.client.invite(Kind::Link, None, NOW, &mut rng()).unwrap();
    let uri = a.commit(effects).uri;
    assert_eq!(
        Invitation::parse(&uri).unwrap().relay,
        "https://moved.example"
    );
    assert!(
        a.client
            .relocate("https://moved.example", NOW)
            .changes
            .is_empty()
    );
}
