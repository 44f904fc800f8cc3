//! What must hold, whatever failed. Two more checks stand where they apply:
//! no tag is used for two cells (`page.rs`), and nobody honest becomes
//! suspect (`enrolment.rs`).

use std::collections::BTreeMap;

use crate::{
    common::bucket_of,
    people::{Actor, End, Sent},
    plan::{Restart, Withholding},
    world::World,
};
use tessera::client::{Mailbox, MessageRef, MessageState};

impl World {
    pub(crate) fn check(&mut self) {
        for link in 0..self.links.len() {
            for from in [0, 1] {
                self.check_direction(link, from);
            }
        }
        for person in 0..self.people.len() {
            self.check_stored(person);
            self.check_breaks(person);
            self.check_refusals(&self.people[person]);
        }
    }

    /// "Delivered" is only ever said of what was shown.
    pub(crate) fn check_delivered(&self, person: usize, id: MessageRef) {
        let (link, end) = self.end_at(person, id.contact).unwrap();
        let [from, to] = [end, 1 - end].map(|end| &self.links[link].ends[end]);
        let sent = from.sent.iter().find(|sent| sent.id == id).unwrap();
        assert!(
            to.shown.contains(&sent.text),
            "{id} is said to have arrived"
        );
    }

    /// What one of two people wrote to the other.
    fn check_direction(&mut self, link: usize, from: usize) {
        let met = self.is_active(link);
        let over = self.links[link].is_over();
        let seed = self.plan.seed;
        let [from, to] = [from, 1 - from].map(|end| &self.links[link].ends[end]);
        let what = format!("seed {seed}: {} to {}", from.person, to.person);

        let mut times = BTreeMap::<&str, usize>::new();
        for text in &to.shown {
            *times.entry(text).or_default() += 1;
        }
        for (text, times) in &times {
            assert_eq!(*times, 1, "{what}: shown twice: {text:.20}");
            let sent = from.sent.iter().any(|sent| sent.text == **text);
            assert!(sent, "{what}: shown and never sent: {text:.20}");
        }
        if self.plan.ordered() {
            let mut sent = from.sent.iter();
            let ordered = to.shown.iter().all(|text| sent.any(|s| s.text == *text));
            assert!(ordered, "{what}: out of order");
        }
        if over || !met {
            return;
        }
        let missing = |sent: &&Sent| !times.contains_key(&*sent.text) && !sent.taken_back;
        let lost: Vec<_> = from.sent.iter().filter(missing).collect();
        let reader = &self.people[to.person];
        for sent in &lost {
            let number = (to.contact.unwrap(), sent.seq);
            let reported = reader.missing.contains(&number);
            assert!(
                reported,
                "{what}: number {} is lost, and nobody was reported",
                sent.seq
            );
        }
        if self.plan.lossless() {
            assert!(lost.is_empty(), "{what}: {} lost", lost.len());
            let mut missing = reader
                .missing
                .iter()
                .filter(|(id, _)| Some(*id) == to.contact);
            assert_eq!(missing.next(), None, "{what}: said to be missing");
        }
        self.check_states(from, &times, &what);
        self.outcome.lost += lost.len() as u64;
    }

    /// In the end a message is delivered, or said not to be.
    fn check_states(&self, from: &End, shown: &BTreeMap<&str, usize>, what: &str) {
        for sent in &from.sent {
            let state = self.record(from.person, sent.id).state;
            let arrived = shown.contains_key(&*sent.text);
            match state {
                // A receipt may come for what was taken back too late.
                MessageState::Cancelled => assert!(sent.taken_back, "{what}: taken back, it says"),
                MessageState::Delivered => assert!(arrived, "{what}: delivered, it says"),
                MessageState::Undelivered => {
                    assert!(!self.plan.lossless(), "{what}: undelivered, it says")
                }
                other => panic!("{what}: after a week in state {other:?}"),
            }
        }
    }

    /// What was shown is what a restarted portal lists.
    fn check_stored(&mut self, person: usize) {
        self.people[person].person.assert_memory_is_stored();
        self.people[person].person.restart();
        let actor = &self.people[person].person;
        for (link, end) in self.ends_of(person) {
            let end = &self.links[link].ends[end];
            let Some(contact) = end.contact else { continue };
            let messages = actor.client.messages(contact, None, usize::MAX).unwrap();
            let mut stored: Vec<_> = messages
                .iter()
                .filter(|message| message.state == "verified")
                .map(|message| actor.body(message.id))
                .collect();
            let mut shown: Vec<_> = end
                .shown
                .iter()
                .map(|text| text.clone().into_bytes())
                .collect();
            // What was held is listed where it arrived, and was shown when it was released.
            stored.sort_unstable();
            shown.sort_unstable();
            assert!(stored == shown, "what is listed is what was shown");
        }
    }

    /// Every batch that the relay left out between two that were read was
    /// reported, and nothing was reported that was not so.
    fn check_breaks(&self, person: usize) {
        let actor = &self.people[person];
        let bucket = bucket_of(&actor.person.client, Mailbox::Own);
        let reported = |epoch: u64| {
            let mut breaks = actor.breaks.iter();
            breaks.any(|(from, to, closed)| !closed && *from < epoch && epoch < *to)
        };
        for (header, _) in self.relay.batches(bucket) {
            let origin = header.origin.to_string();
            let read = |epoch| actor.read.contains(&(origin.clone(), epoch));
            let mut epochs = actor.read.iter().filter(|(o, _)| *o == origin);
            let earlier = epochs.clone().any(|(_, epoch)| *epoch < header.epoch);
            let later = epochs.any(|(_, epoch)| *epoch > header.epoch);
            if earlier && later && !read(header.epoch) {
                assert!(
                    reported(header.epoch),
                    "seed {}: epoch {} is missing",
                    self.plan.seed,
                    header.epoch
                );
            }
        }
        if self.plan.withholding == Withholding::Never && self.plan.restart != Restart::Restored {
            assert!(actor.breaks.is_empty(), "{:?}", actor.breaks);
        }
        let moved = usize::from(self.plan.restart == Restart::Restored);
        assert_eq!(actor.new_origins, moved, "a new key is reported once");
    }

    /// Nothing honest is refused, but for what is left of messages that were
    /// sealed again, and for invitations that ran out.
    fn check_refusals(&self, actor: &Actor) {
        for code in &actor.refused {
            let expected = match *code {
                "MESSAGE_INCOMPLETE" | "INVITATION_EXPIRED" => true,
                "NOT_AUTHENTIC" => self.plan.adversary,
                "BATCH_INVALID" => self.plan.adversary || !self.altered.is_empty(),
                // Over months also a message that waited for longer than retention.
                "REPLAYED" => {
                    self.plan.adversary
                        || self.plan.months
                        || self.plan.restart == Restart::Restored
                }
                "STALE" => self.plan.months && self.plan.withholding == Withholding::Late,
                _ => false,
            };
            assert!(expected, "seed {}: refused: {code}", self.plan.seed);
        }
    }
}
