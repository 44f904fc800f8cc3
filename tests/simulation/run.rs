//! One run: what happens, and what must hold afterwards.

use std::collections::BTreeMap;

use crate::{EPOCH, START, dice::Dice, person::Person, relay::Relay};
use tessera::{
    base::UnixTime,
    client::{Effects, Mailbox, Outgoing, Post, body_key, parse_message_id},
    enrolment::Kind,
    wire::BucketId,
};

/// The client was killed: what was not committed is gone.
pub(crate) struct Killed;

pub(crate) type Step = Result<(), Killed>;

pub(crate) struct Simulation {
    pub(crate) dice: Dice,
    pub(crate) now: u64,
    pub(crate) relay: Relay,
    pub(crate) people: Vec<Person>,
    /// Texts whose sending was committed, in order, per sender and recipient.
    pub(crate) sent: BTreeMap<(usize, usize), Vec<String>>,
    pub(crate) faults: bool,
    pub(crate) withholds: bool,
}

impl Simulation {
    pub(crate) fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let count = 2 + dice.below(4);
        let relay = Relay::new(&mut dice);
        let people = (0..count).map(|i| Person::new(i, &mut dice)).collect();
        let withholds = dice.chance(25);
        Self {
            dice,
            now: START,
            relay,
            people,
            sent: BTreeMap::new(),
            faults: true,
            withholds: false,
        }
        .enrol()
        .withholding(withholds)
    }

    /// Everyone with person 0, in person, through the same crashes as later.
    pub(crate) fn enrol(mut self) -> Self {
        for other in 1..self.people.len() {
            let kind = if self.dice.chance(50) {
                Kind::Quick
            } else {
                Kind::Ordinary
            };
            self.until_done(0, |sim| sim.pull(0));
            let mut invited = None;
            self.until_done(0, |sim| {
                let now = sim.clock(0);
                let effects = sim.people[0]
                    .client
                    .invite(kind, Some(86_400), now, &mut sim.dice);
                let invitation = effects.unwrap();
                invited = Some((invitation.value.id, invitation.value.uri.clone()));
                sim.commit(0, invitation).map(drop)
            });
            let (id, uri) = invited.unwrap();
            let fingerprint = self.people[other].client.public().fingerprint();
            self.until_done(0, |sim| {
                let now = sim.clock(0);
                let effects = sim.people[0]
                    .client
                    .expect(id, fingerprint, now, &mut sim.dice);
                sim.commit(0, effects.unwrap())
            });
            self.until_done(other, |sim| sim.pull(other));
            self.until_done(other, |sim| {
                let now = sim.clock(other);
                let effects = sim.people[other]
                    .client
                    .accept(&uri, true, now, &mut sim.dice);
                sim.commit(other, effects.unwrap()).map(drop)
            });
            for _ in 0..60 {
                for person in [0, other] {
                    let _ = self.pull(person);
                    let _ = self.post(person);
                }
                self.relay.close(&mut self.now, &mut self.dice);
                if self.people[0].active() == other && self.people[other].active() == 1 {
                    break;
                }
            }
            let at_zero = *self.people[0]
                .client
                .contacts()
                .last()
                .map(|c| &c.id)
                .unwrap();
            let at_other = self.people[other].client.contacts()[0].id;
            self.people[0].contacts.insert(other, at_zero);
            self.people[other].contacts.insert(0, at_other);
        }
        for person in 0..self.people.len() {
            let expected = self.people[person].contacts.len();
            assert_eq!(
                self.people[person].active(),
                expected,
                "person {person} is enrolled"
            );
        }
        self
    }

    pub(crate) fn withholding(mut self, withholds: bool) -> Self {
        self.withholds = withholds;
        self
    }

    /// Lives through a few weeks or months, then settles, then checks.
    pub(crate) fn run(mut self) -> usize {
        for _ in 0..60 + self.dice.below(120) {
            let person = self.dice.below(self.people.len());
            let _ = match self.dice.below(10) {
                0..=2 => self.send(person),
                3..=5 => self.pull(person),
                6..=8 => self.post(person),
                _ => self.tick(person),
            };
            if self.dice.chance(30) {
                self.relay.close(&mut self.now, &mut self.dice);
                if self.withholds && self.dice.chance(10) {
                    self.relay.withhold_newest();
                }
            }
            if self.dice.chance(3) {
                let days = 1 + self.dice.below(6) as u64;
                self.everybody_away(days);
            }
            if self.dice.chance(5) {
                // A clock is set, by hours, within what the protocol allows.
                self.people[person].skew = self.dice.below(20 * 3_600) as i64 - 10 * 3_600;
            }
        }
        self.settle();
        self.check()
    }

    /// Days pass with every portal closed; the relay publishes what it has.
    pub(crate) fn everybody_away(&mut self, days: u64) {
        self.relay.close(&mut self.now, &mut self.dice);
        self.now += days * 86_400;
        self.relay.epoch = self.now / EPOCH;
    }

    pub(crate) fn settle(&mut self) {
        self.faults = false;
        for person in &mut self.people {
            person.skew = 0;
            person.restart();
        }
        for _ in 0..12 {
            for person in 0..self.people.len() {
                let done = self
                    .tick(person)
                    .and_then(|()| self.pull(person))
                    .and_then(|()| self.flush(person));
                assert!(done.is_ok());
            }
            self.relay.close(&mut self.now, &mut self.dice);
        }
    }

    pub(crate) fn check(&self) -> usize {
        let mut count = 0;
        for ((from, to), texts) in &self.sent {
            let contact = self.people[*to].contacts[from];
            let all = self.people[*to]
                .client
                .messages(contact, None, usize::MAX)
                .unwrap();
            let arrived: Vec<String> = all
                .iter()
                .filter(|message| message.direction == "in")
                .map(|message| {
                    assert_eq!(message.state, "verified");
                    let (contact, ordinal) = parse_message_id(&message.id).unwrap();
                    let body = &self.people[*to].store[&body_key(contact, ordinal)];
                    String::from_utf8(body.to_vec()).unwrap()
                })
                .collect();
            count += arrived.len();
            if self.relay.withheld.is_empty() {
                let heads = |texts: &[String]| -> Vec<String> {
                    texts
                        .iter()
                        .map(|t| t.trim_end_matches('x').to_owned())
                        .collect()
                };
                assert_eq!(
                    heads(&arrived),
                    heads(texts),
                    "{from} → {to}: all, once, in order"
                );
                assert!(arrived == *texts, "{from} → {to}: whole");
                let back = self.people[*from].contacts[to];
                for message in self.people[*from]
                    .client
                    .messages(back, None, usize::MAX)
                    .unwrap()
                {
                    if message.direction == "out" {
                        assert_eq!(message.state, "delivered");
                    }
                }
                continue;
            }
            let mut left = texts.iter();
            assert!(
                arrived.iter().all(|text| left.any(|sent| sent == text)),
                "once, in order"
            );
            if arrived.len() < texts.len() {
                assert!(
                    self.people[*to].gaps_told > 0,
                    "{from} → {to}: a loss nobody was told of"
                );
            }
        }
        if self.relay.withheld.is_empty() {
            for (i, person) in self.people.iter().enumerate() {
                // Fragments of a sealing that another replaced are given up at some point.
                let refused = person.refused.iter();
                let refused: Vec<_> = refused
                    .filter(|code| *code != "MESSAGE_INCOMPLETE")
                    .collect();
                assert!(refused.is_empty(), "person {i}: {refused:?}");
                assert!(
                    person.missing.is_empty(),
                    "person {i} misses {:?}",
                    person.missing
                );
            }
        }
        count
    }

    // What a page does, step by step; between any two of them it may be killed.

    pub(crate) fn send(&mut self, person: usize) -> Step {
        let peers: Vec<usize> = self.people[person].contacts.keys().copied().collect();
        let to = peers[self.dice.below(peers.len())];
        let long = if self.dice.chance(15) { 9_000 } else { 40 };
        let text = format!(
            "{person} to {to} at {} {}",
            self.now,
            "x".repeat(self.dice.below(long))
        );
        let outgoing = Outgoing {
            content_type: "text/plain",
            body: text.as_bytes().into(),
            filename: None,
            session: "",
        };
        let (now, contact) = (self.clock(person), self.people[person].contacts[&to]);
        match self.people[person]
            .client
            .send(contact, outgoing, now, &mut self.dice)
        {
            // A clock set back over the end of a month: refused, and the page says so.
            Err(_) => Ok(()),
            Ok(effects) => {
                self.may_be_killed(person)?;
                self.people[person].commit(effects);
                self.sent.entry((person, to)).or_default().push(text);
                self.may_be_killed(person)
            }
        }
    }

    pub(crate) fn tick(&mut self, person: usize) -> Step {
        let now = self.clock(person);
        let effects = self.people[person].client.tick(now);
        let mut bodies = Vec::new();
        for id in self.commit(person, effects)? {
            let (contact, ordinal) = parse_message_id(&id).unwrap();
            let body = self.people[person].store[&body_key(contact, ordinal)].clone();
            bodies.push((contact, ordinal, body));
        }
        self.may_be_killed(person)?;
        let bodies: Vec<_> = bodies
            .iter()
            .map(|(c, o, body)| (*c, *o, body.as_slice().into()))
            .collect();
        let effects = self.people[person]
            .client
            .reseal(&bodies, now, &mut self.dice);
        self.commit(person, effects)
    }

    pub(crate) fn pull(&mut self, person: usize) -> Step {
        let info = self.relay.info();
        let effects = self.people[person].client.configure(&info).unwrap();
        self.commit(person, effects)?;
        for mailbox in [Mailbox::Own, Mailbox::Lobby] {
            let path = self.people[person].client.index_path(mailbox).unwrap();
            let bucket = match path.split('/').nth(3).unwrap() {
                "lobby" => BucketId::LOBBY.get(),
                number => number.parse().unwrap(),
            };
            let planned = self.people[person]
                .client
                .plan_pull(mailbox, &self.relay.index(bucket));
            let plan = self.commit(person, planned.unwrap())?;
            for batch in plan {
                self.may_be_killed(person)?;
                let bytes = self.relay.batch(bucket, batch.epoch);
                let now = self.clock(person);
                let client = &mut self.people[person].client;
                let effects = client
                    .receive_batch(mailbox, &bytes, now, &mut self.dice)
                    .unwrap();
                self.commit(person, effects)?;
            }
        }
        Ok(())
    }

    /// One slot; one without an answer is repeated as it was, for half a day.
    pub(crate) fn post(&mut self, person: usize) -> Step {
        let waiting = self.people[person].unanswered.take();
        let (post, since) = match waiting.filter(|(_, since)| self.now - since < 12 * 3_600) {
            Some(waiting) => waiting,
            None => {
                let now = self.clock(person);
                match self.people[person].client.next_slot(now, &mut self.dice) {
                    Ok(post) => (post, self.now),
                    Err(_) => return Ok(()),
                }
            }
        };
        self.people[person].unanswered = Some((post.clone(), since));
        if self.deliver(person, &post)? {
            self.people[person].unanswered = None;
        }
        Ok(())
    }

    pub(crate) fn flush(&mut self, person: usize) -> Step {
        let now = self.clock(person);
        while let Some(post) = self.people[person].client.next_flush(now).unwrap() {
            self.deliver(person, &post)?;
        }
        Ok(())
    }

    /// Whether there was an answer.
    pub(crate) fn deliver(&mut self, person: usize, post: &Post) -> Result<bool, Killed> {
        self.may_be_killed(person)?;
        if self.faults && self.dice.chance(10) {
            return Ok(false); // The request is lost; the page does not know.
        }
        self.relay.post(&post.body);
        if self.faults && self.dice.chance(10) {
            return Ok(false); // The answer is lost.
        }
        self.may_be_killed(person)?;
        let effects = self.people[person].client.posted(&post.tokens);
        self.commit(person, effects)?;
        Ok(true)
    }

    pub(crate) fn commit<T>(&mut self, person: usize, effects: Effects<T>) -> Result<T, Killed> {
        self.may_be_killed(person)?;
        let value = self.people[person].commit(effects);
        self.may_be_killed(person)?;
        Ok(value)
    }

    pub(crate) fn may_be_killed(&mut self, person: usize) -> Step {
        if self.faults && self.dice.chance(2) {
            self.people[person].restart();
            return Err(Killed);
        }
        Ok(())
    }

    /// Repeats a step until it was not killed on the way; its own commit may
    /// have been the last thing it did.
    pub(crate) fn until_done(&mut self, person: usize, mut step: impl FnMut(&mut Self) -> Step) {
        let faults = std::mem::replace(&mut self.faults, false);
        assert!(step(self).is_ok());
        self.faults = faults;
        if self.dice.chance(30) {
            self.people[person].restart();
        }
    }

    pub(crate) fn clock(&self, person: usize) -> UnixTime {
        UnixTime(self.now.saturating_add_signed(self.people[person].skew))
    }
}
