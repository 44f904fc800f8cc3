//! Crash safety, by simulation: two to five people, a client killed between
//! any two steps that a page awaits, answers of the relay lost or repeated,
//! clocks that jump, days and months passing, batches withheld.
//!
//! What must hold afterwards: every message that was accepted for sending
//! arrives once, in the order it was sent; no tag is ever used for two cells;
//! nothing is refused that is honest; and whatever the relay withholds is
//! told. A failing run prints its seed: `TESSERA_SIMULATION_SEED=… cargo test
//! --test simulation` replays it, `TESSERA_SIMULATION_RUNS=…` runs more.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::cast_possible_truncation,
    missing_docs
)]

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    convert::Infallible,
};

use rand_core::{TryCryptoRng, TryRng};
use sha2::{Digest as _, Sha256};
use tessera::{
    base::UnixTime,
    client::{
        Client, ContactId, Effects, Event, Gap, Mailbox, Outgoing, Post, body_key, parse_message_id,
    },
    enrolment::Kind,
    wire::{
        Batch, BatchHeader, BucketCount, BucketId, Cell, CellSize, OriginKey, batch::BatchPlace,
        cover_cell, post,
    },
};
use zeroize::Zeroizing;

const START: u64 = 1_795_300_000;
const EPOCH: u64 = 1_800;
const URL: &str = "https://relay.example";
const DEFAULT_RUNS: u64 = 40;

#[test]
fn whatever_fails_nothing_is_lost_and_nothing_comes_twice() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse().unwrap());
    let seeds: Vec<u64> = match number("TESSERA_SIMULATION_SEED") {
        Some(seed) => vec![seed],
        None => (0..number("TESSERA_SIMULATION_RUNS").unwrap_or(DEFAULT_RUNS)).collect(),
    };
    let mut delivered = 0;
    for seed in &seeds {
        let outcome = std::panic::catch_unwind(|| Simulation::new(*seed).run());
        match outcome {
            Ok(messages) => delivered += messages,
            Err(cause) => {
                eprintln!("replay: TESSERA_SIMULATION_SEED={seed} cargo test --test simulation");
                std::panic::resume_unwind(cause);
            }
        }
    }
    eprintln!("{} runs, {delivered} messages", seeds.len());
    assert!(
        delivered > seeds.len(),
        "the simulation sent next to nothing"
    );
}

/// The client was killed: what was not committed is gone.
struct Killed;

type Step = Result<(), Killed>;

struct Simulation {
    dice: Dice,
    now: u64,
    relay: Relay,
    people: Vec<Person>,
    /// Texts whose sending was committed, in order, per sender and recipient.
    sent: BTreeMap<(usize, usize), Vec<String>>,
    faults: bool,
    withholds: bool,
}

