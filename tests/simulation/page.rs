//! What a page does, step by step: between any two steps it may be killed.

use crate::{
    common::bucket_of,
    people::Sent,
    plan::Withholding,
    world::{Killed, Step, World},
};
use sha2::Digest as _;
use tessera::{
    base::ErrorCode,
    client::{Answer, Ask, ClientError, Clock, Effects, Failure, Mailbox, Outgoing, Synced, Task},
    wire::{BatchHeader, post},
};

impl World {
    /// Writes to one of the contacts that are checked.
    pub(crate) fn send(&mut self, person: usize) -> Step {
        let ends = self.active_ends(person);
        if ends.is_empty() {
            return Ok(());
        }
        let end = *self.dice.pick(&ends);
        self.send_from(end)
    }

    pub(crate) fn everybody_writes(&mut self) {
        for person in 0..self.people.len() {
            for end in self.active_ends(person) {
                assert!(self.send_from(end).is_ok());
            }
        }
    }

    /// The ends of links at which this person may write.
    fn active_ends(&self, person: usize) -> Vec<(usize, usize)> {
        let contacts = self.people[person].person.client.contacts();
        let active = |id| contacts.iter().any(|c| c.id == id && c.state == "active");
        self.ends_of(person)
            .filter(|&(link, end)| self.links[link].ends[end].contact.is_some_and(active))
            .collect()
    }

    fn send_from(&mut self, (link, end): (usize, usize)) -> Step {
        let (person, contact) = {
            let end = &self.links[link].ends[end];
            (end.person, end.contact.unwrap())
        };
        self.written += 1;
        let length = match self.dice.below(100) {
            0 => 40_000,
            1..=12 => 9_000,
            _ => 40,
        };
        let filler = "x".repeat(self.dice.below(length));
        let text = format!("{} from {person} {filler}", self.written);
        let outgoing = Outgoing {
            text: Some(&text),
            attachments: Vec::new(),
            session: "",
        };
        let now = self.clock(person);
        let client = &mut self.people[person].person.client;
        // A clock set back over the end of a month is refused, and the page says so.
        let effects = match client.send(contact, outgoing, now, &mut self.dice) {
            Ok(effects) => effects,
            Err(refused) => {
                assert_eq!(refused.code(), ErrorCode::ClockBehind);
                return Ok(());
            }
        };
        self.may_be_killed(person)?;
        let id = self.commit_now(person, effects).id;
        let seq = self.record(person, id).seq;
        let sent = Sent {
            text,
            id,
            seq,
            taken_back: false,
        };
        self.links[link].ends[end].sent.push(sent);
        self.outcome.sent += 1;
        self.may_be_killed(person)
    }

    /// Takes back the last message to somebody, if it is of several cells and
    /// has not left.
    pub(crate) fn take_back(&mut self, person: usize) -> Step {
        let ends: Vec<_> = self.ends_of(person).collect();
        let written = ends
            .into_iter()
            .filter(|&(link, end)| !self.links[link].ends[end].sent.is_empty());
        let ends: Vec<_> = written.collect();
        if ends.is_empty() {
            return Ok(());
        }
        let (link, end) = *self.dice.pick(&ends);
        let last = self.links[link].ends[end].sent.len() - 1;
        let id = self.links[link].ends[end].sent[last].id;
        let now = self.clock(person);
        let one = &mut self.people[person].person;
        let effects = match one.client.cancel(id, now, &mut self.dice) {
            Ok(effects) => effects,
            Err(ClientError::MessageSent | ClientError::ClockBehind) => return Ok(()),
            Err(refused) => panic!("{refused:?}"),
        };
        self.may_be_killed(person)?;
        self.links[link].ends[end].sent[last].taken_back = true;
        self.outcome.taken_back += 1;
        self.commit_now(person, effects);
        self.may_be_killed(person)
    }

    /// Lets time pass, and reads the own bucket.
    pub(crate) fn tick(&mut self, person: usize) -> Step {
        self.sync(person, &[Task::Own], false).map(|_| ())
    }

    /// Both mailboxes: always whole batches, always all of them.
    pub(crate) fn pull(&mut self, person: usize) -> Step {
        let tasks = [Task::Info, Task::Own, Task::Lobby];
        if self.sync(person, &tasks, false)?.failed.is_none() {
            self.people[person].last_pull = self.now;
        }
        Ok(())
    }

    /// One slot; one without an answer is repeated as it was.
    pub(crate) fn post(&mut self, person: usize) -> Step {
        self.sync(person, &[Task::Slot], false).map(|_| ())
    }

    /// The whole queue at once.
    pub(crate) fn flush(&mut self, person: usize) -> Step {
        self.sync(person, &[Task::Slot], true).map(|_| ())
    }

