//! Something fails for good: one batch, one bucket, one cell, one record, one
//! contact, one kind of request, or a relay that states extremes. Everything
//! else goes on, the person hears of it once, and the number of requests stays
//! bounded. Here time passes: each client waits for as long as its rounds ask.

use std::collections::HashMap;

use crate::common::{Dice, EPOCH, NOW, Person, Relay, bucket_of, enrol};
use tessera::{
    base::UnixTime,
    client::{Answer, Ask, Client, Clock, ContactId, Event, Failure, Gap, Mailbox, MessageRef},
    enrolment::Kind,
    wire::{Cell, cover_cell, paths, post},
};

const HOUR: u64 = 3_600_000;
/// Requests in any minute, whatever a relay lists or states.
const MOST_REQUESTS: usize = 1_200;
/// Requests in any minute of a client whose relay merely fails.
const MOST_REQUESTS_OF_FAILURES: usize = 60;

/// What fails for good, for the first of the people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// One batch of the own bucket never arrives whole.
    BatchTooLong,
    /// One batch of the own bucket is not as it was signed.
    BatchAltered,
    /// The index lists a batch that the relay does not have.
    BatchMissing,
    /// No batch of the own bucket is published any more.
    BucketNeverCloses,
    /// Every post that has one certain cell fails like this.
    Cell(Failure),
    /// Every post fails.
    Posts,
    /// `/v1/info` fails, or is malformed.
    Info,
    InfoMalformed,
    /// The own index fails, or is malformed.
    Index,
    IndexMalformed,
    /// A piece of a body cannot be read.
    Record,
    /// A contact copies and alters the cells that it sees.
    Contact,
    /// The store takes nothing that makes it larger.
    StoreFull,
    /// `/v1/info` states this value of a field.
    States(&'static str, &'static str),
    /// The own index lists thousands of batches: that the relay does not
    /// have, or that are not as they were signed.
    Lists(Result<(), Failure>),
    /// Every request is refused with this.
    Everything(Failure),
}

const FAULTS: [Fault; 16] = [
    Fault::BatchTooLong,
    Fault::BatchAltered,
    Fault::BatchMissing,
    Fault::BucketNeverCloses,
    Fault::Cell(Failure::Refused),
    Fault::Cell(Failure::Missing),
    Fault::Cell(Failure::Unavailable(0)),
    Fault::Cell(Failure::Unavailable(u64::MAX)),
    Fault::Posts,
    Fault::Info,
    Fault::InfoMalformed,
    Fault::Index,
    Fault::IndexMalformed,
    Fault::Record,
    Fault::Contact,
    Fault::StoreFull,
];

/// What a relay may state or do that could make a client ask too often, or
/// never again.
const EXTREMES: [Fault; 17] = [
    Fault::States("epoch_seconds", "1"),
    Fault::States("epoch_seconds", "86400"),
    Fault::States("epoch_seconds", "4294967295"),
    Fault::States("retention_seconds", "2"),
    Fault::States("retention_seconds", "4294967295"),
    Fault::States("per_bucket", "8"),
    Fault::States("buckets", "1"),
    Fault::States("buckets", "64"),
    Fault::States("cell_size", "1024"),
    Fault::States("max_attachment_bytes", "1024"),
    Fault::States("time", "0"),
    Fault::States("time", "253402300799"),
    Fault::Lists(Err(Failure::Missing)),
    Fault::Lists(Ok(())),
    Fault::Everything(Failure::Unavailable(0)),
    Fault::Everything(Failure::Unavailable(u64::MAX)),
    Fault::Everything(Failure::Refused),
];

/// A person whose portal is open.
struct Open {
    person: Person,
    wake: u64,
    answer: Option<Answer>,
    requests: Vec<u64>,
    /// The slot in which each cell was posted.
    slots: HashMap<[u8; 32], Vec<u8>>,
    /// When `/v1/info`, the own index and a post last succeeded.
    succeeded: [u64; 3],
}

/// A message, from whom to whom, and when it was written.
struct Written {
    from: usize,
    to: usize,
    id: MessageRef,
    at: u64,
}

