//! One person's client, with the store that outlives it.

use std::collections::{BTreeMap, HashSet};

use crate::{START, URL, dice::Dice};
use tessera::{
    base::UnixTime,
    client::{Client, ContactId, Effects, Event, Gap, Post},
};
use zeroize::Zeroizing;

pub(crate) struct Person {
    pub(crate) client: Client,
    pub(crate) store: BTreeMap<String, Zeroizing<Vec<u8>>>,
    pub(crate) contacts: BTreeMap<usize, ContactId>,
    pub(crate) skew: i64,
    /// A slot without an answer, and when it was first sent.
    pub(crate) unanswered: Option<(Post, u64)>,
    pub(crate) refused: Vec<String>,
    pub(crate) missing: HashSet<(String, u64)>,
    pub(crate) gaps_told: usize,
}

impl Person {
    pub(crate) fn new(number: usize, dice: &mut Dice) -> Self {
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

    pub(crate) fn commit<T>(&mut self, effects: Effects<T>) -> T {
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

    pub(crate) fn take_gap(&mut self, gap: &Gap) {
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

    pub(crate) fn restart(&mut self) {
        self.unanswered = None;
        let records: Vec<_> = self
            .store
            .iter()
            .filter(|(key, _)| key.starts_with("s/") || key.starts_with("m/"))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        self.client = Client::load(&records).unwrap();
    }

    pub(crate) fn active(&self) -> usize {
        self.client
            .contacts()
            .iter()
            .filter(|contact| contact.state == "active")
            .count()
    }
}
