//! Restores at random moments: a person goes on from some backup, once or
//! many times, while the device of before is lost or lives on for a while.
//!
//! What must hold: nobody is shown anything twice, whatever a contact sent is
//! there in the end, no tag is used for two cells by two devices, and of
//! several devices all but the newest have stopped.

use std::collections::{BTreeMap, BTreeSet};

use crate::stage::*;
use tessera::{
    base::{Secret, UnixTime},
    client::{Client, ContactId, Effects, Event, Gap},
    enrolment::Kind,
    envelope::OwnKeys,
    identity::Identity,
    vault::stored::{self, SelfRecord},
};

const RUNS: u64 = 8;

struct World {
    dice: Dice,
    relay: Relay,
    /// One person's devices that are still switched on; the last is in use.
    devices: Vec<Person>,
    backups: Vec<BTreeMap<String, zeroize::Zeroizing<Vec<u8>>>>,
    friend: Person,
    at_device: ContactId,
    at_friend: ContactId,
    /// Tag → the cell, and the index of the device that posted it.
    tags: BTreeMap<Vec<u8>, ([u8; 32], u8)>,
    /// Tags of cells to the own devices: each draws them independently.
    own: BTreeSet<Vec<u8>>,
    sent: usize,
    said_by_friend: Vec<String>,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut relay = Relay::seeded(Dice::new(seed + 1_000));
        let (mut first, mut friend) = (Person::new("A"), Person::new("B"));
        let (at_device, at_friend) = enrol(&mut relay, &mut first, &mut friend, Kind::Link);
        let mut world = Self {
            dice: Dice::new(seed),
            own: own_tags(&first),
            relay,
            devices: vec![first],
            backups: Vec::new(),
            friend,
            at_device,
            at_friend,
            tags: BTreeMap::new(),
            sent: 0,
            said_by_friend: Vec::new(),
        };
        for _ in 0..4 {
            world.everyone();
        }
        world.friend.events.clear();
        world
    }

    fn now(&self) -> UnixTime {
        self.relay.now()
    }

    /// One thing that happens.
    fn step(&mut self) {
        match self.dice.below(12) {
            0..=2 => self.say(),
            3..=4 => self.friend_says(),
            5..=6 => self.everyone(),
            7 => {
                let device = self.dice.below(self.devices.len());
                self.round_of(device);
                self.relay.close();
            }
            8 => {
                let store = self.devices.last().unwrap().store.clone();
                self.backups.push(store);
            }
            9 if self.dice.chance(60) => self.restore(),
            10 => {
                self.relay.epoch += (1 + self.dice.below(2) as u64) * DAY / EPOCH;
                self.relay.close();
            }
            _ => drop(self.relay.close()),
        }
    }

    fn say(&mut self) {
        let now = self.now();
        let device = self.dice.below(self.devices.len());
        let text = format!("{} from device {device}", self.sent);
        let to = self.at_device;
        // One that has not read its mailbox yet, or was superseded, refuses.
        if self.devices[device].send(to, &text, now).is_ok() {
            self.sent += 1;
        }
    }

    fn friend_says(&mut self) {
        let (now, to) = (self.now(), self.at_friend);
        let text = format!("{} from the friend", self.said_by_friend.len());
        self.friend.send(to, &text, now).unwrap();
        self.said_by_friend.push(text);
    }

    /// A recent backup goes on; the device in use is lost, or lives on.
    fn restore(&mut self) {
        let recent = self.backups.len().min(3);
        if recent == 0 {
            return;
        }
        let at = self.backups.len() - 1 - self.dice.below(recent);
        let records: Vec<_> = self.backups[at]
            .iter()
            .filter(|(key, _)| key.starts_with("s/") || key.starts_with("m/"))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        let (mut client, changes) = Client::restore(&records, self.now(), &mut self.dice).unwrap();
        client.set_receipt_delay(0).unwrap();
        let mut device = Person {
            queries: None,
            members: (None, None),
            client,
            round: tessera::client::Round::default(),
            ticks: 0,
            store: self.backups[at].clone(),
            events: Vec::new(),
        };
        device.commit(Effects {
            changes,
            events: Vec::new(),
            value: (),
        });
        if self.dice.chance(50) {
            self.devices.pop();
        }
        self.devices.push(device);
    }

    fn everyone(&mut self) {
        for device in 0..self.devices.len() {
            self.round_of(device);
        }
        let now = self.now();
        round_of(&mut self.friend, &self.relay, now);
        self.friend.post(&mut self.relay);
        self.relay.close();
    }

    /// What a page does, but for slots: the whole queue at once.
    fn round_of(&mut self, device: usize) {
        let now = self.now();
        let person = &mut self.devices[device];
        round_of(person, &self.relay, now);
        for body in person.flush(&mut self.relay, now) {
            let index = person.client.device().index;
            for entry in body.chunks(4 + self.relay.size.get() as usize) {
                let tag = entry[4..20].to_vec();
                let cell = tessera::crypto::kdf::sha256(&entry[4..]);
                let (first, by) = *self.tags.entry(tag.clone()).or_insert((cell, index));
                // Introductions draw counters that an index in between may have used.
                let drawn = self.own.contains(&tag) || (index >= 2 && by >= 1);
                assert!(first == cell || drawn, "one tag, two cells");
            }
        }
        if self.dice.chance(30) {
            self.devices[device].restart();
        }
    }

    fn run(mut self) -> (usize, u8) {
        for _ in 0..100 {
            self.step();
        }
        for _ in 0..10 {
            self.everyone();
        }
        let views = self.devices.iter().map(|device| device.client.device());
        let newest = views.max_by_key(|view| view.index).unwrap();
        let is_newest = |device: &&Person| device.client.device().index == newest.index;
        assert_eq!(self.devices.iter().filter(is_newest).count(), 1);
        let last = self.devices.iter().find(is_newest).unwrap();
        let heard = texts(last, self.at_device, "in");
        assert_eq!(heard, self.said_by_friend, "all, once, in order");
        for message in last
            .client
            .messages(self.at_device, None, usize::MAX)
            .unwrap()
        {
            assert!(
                ["verified", "delivered", "undelivered"].contains(&message.state),
                "{message:?}"
            );
        }
        let arrived = texts(&self.friend, self.at_friend, "in");
        let distinct: BTreeSet<_> = arrived.iter().collect();
        assert_eq!(distinct.len(), arrived.len(), "nothing twice");
        for device in &self.devices {
            for message in device
                .client
                .messages(self.at_device, None, usize::MAX)
                .unwrap()
            {
                if message.direction == "out" && message.state == "delivered" {
                    let text = String::from_utf8(device.body(message.id)).unwrap();
                    assert!(arrived.contains(&text), "delivered, and not there: {text}");
                }
            }
        }
        for device in &self.devices {
            let view = device.client.device();
            let expected = (view.index < newest.index).then_some(newest.index);
            assert_eq!((view.ready, view.superseded_by), (true, expected));
        }
        let mut missing = BTreeSet::new();
        for event in &self.friend.events {
            match event {
                Event::Gap(Gap::Sequence {
                    from, to, closed, ..
                }) => {
                    for seq in *from..=*to {
                        match closed {
                            true => missing.remove(&seq),
                            false => missing.insert(seq),
                        };
                    }
                }
                Event::Rejected(_) | Event::Gap(_) => panic!("{event:?}"),
                _ => {}
            }
        }
        (arrived.len(), newest.index)
    }
}

