//! Messages of many cells: sealed as slots come due, resumed after any
//! restart on both sides, taken back, and small in memory.

use tessera::{
    base::{ErrorCode, UnixTime, content::PIECE_LEN},
    client::{ClientError, ContactId, Event, MessageRef, Outgoing, StoreKey},
    enrolment::Kind,
};

use crate::stage::{EPOCH, Person, Relay, enrol, rng, round};

fn content(len: usize) -> Vec<u8> {
    (0..len).map(|i| b' ' + (i / 7 % 95) as u8).collect()
}

fn clock(relay: &Relay) -> UnixTime {
    UnixTime(relay.epoch * EPOCH + 60)
}

fn send(from: &mut Person, to: ContactId, body: &[u8], now: UnixTime) -> MessageRef {
    let outgoing = Outgoing {
        text: Some(core::str::from_utf8(body).unwrap()),
        attachments: Vec::new(),
        session: "visit-7421",
    };
    let effects = from.client.send(to, outgoing, now, &mut rng()).unwrap();
    from.commit(effects).id
}

fn stored_body(person: &Person, id: MessageRef, len: usize) -> Vec<u8> {
    StoreKey::body(id, len)
        .iter()
        .flat_map(|key| person.store[&key.to_string()].to_vec())
        .collect()
}

fn pair() -> (Relay, Person, Person, ContactId, ContactId) {
    let mut relay = Relay::new();
    let (mut a, mut b) = (Person::new("Lab"), Person::new("Dr. Rivera"));
    let (b_at_a, a_at_b) = enrol(&mut relay, &mut a, &mut b, Kind::Link);
    (relay, a, b, b_at_a, a_at_b)
}

#[test]
fn a_message_of_many_pieces_arrives_whole_through_slots_and_restarts() {
    let (mut relay, mut a, mut b, b_at_a, _) = pair();
    let body = content(2 * PIECE_LEN + 12_345);
    let id = send(&mut a, b_at_a, &body, clock(&relay));
    let queued = a.store.keys().filter(|key| key.starts_with("s/q/")).count();
    assert_eq!(
        queued, 1,
        "but for the first cell, nothing is sealed before a slot comes"
    );
    assert_eq!(stored_body(&a, id, body.len()), body);
    let (mut last, mut told, mut arrived) = (0, 0, Vec::new());
    for _ in 0..10 {
        let now = clock(&relay);
        // Sixty-four cells per epoch, with a restart after each step.
        a.seal_wanted(now);
        a.restart();
        let queued = a.store.keys().filter(|key| key.starts_with("s/q/")).count();
        assert!(queued <= 128, "{queued} cells lie sealed in the queue");
        for _ in 0..64 {
            let Some(post) = a.client.next_flush(now, &mut rng()).unwrap() else {
                break;
            };
            relay.post(&post.body);
            let effects = a.client.posted(&post.tokens, clock(&relay));
            for event in &effects.events {
                if let Event::Transfer { transfer } = event {
                    assert!(transfer.bytes >= last, "it never goes back");
                    assert_eq!(
                        (transfer.total_bytes, &transfer.id),
                        (body.len(), &id.to_string())
                    );
                    last = transfer.bytes;
                }
            }
            a.commit(effects);
        }
        relay.close();
        let received = b.pull(&relay, now);
        b.restart();
        told += b.client.transfers().unwrap().len();
        arrived.extend(received.messages);
    }
    assert_eq!(arrived.len(), 1);
    assert!(told >= 3, "its recipient saw it come");
    assert_eq!(last, body.len());
    assert_eq!(stored_body(&b, arrived[0].id, body.len()), body);
    assert!(b.client.transfers().unwrap().is_empty());
    round(&mut relay, &mut [&mut b, &mut a]);
    round(&mut relay, &mut [&mut b, &mut a]);
    assert_eq!(a.state(id), "delivered");
    for person in [&a, &b] {
        let left = |prefix: &str| person.store.keys().any(|key| key.starts_with(prefix));
        assert!(!left("s/l/") && !left("s/f/") && !left("s/q/"));
    }
}

#[test]
fn what_is_sent_later_to_the_same_contact_waits_and_to_others_does_not() {
    let (mut relay, mut a, mut b, b_at_a, _) = pair();
    let mut c = Person::new("Ana");
    let (c_at_a, _) = enrol(&mut relay, &mut a, &mut c, Kind::Link);
    let now = clock(&relay);
    send(&mut a, b_at_a, &content(300_000), now);
    a.send(b_at_a, "second", now).unwrap();
    let third = a.send(c_at_a, "stop warfarin", now).unwrap();
    a.seal_wanted(now);
    let post = a.client.next_flush(now, &mut rng()).unwrap().unwrap();
    relay.post(&post.body);
    let effects = a.client.posted(&post.tokens, clock(&relay));
    a.commit(effects);
    assert_eq!(a.state(third), "sent", "it went first");
    relay.close();
    let mut sizes = Vec::new();
    for _ in 0..4 {
        for received in round(&mut relay, &mut [&mut b, &mut c, &mut a]) {
            assert!(received.gaps.is_empty(), "{:?}", received.gaps);
            sizes.extend(
                received
                    .messages
                    .iter()
                    .map(|message| message.text_at.unwrap().1),
            );
        }
    }
    assert_eq!(sizes, [13, 300_000, 6]);
}