    /// Does what the client's rounds ask for, with a relay that fails.
    fn sync(&mut self, person: usize, tasks: &[Task], flush: bool) -> Result<Synced, Killed> {
        let mut clock = Clock {
            wall: self.clock(person).0 * 1000,
            ticks: self.now * 1000,
        };
        let overdue = self.people[person].person.client.has_overdue(clock.now());
        self.outcome.resealed += u64::from(overdue && tasks.contains(&Task::Own));
        self.people[person].person.round.sync(tasks, flush, clock);
        let mut answer = None;
        let mut opening = None;
        loop {
            let one = &mut self.people[person].person;
            let effects = one
                .round
                .next(&mut one.client, answer.take(), clock, &mut self.dice);
            // To be killed at another moment is to be killed before the next of these.
            let counts = !effects.changes.is_empty() || matches!(effects.value, Ask::Post { .. });
            if counts {
                self.may_be_killed(person)?;
            }
            if effects.changes.is_empty() {
                opening = None; // What was opened was refused.
            }
            let ask = self.commit_now(person, effects);
            if let Some(read) = opening.take() {
                self.people[person].read.insert(read);
            }
            if counts {
                self.may_be_killed(person)?;
            }
            answer = match &ask {
                Ask::Synced(synced) => return Ok(synced.clone()),
                Ask::Wait(until) => {
                    clock.ticks = until.unwrap();
                    None
                }
                Ask::Get(path) => Some(self.index_or_info(path)),
                Ask::Keep { path, .. } => Some(self.download(path)),
                Ask::HandOver(path) => {
                    opening = self.own_batch(person, path);
                    Some(Answer::Got(Ok(self.body(path))))
                }
                Ask::Post { body, .. } => Some(self.deliver(body)),
                ask => self.people[person].person.answer(&mut self.relay, ask),
            };
        }
    }

    fn index_or_info(&mut self, path: &str) -> Answer {
        // An index may come out of a cache.
        let newest = self.relay.epoch - u64::from(self.faults && self.dice.chance(10));
        let withheld = &self.withheld;
        let listed = |h: &BatchHeader| !withheld.contains(&h.epoch) && h.epoch <= newest;
        if self.faults && self.dice.chance(2) {
            return Answer::Got(Err(Failure::Unavailable(0)));
        }
        let got = self.relay.get(path, listed);
        Answer::Got(got.ok_or(Failure::Missing))
    }

    fn download(&mut self, path: &str) -> Answer {
        let unruly = self.faults && self.plan.withholding == Withholding::Late;
        if unruly && self.dice.chance(3) {
            // The relay does not have it now, or does not send all of it.
            let failures = [Failure::Missing, Failure::Missing, Failure::Unavailable(0)];
            return Answer::Kept(Err(*self.dice.pick(&failures)));
        }
        let bytes = self.relay.get(path, |_| true).unwrap();
        Answer::Kept(Ok(bytes.len() as u64))
    }

    /// What the relay gave for a download. One bit of it may be another than
    /// was signed: then nothing of it is taken.
    fn body(&mut self, path: &str) -> Vec<u8> {
        let mut bytes = self.relay.get(path, |_| true).unwrap();
        let epoch = path.rsplit('/').next().unwrap().parse().unwrap();
        let for_ever = self.altered.contains(&epoch);
        let unruly = self.faults && self.plan.withholding == Withholding::Late;
        if for_ever || unruly && self.plan.adversary && self.dice.chance(3) {
            let at = self.dice.below(bytes.len());
            bytes[at] ^= 1 << self.dice.below(8);
            self.outcome.altered += 1;
        }
        bytes
    }

    /// The origin and epoch of a batch of the own bucket.
    fn own_batch(&self, person: usize, path: &str) -> Option<(String, u64)> {
        let bucket = bucket_of(&self.people[person].person.client, Mailbox::Own);
        let batches = format!("/v1/buckets/{bucket}/batches/");
        let (origin, epoch) = path.strip_prefix(&batches)?.split_once('/')?;
        Some((origin.to_owned(), epoch.parse().unwrap()))
    }

    fn deliver(&mut self, body: &[u8]) -> Answer {
        self.leaves(body);
        let lost = Answer::Posted(Err(Failure::Unavailable(0)));
        if self.faults && self.dice.chance(10) {
            return lost; // The request is lost; the page does not know.
        }
        self.relay.post(body);
        if self.faults && self.dice.chance(10) {
            return lost; // The answer is lost.
        }
        Answer::Posted(Ok(()))
    }

    /// No tag is ever used for two cells, whether the relay hears of them or
    /// not: a tag is a counter under a key.
    fn leaves(&mut self, body: &[u8]) {
        self.history.update(body);
        for entry in post::decode(body, self.relay.size, self.relay.buckets).unwrap() {
            let digest = entry.cell.sha256();
            let first = *self.tags.entry(entry.cell.tag()).or_insert(digest);
            assert_eq!(first, digest, "one tag, two cells");
            self.outcome.cells += 1;
        }
    }

    pub(crate) fn commit<T>(&mut self, person: usize, effects: Effects<T>) -> Result<T, Killed> {
        self.may_be_killed(person)?;
        let value = self.commit_now(person, effects);
        self.may_be_killed(person)?;
        Ok(value)
    }
}
