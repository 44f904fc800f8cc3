//! What posts show to somebody who sees where their cells go, and receipts to
//! a contact: with mail the same as without.

use std::collections::BTreeMap;

use tessera::{
    base::UnixTime,
    client::{ContactId, Mailbox, StoreKey},
    enrolment::Kind,
    vault::stored::{self, QueuedRecord},
    wire::{BucketCount, BucketId, post},
};

use crate::stage::*;

const ROUNDS: u64 = 6;

/// Entries of a post by bucket.
fn destinations(relay: &Relay, body: &[u8]) -> BTreeMap<u32, usize> {
    let mut counts = BTreeMap::new();
    for entry in post::decode(body, relay.size, relay.buckets).unwrap() {
        *counts.entry(entry.bucket.get()).or_default() += 1;
    }
    counts
}

fn every_bucket(relay: &Relay) -> BTreeMap<u32, usize> {
    (0..relay.buckets.get()).map(|bucket| (bucket, 1)).collect()
}

/// A doctor with a patient, both checked, with nothing left to send.
fn practice() -> (Relay, Person, Person, ContactId) {
    let mut relay = Relay::new();
    relay.buckets = BucketCount::try_from(8).unwrap();
    let (mut doctor, mut patient) = (Person::new("Dr. Rivera"), Person::new("Ana Gómez"));
    let (contact, _) = enrol(&mut relay, &mut doctor, &mut patient, Kind::Qr);
    for _ in 0..2 {
        round(&mut relay, &mut [&mut doctor, &mut patient]);
    }
    (relay, doctor, patient, contact)
}

/// What the relay sees of a doctor's slots over some epochs, and how many
/// cells in them were real.
fn seen(
    write: impl Fn(u64, &mut Person, ContactId, UnixTime),
) -> (Vec<BTreeMap<u32, usize>>, usize) {
    let (mut relay, mut doctor, mut patient, contact) = practice();
    let (mut posts, mut real) = (Vec::new(), 0);
    for round in 0..ROUNDS {
        let now = relay.now();
        write(round, &mut doctor, contact, now);
        patient.post_slot(&mut relay, now);
        let slot = doctor.post_slot(&mut relay, now);
        real += slot.tokens.len();
        posts.push(destinations(&relay, &slot.body));
        relay.close();
        for person in [&mut doctor, &mut patient] {
            person.pull(&relay, UnixTime(relay.epoch * EPOCH + 5));
        }
    }
    (posts, real)
}

#[test]
fn slots_have_the_same_destinations_with_and_without_mail() {
    let (without, none) = seen(|_, _, _, _| {});
    let (with, real) = seen(|round, doctor, contact, now| {
        // Several cells for one bucket, and more than its slots can carry.
        let body = "a".repeat(1 + 2_000 * round as usize);
        doctor.send(contact, &body, now).unwrap();
    });
    assert_eq!((none, real), (0, ROUNDS as usize));
    assert_eq!(with, without);
}

#[test]
fn a_flush_takes_as_many_slots_as_the_fullest_bucket_needs() {
    let (mut relay, mut doctor, _, contact) = practice();
    let now = relay.now();
    for text in ["one", "two", "three"] {
        doctor.send(contact, text, now).unwrap();
    }
    let posts = doctor.flush(&mut relay, now).into_iter();
    let posts: Vec<_> = posts.map(|body| destinations(&relay, &body)).collect();
    assert_eq!(posts, vec![every_bucket(&relay); 3]);
}

#[test]
fn lobby_cells_leave_in_separate_posts() {
    let mut relay = Relay::new();
    let (mut doctor, mut patient) = (Person::new("Dr. Rivera"), Person::new("Ana Gómez"));
    round(&mut relay, &mut [&mut doctor, &mut patient]);
    let now = relay.now();
    let life = Some(86_400);
    let invitation = doctor.client.invite(Kind::Qr, life, now, &mut rng());
    doctor.commit(invitation.unwrap());
    assert_eq!(doctor.client.queued(), 1, "the offer waits for the lobby");
    let slot = doctor.slot(now);
    assert_eq!(slot.tokens, [0_u64; 0]);
    assert_eq!(destinations(&relay, &slot.body), every_bucket(&relay));
    doctor.slot_arrives(now);
    let posts = doctor.flush(&mut relay, now);
    let [post] = posts.as_slice() else {
        panic!("one post");
    };
    let lobby = BTreeMap::from([(BucketId::LOBBY.get(), 1)]);
    assert_eq!(destinations(&relay, post), lobby);
    assert_eq!(doctor.client.queued(), 0);
}

