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
    client::{Answer, Ask, ClientError, Clock, Effects, Failure, Mailbox, Outgoing, Task},
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
            content_type: "text/plain",
            body: text.as_bytes().into(),
            filename: None,
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
        let client = &mut self.people[person].person.client;
        let effects = match client.cancel(id, now, &mut self.dice) {
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
        self.sync(person, &[Task::Own], false)
    }

    /// Both mailboxes: always whole batches, always all of them.
    pub(crate) fn pull(&mut self, person: usize) -> Step {
        self.sync(person, &[Task::Info, Task::Own, Task::Lobby], false)?;
        self.people[person].last_pull = self.now;
        Ok(())
    }

    /// One slot; one without an answer is repeated as it was.
    pub(crate) fn post(&mut self, person: usize) -> Step {
        self.sync(person, &[Task::Slot], false)
    }

    /// The whole queue at once.
    pub(crate) fn flush(&mut self, person: usize) -> Step {
        self.sync(person, &[Task::Slot], true)
    }

    /// Does what the client's rounds ask for, with a relay that fails.
    fn sync(&mut self, person: usize, tasks: &[Task], flush: bool) -> Step {
        let clock = Clock {
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
            // Being killed at another time is being killed before the next of these.
            let counts = !effects.changes.is_empty() || matches!(effects.value, Ask::Post { .. });
            if counts {
                self.may_be_killed(person)?;
            }
            let ask = self.commit_now(person, effects);
            if let Some(read) = opening.take() {
                self.people[person].read.insert(read);
            }
            if counts {
                self.may_be_killed(person)?;
            }
            answer = match &ask {
                Ask::Synced(_) => return Ok(()),
                Ask::Get(path) => Some(self.index_or_info(path)),
                Ask::Keep { path, .. } => Some(self.download(person, path)),
                Ask::HandOver(path) => {
                    opening = self.own_batch(person, path);
                    let bytes = self.relay.get(path, |_| true);
                    Some(Answer::Got(bytes.ok_or(Failure::Missing)))
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

    fn download(&mut self, person: usize, path: &str) -> Answer {
        let unruly = self.faults && self.plan.withholding == Withholding::Late;
        if unruly && self.dice.chance(3) {
            // The relay does not have it now, or does not send all of it.
            let failures = [Failure::Missing, Failure::Missing, Failure::Unavailable(0)];
            let failure = *self.dice.pick(&failures);
            return Answer::Kept(Err(failure));
        }
        let bytes = self.relay.get(path, |_| true).unwrap();
        if self.plan.adversary && self.dice.chance(3) {
            let mailbox = match self.own_batch(person, path) {
                Some(_) => Mailbox::Own,
                None => Mailbox::Lobby,
            };
            self.take_altered(person, mailbox, &bytes);
        }
        Answer::Kept(Ok(bytes.len() as u64))
    }

    /// The origin and epoch of a batch of the own bucket.
    fn own_batch(&self, person: usize, path: &str) -> Option<(String, u64)> {
        let bucket = bucket_of(&self.people[person].person.client, Mailbox::Own);
        let mut parts = path
            .strip_prefix(&format!("/v1/buckets/{bucket}/batches/"))?
            .split('/');
        let origin = parts.next().unwrap().to_owned();
        Some((origin, parts.next().unwrap().parse().unwrap()))
    }

    /// One bit of a batch is not as it was signed: nothing of it is taken.
    fn take_altered(&mut self, person: usize, mailbox: Mailbox, bytes: &[u8]) {
        let mut altered = bytes.to_vec();
        let at = self.dice.below(altered.len());
        altered[at] ^= 1 << self.dice.below(8);
        let now = self.clock(person);
        let client = &mut self.people[person].person.client;
        let refused = client.receive_batch(mailbox, &altered, now, &mut self.dice);
        assert_eq!(refused.unwrap_err().code(), ErrorCode::BatchInvalid);
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