impl Simulation {
    fn new(seed: u64) -> Self {
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
    fn enrol(mut self) -> Self {
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

    fn withholding(mut self, withholds: bool) -> Self {
        self.withholds = withholds;
        self
    }

    /// Lives through a few weeks or months, then settles, then checks.
    fn run(mut self) -> usize {
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
    fn everybody_away(&mut self, days: u64) {
        self.relay.close(&mut self.now, &mut self.dice);
        self.now += days * 86_400;
        self.relay.epoch = self.now / EPOCH;
    }

    fn settle(&mut self) {
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

    fn check(&self) -> usize {
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

    fn send(&mut self, person: usize) -> Step {
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
            body: text.as_bytes(),
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

    fn tick(&mut self, person: usize) -> Step {
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
            .map(|(c, o, body)| (*c, *o, body.as_slice()))
            .collect();
        let effects = self.people[person]
            .client
            .reseal(&bodies, now, &mut self.dice);
        self.commit(person, effects)
    }

    fn pull(&mut self, person: usize) -> Step {
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
    fn post(&mut self, person: usize) -> Step {
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

    fn flush(&mut self, person: usize) -> Step {
        let now = self.clock(person);
        while let Some(post) = self.people[person].client.next_flush(now).unwrap() {
            self.deliver(person, &post)?;
        }
        Ok(())
    }

    /// Whether there was an answer.
    fn deliver(&mut self, person: usize, post: &Post) -> Result<bool, Killed> {
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

    fn commit<T>(&mut self, person: usize, effects: Effects<T>) -> Result<T, Killed> {
        self.may_be_killed(person)?;
        let value = self.people[person].commit(effects);
        self.may_be_killed(person)?;
        Ok(value)
    }

    fn may_be_killed(&mut self, person: usize) -> Step {
        if self.faults && self.dice.chance(2) {
            self.people[person].restart();
            return Err(Killed);
        }
        Ok(())
    }

    /// Repeats a step until it was not killed on the way; its own commit may
    /// have been the last thing it did.
    fn until_done(&mut self, person: usize, mut step: impl FnMut(&mut Self) -> Step) {
        let faults = std::mem::replace(&mut self.faults, false);
        assert!(step(self).is_ok());
        self.faults = faults;
        if self.dice.chance(30) {
            self.people[person].restart();
        }
    }

    fn clock(&self, person: usize) -> UnixTime {
        UnixTime(self.now.saturating_add_signed(self.people[person].skew))
    }
}

struct Person {
    client: Client,
    store: BTreeMap<String, Zeroizing<Vec<u8>>>,
    contacts: BTreeMap<usize, ContactId>,
    skew: i64,
    /// A slot without an answer, and when it was first sent.
    unanswered: Option<(Post, u64)>,
    refused: Vec<String>,
    missing: HashSet<(String, u64)>,
    gaps_told: usize,
}

impl Person {
    fn new(number: usize, dice: &mut Dice) -> Self {
        let name = format!("Person {number}");
        let (client, changes) = Client::create(&name, URL, UnixTime(START), dice).unwrap();
        let mut person = Self {
            client,
            store: BTreeMap::new(),
            contacts: BTreeMap::new(),
            skew: 0,
            unanswered: None,
            refused: Vec::new(),
            missing: HashSet::new(),
            gaps_told: 0,
        };
        person.commit(Effects {
            changes,
            events: Vec::new(),
            value: (),
        });
        person
    }

    fn commit<T>(&mut self, effects: Effects<T>) -> T {
        for (key, value) in effects.changes {
            match value {
                Some(bytes) => self.store.insert(key, bytes),
                None => self.store.remove(&key),
            };
        }
        for event in effects.events {
            match event {
                Event::Rejected(refusal) => self.refused.push(refusal.code.to_owned()),
                Event::Gap(gap) => self.take_gap(&gap),
                _ => {}
            }
        }
        effects.value
    }

    fn take_gap(&mut self, gap: &Gap) {
        self.gaps_told += 1;
        if let Gap::Sequence {
            contact_id,
            from,
            to,
            closed,
        } = gap
        {
            for seq in *from..=*to {
                let key = (contact_id.to_string(), seq);
                if *closed {
                    self.missing.remove(&key);
                } else {
                    self.missing.insert(key);
                }
            }
        }
    }

    fn restart(&mut self) {
        self.unanswered = None;
        let records: Vec<_> = self
            .store
            .iter()
            .filter(|(key, _)| !key.starts_with("b/"))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        self.client = Client::load(&records).unwrap();
    }

    fn active(&self) -> usize {
        self.client
            .contacts()
            .iter()
            .filter(|contact| contact.state == "active")
            .count()
    }
}

/// What a relay publishes, and nothing else of one.
struct Relay {
    key: OriginKey,
    buckets: BucketCount,
    epoch: u64,
    pending: BTreeMap<u32, Vec<Cell>>,
    known: HashSet<[u8; 32]>,
    tags: HashMap<[u8; 16], [u8; 32]>,
    published: BTreeMap<u32, Vec<(BatchHeader, Vec<u8>)>>,
    withheld: HashSet<u64>,
}

impl Relay {
    fn new(dice: &mut Dice) -> Self {
        Self {
            key: OriginKey::generate(dice),
            buckets: BucketCount::try_from(2).unwrap(),
            epoch: START / EPOCH,
            pending: BTreeMap::new(),
            known: HashSet::new(),
            tags: HashMap::new(),
            published: BTreeMap::new(),
            withheld: HashSet::new(),
        }
    }

    fn info(&self) -> String {
        format!(
            r#"{{"protocol":1,"origin":"{}","buckets":2,"cell_size":2048,"epoch_seconds":1800,
            "lobby":{{"epoch_seconds":15,"cells":16,"retention_seconds":86400}},
            "retention_seconds":5184000,"slot_cells":4,"max_attachment_bytes":262144,
            "cover":{{"mechanism":"fixed"}},"time":0}}"#,
            self.key.origin(),
        )
    }

    /// Stores each cell once, and sees to it that no tag is used twice.
    fn post(&mut self, body: &[u8]) {
        for entry in post::decode(body, CellSize::DEFAULT, self.buckets).unwrap() {
            let digest = entry.cell.sha256();
            let first = *self.tags.entry(entry.cell.tag()).or_insert(digest);
            assert_eq!(first, digest, "one tag, two cells");
            if self.known.insert(digest) {
                self.pending
                    .entry(entry.bucket.get())
                    .or_default()
                    .push(entry.cell);
            }
        }
    }

    fn close(&mut self, now: &mut u64, dice: &mut Dice) {
        self.epoch += 1;
        *now = self.epoch * EPOCH + 60;
        let closed_at = UnixTime(self.epoch * EPOCH);
        let all: Vec<BucketId> = self.buckets.numbered().chain([BucketId::LOBBY]).collect();
        for bucket in all {
            let mut cells = self.pending.remove(&bucket.get()).unwrap_or_default();
            cells.push(cover_cell(CellSize::DEFAULT, dice));
            for i in (1..cells.len()).rev() {
                cells.swap(i, dice.below(i + 1));
            }
            let chain = self.published.entry(bucket.get()).or_default();
            let prev = chain
                .last()
                .map_or(BatchHeader::NO_PREV, |(header, _)| header.hash());
            let place = BatchPlace {
                bucket,
                epoch: self.epoch,
                closed_at,
                prev,
            };
            chain.push(Batch::build(&place, &cells, CellSize::DEFAULT, &self.key).unwrap());
        }
    }

    fn withhold_newest(&mut self) {
        self.withheld.insert(self.epoch);
    }

    fn index(&self, bucket: u32) -> String {
        let batches: Vec<String> = self
            .published
            .get(&bucket)
            .into_iter()
            .flatten()
            .filter(|(header, _)| !self.withheld.contains(&header.epoch))
            .map(|(h, _)| {
                format!(
                    r#"{{"origin":"{}","epoch":{},"count":{},"digest":"{}"}}"#,
                    h.origin, h.epoch, h.count, h.digest
                )
            })
            .collect();
        format!(
            r#"{{"oldest":null,"batches":[{}],"segments":[]}}"#,
            batches.join(",")
        )
    }

    fn batch(&self, bucket: u32, epoch: u64) -> Vec<u8> {
        let chain = &self.published[&bucket];
        chain
            .iter()
            .find(|(header, _)| header.epoch == epoch)
            .unwrap()
            .1
            .clone()
    }
}

/// Everything random comes from here, so that a seed replays a run.
struct Dice {
    seed: u64,
    counter: u64,
}

impl Dice {
    fn new(seed: u64) -> Self {
        Self { seed, counter: 0 }
    }

    fn block(&mut self) -> [u8; 32] {
        self.counter += 1;
        Sha256::digest([self.seed.to_be_bytes(), self.counter.to_be_bytes()].concat()).into()
    }

    fn below(&mut self, bound: usize) -> usize {
        let draw = u64::from_be_bytes(self.block()[..8].try_into().unwrap());
        (draw % bound as u64) as usize
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
}

impl TryRng for Dice {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(u32::from_be_bytes(self.block()[..4].try_into().unwrap()))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(u64::from_be_bytes(self.block()[..8].try_into().unwrap()))
    }

    fn try_fill_bytes(&mut self, dst: &mut [u8]) -> Result<(), Infallible> {
        for chunk in dst.chunks_mut(32) {
            chunk.copy_from_slice(&self.block()[..chunk.len()]);
        }
        Ok(())
    }
}

impl TryCryptoRng for Dice {}
