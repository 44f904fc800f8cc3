//! The own relay of three people dies for hours. Another member of its
//! federation serves what was published and publishes what it gets; it may lag
//! behind, or lie. No message is lost, none is shown twice, no relay gets cells
//! that another one has, and nobody is told anything.

use std::{
    collections::{BTreeMap, HashMap},
    mem::swap,
    rc::Rc,
};

use sha2::{Digest as _, Sha256};
use tessera::{
    client::{Answer, Ask, Event, Failure},
    wire::{Cell, OriginKey},
};

use super::{
    MOST_REQUESTS_OF_FAILURES,
    clinic::{Clinic, HOUR},
    most_in_a_minute,
};
use crate::common::{Person, member_url};

/// How the first of the other members answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Manner {
    #[default]
    Honest,
    /// It has nothing of the last epochs.
    Lags(u64),
    /// What it gives is not as it was signed.
    Alters,
    /// It gives no index.
    Babbles,
    Silent,
}

/// The federation of the clinic's relay, whose batches all members have.
#[derive(Default)]
pub(super) struct Federation {
    /// Of the members that publish: the own relay and another.
    keys: Vec<Rc<OriginKey>>,
    is_down: bool,
    manner: Manner,
    /// Answered with 202 by the other member, not published yet.
    pending: BTreeMap<u32, Vec<Cell>>,
    /// Cells that were posted, and to whom.
    places: HashMap<[u8; 32], String>,
    /// Where downloads came from.
    kept: HashMap<(usize, String), String>,
    /// What was asked of members, and when.
    asked: Vec<(u64, String, bool)>,
}

impl Federation {
    pub(super) fn is_of_one(&self) -> bool {
        self.keys.is_empty()
    }

    /// No two relays ever get the same cell.
    pub(super) fn posted(&mut self, place: &str, body: &[u8]) {
        // Entries of a bucket number and a cell.
        for entry in body.chunks(4 + 2_048) {
            let digest = Sha256::digest(&entry[4..]).into();
            let first = self.places.entry(digest).or_insert(place.to_owned());
            assert_eq!(first, place, "a cell at two relays");
        }
    }
}

impl Clinic {
    /// A relay with two others, of which the first publishes too.
    fn federated(seed: u64) -> Self {
        let mut clinic = Self::new(seed);
        let own = Rc::clone(&clinic.relay.key);
        let other = Rc::new(OriginKey::generate(&mut clinic.dice));
        let mirror = Rc::new(OriginKey::generate(&mut clinic.dice));
        clinic.federation.keys = vec![Rc::clone(&own), Rc::clone(&other)];
        clinic.relay.members = vec![own, other, mirror];
        clinic
    }

    /// An epoch ends at every member that is up.
    pub(super) fn close_members(&mut self) {
        let mailboxes = self.relay.mailboxes();
        let [own, other] = [0, 1].map(|member| Rc::clone(&self.federation.keys[member]));
        self.relay.epoch += 1;
        if !self.federation.is_down {
            self.relay.close_mailboxes(&mailboxes);
        }
        swap(&mut self.relay.pending, &mut self.federation.pending);
        self.relay.key = other;
        self.relay.close_mailboxes(&mailboxes);
        self.relay.key = own;
        swap(&mut self.relay.pending, &mut self.federation.pending);
    }

    /// What a member answers, if it is asked; and the own relay while it is down.
    pub(super) fn member_answers(&mut self, at: usize, ask: &Ask) -> Option<Answer> {
        if self.federation.is_of_one() {
            return None;
        }
        let silent = Failure::Unavailable(0);
        let Ask::At(member, ask) = ask else {
            return match ask {
                Ask::HandOver(path) => self.altered(at, path),
                _ if !self.federation.is_down => None,
                Ask::Get(_) => Some(Answer::Got(Err(silent))),
                Ask::Keep { .. } => Some(Answer::Kept(Err(silent))),
                Ask::Post { .. } => Some(Answer::Posted(Err(silent))),
                _ => None,
            };
        };
        let manner = match *member == member_url(1) {
            true => self.federation.manner,
            false => Manner::Honest,
        };
        let compares = matches!(&**ask, Ask::Get(path) if path.starts_with("/v1/origins"));
        let asked = (self.now, member.clone(), compares);
        self.federation.asked.push(asked);
        match (manner, &**ask) {
            (Manner::Silent, Ask::Get(_)) => Some(Answer::Got(Err(silent))),
            (Manner::Silent, Ask::Post { .. }) => Some(Answer::Posted(Err(silent))),
            (Manner::Babbles, Ask::Get(_)) => Some(Answer::Got(Ok(b"{}".to_vec()))),
            (Manner::Lags(epochs), Ask::Get(path)) => {
                let newest = self.relay.epoch.saturating_sub(epochs);
                let got = self.relay.get(path, |header| header.epoch <= newest);
                Some(Answer::Got(got.ok_or(Failure::Missing)))
            }
            (_, Ask::Post { body, .. }) => {
                swap(&mut self.relay.pending, &mut self.federation.pending);
                self.relay.post(body);
                swap(&mut self.relay.pending, &mut self.federation.pending);
                Some(Answer::Posted(Ok(())))
            }
            (_, ask) => {
                if let Ask::Keep { path, .. } = ask {
                    let kept = (at, path.clone());
                    self.federation.kept.insert(kept, member.clone());
                }
                self.people[at].person.answer(&mut self.relay, ask)
            }
        }
    }

