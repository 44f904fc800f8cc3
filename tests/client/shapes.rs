//! A relay that states another cell size or number of buckets: for a moment it
//! changes nothing; once it has lasted, nothing is lost and no tag is used
//! for two cells.

use std::collections::BTreeMap;

use tessera::{
    enrolment::Kind,
    wire::{CellSize, post},
};

use crate::{relay_faults::notices, stage::*};

/// Time passes, the relay takes cells of this size all the while, and a person
/// looks at it at the beginning and at the end.
fn restate(relay: &mut Relay, person: &mut Person, size: u32, seconds: u64) {
    relay.size = CellSize::try_from(size).unwrap();
    for pass in [0, seconds] {
        relay.epoch += pass / EPOCH;
        let now = relay.now();
        let configured = person.client.configure(&relay.info(), now).unwrap();
        person.commit(configured);
        person.restart();
        person.seal_overdue(now);
    }
}

#[test]
fn a_lasting_change_of_cell_size_reseals_the_queue_and_loses_nothing() {
    for sizes in [&[1_024][..], &[4_096], &[1_024, 2_048]] {
        let (mut relay, mut a, mut b, b_at_a, a_at_b) = pair();
        notices(&mut a);
        let now = relay.now();
        let texts: Vec<String> = [10, 5_000, 9_000, 20]
            .iter()
            .map(|len| "x".repeat(*len))
            .collect();
        for text in &texts {
            a.send(b_at_a, text, now).unwrap();
        }
        let mut invitation = None;
        for (n, size) in sizes.iter().enumerate() {
            if n > 0 {
                // A change is followed a day after the one before.
                let (same, day) = (relay.size.get(), 24 * 3_600);
                restate(&mut relay, &mut a, same, day);
            }
            let now = relay.now();
            let invited = a.client.invite(Kind::Qr, Some(86_400), now, &mut rng());
            invitation = Some(a.commit(invited.unwrap()).uri);
            restate(&mut relay, &mut a, *size, 0);
            assert_eq!(notices(&mut a), [("RELAY_CHANGED", false)]);
            let now = relay.now();
            assert!(!a.client.has_overdue(now), "it may be a mistake");
            let bodies = a.flush(&mut relay, now);
            assert_eq!(bodies.len(), 0, "no real cell leaves");
            let slot = a.post_slot(&mut relay, now);
            assert!(slot.tokens.is_empty(), "cover alone goes on");
            relay.close();
            restate(&mut relay, &mut a, *size, 3_600);
            assert_eq!(notices(&mut a), []);
        }
        let invitation = invitation.unwrap();
        assert!(!a.client.has_overdue(relay.now()));
        let mut c = Person::new("Northside Lab");
        let mut shown = Vec::new();
        for n in 0..6 {
            for received in round(&mut relay, &mut [&mut b, &mut a, &mut c]) {
                assert!(received.gaps.is_empty(), "{:?}", received.gaps);
                shown.extend(
                    received
                        .messages
                        .into_iter()
                        .map(|m| m.text_at.unwrap().1 as usize),
                );
            }
            if n == 0 {
                let now = relay.now();
                let accepted = c.client.accept(&invitation, true, now, &mut rng());
                c.commit(accepted.unwrap());
            }
        }
        assert_eq!(shown, texts.iter().map(String::len).collect::<Vec<_>>());
        assert_eq!(b.client.messages(a_at_b, None, 10).unwrap().len(), 4);
        assert_eq!(c.contact().state, "active", "the offer was found");
    }
}