/// Messages of a contact that floods.
const FLOOD: usize = 64;
/// Epochs for which it watches: twelve days.
const WATCHED: u64 = 576;
/// Visits of the victim that it learns from, and as many that it judges.
const VISITS: usize = 60;

/// A victim with two contacts in one bucket, and a batch with the messages of
/// one of them.
struct Flooded {
    relay: Relay,
    victim: Person,
    attacker: ContactId,
    other: ContactId,
}

fn flooded() -> Flooded {
    let mut relay = Relay::new();
    relay.buckets = BucketCount::try_from(1).unwrap();
    let [mut victim, mut flooder, mut friend] =
        ["Ana Gómez", "Dr. Mallory", "Dr. Rivera"].map(Person::new);
    let (attacker, to) = enrol(&mut relay, &mut victim, &mut flooder, Kind::Link);
    let (other, _) = enrol(&mut relay, &mut victim, &mut friend, Kind::Link);
    for _ in 0..3 {
        round(&mut relay, &mut [&mut victim, &mut flooder, &mut friend]);
    }
    let now = relay.now();
    for number in 0..FLOOD {
        let text = format!("message {number}");
        flooder.send(to, &text, now).unwrap();
    }
    flooder.post(&mut relay);
    relay.close();
    Flooded {
        relay,
        victim,
        attacker,
        other,
    }
}

impl Flooded {
    /// The victim opens their portal, with three messages to the other contact
    /// or without, and keeps it open. The first and the last epoch in which a
    /// receipt for the attacker leaves.
    fn visit(&self, mail: bool, delay: u32, dice: &mut Dice) -> [u64; 2] {
        let mut victim = self.victim.reopened();
        victim.client.set_receipt_delay(delay).unwrap();
        let now = self.relay.now();
        for _ in 0..if mail { 3 } else { 0 } {
            victim.send(self.other, "see you on Monday", now).unwrap();
        }
        let index = self.relay.index(bucket_of(&victim.client, Mailbox::Own));
        let planned = victim.client.plan_pull(Mailbox::Own, &index, now).unwrap();
        let mut read = 0;
        for batch in victim.commit(planned) {
            let bytes = self.relay.batch(&batch);
            let received = victim.client.receive(&batch, &bytes, now, dice);
            read += victim.commit(received.unwrap()).messages.len();
        }
        assert_eq!(read, FLOOD);
        let mut seen = Vec::new();
        for epoch in 0..WATCHED {
            let now = now.plus(epoch * EPOCH);
            victim.seal_overdue(now);
            let slot = victim.slot(now);
            for token in &slot.tokens {
                let stored = &victim.store[&StoreKey::Queued(*token).to_string()];
                let queued: QueuedRecord = stored::decode(stored).unwrap();
                if queued.contact == Some(self.attacker.0) {
                    seen.push(epoch);
                }
            }
            victim.slot_arrives(now);
            if !seen.is_empty() && victim.client.queued() == 0 {
                break;
            }
        }
        [seen[0], *seen.last().unwrap()]
    }

    /// How often the attacker guesses right whether the victim had other mail:
    /// by the epoch that distinguished the two best in the first half of visits.
    fn guesses(&self, delay: u32, visits: usize) -> f64 {
        let mut dice = Dice::new(7);
        let visits: Vec<(bool, [u64; 2])> = (0..2 * visits)
            .map(|_| {
                let mail = dice.chance(50);
                (mail, self.visit(mail, delay, &mut dice))
            })
            .collect();
        let (known, judged) = visits.split_at(visits.len() / 2);
        let right = |visits: &[(bool, [u64; 2])], (which, from, late): (usize, u64, bool)| {
            let is_right = |(mail, epochs): &&(bool, [u64; 2])| {
                let guess = (epochs[which] >= from) == late;
                guess == *mail
            };
            visits.iter().filter(is_right).count()
        };
        let rules = (0..2).flat_map(|which| {
            (0..WATCHED).flat_map(move |from| [(which, from, true), (which, from, false)])
        });
        let best = rules.max_by_key(|rule| right(known, *rule)).unwrap();
        right(judged, best) as f64 / judged.len() as f64
    }
}

