//! Messages of many cells: sealed as slots come due, resumed after any
//! restart on both sides, taken back, and small in memory.

use tessera::{
    base::{ErrorCode, UnixTime, content::PIECE_LEN},
    client::{ClientError, ContactId, Event, MessageRef, Outgoing, StoreKey},
    enrolment::Kind,
};

use crate::stage::*;

fn content(len: usize) -> Vec<u8> {
    (0..len).map(|i| b' ' + (i / 7 % 95) as u8).collect()
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

#[test]
fn a_large_message_survives_slots_and_restarts() {
    let (mut relay, mut a, mut b, b_at_a, _) = pair();
    let body = content(2 * PIECE_LEN + 12_345);
    let id = send(&mut a, b_at_a, &body, relay.now());
    let queued = a.store.keys().filter(|key| key.starts_with("s/q/")).count();
    assert_eq!(
        queued, 1,
        "but for the first cell, nothing is sealed before a slot comes"
    );
    assert_eq!(stored_body(&a, id, body.len()), body);
    let (mut last, mut reported, mut arrived) = (0, 0, Vec::new());
    for _ in 0..10 {
        let now = relay.now();
        // Sixty-four cells per epoch, with a restart after each step.
        for _ in 0..64 {
            a.post_slot(&mut relay, now);
            let queued = a.store.keys().filter(|key| key.starts_with("s/q/")).count();
            assert!(queued <= 128, "{queued} cells lie sealed in the queue");
        }
        for event in core::mem::take(&mut a.events) {
            if let Event::Transfer { transfer } = event {
                assert!(transfer.bytes >= last, "it never goes back");
                assert_eq!(
                    (transfer.total_bytes, transfer.id),
                    (body.len(), id.to_string())
                );
                last = transfer.bytes;
            }
        }
        a.restart();
        relay.close();
        let received = b.pull(&relay, now);
        b.restart();
        reported += b.client.transfers().unwrap().len();
        arrived.extend(received.messages);
    }
    assert_eq!(arrived.len(), 1);
    assert!(reported >= 3, "its recipient saw it come");
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
fn a_large_message_delays_only_its_own_contact() {
    let (mut relay, mut a, mut b, b_at_a, _) = pair();
    let mut c = Person::new("Ana");
    let (c_at_a, _) = enrol(&mut relay, &mut a, &mut c, Kind::Link);
    let now = relay.now();
    send(&mut a, b_at_a, &content(300_000), now);
    a.send(b_at_a, "second", now).unwrap();
    let third = a.send(c_at_a, "stop warfarin", now).unwrap();
    a.post_slot(&mut relay, now);
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
fn a_message_of_one_cell_that_waits_is_withdrawn() {
    let (mut relay, mut a, mut b, b_at_a, _) = pair();
    let now = relay.now();
    let id = a.send(b_at_a, "a slip", now).unwrap();
    let cancelled = a.client.cancel(id, now, &mut rng()).unwrap();
    assert_eq!(a.commit(cancelled).state, "cancelled");
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
fn a_deleted_message_leaves_no_body_and_no_gap() {
    let (mut relay, mut a, mut b, b_at_a, a_at_b) = pair();
    let now = relay.now();
    let sent = send(&mut a, b_at_a, &content(400_000), now);
    a.flush(&mut relay, now);
    relay.close();
    let received = b.pull(&relay, now);
    let id = received.messages[0].id;
    let bodies = |person: &Person| {
        let keys = person.store.keys();
        keys.filter(|key| key.starts_with("b/")).count()
    };
    assert!(bodies(&b) > 1);
    let effects = b.client.delete_message(id, now, &mut rng()).unwrap();
    b.commit(effects);
    b.restart();
    assert_eq!(bodies(&b), 0);
    assert!(b.client.messages(a_at_b, None, 10).unwrap().is_empty());
    assert_eq!(
        b.client.delete_message(id, now, &mut rng()).err(),
        Some(ClientError::MessageUnknown)
    );
    // A message that waits is withdrawn first.
    let waiting = a.send(b_at_a, "never mind", now).unwrap();
    for id in [sent, waiting] {
        let effects = a.client.delete_message(id, now, &mut rng()).unwrap();
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
fn a_cancelled_message_is_never_shown_and_leaves_no_gap() {
    let (mut relay, mut a, mut b, b_at_a, _) = pair();
    let now = relay.now();
    let id = send(&mut a, b_at_a, &content(400_000), now);
    a.post_slot(&mut relay, now);
    let effects = a.client.cancel(id, now, &mut rng()).unwrap();
    assert_eq!(a.commit(effects).state, "cancelled");
    a.restart();
    assert_eq!(a.state(id), "cancelled");
    assert_eq!(
        a.client.cancel(id, now, &mut rng()).err(),
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
        a.client.cancel(text, now, &mut rng()).err(),
        Some(ClientError::MessageSent)
    );
    // What came of it is forgotten after the retention, and that is reported.
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
fn a_cancelled_message_does_not_hide_later_ones() {
    // 59 cells, all of them sealed; 154 of which none is; and that many of which some are.
    for (size, sealed) in [(115_000, true), (300_000, false), (300_000, true)] {
        let (mut relay, mut a, mut b, b_at_a, a_at_b) = pair();
        let now = relay.now();
        let id = send(&mut a, b_at_a, &content(size), now);
        if sealed {
            a.slot(now);
            a.restart();
        }
        a.send(b_at_a, "after it", now).unwrap();
        let effects = a.client.cancel(id, now, &mut rng()).unwrap();
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
fn an_expired_large_message_is_sealed_again_from_its_beginning() {
    let (mut relay, mut a, mut b, b_at_a, _) = pair();
    let body = content(300_000);
    let id = send(&mut a, b_at_a, &body, relay.now());
    let now = relay.now();
    a.post_slot(&mut relay, now);
    relay.close();
    round(&mut relay, &mut [&mut b]);
    relay.epoch += 4 * 86_400 / EPOCH;
    let now = relay.now();
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
fn a_message_without_its_body_is_abandoned_and_blocks_no_other() {
    let (relay, mut a, _, b_at_a, _) = pair();
    let now = relay.now();
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
fn messages_after_cancelled_unsent_messages_are_found() {
    let (mut relay, mut a, mut b, b_at_a, _) = pair();
    let now = relay.now();
    // Hundreds of counters each, far more than a window.
    for len in [1_000_000, 100_000, 70_000, 500_000] {
        let id = send(&mut a, b_at_a, &content(len), now);
        let effects = a.client.cancel(id, now, &mut rng()).unwrap();
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
