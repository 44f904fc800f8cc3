//! What fails, and what that answers.

use tessera::{
    client::{Answer, Ask, Event, Failure, Gap, Mailbox},
    vault::stored::{self, QueuedRecord},
    wire::{Cell, paths, post},
};

use super::clinic::{Clinic, Written};
use crate::common::bucket_of;

/// What fails for good, for the first of the people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
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

impl Clinic {
    /// What the fault answers, if it concerns the ask.
    pub(super) fn fails(&mut self, ask: &Ask) -> Option<Answer> {
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
    pub(super) fn break_down(&mut self, fault: Fault) {
        match fault {
            Fault::Cell(_) => {
                self.message = self.write(0, 1, "in the cell that is refused");
                let key = self.people[0]
                    .person
                    .store
                    .keys()
                    .rfind(|key| key.starts_with("s/q/"));
                let record = &self.people[0].person.store[key.unwrap()];
                let queued: QueuedRecord = stored::decode(record).unwrap();
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
    pub(super) fn reports(&self, fault: Fault) -> usize {
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

    pub(super) fn state(&self, written: &Written) -> &'static str {
        self.people[written.from].person.state(written.id)
    }

    /// Between these people messages arrive although this fails.
    pub(super) fn is_unaffected(fault: Fault, written: &Written) -> bool {
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
