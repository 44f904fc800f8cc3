//! A relay and people to talk over it.

use std::collections::{BTreeMap, BTreeSet};

use tessera::{
    base::UnixTime,
    client::{
        Client, ClientError, ContactId, ContactView, Effects, Event, Mailbox, Outgoing, Received,
        parse_message_id,
    },
    enrolment::Kind,
    wire::{
        Batch, BatchHeader, BucketCount, BucketId, Cell, CellSize, OriginKey, batch::BatchPlace,
        cover_cell, post,
    },
};
use zeroize::Zeroizing;

pub(crate) const NOW: UnixTime = UnixTime(1_795_300_000);
pub(crate) const EPOCH: u64 = 1_800;
pub(crate) const URL: &str = "https://relay.example";

pub(crate) fn rng() -> rand_core::UnwrapErr<getrandom::SysRng> {
    rand_core::UnwrapErr(getrandom::SysRng)
}

/// Batches of one origin, as a relay publishes them; nothing else of one.
pub(crate) struct Relay {
    pub(crate) key: OriginKey,
    pub(crate) buckets: BucketCount,
    pub(crate) size: CellSize,
    pub(crate) epoch: u64,
    /// Each cell is stored once.
    pub(crate) known: BTreeSet<[u8; 32]>,
    pub(crate) pending: BTreeMap<u32, Vec<Cell>>,
    pub(crate) published: BTreeMap<u32, Vec<(BatchHeader, Vec<u8>)>>,
}

impl Relay {
    pub(crate) fn new() -> Self {
        Self {
            key: OriginKey::generate(&mut rng()),
            buckets: BucketCount::try_from(4).unwrap(),
            size: CellSize::DEFAULT,
            epoch: NOW.0 / EPOCH,
            known: BTreeSet::new(),
            pending: BTreeMap::new(),
            published: BTreeMap::new(),
        }
    }

    pub(crate) fn info(&self) -> String {
        format!(
            r#"{{"protocol":1,"origin":"{}","buckets":4,"cell_size":{},"epoch_seconds":1800,
            "lobby":{{"epoch_seconds":15,"cells":16,"retention_seconds":86400}},
            "retention_seconds":5184000,"slot_cells":4,"max_attachment_bytes":16777216,
            "cover":{{"mechanism":"fixed"}},"time":{}}}"#,
            self.key.origin(),
            self.size.get(),
            NOW.0
        )
    }

    pub(crate) fn post(&mut self, body: &[u8]) {
        for entry in post::decode(body, self.size, self.buckets).unwrap() {
            if !self.known.insert(entry.cell.sha256()) {
                continue;
            }
            self.pending
                .entry(entry.bucket.get())
                .or_default()
                .push(entry.cell);
        }
    }

    pub(crate) fn close(&mut self) -> UnixTime {
        self.epoch += 1;
        let closed_at = UnixTime(self.epoch * EPOCH);
        let all: Vec<BucketId> = self.buckets.numbered().chain([BucketId::LOBBY]).collect();
        for bucket in all {
            let mut cells = self.pending.remove(&bucket.get()).unwrap_or_default();
            cells.extend((0..3).map(|_| cover_cell(self.size, &mut rng())));
            cells.reverse();
            let chain = self.published.entry(bucket.get()).or_default();
            let prev = chain
                .last()
                .map_or(BatchHeader::NO_PREV, |(header, _)| header.hash());
            let place = BatchPlace {
                bucket,
                epoch: self.epoch,
                closed_at,
                prev,
            };
            chain.push(Batch::build(&place, &cells, self.size, &self.key).unwrap());
        }
        closed_at
    }

    pub(crate) fn index(&self, bucket: u32) -> String {
        let batches: Vec<String> = self
            .published
            .get(&bucket)
            .into_iter()
            .flatten()
            .map(|(h, _)| {
                format!(
                    r#"{{"origin":"{}","epoch":{},"count":{},"digest":"{}"}}"#,
                    h.origin, h.epoch, h.count, h.digest
                )
            })
            .collect();
        format!(
            r#"{{"oldest":null,"batches":[{}],"segments":[]}}"#,
            batches.join(",")
        )
    }
}

/// A person: the engine, and a store that outlives it.
pub(crate) struct Person {
    pub(crate) client: Client,
    pub(crate) store: BTreeMap<String, Zeroizing<Vec<u8>>>,
    pub(crate) events: Vec<Event>,
}