#[test]
fn a_message_of_one_cell_is_withdrawn_unless_a_post_may_have_carried_it() {
    let (mut relay, mut a, mut b, b_at_a, _) = pair();
    let now = clock(&relay);
    let id = a.send(b_at_a, "a slip", now).unwrap();
    let post = a.client.next_slot(now, &mut rng()).unwrap();
    let cancel = |a: &mut Person, in_flight: &[u64]| {
        let cancelled = a.client.cancel(id, in_flight, now, &mut rng());
        cancelled.map(|effects| a.commit(effects).state)
    };
    assert_eq!(
        cancel(&mut a, &post.tokens),
        Err(ClientError::MessageSent),
        "the relay may have it"
    );
    assert_eq!(a.state(id), "queued");
    assert_eq!(cancel(&mut a, &[]), Ok("cancelled"));
    a.restart();
    a.send(b_at_a, "what was meant", now).unwrap();
    relay.close();
    let mut messages = Vec::new();
    for _ in 0..4 {
        for received in round(&mut relay, &mut [&mut b, &mut a]) {
            assert!(received.gaps.is_empty(), "{:?}", received.gaps);
            messages.extend(received.messages);
        }
    }
    let texts: Vec<_> = messages.iter().map(|m| m.text.as_deref()).collect();
    assert_eq!(texts, [Some("what was meant")]);
}

#[test]
fn a_deleted_message_is_gone_with_its_body_and_leaves_no_gap() {
    let (mut relay, mut a, mut b, b_at_a, a_at_b) = pair();
    let now = clock(&relay);
    let sent = send(&mut a, b_at_a, &content(400_000), now);
    a.seal_wanted(now);
    while let Some(post) = a.client.next_flush(now, &mut rng()).unwrap() {
        relay.post(&post.body);
        let effects = a.client.posted(&post.tokens, clock(&relay));
        a.commit(effects);
        a.seal_wanted(now);
    }
    relay.close();
    let received = b.pull(&relay, now);
    let id = received.messages[0].id;
    let bodies = |person: &Person| {
        let keys = person.store.keys();
        keys.filter(|key| key.starts_with("b/")).count()
    };
    assert!(bodies(&b) > 1);
    let effects = b.client.delete_message(id, &[], now, &mut rng()).unwrap();
    b.commit(effects);
    b.restart();
    assert_eq!(bodies(&b), 0);
    assert!(b.client.messages(a_at_b, None, 10).unwrap().is_empty());
    assert_eq!(
        b.client.delete_message(id, &[], now, &mut rng()).err(),
        Some(ClientError::MessageUnknown)
    );
    // A message that waits is withdrawn first.
    let waiting = a.send(b_at_a, "never mind", now).unwrap();
    for id in [sent, waiting] {
        let effects = a.client.delete_message(id, &[], now, &mut rng()).unwrap();
        a.commit(effects);
    }
    a.restart();
    assert_eq!(bodies(&a), 0);
    for _ in 0..3 {
        for received in round(&mut relay, &mut [&mut b, &mut a]) {
            assert!(received.gaps.is_empty(), "{:?}", received.gaps);
            assert!(received.messages.is_empty());
        }
    }
}

#[test]
fn a_message_taken_back_never_shows_and_leaves_no_gap() {
    let (mut relay, mut a, mut b, b_at_a, _) = pair();
    let now = clock(&relay);
    let id = send(&mut a, b_at_a, &content(400_000), now);
    a.seal_wanted(now);
    let post = a.client.next_flush(now, &mut rng()).unwrap().unwrap();
    relay.post(&post.body);
    let effects = a.client.posted(&post.tokens, clock(&relay));
    a.commit(effects);
    let effects = a.client.cancel(id, &[], now, &mut rng()).unwrap();
    assert_eq!(a.commit(effects).state, "cancelled");
    a.restart();
    assert_eq!(a.state(id), "cancelled");
    assert_eq!(
        a.client.cancel(id, &[], now, &mut rng()).err(),
        Some(ClientError::MessageSent),
        "once is enough"
    );
    let text = a.send(b_at_a, "after it", now).unwrap();
    relay.close();
    let mut messages = Vec::new();
    for _ in 0..4 {
        for received in round(&mut relay, &mut [&mut b, &mut a]) {
            assert!(received.gaps.is_empty(), "{:?}", received.gaps);
            messages.extend(received.messages);
        }
    }
    assert_eq!(messages.len(), 1);
    assert_eq!(messages[0].text.as_deref(), Some("after it"));
    assert_eq!(a.state(text), "delivered");
    assert_eq!(
        a.client.cancel(text, &[], now, &mut rng()).err(),
        Some(ClientError::MessageSent)
    );
    // What came of it is forgotten after the retention, and that is told.
    assert_eq!(b.client.transfers().unwrap().len(), 1);
    let effects = b.client.tick(now.plus(62 * 86_400));
    assert!(effects.events.iter().any(|event| matches!(
        event,
        Event::Rejected(rejected) if rejected.code == ErrorCode::MessageIncomplete.as_str()
    )));
    b.commit(effects);
    assert!(b.client.transfers().unwrap().is_empty());
}

