//! What a page does, step by step, in the order of `pkg/src`: between any two
//! steps it may be killed.

use crate::{
    common::bucket_of,
    people::Sent,
    plan::Withholding,
    world::{Killed, Step, World},
};
use sha2::Digest as _;
use tessera::{
    base::ErrorCode,
    client::{ClientError, Download, Effects, Mailbox, Outgoing, Post},
    wire::{BatchHeader, post},
};

/// A post without an answer is repeated as it was for this long.
const REPEAT_SECONDS: u64 = 12 * 3_600;

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
        let page = &mut self.people[person];
        let unanswered = page.unanswered.as_ref();
        let in_flight = unanswered.map_or(Vec::new(), |(post, _)| post.tokens.clone());
        let client = &mut page.person.client;
        let effects = match client.cancel(id, &in_flight, now, &mut self.dice) {
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

    /// Lets time pass, and seals again what waited too long.
    pub(crate) fn tick(&mut self, person: usize) -> Step {
        let now = self.clock(person);
        let effects = self.people[person].person.client.tick(now);
        let overdue = self.commit(person, effects)?;
        if !self.people[person].person.client.has_overdue(now) {
            return Ok(());
        }
        let mut bodies = Vec::new();
        for id in overdue {
            self.may_be_killed(person)?;
            bodies.push((id, self.people[person].person.body(id)));
        }
        let bodies: Vec<_> = bodies
            .iter()
            .map(|(id, body)| (*id, body.as_slice().into()))
            .collect();
        let client = &mut self.people[person].person.client;
        let effects = client.reseal(&bodies, now, &mut self.dice);
        self.outcome.resealed += 1;
        self.commit(person, effects)
    }

    /// Both mailboxes: always whole batches, always all of them.
    pub(crate) fn pull(&mut self, person: usize) -> Step {
        let now = self.clock(person);
        let info = self.relay.info();
        let client = &mut self.people[person].person.client;
        let effects = client.configure(&info, now).unwrap();
        self.commit(person, effects)?;
        for mailbox in [Mailbox::Own, Mailbox::Lobby] {
            self.may_be_killed(person)?;
            self.pull_mailbox(person, mailbox)?;
        }
        self.people[person].last_pull = self.now;
        Ok(())
    }

    fn pull_mailbox(&mut self, person: usize, mailbox: Mailbox) -> Step {
        let now = self.clock(person);
        let bucket = bucket_of(&self.people[person].person.client, mailbox);
        // An index may come out of a cache.
        let newest = self.relay.epoch - u64::from(self.faults && self.dice.chance(10));
        let withheld = &self.withheld;
        let listed = |h: &BatchHeader| !withheld.contains(&h.epoch) && h.epoch <= newest;
        let index = self.relay.index_of(bucket, listed);
        let client = &mut self.people[person].person.client;
        let planned = client.plan_pull(mailbox, &index, now).unwrap();
        let mut plan = self.commit(person, planned)?;
        let unruly = self.faults && self.plan.withholding == Withholding::Late;
        if unruly && self.dice.chance(10) {
            self.dice.shuffle(&mut plan);
        }
        for batch in plan {
            self.may_be_killed(person)?;
            if unruly && self.dice.chance(3) {
                continue; // The relay does not have it now.
            }
            let bytes = self.relay.batch(&batch);
            if self.altered.contains(&batch.epoch) {
                self.take_altered(person, mailbox, &bytes);
                self.outcome.altered += 1;
                continue;
            }
            if self.plan.adversary && self.dice.chance(3) {
                self.take_altered(person, mailbox, &bytes);
            }
            self.take_batch(person, mailbox, &batch, &bytes)?;
            if self.faults && self.dice.chance(3) {
                // The same answer once more.
                self.take_batch(person, mailbox, &batch, &bytes)?;
            }
        }
        Ok(())
    }

    fn take_batch(
        &mut self,
        person: usize,
        mailbox: Mailbox,
        batch: &Download,
        bytes: &[u8],
    ) -> Step {
        let now = self.clock(person);
        let client = &mut self.people[person].person.client;
        let received = client.receive(batch, bytes, now, &mut self.dice);
        self.may_be_killed(person)?;
        self.commit_now(person, received.unwrap());
        if mailbox == Mailbox::Own {
            let read = &mut self.people[person].read;
            read.insert((batch.origin.clone(), batch.epoch));
        }
        self.may_be_killed(person)
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

    /// One slot; one without an answer is repeated as it was.
    pub(crate) fn post(&mut self, person: usize) -> Step {
        self.seal_ahead(person)?;
        let now = self.clock(person);
        let waiting = self.people[person].unanswered.take();
        let waiting = waiting.filter(|(_, since)| now.0.saturating_sub(*since) <= REPEAT_SECONDS);
        let (post, since) = match waiting {
            Some(waiting) => waiting,
            None => {
                let client = &self.people[person].person.client;
                // Before the first look at the relay there is nothing to post.
                let Ok(post) = client.next_slot(now, &mut self.dice) else {
                    return Ok(());
                };
                (post, now.0)
            }
        };
        self.people[person].unanswered = Some((post.clone(), since));
        if self.deliver(person, &post)? {
            self.people[person].unanswered = None;
        }
        self.post_to_lobby(person)
    }

    /// Cells for the lobby, which no slot carries.
    fn post_to_lobby(&mut self, person: usize) -> Step {
        let now = self.clock(person);
        let client = &self.people[person].person.client;
        if let Some(post) = client.next_lobby_post(now).unwrap() {
            self.deliver(person, &post)?;
        }
        Ok(())
    }

    /// The whole queue at once.
    pub(crate) fn flush(&mut self, person: usize) -> Step {
        let now = self.clock(person);
        loop {
            self.seal_ahead(person)?;
            let client = &self.people[person].person.client;
            let Some(post) = client.next_flush(now, &mut self.dice).unwrap() else {
                self.people[person].unanswered = None;
                return Ok(());
            };
            self.deliver(person, &post)?;
        }
    }

    /// Seals the next cells of large messages from their stored pieces.
    fn seal_ahead(&mut self, person: usize) -> Step {
        let now = self.clock(person);
        while let Some(wanted) = self.people[person].person.client.pieces_needed(now) {
            let keys = self.people[person].person.client.body_keys(wanted.message);
            let keys = keys.unwrap();
            self.may_be_killed(person)?;
            let stored: Vec<_> = wanted
                .pieces
                .iter()
                .map(|n| {
                    (
                        *n,
                        self.people[person].person.store[&keys[*n as usize].to_string()].clone(),
                    )
                })
                .collect();
            let pieces = stored.iter().map(|(n, piece)| (*n, piece.as_slice()));
            let client = &mut self.people[person].person.client;
            let effects = client.seal_more(wanted.message, &pieces.collect(), now, &mut self.dice);
            self.commit(person, effects)?;
        }
        Ok(())
    }

    /// Whether there was an answer.
    fn deliver(&mut self, person: usize, post: &Post) -> Result<bool, Killed> {
        self.may_be_killed(person)?;
        self.leaves(post);
        if self.faults && self.dice.chance(10) {
            return Ok(false); // The request is lost; the page does not know.
        }
        self.relay.post(&post.body);
        if self.faults && self.dice.chance(10) {
            return Ok(false); // The answer is lost.
        }
        self.may_be_killed(person)?;
        let now = self.clock(person);
        for _ in 0..1 + u8::from(self.faults && self.dice.chance(5)) {
            let effects = self.people[person].person.client.posted(&post.tokens, now);
            self.commit(person, effects)?;
        }
        Ok(true)
    }

    /// No tag is ever used for two cells, whether the relay hears of them or
    /// not: a tag is a counter under a key.
    fn leaves(&mut self, post: &Post) {
        self.history.update(&post.body);
        for entry in post::decode(&post.body, self.relay.size, self.relay.buckets).unwrap() {
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
