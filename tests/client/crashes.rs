//! A client that dies at any moment of its rounds loses nothing and repeats
//! nothing.

use std::collections::{HashMap, HashSet};

use tessera::{
    client::{Ask, Event, Mailbox},
    wire::post,
};

use crate::stage::*;

/// The death of a client at the `n`th moment of a run. Between any two asks
/// there are two such moments: before the changes of a step are committed, and
/// after that, before what it asks for is done.
struct Death {
    moments: usize,
    at: usize,
}

impl Death {
    fn at(at: usize) -> Self {
        Self { moments: 0, at }
    }

    fn comes_now(&mut self) -> bool {
        self.moments += 1;
        self.moments - 1 == self.at
    }

    fn has_come(&self) -> bool {
        self.moments > self.at
    }
}

/// Every cell that left a client, by its tag.
type Tags = HashMap<[u8; 16], [u8; 32]>;

/// One sync, which ends early if the client dies.
fn mortal_sync(person: &mut Person, relay: &mut Relay, death: &mut Death, tags: &mut Tags) {
    let clock = clock_at(relay.now());
    person.round.sync(&ALL_TASKS, true, clock);
    let mut answer = None;
    loop {
        let effects = person
            .round
            .next(&mut person.client, answer.take(), clock, &mut rng());
        if death.comes_now() {
            return person.restart();
        }
        let ask = person.commit(effects);
        if death.comes_now() {
            return person.restart();
        }
        if let Ask::Post { body, .. } = &ask {
            for entry in post::decode(body, relay.size, relay.buckets).unwrap() {
                let digest = entry.cell.sha256();
                let first = *tags.entry(entry.cell.tag()).or_insert(digest);
                assert_eq!(first, digest, "one tag, two cells");
            }
        }
        if matches!(ask, Ask::Synced(_)) {
            return person.assert_memory_is_stored();
        }
        answer = person.answer(relay, &ask);
    }
}

/// Lets a client die at every moment of a run in turn, and once not at all.
fn at_every_moment(least: usize, mut run: impl FnMut(&mut Death)) {
    for at in 0.. {
        let mut death = Death::at(at);
        run(&mut death);
        if !death.has_come() {
            assert!(at >= least, "{at} moments only");
            return;
        }
    }
}

#[test]
fn a_crash_between_any_two_steps_loses_nothing_and_repeats_nothing() {
    let (relay, mut a, b, b_at_a, _) = pair();
    let now = relay.now();
    a.send(b_at_a, "stop warfarin", now).unwrap();
    a.send(b_at_a, &"x".repeat(9_000), now).unwrap();
    at_every_moment(60, |death| {
        let (mut relay, mut a, mut b) = (relay.clone(), a.reopened(), b.reopened());
        let mut tags = Tags::new();
        for _ in 0..4 {
            mortal_sync(&mut a, &mut relay, death, &mut tags);
            mortal_sync(&mut b, &mut relay, death, &mut tags);
            relay.close();
        }
        let at = death.at;
        let arrived = |event: &&Event| match event {
            Event::Message { message } => message.direction == "in",
            _ => false,
        };
        assert_eq!(b.events.iter().filter(arrived).count(), 2, "at {at}");
        assert!(a.client.queued() == 0 && b.client.queued() == 0, "at {at}");
        let states = a.client.messages(b_at_a, None, 10).unwrap();
        let mut states = states.iter().map(|message| message.state);
        assert!(states.all(|state| state == "delivered"), "at {at}");
    });
}

#[test]
fn a_crash_while_a_large_message_is_sealed_and_posted_loses_no_part_of_it() {
    let (mut relay, mut a, b, b_at_a, _) = pair();
    relay.per_bucket = 8;
    let now = relay.now();
    let report = "x".repeat(70 * 2_000);
    let message = a.send(b_at_a, &report, now).unwrap();
    let bucket = bucket_of(&b.client, Mailbox::Own);
    let mut last = None;
    at_every_moment(30, |death| {
        let (mut relay, mut a) = (relay.clone(), a.reopened());
        let mut tags = Tags::new();
        mortal_sync(&mut a, &mut relay, death, &mut tags);
        mortal_sync(&mut a, &mut relay, death, &mut tags);
        assert_eq!(a.client.queued(), 0, "at {}", death.at);
        assert_eq!(a.state(message), "sent");
        // Cells that left twice are stored once.
        let posted: Vec<_> = relay.pending[&bucket]
            .iter()
            .map(|cell| cell.tag())
            .collect();
        assert_eq!(posted.iter().collect::<HashSet<_>>().len(), posted.len());
        last = Some(relay);
    });
    let (mut relay, mut b) = (last.unwrap(), b);
    relay.close();
    let clock = clock_at(relay.now());
    let synced = b.sync(&mut relay, &ALL_TASKS, clock, &mut rng());
    assert_eq!(synced.messages.len(), 1);
    assert_eq!(b.body(synced.messages[0].id), report.as_bytes());
}
