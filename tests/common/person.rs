//! One person: the engine, and a store that outlives it.

use std::collections::BTreeMap;

use super::{NOW, URL, rng};
use rand_core::CryptoRng;
use tessera::{
    audit::Head,
    client::{Client, Effects, Event, MessageRef, Round, StoreKey},
};
use zeroize::Zeroizing;

pub(crate) struct Person {
    pub(crate) client: Client,
    pub(crate) round: Round,
    /// The monotonic clock, as far as rounds have read it.
    pub(crate) ticks: u64,
    /// Opened records; sealing them is the vault's own matter.
    pub(crate) store: BTreeMap<String, Zeroizing<Vec<u8>>>,
    /// All that was reported, oldest first.
    pub(crate) events: Vec<Event>,
    /// Bitmaps of light reading, where it is on.
    pub(crate) queries: Option<u8>,
    /// What the host says about other members, and the mirror.
    pub(crate) members: (Option<Vec<String>>, Option<String>),
}

impl Person {
    pub(crate) fn new(name: &str) -> Self {
        Self::create(name, &mut rng())
    }

    pub(crate) fn create(name: &str, rng: &mut impl CryptoRng) -> Self {
        let (mut client, changes) = Client::create(name, URL, NOW, rng).unwrap();
        client.set_receipt_delay(0).unwrap();
        let mut person = Self {
            client,
            round: Round::default(),
            ticks: 0,
            store: BTreeMap::new(),
            events: Vec::new(),
            queries: None,
            members: (None, None),
        };
        person.commit(Effects {
            changes,
            events: Vec::new(),
            value: (),
        });
        person
    }

    /// The same store, opened on its own.
    pub(crate) fn reopened(&self) -> Self {
        let records: Vec<_> = self.stored_state().into_iter().collect();
        let mut client = Client::load(&records).unwrap();
        client.set_receipt_delay(0).unwrap();
        Self {
            client,
            round: Round::default(),
            ticks: 0,
            store: self.store.clone(),
            events: Vec::new(),
            queries: None,
            members: (None, None),
        }
    }

    /// Reads the own bucket by its tags from now on.
    pub(crate) fn read_light(&mut self, queries: u8) {
        self.queries = Some(queries);
        self.client.read_light(self.queries).unwrap();
    }

    /// What the host says about other members, from now on.
    pub(crate) fn set_members(&mut self, members: Option<Vec<String>>, mirror: Option<&str>) {
        self.members = (members, mirror.map(str::to_owned));
        let (members, mirror) = self.members.clone();
        self.client.set_members(members, mirror);
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

    /// What the store holds of the client's state.
    pub(crate) fn stored_state(&self) -> BTreeMap<String, Zeroizing<Vec<u8>>> {
        let state = self.store.iter();
        state
            .filter(|(key, _)| key.starts_with("s/") || key.starts_with("m/"))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    }

    /// Everything in memory is as the store has it.
    pub(crate) fn assert_memory_is_stored(&self) {
        let stored = self.stored_state();
        let mut memory: BTreeMap<_, _> = self.client.records().into_iter().collect();
        // Written once they differ from what every new client has.
        for key in ["s/settings", "s/recovery"] {
            if !stored.contains_key(key) {
                memory.remove(key);
            }
        }
        let keys = |records: &BTreeMap<String, _>| records.keys().cloned().collect::<Vec<_>>();
        assert_eq!(keys(&memory), keys(&stored));
        for (key, bytes) in &memory {
            assert!(*bytes == stored[key], "{key} is not as it is stored");
        }
    }

    /// Forgets everything that is not in the store.
    pub(crate) fn restart(&mut self) {
        let records: Vec<_> = self.stored_state().into_iter().collect();
        self.client = Client::load(&records).unwrap();
        self.client.set_receipt_delay(0).unwrap();
        self.client.read_light(self.queries).unwrap();
        let (members, mirror) = self.members.clone();
        self.client.set_members(members, mirror);
        self.round = Round::default();
        self.ticks = 0;
    }

    /// The audit log, walked from its first entry in the store to where it
    /// should end: the records, in order.
    pub(crate) fn log(&self) -> Vec<serde_json::Value> {
        let mut at = Head::GENESIS;
        let mut records = Vec::new();
        while at != self.client.journal().head() {
            let stored = &self.store[&StoreKey::LogEntry(at.len()).to_string()];
            let (entry, next) = self.client.journal().replay(at, stored).unwrap();
            records.push(serde_json::from_str(entry.record()).unwrap());
            at = next;
        }
        assert!(
            !self
                .store
                .contains_key(&StoreKey::LogEntry(at.len()).to_string())
        );
        records
    }

    /// The stored body of a message, its pieces put together.
    pub(crate) fn body(&self, message: MessageRef) -> Vec<u8> {
        let keys = self.client.body_keys(message).unwrap();
        keys.iter()
            .flat_map(|key| self.store[&key.to_string()].to_vec())
            .collect()
    }
}