struct Clinic {
    relay: Relay,
    people: Vec<Open>,
    contacts: [[Option<ContactId>; 3]; 3],
    dice: Dice,
    now: u64,
    fault: Option<Fault>,
    /// The path of the batch, the cell and the message that fail.
    batch: Option<String>,
    cell: Option<[u8; 32]>,
    message: Option<MessageRef>,
    written: Vec<Written>,
}

impl Clinic {
    /// Three people in three buckets, each of whom knows the others.
    fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let mut relay = Relay::seeded(Dice::new(!seed));
        relay.cover = 1;
        relay.per_bucket = 2;
        let mut people: Vec<Person> = Vec::new();
        let mut buckets = Vec::new();
        while people.len() < 3 {
            let mut person = Person::create(&format!("Person {}", people.len()), &mut dice);
            let configured = person.client.configure(&relay.info(), NOW).unwrap();
            person.commit(configured);
            let bucket = bucket_of(&person.client, Mailbox::Own);
            if !buckets.contains(&bucket) {
                buckets.push(bucket);
                people.push(person);
            }
        }
        let mut contacts = [[None; 3]; 3];
        for (a, b) in [(0, 1), (0, 2), (1, 2)] {
            let [one, other] = people.get_disjoint_mut([a, b]).unwrap();
            let (b_at_a, a_at_b) = enrol(&mut relay, one, other, Kind::Link);
            contacts[a][b] = Some(b_at_a);
            contacts[b][a] = Some(a_at_b);
        }
        let now = (relay.epoch * EPOCH + 60) * 1000;
        let open = |mut person: Person| {
            person.events.clear();
            Open {
                person,
                wake: now,
                answer: None,
                requests: Vec::new(),
                slots: HashMap::new(),
                succeeded: [now; 3],
            }
        };
        let mut clinic = Self {
            relay,
            people: people.into_iter().map(open).collect(),
            contacts,
            dice,
            now,
            fault: None,
            batch: None,
            cell: None,
            message: None,
            written: Vec::new(),
        };
        let clock = clinic.clock();
        for open in &mut clinic.people {
            let Person { client, round, .. } = &mut open.person;
            round.start(client, clock, &mut clinic.dice);
        }
        clinic
    }

    fn clock(&self) -> Clock {
        Clock {
            wall: self.now,
            ticks: self.now,
        }
    }

    fn write(&mut self, from: usize, to: usize, text: &str) -> Option<MessageRef> {
        let contact = self.contacts[from][to].unwrap();
        let now = UnixTime(self.now / 1000);
        let person = &mut self.people[from].person;
        let store = person.store.clone();
        let id = person.send(contact, text, now).unwrap();
        if self.fault == Some(Fault::StoreFull) && from == 0 {
            person.store = store; // It did not fit, and its writer sees that.
            reload(person);
            return None;
        }
        let at = self.now;
        self.written.push(Written { from, to, id, at });
        Some(id)
    }

    fn everybody_writes(&mut self) {
        for (from, to) in [(0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1)] {
            let text = format!("{from} to {to} at {}", self.now);
            self.write(from, to, &text);
        }
    }

    /// Lets time pass: epochs end, and people write every four hours.
    fn live(&mut self, hours: u64) {
        self.live_until(self.now + hours * HOUR);
    }

    fn live_until(&mut self, end: u64) {
        let mut write = self.now;
        loop {
            let close = (self.relay.epoch + 1) * EPOCH * 1000;
            let wake = self.people.iter().map(|open| open.wake).min().unwrap();
            let next = close.min(wake).min(write);
            if next >= end {
                return;
            }
            self.now = self.now.max(next);
            self.relay.since_close = self.now / 1000 - self.relay.epoch * EPOCH;
            if next == write {
                write += 4 * HOUR;
                self.everybody_writes();
            } else if next == close {
                self.close();
            } else {
                let at = self.people.iter().position(|open| open.wake == wake);
                self.step(at.unwrap());
            }
        }
    }

    fn close(&mut self) {
        let bucket = bucket_of(&self.people[0].person.client, Mailbox::Own);
        match self.fault {
            Some(Fault::Contact) => self.copy_and_alter(bucket),
            Some(Fault::BucketNeverCloses) => {
                self.relay.epoch += 1;
                let mut mailboxes = self.relay.mailboxes();
                mailboxes.retain(|mailbox| mailbox.get() != bucket);
                self.relay.close_mailboxes(&mailboxes);
                self.relay.since_close = 0;
                return;
            }
            _ => {}
        }
        self.relay.close();
        self.relay.since_close = 0;
    }

    /// Cells under tags that are watched, with another ciphertext.
    fn copy_and_alter(&mut self, bucket: u32) {
        let pending = self.relay.pending.get(&bucket).cloned().unwrap_or_default();
        for cell in pending {
            let noise = cover_cell(self.relay.size, &mut self.dice);
            let (tag, enc) = (cell.tag(), noise.enc());
            let forged = Cell::from_parts(&tag, &enc, noise.ciphertext(), self.relay.size);
            self.relay.put(bucket, forged.unwrap());
        }
    }

    /// One person does what is due.
    fn step(&mut self, at: usize) {
        let clock = self.clock();
        loop {
            let open = &mut self.people[at];
            let person = &mut open.person;
            let given = open.answer.take();
            let effects = person
                .round
                .next(&mut person.client, given, clock, &mut self.dice);
            let grows = effects.changes.iter().any(|(key, value)| {
                let before = person.store.get(key).map_or(0, |bytes| bytes.len());
                value.as_ref().map_or(0, |bytes| bytes.len()) > before
            });
            if at == 0 && grows && self.fault == Some(Fault::StoreFull) {
                reload(person);
                open.answer = Some(Answer::NotStored);
                continue;
            }
            let ask = person.commit(effects);
            if matches!(ask, Ask::Get(_) | Ask::Keep { .. } | Ask::Post { .. }) {
                open.requests.push(self.now);
            }
            if let Ask::Wait(until) = ask {
                open.wake = until.unwrap_or(u64::MAX);
                assert!(open.wake > self.now, "a wait that is over");
                return;
            }
            self.sees(at, &ask);
            let failed = if at == 0 { self.fails(&ask) } else { None };
            let succeeds = failed.is_none();
            let open = &mut self.people[at];
            open.answer = failed.or_else(|| open.person.answer(&mut self.relay, &ask));
            if succeeds && let Some(task) = self.task(at, &ask) {
                self.people[at].succeeded[task] = self.now;
            }
        }
    }

    /// No cell is ever in two different slots: it would be a real one.
    fn sees(&mut self, at: usize, ask: &Ask) {
        let Ask::Post { body, .. } = ask else {
            return;
        };
        let Ok(entries) = post::decode(body, self.relay.size, self.relay.buckets) else {
            return;
        };
        for entry in entries.iter().filter(|entry| !entry.bucket.is_lobby()) {
            let slots = &mut self.people[at].slots;
            let slot = slots.entry(entry.cell.sha256()).or_insert(body.clone());
            assert!(slot == body, "{:?}: a cell among other cover", self.fault);
        }
    }

    /// Which of the tasks that are followed an ask belongs to.
    fn task(&self, at: usize, ask: &Ask) -> Option<usize> {
        let own = bucket_of(&self.people[at].person.client, Mailbox::Own);
        match ask {
            Ask::Get(path) if path == paths::INFO => Some(0),
            Ask::Get(path) if *path == format!("/v1/buckets/{own}/index") => Some(1),
            Ask::Post { .. } => Some(2),
            _ => None,
        }
    }

    /// What the fault answers, if it concerns the ask.
    fn fails(&mut self, ask: &Ask) -> Option<Answer> {
        let bad_batch = |path: &String| self.batch.as_ref() == Some(path);
        let malformed = || Some(Answer::Got(Ok(b"{}".to_vec())));
        let got = |failure| Some(Answer::Got(Err(failure)));
        if let Ask::Post { body, .. } = ask
            && post::decode(body, self.relay.size, self.relay.buckets).is_err()
        {
            return Some(Answer::Posted(Err(Failure::Refused)));
        }
        match (self.fault?, ask) {
            (Fault::BatchTooLong, Ask::Keep { path, .. }) if bad_batch(path) => {
                Some(Answer::Kept(Err(Failure::Unavailable(0))))
            }
            (Fault::BatchMissing, Ask::Keep { path, .. }) if bad_batch(path) => {
                Some(Answer::Kept(Err(Failure::Missing)))
            }
            (Fault::BatchAltered, Ask::HandOver(path)) if bad_batch(path) => {
                let mut bytes = self.relay.get(path, |_| true).unwrap();
                *bytes.last_mut().unwrap() ^= 1;
                Some(Answer::Got(Ok(bytes)))
            }
            (Fault::Cell(failure), Ask::Post { body, .. }) => {
                let entries = post::decode(body, self.relay.size, self.relay.buckets).unwrap();
                let has = entries.iter().any(|e| Some(e.cell.sha256()) == self.cell);
                has.then_some(Answer::Posted(Err(failure)))
            }
            (Fault::Posts, Ask::Post { .. }) => {
                Some(Answer::Posted(Err(Failure::Unavailable(u64::MAX))))
            }
            (Fault::Info, Ask::Get(path)) if path == paths::INFO => got(Failure::Unavailable(0)),
            (Fault::InfoMalformed, Ask::Get(path)) if path == paths::INFO => malformed(),
            (Fault::Index, Ask::Get(_)) if self.task(0, ask) == Some(1) => {
                got(Failure::Unavailable(u64::MAX))
            }
            (Fault::IndexMalformed, Ask::Get(_)) if self.task(0, ask) == Some(1) => malformed(),
            (Fault::Record, Ask::Load(keys)) => {
                let person = &self.people[0].person;
                let bad = person.client.body_keys(self.message?).unwrap_or_default();
                let read = keys.iter().map(|key| {
                    let bytes = person.store.get(&key.to_string());
                    bytes
                        .filter(|_| !bad.contains(key))
                        .map(|bytes| bytes.to_vec())
                });
                Some(Answer::Loaded(read.collect()))
            }
            (Fault::States(field, value), Ask::Get(path)) if path == paths::INFO => {
                let good = self.relay.info();
                let at = good.rfind(&format!("\"{field}\":")).unwrap() + field.len() + 3;
                let end = at + good[at..].find([',', '}']).unwrap();
                let stated = format!("{}{value}{}", &good[..at], &good[end..]);
                Some(Answer::Got(Ok(stated.into_bytes())))
            }
            (Fault::Lists(_), Ask::Get(_)) if self.task(0, ask) == Some(1) => {
                let (origin, digest) = (self.relay.key.origin(), "00".repeat(32));
                let listed = (1..=20_000).map(|later| {
                    let epoch = self.relay.epoch + later;
                    format!(
                        r#"{{"origin":"{origin}","epoch":{epoch},"count":1,"digest":"{digest}"}}"#
                    )
                });
                let batches = listed.collect::<Vec<_>>().join(",");
                let index = format!(r#"{{"oldest":null,"batches":[{batches}],"segments":[]}}"#);
                Some(Answer::Got(Ok(index.into_bytes())))
            }
            (Fault::Lists(kept), Ask::Keep { .. }) => Some(Answer::Kept(kept.map(|()| 2_000))),
            (Fault::Lists(_), Ask::HandOver(_)) => Some(Answer::Got(Ok(vec![7; 2_000]))),
            (Fault::Everything(failure), Ask::Get(_)) => got(failure),
            (Fault::Everything(failure), Ask::Keep { .. }) => Some(Answer::Kept(Err(failure))),
            (Fault::Everything(failure), Ask::Post { .. }) => Some(Answer::Posted(Err(failure))),
            _ => None,
        }
    }

    /// The fault sets in: what it concerns is chosen.
    fn break_down(&mut self, fault: Fault) {
        match fault {
            Fault::Cell(_) => {
                self.message = self.write(0, 1, "in the cell that is refused");
                let key = self.people[0]
                    .person
                    .store
                    .keys()
                    .rfind(|key| key.starts_with("s/q/"));
                let record = &self.people[0].person.store[key.unwrap()];
                let queued: tessera::vault::stored::QueuedRecord =
                    tessera::vault::stored::decode(record).unwrap();
                let cell = Cell::parse(queued.cell, self.relay.size).unwrap();
                self.cell = Some(cell.sha256());
            }
            Fault::Record => self.message = self.write(0, 1, &"x".repeat(70 * 2_000)),
            Fault::BatchTooLong | Fault::BatchAltered | Fault::BatchMissing => {
                let bucket = bucket_of(&self.people[0].person.client, Mailbox::Own);
                let (origin, epoch) = (self.relay.key.origin(), self.relay.epoch + 1);
                self.batch = Some(format!("/v1/buckets/{bucket}/batches/{origin}/{epoch}"));
            }
            _ => {}
        }
        self.fault = Some(fault);
    }

    /// How often something was reported to the first of the people.
    fn reports(&self, fault: Fault) -> usize {
        let events = self.people[0].person.events.iter();
        let reports = events.filter(|event| match (fault, event) {
            (
                Fault::BatchTooLong | Fault::BatchMissing | Fault::BatchAltered,
                Event::Gap(Gap::Batches { closed, .. }),
            ) => !closed,
            (
                Fault::BucketNeverCloses | Fault::Index | Fault::IndexMalformed,
                Event::Notice(notice),
            ) => notice.code == "STALLED" && notice.mailbox == Some("own") && !notice.cleared,
            (Fault::Cell(_), Event::Rejected(rejected)) => rejected.code == "RELAY_REFUSED",
            (Fault::Record, Event::State { message }) => message.state == "undelivered",
            _ => false,
        });
        reports.count()
    }

    fn state(&self, written: &Written) -> &'static str {
        self.people[written.from].person.state(written.id)
    }

    /// Between these people messages arrive although this fails.
    fn is_unaffected(fault: Fault, written: &Written) -> bool {
        let (from, to) = (written.from, written.to);
        match fault {
            // A receipt that its sender cannot read.
            Fault::BucketNeverCloses | Fault::Index | Fault::IndexMalformed | Fault::StoreFull => {
                from != 0 && to != 0
            }
            Fault::Posts => from != 0 && to != 0,
            _ => true,
        }
    }
}