fn round_of(person: &mut Person, relay: &Relay, now: UnixTime) {
    person.pull(relay, now);
    let effects = person.client.settle(now, &mut rng()).unwrap();
    person.commit(effects);
    let effects = person.client.tick(now);
    let overdue = person.commit(effects);
    let bodies: Vec<_> = overdue
        .iter()
        .map(|id| (*id, person.body(*id).as_slice().into()))
        .collect();
    let effects = person.client.reseal(&bodies, now, &mut rng());
    person.commit(effects);
}

fn texts(person: &Person, with: ContactId, direction: &str) -> Vec<String> {
    let all = person.client.messages(with, None, usize::MAX).unwrap();
    let of = all.iter().filter(|message| message.direction == direction);
    of.map(|message| String::from_utf8(person.body(message.id)).unwrap())
        .collect()
}

fn own_tags(person: &Person) -> BTreeSet<Vec<u8>> {
    let mut own: SelfRecord = stored::decode(&person.store["s/self"]).unwrap();
    let identity = Identity::from_secret(Secret::take(&mut own.secret)).unwrap();
    let keys = OwnKeys::new(&identity);
    let today = NOW.day().0;
    let slots = (today..today + 400).flat_map(|day| {
        (0..OwnKeys::TAGS).map(move |counter| tessera::channel::TagSlot {
            day: tessera::base::Day(day),
            device: 0,
            counter,
        })
    });
    slots
        .map(|slot| keys.tag_key().tag(slot).to_vec())
        .collect()
}

#[test]
fn a_conversation_continues_from_any_backup() {
    let (mut messages, mut restores) = (0, 0);
    for seed in 0..RUNS {
        let run = std::panic::catch_unwind(|| World::new(seed).run());
        match run {
            Ok((arrived, index)) => {
                messages += arrived;
                restores += usize::from(index);
            }
            Err(cause) => {
                eprintln!("seed {seed}");
                std::panic::resume_unwind(cause);
            }
        }
    }
    assert!(messages > 80 && restores > 16, "{messages} {restores}");
}