#[test]
fn a_contact_that_floods_does_not_learn_whether_there_is_other_mail() {
    let flooded = flooded();
    let at_once = flooded.guesses(0, 8);
    assert!(at_once >= 0.9, "the attack works: {at_once}");
    let delayed = flooded.guesses(1_440, VISITS);
    assert!(delayed <= 0.6, "{delayed}");
}

/// The slots of a portal that is closed and opened again after each of them;
/// `answered` says which of them the relay answers.
fn slots_of(person: &mut Person, relay: &mut Relay, answered: &[bool]) -> Vec<Vec<u8>> {
    let slots = answered.iter().map(|answered| {
        let slot = match answered {
            true => person.post_slot(relay, relay.now()),
            false => person.slot(relay.now()),
        };
        person.assert_memory_is_stored();
        person.restart();
        slot.body
    });
    slots.collect()
}

#[test]
fn a_slot_without_an_answer_is_repeated_byte_for_byte_when_the_portal_opens_again() {
    let mut relay = Relay::new();
    let (mut a, mut b) = (Person::new("A"), Person::new("B"));
    let (b_at_a, _) = enrol(&mut relay, &mut a, &mut b, Kind::Link);
    for mail in [false, true] {
        if mail {
            let now = relay.now();
            a.send(b_at_a, "stop warfarin", now).unwrap();
        }
        let posts = slots_of(&mut a, &mut relay, &[false, false, true, true]);
        let [first, second, third, next] = posts.as_slice() else {
            panic!("{} posts", posts.len());
        };
        assert!(first == second && second == third, "mail: {mail}");
        assert!(third != next, "an answered slot is over, mail: {mail}");
        assert_eq!(a.client.queued(), 0);
    }
}

#[test]
fn a_slot_that_cannot_be_repeated_shares_no_cell_with_the_next_one() {
    for why in ["twelve hours", "another shape", "a cell that is gone"] {
        let mut relay = Relay::new();
        relay.per_bucket = 2;
        let (mut a, mut b) = (Person::new("A"), Person::new("B"));
        let (b_at_a, _) = enrol(&mut relay, &mut a, &mut b, Kind::Link);
        let mut c = Person::new("C");
        round(&mut relay, &mut [&mut c]);
        let now = relay.now();
        let invited = c.client.invite(Kind::Link, None, now, &mut rng());
        let uri = c.commit(invited.unwrap()).uri;
        let accepted = a.client.accept(&uri, false, now, &mut rng());
        let c_at_a = a.commit(accepted.unwrap()).id;
        a.send(b_at_a, "stop warfarin", now).unwrap();
        let first = slots_of(&mut a, &mut relay, &[false]);
        match why {
            "twelve hours" => relay.epoch += 13 * 3_600 / EPOCH,
            "another shape" => relay.per_bucket = 1,
            _ => {
                let removed = a.client.remove_contact(c_at_a, now).unwrap();
                a.commit(removed);
            }
        }
        if why == "another shape" {
            // Fewer buckets are followed after an hour.
            relay.buckets = 2.try_into().unwrap();
            for hours in [0, 2] {
                relay.epoch += hours * 3_600 / EPOCH;
                let now = relay.now();
                let configured = a.client.configure(&relay.info(), now).unwrap();
                a.commit(configured);
            }
        }
        a.seal_overdue(relay.now());
        let next = slots_of(&mut a, &mut relay, &[true; 4]);
        let cells = |posts: &[Vec<u8>]| -> Vec<[u8; 32]> {
            let bodies = posts.iter();
            let entries = bodies.flat_map(|body| {
                let any = 64.try_into().unwrap();
                post::decode(body, relay.size, any).unwrap()
            });
            entries.map(|entry| entry.cell.sha256()).collect()
        };
        let before = cells(&first);
        assert!(
            cells(&next).iter().all(|cell| !before.contains(cell)),
            "{why}"
        );
        a.seal_overdue(relay.now());
        slots_of(&mut a, &mut relay, &[true; 2]);
        assert_eq!(a.client.queued(), 0, "{why}: all of it leaves");
    }
}
