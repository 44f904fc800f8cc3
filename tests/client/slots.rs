//! What posts show to somebody who sees where their cells go, and receipts to
//! a contact: with mail the same as without.

use std::collections::BTreeMap;

use tessera::{
    base::UnixTime,
    client::{ContactId, Mailbox, Post, StoreKey},
    enrolment::Kind,
    vault::stored::{self, QueuedRecord},
    wire::{BucketCount, BucketId, post},
};

use crate::stage::*;

const ROUNDS: u64 = 6;

/// Entries of a post by bucket.
fn destinations(relay: &Relay, post: &Post) -> BTreeMap<u32, usize> {
    let mut counts = BTreeMap::new();
    for entry in post::decode(&post.body, relay.size, relay.buckets).unwrap() {
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

/// One slot of a person, posted.
fn slot(relay: &mut Relay, person: &mut Person, now: UnixTime) -> Post {
    person.seal_wanted(now);
    let post = person.client.next_slot(now, &mut rng()).unwrap();
    relay.post(&post.body);
    let effects = person.client.posted(&post.tokens, now);
    person.commit(effects);
    post
}

/// What the relay sees of a doctor's slots over some epochs, and how many
/// cells in them were real.
fn seen(
    write: impl Fn(u64, &mut Person, ContactId, UnixTime),
) -> (Vec<BTreeMap<u32, usize>>, usize) {
    let (mut relay, mut doctor, mut patient, contact) = practice();
    let (mut posts, mut real) = (Vec::new(), 0);
    for round in 0..ROUNDS {
        let now = UnixTime(relay.epoch * EPOCH + 60);
        write(round, &mut doctor, contact, now);
        slot(&mut relay, &mut patient, now);
        let post = slot(&mut relay, &mut doctor, now);
        real += post.tokens.len();
        posts.push(destinations(&relay, &post));
        relay.close();
        for person in [&mut doctor, &mut patient] {
            person.pull(&relay, UnixTime(relay.epoch * EPOCH + 5));
        }
    }
    (posts, real)
}

#[test]
fn slots_with_mail_have_the_destinations_of_slots_without() {
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
fn what_leaves_at_once_takes_as_many_slots_as_its_bucket_needs() {
    let (relay, mut doctor, _, contact) = practice();
    let now = UnixTime(relay.epoch * EPOCH + 60);
    for text in ["one", "two", "three"] {
        doctor.send(contact, text, now).unwrap();
    }
    let mut posts = Vec::new();
    while let Some(post) = doctor.client.next_flush(now, &mut rng()).unwrap() {
        let effects = doctor.client.posted(&post.tokens, now);
        doctor.commit(effects);
        posts.push(destinations(&relay, &post));
    }
    assert_eq!(posts, vec![every_bucket(&relay); 3]);
}

#[test]
fn cells_for_the_lobby_leave_in_posts_of_their_own() {
    let mut relay = Relay::new();
    let (mut doctor, mut patient) = (Person::new("Dr. Rivera"), Person::new("Ana Gómez"));
    round(&mut relay, &mut [&mut doctor, &mut patient]);
    let now = UnixTime(relay.epoch * EPOCH + 60);
    let life = Some(86_400);
    let invitation = doctor.client.invite(Kind::Qr, life, now, &mut rng());
    doctor.commit(invitation.unwrap());
    assert_eq!(doctor.client.queued(), 1, "the offer waits for the lobby");
    let post = doctor.client.next_slot(now, &mut rng()).unwrap();
    assert_eq!(post.tokens, [0_u64; 0]);
    assert_eq!(destinations(&relay, &post), every_bucket(&relay));
    let post = doctor.client.next_lobby_post(now).unwrap().unwrap();
    let lobby = BTreeMap::from([(BucketId::LOBBY.get(), 1)]);
    assert_eq!(destinations(&relay, &post), lobby);
    let effects = doctor.client.posted(&post.tokens, now);
    doctor.commit(effects);
    assert!(doctor.client.next_lobby_post(now).unwrap().is_none());
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
    let now = UnixTime(relay.epoch * EPOCH + 60);
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
        let now = UnixTime(self.relay.epoch * EPOCH + 60);
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
            let post = victim.client.next_slot(now, &mut rng()).unwrap();
            for token in &post.tokens {
                let stored = &victim.store[&StoreKey::Queued(*token).to_string()];
                let queued: QueuedRecord = stored::decode(stored).unwrap();
                if queued.contact == Some(self.attacker.0) {
                    seen.push(epoch);
                }
            }
            let posted = victim.client.posted(&post.tokens, now);
            victim.commit(posted);
            if !seen.is_empty() && victim.client.queued() == 0 {
                break;
            }
        }
        [seen[0], *seen.last().unwrap()]
    }

    /// How often the attacker guesses right whether the victim had other mail:
    /// by the epoch that told the two apart best in the first half of visits.
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