impl Person {
    pub(crate) fn new(name: &str) -> Self {
        let (client, changes) = Client::create(name, URL, NOW, &mut rng()).unwrap();
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

    pub(crate) fn pull(&mut self, relay: &Relay, now: UnixTime) -> Received {
        let mut all = Received::default();
        let configured = self.client.configure(&relay.info()).unwrap();
        self.commit(configured);
        for mailbox in [Mailbox::Own, Mailbox::Lobby] {
            let path = self.client.index_path(mailbox).unwrap();
            let bucket = path.split('/').nth(3).unwrap();
            let bucket = if bucket == "lobby" {
                BucketId::LOBBY.get()
            } else {
                bucket.parse().unwrap()
            };
            let planned = self
                .client
                .plan_pull(mailbox, &relay.index(bucket))
                .unwrap();
            for batch in self.commit(planned) {
                let bytes = &relay.published[&bucket]
                    .iter()
                    .find(|(h, _)| h.epoch == batch.epoch)
                    .unwrap()
                    .1;
                let effects = self
                    .client
                    .receive_batch(mailbox, bytes, now, &mut rng())
                    .unwrap();
                let received = self.commit(effects);
                all.messages.extend(received.messages);
                all.rejected.extend(received.rejected);
                all.gaps.extend(received.gaps);
            }
        }
        all
    }

    pub(crate) fn post(&mut self, relay: &mut Relay) {
        let now = UnixTime(relay.epoch * EPOCH + 60);
        loop {
            self.seal_wanted(now);
            let Some(post) = self.client.next_flush(now).unwrap() else {
                return;
            };
            relay.post(&post.body);
            let effects = self.client.posted(&post.tokens);
            self.commit(effects);
        }
    }

    /// Seals the next cells of large messages from the stored pieces.
    pub(crate) fn seal_wanted(&mut self, now: UnixTime) {
        while let Some(wanted) = self.client.wanted(now) {
            let (contact, ordinal) = (wanted.contact, wanted.ordinal);
            let keys = self.client.readable(contact, ordinal).unwrap();
            let stored: Vec<_> = wanted
                .pieces
                .iter()
                .filter_map(|n| Some((*n, self.store.get(&keys[*n as usize])?.clone())))
                .collect();
            let pieces = stored
                .iter()
                .map(|(n, piece)| (*n, piece.as_slice()))
                .collect();
            let effects = self
                .client
                .seal_more(contact, ordinal, &pieces, now, &mut rng());
            self.commit(effects);
        }
    }

    pub(crate) fn contact(&self) -> ContactView {
        self.client.contacts().pop().unwrap()
    }

    pub(crate) fn send(
        &mut self,
        to: ContactId,
        text: &str,
        now: UnixTime,
    ) -> Result<String, ClientError> {
        let outgoing = Outgoing {
            content_type: "text/plain",
            body: text.as_bytes().into(),
            filename: None,
            session: "visit-7421",
        };
        let effects = self.client.send(to, outgoing, now, &mut rng())?;
        Ok(self.commit(effects).id)
    }

    pub(crate) fn state(&self, id: &str) -> &'static str {
        let (contact, ordinal) = parse_message_id(id).unwrap();
        let all = self.client.messages(contact, None, usize::MAX).unwrap();
        all.iter()
            .find(|m| parse_message_id(&m.id) == Some((contact, ordinal)))
            .unwrap()
            .state
    }
}

/// One round of everyone: pull, post, and the epoch closes.
pub(crate) fn round(relay: &mut Relay, people: &mut [&mut Person]) -> Vec<Received> {
    let now = UnixTime(relay.epoch * EPOCH + 60);
    let received = people
        .iter_mut()
        .map(|person| {
            let received = person.pull(relay, now);
            person.post(relay);
            person.restart();
            received
        })
        .collect();
    relay.close();
    received
}

pub(crate) fn enrol(
    relay: &mut Relay,
    a: &mut Person,
    b: &mut Person,
    kind: Kind,
) -> (ContactId, ContactId) {
    round(relay, &mut [a, b]);
    let now = UnixTime(relay.epoch * EPOCH + 60);
    let life = (kind == Kind::Quick).then_some(86_400);
    let effects = a.client.invite(kind, life, now, &mut rng()).unwrap();
    let invitation = a.commit(effects);
    let effects = b
        .client
        .accept(&invitation.uri, false, now, &mut rng())
        .unwrap();
    b.commit(effects);
    for _ in 0..5 {
        round(relay, &mut [a, b]);
    }
    let (at_a, at_b) = (a.contact(), b.contact());
    assert_eq!(at_a.sas.as_ref().map(String::len), Some(6));
    assert_eq!(at_a.sas, at_b.sas, "both see the same digits");
    assert_eq!((at_a.state, at_b.state), ("pending", "pending"));
    let now = UnixTime(relay.epoch * EPOCH + 60);
    let effects = a.client.confirm_sas(at_a.id, now, &mut rng()).unwrap();
    a.commit(effects);
    let effects = b.client.confirm_sas(at_b.id, now, &mut rng()).unwrap();
    b.commit(effects);
    (at_a.id, at_b.id)
}
