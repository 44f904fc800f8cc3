//! What a page shows once it is committed, and what is noted of it.

use crate::world::World;
use sha2::{Digest as _, Sha256};
use tessera::{
    client::{ContactId, Effects, Event, Gap, MessageRef, StoreKey},
    vault::stored::{self, MessageRecord, MessagesRecord},
};

impl World {
    /// Commits and shows.
    pub(crate) fn commit_now<T>(&mut self, person: usize, effects: Effects<T>) -> T {
        let value = self.people[person].person.commit(effects);
        for event in std::mem::take(&mut self.people[person].person.events) {
            self.shows(person, event);
        }
        value
    }

    fn shows(&mut self, person: usize, event: Event) {
        if self.verbose {
            eprintln!("{} {person}: {:.300}", self.now, format!("{event:?}"));
        }
        match event {
            Event::Message { message } if message.state == "verified" => {
                let text = self.people[person].person.body(message.id);
                let text = String::from_utf8(text).unwrap();
                self.history.update(Sha256::digest(&text));
                self.outcome.shown += 1;
                let (link, end) = self.end_at(person, message.contact_id).unwrap();
                self.links[link].ends[end].shown.push(text);
            }
            Event::State { message } if message.state == "delivered" => {
                self.check_delivered(person, message.id);
            }
            Event::Rejected(refusal) => {
                self.people[person].refused.push(refusal.code);
                self.outcome.refused += 1;
            }
            Event::Gap(gap) => self.shows_gap(person, gap),
            Event::Contact { contact } => self.learns_of(person, &contact),
            _ => {}
        }
    }

    fn shows_gap(&mut self, person: usize, gap: Gap) {
        let actor = &mut self.people[person];
        match gap {
            Gap::Sequence {
                contact_id,
                from,
                to,
                closed,
            } => {
                for seq in from..=to {
                    let number = (contact_id, seq);
                    if closed {
                        assert!(actor.missing.remove(&number), "closed and never reported");
                    } else {
                        assert!(actor.missing.insert(number), "reported twice");
                    }
                }
            }
            Gap::Batches {
                from,
                to,
                lobby: false,
                closed,
            } => {
                actor.breaks.push((from.unwrap_or(0), to, closed));
                self.outcome.breaks_told += 1;
            }
            Gap::Origin { lobby: false, .. } => actor.new_origins += 1,
            _ => {}
        }
    }

    /// The ends of links that a person has, removed ones left out.
    pub(crate) fn ends_of(&self, person: usize) -> impl Iterator<Item = (usize, usize)> {
        let all = (0..self.links.len()).flat_map(|link| [(link, 0), (link, 1)]);
        all.filter(move |&(link, end)| {
            let end = &self.links[link].ends[end];
            end.person == person && !end.removed
        })
    }

    pub(crate) fn end_at(&self, person: usize, contact: ContactId) -> Option<(usize, usize)> {
        self.ends_of(person)
            .find(|&(link, end)| self.links[link].ends[end].contact == Some(contact))
    }

    pub(crate) fn record(&self, person: usize, message: MessageRef) -> MessageRecord {
        let key = StoreKey::Messages(message.page()).to_string();
        let page: MessagesRecord = stored::decode(&self.people[person].person.store[&key]).unwrap();
        let mut messages = page.messages.into_iter();
        let found = messages.find(|(ordinal, _)| *ordinal == message.ordinal);
        found.unwrap().1
    }
}
