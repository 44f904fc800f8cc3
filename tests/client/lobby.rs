//! What an idle portal downloads of the lobby, at the relay's defaults: epochs
//! of 15 seconds, 16 cells of 2 KiB in each batch. Protocol §13.

use std::collections::BTreeMap;

use crate::stage::*;
use tessera::{
    base::UnixTime,
    client::{Ask, Clock},
    enrolment::Kind,
    wire::{Batch, BatchHeader, BucketId, batch::BatchPlace, cover_cell, paths},
};

/// The goal for a portal without an enrolment under way.
const MOST_A_DAY: u64 = 2_000_000;
const LOBBY_EPOCH: u64 = 15;
const LOBBY_CELLS: usize = 16;
/// More than a client without an enrolment reads.
const MOST_NEW: u64 = 8;

/// A portal, and what it requests of the lobby.
struct Idle {
    relay: Relay,
    person: Person,
    /// Monotonic and wall clock, in milliseconds.
    now: u64,
    lobby_closed: u64,
    requests: Vec<(u64, String)>,
    bytes: u64,
}

impl Idle {
    fn new() -> Self {
        let mut relay = Relay::new();
        let mut person = Person::new("Ana Gómez");
        round(&mut relay, &mut [&mut person]);
        let now = (relay.epoch * EPOCH + 60) * 1000;
        Self {
            relay,
            person,
            now,
            // It has been published for an hour before the first look.
            lobby_closed: now - 3_600_000,
            requests: Vec::new(),
            bytes: 0,
        }
    }

    fn clock(&self) -> Clock {
        Clock {
            wall: self.now,
            ticks: self.now,
        }
    }

    /// Batches of the lobby that were closed since the last look; of a longer
    /// time the newest.
    fn close_lobby(&mut self) {
        let passed = (self.now - self.lobby_closed) / (LOBBY_EPOCH * 1000);
        self.lobby_closed += passed * LOBBY_EPOCH * 1000;
        for _ in 0..passed.min(MOST_NEW) {
            let chain = self
                .relay
                .published
                .entry(BucketId::LOBBY.get())
                .or_default();
            let last = chain.last().map(|(header, _)| header);
            let place = BatchPlace {
                bucket: BucketId::LOBBY,
                epoch: last.map_or(1, |header| header.epoch + 1),
                closed_at: UnixTime(self.lobby_closed / 1000),
                prev: last.map_or(BatchHeader::NO_PREV, BatchHeader::hash),
            };
            let size = self.relay.size;
            let cells: Vec<_> = (0..LOBBY_CELLS)
                .map(|_| cover_cell(size, &mut rng()))
                .collect();
            let batch = Batch::build(&place, &cells, size, &self.relay.key);
            chain.push(batch.unwrap());
        }
    }

    /// The portal is open for so long.
    fn open_for(&mut self, seconds: u64) {
        self.person.restart();
        let end = self.now + seconds * 1000;
        let clock = self.clock();
        let Person { client, round, .. } = &mut self.person;
        round.start(client, clock, &mut rng());
        let mut answer = None;
        while self.now < end {
            let clock = self.clock();
            match self.person.next(answer.take(), clock, &mut rng()) {
                Ask::Wait(until) => {
                    let close = (self.relay.epoch + 1) * EPOCH * 1000;
                    self.now = until.unwrap_or(end).min(close).min(end);
                    if self.now == close {
                        self.relay.epoch += 1;
                        let numbered: Vec<_> = self.relay.buckets.numbered().collect();
                        self.relay.close_mailboxes(&numbered);
                    }
                }
                ask => {
                    self.watch(&ask);
                    answer = self.person.answer(&mut self.relay, &ask);
                }
            }
        }
    }

    fn watch(&mut self, ask: &Ask) {
        let (Ask::Get(path) | Ask::Keep { path, .. }) = ask else {
            return;
        };
        if !path.starts_with("/v1/buckets/lobby/") {
            return;
        }
        if *path == paths::index(BucketId::LOBBY) {
            self.close_lobby();
        }
        let length = self
            .relay
            .get(path, |_| true)
            .map_or(0, |bytes| bytes.len());
        if matches!(ask, Ask::Keep { .. }) {
            self.bytes += length as u64;
        }
        self.requests.push((self.now, path.clone()));
    }
}

#[test]
fn an_idle_portal_reads_at_most_2_mb_of_the_lobby_a_day() {
    let mut figures = BTreeMap::new();
    for (what, openings, seconds) in [
        ("open all day", 1, 86_400),
        ("opened once", 1, 600),
        ("opened three times", 3, 600),
    ] {
        let mut idle = Idle::new();
        for _ in 0..openings {
            idle.open_for(seconds);
            idle.now += (86_400 / openings - seconds) * 1000;
        }
        assert!(
            idle.bytes > 0,
            "{what}: an enrolment must look like opening"
        );
        assert!(idle.bytes <= MOST_A_DAY, "{what}: {} bytes", idle.bytes);
        figures.insert(what, (idle.bytes, idle.requests.len()));
    }
    assert!(figures["open all day"].0 <= figures["opened three times"].0);
    println!("lobby, bytes and requests a day: {figures:?}");
}

/// The lobby is read three times at the start, whatever waits in either
/// mailbox, as when an enrolment begins.
#[test]
fn requests_for_the_lobby_do_not_depend_on_mail() {
    let looks = |mail: bool| {
        let mut idle = Idle::new();
        if mail {
            let mut friend = Person::new("Dr. Rivera");
            let Idle { relay, person, .. } = &mut idle;
            let (person_at_friend, _) = enrol(relay, &mut friend, person, Kind::Link);
            let now = relay.now();
            friend.send(person_at_friend, "stop warfarin", now).unwrap();
            friend.post(relay);
            relay.close();
            idle.now = (idle.relay.epoch * EPOCH + 60) * 1000;
            idle.lobby_closed = idle.now - 3_600_000;
        }
        idle.open_for(3_600);
        let contacts = idle.person.client.contacts();
        let read = contacts.iter().any(|contact| {
            let messages = idle.person.client.messages(contact.id, None, 9);
            !messages.unwrap().is_empty()
        });
        assert_eq!(read, mail);
        let index = paths::index(BucketId::LOBBY);
        let indexes = idle.requests.iter().filter(|(_, path)| *path == index);
        (indexes.count(), idle.bytes)
    };
    assert_eq!(looks(false).0, looks(true).0);
    assert_eq!(looks(false).0, 3);
}