    fn altered(&mut self, at: usize, path: &str) -> Option<Answer> {
        let from = self.federation.kept.remove(&(at, path.to_owned()))?;
        let lies = self.federation.manner == Manner::Alters && from == member_url(1);
        let mut bytes = self.relay.get(path, |_| true).filter(|_| lies)?;
        *bytes.last_mut().unwrap() ^= 1;
        Some(Answer::Got(Ok(bytes)))
    }

    /// Everything that was shown was written, and once; nothing alarms anyone.
    fn assert_quiet(&self, what: &str) {
        for (number, open) in self.people.iter().enumerate() {
            let mut shown = BTreeMap::<&str, usize>::new();
            for event in &open.person.events {
                match event {
                    Event::Message { message } if message.direction == "in" => {
                        *shown.entry(message.text.as_deref().unwrap()).or_default() += 1;
                    }
                    // Here the lobby closes with the buckets, more rarely than its epochs say.
                    Event::Notice(notice) if notice.mailbox == Some("lobby") => {}
                    Event::Rejected(_) | Event::Gap(_) | Event::Notice(_) => {
                        panic!("{what}: {number} is told {event:?}")
                    }
                    _ => {}
                }
            }
            let twice: Vec<_> = shown.iter().filter(|(_, times)| **times > 1).collect();
            assert!(twice.is_empty(), "{what}: {twice:?}");
            open.person.assert_memory_is_stored();
        }
    }

    fn assert_delivered(&self, what: &str, (from, until): (u64, u64)) {
        let written = self.written.iter();
        for written in written.filter(|written| (from..until).contains(&written.at)) {
            let state = self.state(written);
            let (sender, reader) = (written.from, written.to);
            let hours = written.at.saturating_sub(from) / HOUR;
            assert_eq!(
                state, "delivered",
                "{what}: {sender} to {reader}, hour {hours}"
            );
        }
    }

    /// A portal is closed and opened again.
    fn open_again(&mut self, at: usize) {
        let clock = tessera::client::Clock {
            wall: self.now,
            ticks: self.now,
        };
        let open = &mut self.people[at];
        (open.wake, open.answer) = (self.now, None);
        open.person.restart();
        let Person { client, round, .. } = &mut open.person;
        round.start(client, clock, &mut self.dice);
    }
}

#[test]
fn a_dead_relay_is_made_up_for_by_another_member_and_read_again_on_its_return() {
    let manners = [
        Manner::Honest,
        Manner::Lags(2),
        Manner::Alters,
        Manner::Babbles,
        Manner::Silent,
    ];
    for (seed, manner) in (40..).zip(manners) {
        let what = format!("seed {seed}: {manner:?}");
        let mut clinic = Clinic::federated(seed);
        clinic.live(3);
        assert!(
            clinic
                .federation
                .asked
                .iter()
                .all(|(.., compares)| *compares)
        );

        clinic.federation.is_down = true;
        clinic.federation.manner = manner;
        let died = clinic.now;
        for hour in 0..14 {
            clinic.live(1);
            clinic.open_again(hour % 3);
        }
        // Posts wait for two epochs before they go elsewhere; then they arrive.
        clinic.assert_delivered(&what, (died, died + 8 * HOUR));
        for open in &clinic.people {
            let most = most_in_a_minute(&open.requests);
            assert!(most <= MOST_REQUESTS_OF_FAILURES, "{what}: {most} requests");
        }
        clinic.assert_quiet(&what);

        // It is back, with the cells that it had.
        clinic.federation.is_down = false;
        let back = clinic.now;
        clinic.live(10);
        clinic.assert_delivered(&what, (0, clinic.now - 5 * HOUR));
        let late = clinic.federation.asked.iter();
        let late = late.filter(|(at, ..)| *at > back + 2 * HOUR);
        assert!(late.clone().all(|(.., compares)| *compares), "{what}");
        let posts = clinic.people.iter().map(|open| open.succeeded[2]);
        assert!(
            posts.min().unwrap() > clinic.now - 2 * HOUR,
            "{what}: posts"
        );
        clinic.assert_quiet(&what);
    }
}

/// The device is offline, or all members are down at once.
#[test]
fn while_no_member_answers_nothing_moves_and_requests_are_few() {
    let mut clinic = Clinic::federated(50);
    clinic.live(2);
    clinic.federation.is_down = true;
    clinic.federation.manner = Manner::Silent;
    clinic.relay.members.truncate(2);
    // Known to the portals that are opened again.
    for at in 0..3 {
        clinic.open_again(at);
        let info = clinic.relay.info();
        let person = &mut clinic.people[at].person;
        let now = tessera::base::UnixTime(clinic.now / 1000);
        let configured = person.client.configure(&info, now).unwrap();
        person.commit(configured);
    }
    clinic.live(7);
    for open in &clinic.people {
        let most = most_in_a_minute(&open.requests);
        assert!(most <= MOST_REQUESTS_OF_FAILURES, "{most} requests");
        let posts = open.person.store.keys().filter(|key| *key == "s/members");
        assert_eq!(posts.count(), 1);
    }
    let places = clinic.federation.places.values();
    assert!(
        places.clone().all(String::is_empty),
        "only at the own relay"
    );
    clinic.federation.is_down = false;
    clinic.live(8);
    clinic.assert_delivered("in the end", (0, clinic.now - 5 * HOUR));
}