#[test]
fn a_message_taken_back_before_it_left_hides_nothing_that_comes_after_it() {
    // 59 cells, all of them sealed; 154 of which none is; and that many of which some are.
    for (size, sealed) in [(115_000, true), (300_000, false), (300_000, true)] {
        let (mut relay, mut a, mut b, b_at_a, a_at_b) = pair();
        let now = clock(&relay);
        let id = send(&mut a, b_at_a, &content(size), now);
        if sealed {
            a.seal_wanted(now);
        }
        a.send(b_at_a, "after it", now).unwrap();
        let effects = a.client.cancel(id, &[], now, &mut rng()).unwrap();
        a.commit(effects);
        a.send(b_at_a, "and after that", now).unwrap();
        a.seal_overdue(now);
        for _ in 0..4 {
            for received in round(&mut relay, &mut [&mut a, &mut b]) {
                assert!(received.gaps.is_empty(), "{size}: {:?}", received.gaps);
                assert!(received.rejected.is_empty(), "{:?}", received.rejected);
            }
        }
        let all = b.client.messages(a_at_b, None, 10).unwrap();
        let sizes: Vec<u32> = all
            .iter()
            .map(|message| message.text_at.unwrap().1)
            .collect();
        assert_eq!(sizes, [8, 14], "{size}: what came after");
    }
}

#[test]
fn a_large_message_that_waited_too_long_is_sealed_again_from_its_beginning() {
    let (mut relay, mut a, mut b, b_at_a, _) = pair();
    let body = content(300_000);
    let id = send(&mut a, b_at_a, &body, clock(&relay));
    a.seal_wanted(clock(&relay));
    let post = a
        .client
        .next_flush(clock(&relay), &mut rng())
        .unwrap()
        .unwrap();
    relay.post(&post.body);
    let effects = a.client.posted(&post.tokens, clock(&relay));
    a.commit(effects);
    relay.close();
    round(&mut relay, &mut [&mut b]);
    relay.epoch += 4 * 86_400 / EPOCH;
    let now = clock(&relay);
    assert!(
        a.client.pieces_needed(now).is_none(),
        "not under the old day"
    );
    let effects = a.client.tick(now);
    assert_eq!(a.commit(effects), std::slice::from_ref(&id));
    let bodies = [(id, body.as_slice().into())];
    let effects = a.client.reseal(&bodies, now, &mut rng());
    a.commit(effects);
    a.restart();
    let mut messages = Vec::new();
    for _ in 0..4 {
        for received in round(&mut relay, &mut [&mut b, &mut a]) {
            messages.extend(received.messages);
        }
    }
    assert_eq!(messages.len(), 1);
    assert_eq!(stored_body(&b, messages[0].id, body.len()), body);
    assert_eq!(a.state(id), "delivered");
}

#[test]
fn a_message_whose_body_is_lost_is_given_up_and_holds_up_no_other() {
    let (relay, mut a, _, b_at_a, _) = pair();
    let now = clock(&relay);
    let id = send(&mut a, b_at_a, &content(300_000), now);
    let wanted = a.client.pieces_needed(now).unwrap();
    assert_eq!(wanted.pieces, [0], "the first cells lie in the first piece");
    let nothing = Default::default();
    let effects = a
        .client
        .seal_more(wanted.message, &nothing, now, &mut rng());
    a.commit(effects);
    assert_eq!(a.state(id), "undelivered");
    assert_eq!((a.client.queued(), a.client.pieces_needed(now)), (1, None));
}

#[test]
fn what_is_sent_after_a_message_was_taken_back_is_found_although_nothing_of_it_had_left() {
    let (mut relay, mut a, mut b, b_at_a, _) = pair();
    let now = clock(&relay);
    // Hundreds of counters each, far more than a window.
    for len in [1_000_000, 100_000, 70_000, 500_000] {
        let id = send(&mut a, b_at_a, &content(len), now);
        let effects = a.client.cancel(id, &[], now, &mut rng()).unwrap();
        a.commit(effects);
        a.restart();
    }
    let text = a.send(b_at_a, "after all of it", now).unwrap();
    let mut shown = Vec::new();
    for _ in 0..5 {
        for received in round(&mut relay, &mut [&mut b, &mut a]) {
            assert!(received.gaps.is_empty(), "{:?}", received.gaps);
            shown.extend(received.messages.into_iter().map(|message| message.text));
        }
    }
    assert_eq!(shown, [Some("after all of it".to_owned())]);
    assert_eq!(a.state(text), "delivered");
    assert!(a.client.transfers().unwrap().is_empty());
    // What of them did not leave in time is dropped, not sealed again.
    let later = now.plus(5 * 86_400);
    let effects = a.client.tick(later);
    a.commit(effects);
    let effects = a.client.reseal(&[], later, &mut rng());
    a.commit(effects);
    assert_eq!(a.client.queued(), 0);
}
