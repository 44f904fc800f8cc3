//! Every state of a contact with everything that waits, arrives or is asked
//! for: nothing leaves unless the contact is verified at that moment.

use tessera::{
    base::UnixTime,
    client::{ClientError, ContactId, Draft, Event, Outgoing},
    enrolment::Kind,
    envelope::{ContentType, message::Attachment},
};

use crate::stage::*;

/// What becomes of the contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// Stays as it is.
    Stays,
    /// The digits differ.
    Suspect,
    /// The owner removes it.
    Removed,
}

/// When it happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    /// Nothing has left.
    Queued,
    /// A post left and got no answer.
    Unanswered,
    /// Some cells of each message are at the relay.
    HalfSent,
}

struct Scene {
    relay: Relay,
    a: Person,
    b: Person,
    b_at_a: ContactId,
    now: UnixTime,
}

/// Two people; for A the contact is pending or active.
fn scene(active: bool) -> Scene {
    let mut relay = Relay::new();
    // A post then carries several cells for one contact.
    relay.per_bucket = 8;
    let (mut a, mut b) = (Person::new("Dr. Rivera"), Person::new("Ana Gómez"));
    let b_at_a = if active {
        enrol(&mut relay, &mut a, &mut b, Kind::Link).0
    } else {
        round(&mut relay, &mut [&mut a, &mut b]);
        let now = relay.now();
        let invited = a.client.invite(Kind::Link, None, now, &mut rng());
        let uri = a.commit(invited.unwrap()).uri;
        let accepted = b.client.accept(&uri, true, now, &mut rng());
        b.commit(accepted.unwrap());
        while a.client.contacts().is_empty() {
            let now = relay.now();
            b.pull(&relay, now);
            b.post(&mut relay);
            relay.close();
            a.pull(&relay, relay.now());
        }
        a.contact().id
    };
    let now = relay.now();
    Scene {
        relay,
        a,
        b,
        b_at_a,
        now,
    }
}

fn outgoing(body: &[u8]) -> Outgoing<'_> {
    let file = Attachment {
        content_type: ContentType::new("application/pdf").unwrap(),
        filename: None,
        body: body.into(),
    };
    Outgoing {
        text: None,
        attachments: vec![file],
        session: "",
    }
}

#[test]
fn nothing_is_posted_unless_the_contact_is_active() {
    for fate in [Fate::Stays, Fate::Suspect, Fate::Removed] {
        for moment in [Moment::Queued, Moment::Unanswered, Moment::HalfSent] {
            let Scene {
                mut relay,
                mut a,
                mut b,
                b_at_a,
                now,
            } = scene(true);
            let what = format!("{fate:?}, {moment:?}");
            // A receipt, a word, a message of several cells and a large one.
            let back = b.contact().id;
            b.send(back, "hello", now).unwrap();
            b.post(&mut relay);
            relay.close();
            a.pull(&relay, now);
            let word = a.send(b_at_a, "stop warfarin", now).unwrap();
            let large = vec![7; 400_000];
            let mut ids = vec![word];
            for body in [&large[..9_000], &large] {
                let sent = a.client.send(b_at_a, outgoing(body), now, &mut rng());
                ids.push(a.commit(sent.unwrap()).id);
            }
            let drafted = a
                .client
                .set_draft(b_at_a, Draft::Text(b"a draft"), now)
                .unwrap();
            a.commit(drafted);
            if moment != Moment::Queued {
                assert!(!a.slot(now).tokens.is_empty(), "{what}");
            }
            if moment == Moment::HalfSent {
                a.slot_arrives(now);
            }
            a.events.clear();
            match fate {
                Fate::Stays => {}
                Fate::Suspect => {
                    let effects = a.client.reject_sas(b_at_a, now).unwrap();
                    a.commit(effects);
                }
                Fate::Removed => {
                    let effects = a.client.remove_contact(b_at_a, now).unwrap();
                    a.commit(effects);
                }
            }
            // Without a restart, a slot without an answer would be repeated.
            if moment != Moment::Unanswered {
                a.restart();
            }
            a.assert_memory_is_stored();
            if fate == Fate::Stays {
                assert!(!a.slot(now).tokens.is_empty(), "{what}");
                continue;
            }
            for time in [now, now.plus(4 * DAY), now.plus(40 * DAY)] {
                a.seal_overdue(time);
                assert!(a.slot(time).tokens.is_empty(), "{what}");
                a.slot_arrives(time);
                assert!(a.flush(&mut relay, time).is_empty(), "{what}");
            }
            assert_eq!(a.client.queued(), 0, "{what}");
            if fate == Fate::Removed {
                assert!(a.store.keys().all(|key| !key.contains(&b_at_a.to_string())));
                continue;
            }
            for id in &ids {
                // What had wholly left before is still that, for a week.
                let state = a.state(*id);
                assert!(
                    ["stopped", "undelivered"].contains(&state),
                    "{what}: {state}"
                );
            }
            assert_eq!(a.state(ids[2]), "stopped", "{what}");
            let kept = a.body(ids[2]).ends_with(&large);
            assert!(kept, "{what}: it can be sent elsewhere");
            let effects = a.client.cancel(ids[2], now, &mut rng()).unwrap();
            a.commit(effects);
            assert_eq!(a.state(ids[2]), "cancelled");
            assert_eq!(a.client.queued(), 0, "{what}");
            // What the contact sends is held and not acknowledged.
            b.send(back, "trust me", now).unwrap();
            b.post(&mut relay);
            relay.close();
            let received = a.pull(&relay, relay.now());
            assert!(
                received.messages.iter().all(|m| m.state == "held"),
                "{what}"
            );
            assert_eq!(a.client.queued(), 0, "{what}: no receipt");
            assert_eq!(
                a.send(b_at_a, "x", now),
                Err(ClientError::ContactSuspect),
                "{what}"
            );
        }
    }
}

