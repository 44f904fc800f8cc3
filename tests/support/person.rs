//! One person: the engine, and a store that outlives it.

use std::collections::BTreeMap;

use super::{NOW, URL, rng};
use rand_core::CryptoRng;
use tessera::{
    audit::Head,
    client::{Client, Effects, Event, log_key, parse_message_id},
};
use zeroize::Zeroizing;

pub(crate) struct Person {
    pub(crate) client: Client,
    /// Opened records; sealing them is the vault's own matter.
    pub(crate) store: BTreeMap<String, Zeroizing<Vec<u8>>>,
    /// All that was told, oldest first.
    pub(crate) events: Vec<Event>,
}

impl Person {
    pub(crate) fn new(name: &str) -> Self {
        Self::create(name, &mut rng())
    }

    pub(crate) fn create(name: &str, rng: &mut impl CryptoRng) -> Self {
        let (client, changes) = Client::create(name, URL, NOW, rng).unwrap();
        let mut person = Self {
            client,
            store: BTreeMap::new(),
            events: Vec::new(),
        };
        person.commit(Effects {
            changes,
            events: Vec::new(),
            value: (),
        });
        person
    }

    /// One transaction; then its events are shown.
    pub(crate) fn commit<T>(&mut self, effects: Effects<T>) -> T {
        for (key, value) in effects.changes {
            match value {
                Some(bytes) => self.store.insert(key, bytes),
                None => self.store.remove(&key),
            };
        }
        self.events.extend(effects.events);
        effects.value
    }

    /// Forgets everything that is not in the store.
    pub(crate) fn restart(&mut self) {
        let records: Vec<_> = self
            .store
            .iter()
            .filter(|(key, _)| key.starts_with("s/") || key.starts_with("m/"))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        self.client = Client::load(&records).unwrap();
    }

    /// The audit log, walked from its first entry in the store to where it
    /// should end: the records, in order.
    pub(crate) fn log(&self) -> Vec<serde_json::Value> {
        let mut at = Head::GENESIS;
        let mut records = Vec::new();
        while at != self.client.log_head() {
            let stored = &self.store[&log_key(at.len())];
            let (entry, next) = self.client.replay_entry(at, stored).unwrap();
            records.push(serde_json::from_str(entry.record()).unwrap());
            at = next;
        }
        assert!(!self.store.contains_key(&log_key(at.len())));
        records
    }

    /// The stored body of a message, its pieces put together.
    pub(crate) fn body(&self, message: &str) -> Vec<u8> {
        let (contact, ordinal) = parse_message_id(message).unwrap();
        let keys = self.client.readable(contact, ordinal).unwrap();
        keys.iter()
            .flat_map(|key| self.store[key].to_vec())
            .collect()
    }
}