#[test]
fn a_brief_change_of_cell_size_or_buckets_changes_nothing() {
    let (mut relay, mut a, mut b, b_at_a, _) = pair();
    let now = relay.now();
    a.send(b_at_a, "recheck HbA1c", now).unwrap();
    // The relay has it; the answer was lost.
    let first = a.slot(now);
    relay.post(&first.body);
    let stored = |person: &Person| {
        person
            .client
            .records()
            .into_iter()
            .collect::<BTreeMap<_, _>>()
    };
    let (before, buckets) = (stored(&a), relay.buckets);
    for size in [1_024, 16_384] {
        restate(&mut relay, &mut a, size, 1_800);
        relay.buckets = 2.try_into().unwrap();
        restate(&mut relay, &mut a, size, 1_800);
        relay.buckets = buckets;
        restate(&mut relay, &mut a, 2_048, 0);
        assert!(stored(&a) == before);
    }
    let again = a.slot(relay.now());
    assert_eq!(again.tokens, first.tokens);
    let mut shown = 0;
    for _ in 0..2 {
        for received in round(&mut relay, &mut [&mut a, &mut b]) {
            assert_eq!((received.gaps.len(), received.rejected.len()), (0, 0));
            shown += received.messages.len();
        }
    }
    assert_eq!(shown, 1);
}

/// Posts what comes next; no answer arrives. No tag may be on two cells.
fn post_unanswered(
    relay: &mut Relay,
    person: &mut Person,
    cells: &mut BTreeMap<[u8; 16], [u8; 32]>,
) {
    let body = person.slot(relay.now()).body;
    for entry in post::decode(&body, relay.size, relay.buckets).unwrap() {
        let digest = entry.cell.sha256();
        let known = *cells.entry(entry.cell.tag()).or_insert(digest);
        assert_eq!(known, digest, "one tag, two cells");
    }
    relay.post(&body);
}

#[test]
fn an_offer_or_response_published_in_several_sizes_counts_once() {
    for (kind, sizes) in [
        (Kind::Qr, [2_048, 1_024].as_slice()),
        (Kind::Qr, &[1_024, 2_048]),
        (Kind::Link, &[2_048, 1_024, 2_048, 1_024]),
        (Kind::Link, &[1_024, 4_096, 1_024]),
    ] {
        let mut relay = Relay::new();
        relay.size = CellSize::try_from(sizes[0]).unwrap();
        let (mut a, mut b) = (Person::new("Dr. Rivera"), Person::new("Ana Gómez"));
        round(&mut relay, &mut [&mut a, &mut b]);
        let now = relay.now();
        let (life, wait) = match kind {
            Kind::Qr => (Some(86_400), 3_600),
            Kind::Link => (None, DAY + 3_600),
        };
        let invited = a.client.invite(kind, life, now, &mut rng());
        let invitation = a.commit(invited.unwrap());
        let accepted = b.client.accept(&invitation.uri, false, now, &mut rng());
        b.commit(accepted.unwrap());
        let mut cells = BTreeMap::new();
        let sender = if kind == Kind::Qr { &mut a } else { &mut b };
        post_unanswered(&mut relay, sender, &mut cells);
        for size in &sizes[1..] {
            relay.close();
            restate(&mut relay, sender, *size, wait);
            post_unanswered(&mut relay, sender, &mut cells);
        }
        assert!(sender.client.queued() <= 2);
        relay.close();
        for _ in 0..10 {
            round(&mut relay, &mut [&mut a, &mut b]);
            for person in [&mut a, &mut b] {
                person.seal_overdue(relay.now());
            }
        }
        for person in [&a, &b] {
            assert_eq!(person.contact().state, "pending", "{:?}", person.contact());
            assert!(person.contact().sas.is_some(), "{:?}", person.contact());
        }
    }
}

#[test]
fn an_emergency_announcement_uses_the_stated_shape() {
    let (mut relay, mut a, _, _, _) = pair();
    restate(&mut relay, &mut a, 1_024, 0);
    relay.buckets = 2.try_into().unwrap();
    restate(&mut relay, &mut a, 1_024, 0);
    let (now, id) = (relay.now(), [7; 16]);
    let reason = "x".repeat(500);
    let began = a.client.begin_emergency(id, 30, &reason, now);
    a.commit(began.unwrap());
    let post = a.client.emergency_slot(id, &mut rng()).unwrap();
    let entries = post::decode(&post.body, relay.size, relay.buckets).unwrap();
    let mut buckets: Vec<_> = entries.iter().map(|entry| entry.bucket.get()).collect();
    buckets.sort_unstable();
    assert_eq!(buckets, [0, 1]);
}
