//! Three people whose portals are open or are opened again, with a relay, and
//! time that passes.

use std::collections::HashMap;

use crate::common::{ALL_TASKS, Dice, EPOCH, NOW, Person, Relay, bucket_of, clock_at};
use tessera::{
    base::UnixTime,
    client::{Answer, Ask, Client, Clock, ContactId, Failure, Mailbox, MessageRef, Outgoing},
    enrolment::Kind,
    wire::{Cell, cover_cell, paths, post},
};

use super::{fault::Fault, members::Federation};

pub(super) const HOUR: u64 = 3_600_000;

/// A person whose portal is open.
pub(super) struct Open {
    pub(super) person: Person,
    pub(super) wake: u64,
    pub(super) answer: Option<Answer>,
    pub(super) requests: Vec<u64>,
    /// The slot in which each cell was posted.
    pub(super) slots: HashMap<[u8; 32], Vec<u8>>,
    /// When `/v1/info`, the own index and a post last succeeded.
    pub(super) succeeded: [u64; 3],
}

/// A message, from whom to whom, and when it was written.
pub(super) struct Written {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) id: MessageRef,
    pub(super) at: u64,
}

pub(super) struct Clinic {
    pub(super) relay: Relay,
    pub(super) people: Vec<Open>,
    pub(super) contacts: [[Option<ContactId>; 3]; 3],
    pub(super) dice: Dice,
    pub(super) now: u64,
    pub(super) fault: Option<Fault>,
    /// The path of the batch, the cell and the message that fail.
    pub(super) batch: Option<String>,
    pub(super) cell: Option<[u8; 32]>,
    pub(super) message: Option<MessageRef>,
    pub(super) written: Vec<Written>,
    /// Other members of the relay's federation.
    pub(super) federation: Federation,
}

impl Clinic {
    /// Three people in three buckets, each of whom knows the others.
    pub(super) fn new(seed: u64) -> Self {
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
            let (b_at_a, a_at_b) = enrol(&mut relay, [one, other], &mut dice);
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
            federation: Federation::default(),
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

    pub(super) fn write(&mut self, from: usize, to: usize, text: &str) -> Option<MessageRef> {
        let contact = self.contacts[from][to].unwrap();
        let now = UnixTime(self.now / 1000);
        let person = &mut self.people[from].person;
        let store = person.store.clone();
        let outgoing = Outgoing {
            text: Some(text),
            attachments: Vec::new(),
            session: "",
        };
        let sent = person.client.send(contact, outgoing, now, &mut self.dice);
        let id = person.commit(sent.unwrap()).id;
        if self.fault == Some(Fault::StoreFull) && from == 0 {
            person.store = store; // It did not fit, and its writer sees that.
            reload(person);
            return None;
        }
        let at = self.now;
        self.written.push(Written { from, to, id, at });
        Some(id)
    }

    /// Portals are closed and opened again while posts are not answered: only
    /// what is stored goes on.
    fn some_open_again(&mut self) {
        use Failure::{Missing, Unavailable};
        if !matches!(
            self.fault,
            Some(Fault::Posts | Fault::Cell(Missing | Unavailable(_)))
        ) {
            return;
        }
        let clock = self.clock();
        for open in &mut self.people {
            if self.dice.chance(50) {
                (open.wake, open.answer) = (self.now, None);
                open.person.restart();
                let Person { client, round, .. } = &mut open.person;
                round.start(client, clock, &mut self.dice);
            }
        }
    }

    fn everybody_writes(&mut self) {
        for (from, to) in [(0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1)] {
            let text = format!("{from} to {to} at {}", self.now);
            self.write(from, to, &text);
        }
    }

    /// Lets time pass: epochs end, and people write every four hours.
    pub(super) fn live(&mut self, hours: u64) {
        self.live_until(self.now + hours * HOUR);
    }

    pub(super) fn live_until(&mut self, end: u64) {
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
                self.some_open_again();
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
        if self.federation.is_of_one() {
            self.relay.close();
        } else {
            self.close_members();
        }
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
            if matches!(
                ask,
                Ask::Get(_) | Ask::Keep { .. } | Ask::Post { .. } | Ask::At(..)
            ) {
                open.requests.push(self.now);
            }
            if let Ask::Wait(until) = ask {
                open.wake = until.unwrap_or(u64::MAX);
                assert!(open.wake > self.now, "a wait that is over");
                return;
            }
            self.sees(at, &ask);
            let failed = if at == 0 { self.fails(&ask) } else { None };
            let failed = failed.or_else(|| self.member_answers(at, &ask));
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
        let (place, ask) = match ask {
            Ask::At(member, ask) => (member.as_str(), &**ask),
            ask => ("", ask),
        };
        let Ask::Post { body, .. } = ask else {
            return;
        };
        self.federation.posted(place, body);
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
    pub(super) fn task(&self, at: usize, ask: &Ask) -> Option<usize> {
        let own = bucket_of(&self.people[at].person.client, Mailbox::Own);
        match ask {
            Ask::Get(path) if path == paths::INFO => Some(0),
            Ask::Get(path) if *path == format!("/v1/buckets/{own}/index") => Some(1),
            Ask::Post { .. } => Some(2),
            _ => None,
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

/// Two people meet by link and compare their digits.
fn enrol(
    relay: &mut Relay,
    [one, other]: [&mut Person; 2],
    dice: &mut Dice,
) -> (ContactId, ContactId) {
    let now = UnixTime(relay.epoch * EPOCH + 60);
    let invited = one.client.invite(Kind::Link, None, now, dice);
    let uri = one.commit(invited.unwrap()).uri;
    let accepted = other.client.accept(&uri, false, now, dice);
    other.commit(accepted.unwrap());
    for _ in 0..5 {
        let clock = clock_at(UnixTime(relay.epoch * EPOCH + 60));
        for person in [&mut *one, &mut *other] {
            person.sync(relay, &ALL_TASKS, clock, dice);
        }
        relay.close();
    }
    let ids = [one, other].map(|person| {
        let contacts = person.client.contacts();
        let contact = contacts
            .iter()
            .find(|contact| contact.sas.is_some())
            .unwrap();
        let now = UnixTime(relay.epoch * EPOCH + 60);
        let confirmed = person.client.confirm_sas(contact.id, now, dice);
        person.commit(confirmed.unwrap());
        contact.id
    });
    ids.into()
}