#[test]
fn for_a_pending_contact_only_the_handshake_leaves() {
    let Scene {
        mut relay,
        mut a,
        mut b,
        b_at_a,
        now,
    } = scene(false);
    assert_eq!(a.contact().state, "pending");
    assert_eq!(a.send(b_at_a, "x", now), Err(ClientError::ContactPending));
    // The confirm leaves; B, who needs no digits, writes at once.
    a.post(&mut relay);
    relay.close();
    b.pull(&relay, relay.now());
    let now = relay.now();
    b.send(b.contact().id, "hello", now).unwrap();
    b.post(&mut relay);
    relay.close();
    let received = a.pull(&relay, relay.now());
    assert_eq!(received.messages.len(), 1);
    assert_eq!(received.messages[0].state, "held");
    assert_eq!(a.client.queued(), 0, "no receipt");
    // If the digits differ it is never shown.
    let effects = a.client.reject_sas(b_at_a, now).unwrap();
    a.commit(effects);
    assert_eq!(a.client.queued(), 0);
}

#[test]
fn remaining_cells_of_a_deleted_message_block_no_other() {
    let Scene {
        mut relay,
        mut a,
        mut b,
        b_at_a,
        now,
    } = scene(true);
    let sent = a
        .client
        .send(b_at_a, outgoing(&[7; 400_000]), now, &mut rng());
    let id = a.commit(sent.unwrap()).id;
    let deleted = a.client.delete_message(id, now, &mut rng()).unwrap();
    a.commit(deleted);
    a.restart();
    // The cell that leaves all the same waits for too long.
    relay.epoch += 4 * DAY / EPOCH;
    let now = relay.now();
    a.pull(&relay, now);
    a.send(b_at_a, "after it", now).unwrap();
    a.seal_overdue(now);
    let mut shown = Vec::new();
    for _ in 0..2 {
        for received in round(&mut relay, &mut [&mut a, &mut b]) {
            assert!(received.gaps.is_empty(), "{:?}", received.gaps);
            shown.extend(received.messages.into_iter().map(|m| m.text));
        }
    }
    assert_eq!(shown, [Some("after it".to_owned())]);
}

#[test]
fn a_message_of_one_cell_is_withdrawn_until_it_has_left() {
    let Scene {
        mut relay,
        mut a,
        mut b,
        b_at_a,
        now,
    } = scene(true);
    let withdrawn = a.send(b_at_a, "wrong person", now).unwrap();
    let kept = a.send(b_at_a, "right person", now).unwrap();
    let effects = a.client.cancel(withdrawn, now, &mut rng()).unwrap();
    a.commit(effects);
    a.restart();
    assert_eq!(a.state(withdrawn), "cancelled");
    b.events.clear();
    let mut shown = Vec::new();
    for _ in 0..3 {
        for received in round(&mut relay, &mut [&mut b, &mut a]) {
            shown.extend(received.messages.into_iter().map(|m| m.text));
        }
    }
    assert_eq!(shown, [Some("right person".to_owned())]);
    let alarm = |event: &Event| matches!(event, Event::Gap(_) | Event::Rejected(_));
    assert!(!b.events.iter().any(alarm), "{:?}", b.events);
    assert_eq!(a.state(kept), "delivered");
    let refused = a.client.cancel(kept, now, &mut rng()).map(|_| ());
    assert_eq!(refused, Err(ClientError::MessageSent));
}

#[test]
fn receipts_owed_to_a_contact_that_is_suspect_or_removed_by_then_never_leave() {
    for remove in [false, true] {
        let mut relay = Relay::new();
        let (mut a, mut b) = (Person::new("Dr. Rivera"), Person::new("Ana Gómez"));
        let (b_at_a, a_at_b) = enrol(&mut relay, &mut a, &mut b, Kind::Link);
        for _ in 0..3 {
            round(&mut relay, &mut [&mut a, &mut b]);
        }
        let now = relay.now();
        b.send(a_at_b, "recheck HbA1c", now).unwrap();
        b.post(&mut relay);
        relay.close();
        a.client.set_receipt_delay(1_440).unwrap();
        assert_eq!(a.pull(&relay, now).messages.len(), 1);
        let owed = format!("s/r/{b_at_a}");
        assert!(a.store.contains_key(&owed) && a.client.queued() == 0);
        let effects = match remove {
            true => a.client.remove_contact(b_at_a, now),
            false => a.client.reject_sas(b_at_a, now),
        };
        a.commit(effects.unwrap());
        // No receipt waits for longer than a week.
        let later = now.plus(7 * 86_400);
        a.seal_overdue(later);
        assert_eq!(a.client.queued(), 0);
        assert!(!a.store.contains_key(&owed), "it is not owed any more");
        assert!(!a.client.has_overdue(later));
    }
}