fn reload(person: &mut Person) {
    let stored: Vec<_> = person.stored_state().into_iter().collect();
    let mut client = Client::load(&stored).unwrap();
    client.continue_from(&person.client);
    client.set_receipt_delay(0).unwrap();
    person.client = client;
}

/// The most requests of any minute.
fn most_in_a_minute(requests: &[u64]) -> usize {
    let minute = |(place, first): (usize, &u64)| {
        let of_minute = requests[place..].iter();
        of_minute.take_while(|at| **at < first + 60_000).count()
    };
    requests.iter().enumerate().map(minute).max().unwrap_or(0)
}

#[test]
fn whatever_fails_for_good_holds_up_nothing_else_and_is_reported_once() {
    let runs: Vec<_> = (0..).zip(FAULTS).collect();
    std::thread::scope(|scope| {
        for half in runs.chunks(runs.len() / 2) {
            scope.spawn(|| {
                half.iter()
                    .for_each(|(seed, fault)| live_through(*seed, *fault))
            });
        }
    });
}

fn live_through(seed: u64, fault: Fault) {
    let mut clinic = Clinic::new(seed);
    clinic.live(2);
    clinic.break_down(fault);
    let began = clinic.now;
    // A post without an answer is repeated for 12 hours, before its cells are sealed again.
    let is_slow = matches!(
        fault,
        Fault::Cell(Failure::Missing | Failure::Unavailable(_))
    );
    clinic.live(if is_slow { 26 } else { 10 });

    let what = format!("seed {seed}: {fault:?}");
    for open in &clinic.people {
        let most = most_in_a_minute(&open.requests);
        assert!(
            most <= MOST_REQUESTS_OF_FAILURES,
            "{what}: {most} requests in a minute"
        );
    }
    let fails = match fault {
        Fault::Info | Fault::InfoMalformed => Some(0),
        Fault::Index | Fault::IndexMalformed => Some(1),
        Fault::Posts => Some(2),
        _ => None,
    };
    for (task, succeeded) in clinic.people[0].succeeded.iter().enumerate() {
        let lately = clinic.now - succeeded < 3 * HOUR;
        // What does not fit in the store is not read.
        if (fault, task) != (Fault::StoreFull, 1) {
            assert_eq!(lately, fails != Some(task), "{what}: task {task}");
        }
    }
    // Of what was written in the last hours a receipt need not have come.
    let settled = clinic.now - if is_slow { 8 * HOUR } else { 5 * HOUR };
    for written in clinic.written.iter().filter(|w| w.at < settled) {
        let is_bad = Some(written.id) == clinic.message && written.from == 0;
        if Clinic::is_unaffected(fault, written) && !is_bad {
            let lost =
                clinic.batch.is_some() && written.to == 0 || clinic.state(written) == "delivered";
            assert!(
                lost,
                "{what}: {} to {} is {}",
                written.from,
                written.to,
                clinic.state(written)
            );
        }
    }
    let reports = match fault {
        Fault::Posts | Fault::Info | Fault::InfoMalformed | Fault::Contact | Fault::StoreFull => 0,
        // The package reports a relay that does not answer.
        Fault::Index | Fault::IndexMalformed => 0,
        Fault::Cell(Failure::Missing | Failure::Unavailable(_)) => 0,
        _ => 1,
    };
    assert_eq!(clinic.reports(fault), reports, "{what}: reports");

    // It is over: everything is as it should be.
    clinic.fault = None;
    // A download that failed for so long is tried again within 8 hours.
    clinic.live(if clinic.batch.is_some() || is_slow {
        15
    } else {
        8
    });
    assert!(clinic.now > began);
    let settled = clinic.now - 5 * HOUR;
    for written in clinic.written.iter().filter(|w| w.at < settled) {
        let given_up = fault == Fault::Record && Some(written.id) == clinic.message;
        let expected = if given_up && written.from == 0 {
            "undelivered"
        } else {
            "delivered"
        };
        assert_eq!(
            clinic.state(written),
            expected,
            "{what}: {} to {} in the end",
            written.from,
            written.to
        );
    }
    assert_eq!(clinic.reports(fault), reports, "{what}: reports in the end");
}

