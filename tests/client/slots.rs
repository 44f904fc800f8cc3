//! What posts show to somebody who sees where their cells go: with mail the
//! same as without.

use std::collections::BTreeMap;

use tessera::{
    base::UnixTime,
    client::{ContactId, Post},
    enrolment::Kind,
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
    let (contact, _) = enrol(&mut relay, &mut doctor, &mut patient, Kind::Quick);
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
    let invitation = doctor.client.invite(Kind::Quick, life, now, &mut rng());
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