#[test]
fn requests_are_bounded_and_go_on_whatever_a_relay_states() {
    for (seed, fault) in (100..).zip(EXTREMES) {
        let mut clinic = Clinic::new(seed);
        clinic.live(1);
        clinic.fault = Some(fault);
        clinic.live_until(clinic.now + 70 * 60_000);
        let victim = &clinic.people[0];
        let most = most_in_a_minute(&victim.requests);
        assert!(
            most <= MOST_REQUESTS,
            "{fault:?}: {most} requests in a minute"
        );
        let asked = victim.requests.iter().filter(|at| **at + HOUR > clinic.now);
        assert!(asked.count() >= 2, "{fault:?}: hardly anything is asked");
        assert!(
            victim.wake <= clinic.now + 2 * HOUR,
            "{fault:?}: it sleeps too long"
        );
        let refused = victim.person.events.iter();
        let refused = refused.filter(|event| matches!(event, Event::Rejected(_)));
        assert!(refused.count() <= 3, "{fault:?}: too many reports");
        // The relay is right again.
        clinic.fault = None;
        clinic.live_until(clinic.now + 130 * 60_000);
        let since = clinic.people[0].succeeded.map(|at| clinic.now - at);
        assert!(
            since.iter().all(|since| *since <= 2 * HOUR),
            "{fault:?}: {since:?}"
        );
    }
}
