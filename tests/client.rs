//! The engine end to end: two and three people, a relay made of the wire
//! layer's own batches, and a store that is read back after every step.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use std::collections::BTreeMap;

use tessera::{
    base::{ErrorCode, UnixTime},
    client::{
        Client, ClientError, ContactId, ContactView, Effects, Event, Gap, Mailbox, Outgoing,
        Received, body_key, parse_message_id,
    },
    enrolment::{Invitation, Kind},
    identity::Fingerprint,
    wire::{
        Batch, BatchHeader, BucketCount, BucketId, Cell, CellSize, OriginKey, batch::BatchPlace,
        cover_cell, post,
    },
};
use zeroize::Zeroizing;

const NOW: UnixTime = UnixTime(1_795_300_000);
const EPOCH: u64 = 1_800;
const URL: &str = "https://relay.example";

fn rng() -> rand_core::UnwrapErr<getrandom::SysRng> {
    rand_core::UnwrapErr(getrandom::SysRng)
}

/// Batches of one origin, as a relay publishes them; nothing else of one.
struct Relay {
    key: OriginKey,
    buckets: BucketCount,
    size: CellSize,
    epoch: u64,
    pending: BTreeMap<u32, Vec<Cell>>,
    published: BTreeMap<u32, Vec<(BatchHeader, Vec<u8>)>>,
}

impl Relay {
    fn new() -> Self {
        Self {
            key: OriginKey::generate(&mut rng()),
            buckets: BucketCount::try_from(4).unwrap(),
            size: CellSize::DEFAULT,
            epoch: NOW.0 / EPOCH,
            pending: BTreeMap::new(),
            published: BTreeMap::new(),
        }
    }

    fn info(&self) -> String {
        format!(
            r#"{{"protocol":1,"origin":"{}","buckets":4,"cell_size":{},"epoch_seconds":1800,
            "lobby":{{"epoch_seconds":15,"cells":16,"retention_seconds":86400}},
            "retention_seconds":5184000,"slot_cells":4,"max_attachment_bytes":262144,
            "cover":{{"mechanism":"fixed"}},"time":{}}}"#,
            self.key.origin(),
            self.size.get(),
            NOW.0
        )
    }

    fn post(&mut self, body: &[u8]) {
        for entry in post::decode(body, self.size, self.buckets).unwrap() {
            self.pending
                .entry(entry.bucket.get())
                .or_default()
                .push(entry.cell);
        }
    }

    fn close(&mut self) -> UnixTime {
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

    fn index(&self, bucket: u32) -> String {
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
struct Person {
    client: Client,
    store: BTreeMap<String, Zeroizing<Vec<u8>>>,
    events: Vec<Event>,
}

impl Person {
    fn new(name: &str) -> Self {
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

    fn commit<T>(&mut self, effects: Effects<T>) -> T {
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
    fn restart(&mut self) {
        let records: Vec<_> = self
            .store
            .iter()
            .filter(|(key, _)| !key.starts_with("b/"))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        self.client = Client::load(&records).unwrap();
    }

    fn pull(&mut self, relay: &Relay, now: UnixTime) -> Received {
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

    fn post(&mut self, relay: &mut Relay) {
        let now = UnixTime(relay.epoch * EPOCH + 60);
        while let Some(post) = self.client.next_flush(now).unwrap() {
            relay.post(&post.body);
            let effects = self.client.posted(&post.tokens);
            self.commit(effects);
        }
    }

    fn contact(&self) -> ContactView {
        self.client.contacts().pop().unwrap()
    }

    fn send(&mut self, to: ContactId, text: &str, now: UnixTime) -> Result<String, ClientError> {
        let outgoing = Outgoing {
            content_type: "text/plain",
            body: text.as_bytes(),
            filename: None,
            session: "visit-7421",
        };
        let effects = self.client.send(to, outgoing, now, &mut rng())?;
        Ok(self.commit(effects).id)
    }

    fn state(&self, id: &str) -> &'static str {
        let (contact, ordinal) = parse_message_id(id).unwrap();
        let all = self.client.messages(contact, None, usize::MAX).unwrap();
        all.iter()
            .find(|m| parse_message_id(&m.id) == Some((contact, ordinal)))
            .unwrap()
            .state
    }
}

/// One round of everyone: pull, post, and the epoch closes.
fn round(relay: &mut Relay, people: &mut [&mut Person]) -> Vec<Received> {
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

fn enrol(relay: &mut Relay, a: &mut Person, b: &mut Person, kind: Kind) -> (ContactId, ContactId) {
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

#[test]
fn two_people_meet_and_talk_both_ways() {
    for kind in [Kind::Quick, Kind::Ordinary] {
        let mut relay = Relay::new();
        let (mut a, mut b) = (Person::new("Dr. Rivera"), Person::new("Ana Gómez"));
        let (b_at_a, a_at_b) = enrol(&mut relay, &mut a, &mut b, kind);
        let now = UnixTime(relay.epoch * EPOCH + 60);
        let id = a
            .send(
                b_at_a,
                "Continue metformin 500mg BID; recheck HbA1c in 3 months.",
                now,
            )
            .unwrap();
        let back = b.send(a_at_b, "Gracias, doctora.", now).unwrap();
        assert_eq!(a.state(&id), "queued");
        round(&mut relay, &mut [&mut a, &mut b]);
        assert_eq!(a.state(&id), "stored");
        let received = round(&mut relay, &mut [&mut a, &mut b]);
        let message = &received[1].messages[0];
        assert_eq!(
            message.text.as_deref(),
            Some("Continue metformin 500mg BID; recheck HbA1c in 3 months.")
        );
        assert_eq!(
            (message.state, message.session.as_deref()),
            ("verified", Some("visit-7421"))
        );
        assert_eq!(
            received[0].messages[0].text.as_deref(),
            Some("Gracias, doctora.")
        );
        round(&mut relay, &mut [&mut a, &mut b]);
        assert_eq!((a.state(&id), b.state(&back)), ("delivered", "delivered"));
        assert!(
            b.events
                .iter()
                .all(|e| !matches!(e, Event::Rejected(_) | Event::Gap(_)))
        );
    }
}

#[test]
fn an_offer_that_was_read_before_its_invitation_was_accepted_is_found() {
    let mut relay = Relay::new();
    let (mut a, mut b) = (Person::new("Dr. Rivera"), Person::new("Ana Gómez"));
    // Their first enrolment leaves opened cells in the lobby, which are then read once more.
    enrol(&mut relay, &mut a, &mut b, Kind::Quick);
    let mut c = Person::new("Northside Lab");
    round(&mut relay, &mut [&mut a, &mut b, &mut c]);
    let now = UnixTime(relay.epoch * EPOCH + 60);
    let effects = c
        .client
        .invite(Kind::Quick, Some(86_400), now, &mut rng())
        .unwrap();
    let invitation = c.commit(effects);
    for _ in 0..3 {
        round(&mut relay, &mut [&mut a, &mut b, &mut c]);
    }
    let now = UnixTime(relay.epoch * EPOCH + 60);
    let effects = b
        .client
        .accept(&invitation.uri, false, now, &mut rng())
        .unwrap();
    let contact = b.commit(effects).id;
    for _ in 0..4 {
        round(&mut relay, &mut [&mut a, &mut b, &mut c]);
    }
    let at_b = b
        .client
        .contacts()
        .into_iter()
        .find(|one| one.id == contact)
        .unwrap();
    assert_eq!(
        (at_b.name.as_str(), at_b.sas.is_some()),
        ("Northside Lab", true)
    );
    assert_eq!(at_b.sas, c.contact().sas);
    assert!(
        b.events
            .iter()
            .all(|e| !matches!(e, Event::Rejected(_) | Event::Gap(_)))
    );
}

#[test]
fn a_long_message_arrives_whole_from_any_order_and_across_restarts() {
    let mut relay = Relay::new();
    let (mut a, mut b) = (Person::new("Lab"), Person::new("Dr. Rivera"));
    let (b_at_a, _) = enrol(&mut relay, &mut a, &mut b, Kind::Ordinary);
    let now = UnixTime(relay.epoch * EPOCH + 60);
    let body: Vec<u8> = (0..200_000_u32).map(|i| i.to_le_bytes()[1]).collect();
    let outgoing = Outgoing {
        content_type: "application/pdf",
        body: &body,
        filename: Some("x.pdf"),
        session: "",
    };
    let effects = a.client.send(b_at_a, outgoing, now, &mut rng()).unwrap();
    a.commit(effects);
    // Half of the cells in one epoch, half in the next.
    let first = a.client.next_flush(now).unwrap().unwrap();
    relay.post(&first.body);
    let effects = a.client.posted(&first.tokens);
    a.commit(effects);
    relay.close();
    let received = round(&mut relay, &mut [&mut b, &mut a]);
    assert!(received[0].messages.is_empty());
    let received = round(&mut relay, &mut [&mut b, &mut a]);
    let message = &received[0].messages[0];
    assert_eq!(
        (message.size as usize, message.filename.as_deref()),
        (body.len(), Some("x.pdf"))
    );
    let (contact, ordinal) = parse_message_id(&message.id).unwrap();
    assert_eq!(b.store[&body_key(contact, ordinal)].as_slice(), body);
    assert!(
        b.store.keys().all(|key| !key.starts_with("s/f/")),
        "no fragment is left behind"
    );
}

#[test]
fn content_waits_until_the_contact_is_checked() {
    let mut relay = Relay::new();
    let (mut a, mut b) = (Person::new("A"), Person::new("B"));
    round(&mut relay, &mut [&mut a, &mut b]);
    let now = UnixTime(relay.epoch * EPOCH + 60);
    let effects = a
        .client
        .invite(Kind::Ordinary, None, now, &mut rng())
        .unwrap();
    let invitation = a.commit(effects);
    let effects = b
        .client
        .accept(&invitation.uri, false, now, &mut rng())
        .unwrap();
    let a_at_b = b.commit(effects).id;
    let effects = a
        .client
        .expect(
            invitation.id,
            b.client.public().fingerprint(),
            now,
            &mut rng(),
        )
        .unwrap();
    a.commit(effects);
    for _ in 0..4 {
        round(&mut relay, &mut [&mut a, &mut b]);
    }
    let b_at_a = a.contact();
    assert_eq!(
        (b_at_a.state, b_at_a.verified),
        ("active", Some("expected"))
    );
    assert_eq!(
        b.send(a_at_b, "too early", now),
        Err(ClientError::ContactPending)
    );
    let now = UnixTime(relay.epoch * EPOCH + 60);
    let id = a.send(b_at_a.id, "held until checked", now).unwrap();
    round(&mut relay, &mut [&mut a, &mut b]);
    let received = round(&mut relay, &mut [&mut a, &mut b]);
    assert_eq!(
        (
            received[1].messages[0].state,
            received[1].messages[0].text.as_deref()
        ),
        ("held", None)
    );
    let now = UnixTime(relay.epoch * EPOCH + 60);
    let effects = b.client.confirm_sas(a_at_b, now, &mut rng()).unwrap();
    assert!(
        effects
            .events
            .iter()
            .any(|e| matches!(e, Event::Message { message } if message.state == "verified"))
    );
    b.commit(effects);
    assert_eq!(
        a.state(&id),
        "stored",
        "no receipt for what nobody could read"
    );
    round(&mut relay, &mut [&mut a, &mut b]);
    round(&mut relay, &mut [&mut a, &mut b]);
    assert_eq!(a.state(&id), "delivered");
}

#[test]
fn a_second_answer_to_one_invitation_makes_the_contact_suspect() {
    for kind in [Kind::Quick, Kind::Ordinary] {
        let mut relay = Relay::new();
        let mut people = [Person::new("A"), Person::new("B"), Person::new("Eve")];
        let [a, b, e] = &mut people;
        round(&mut relay, &mut [a, b, e]);
        let now = UnixTime(relay.epoch * EPOCH + 60);
        let effects = a
            .client
            .invite(kind, Some(86_400), now, &mut rng())
            .unwrap();
        let uri = a.commit(effects).uri;
        for person in [b, e] {
            let effects = person.client.accept(&uri, false, now, &mut rng()).unwrap();
            person.commit(effects);
        }
        for _ in 0..5 {
            let [a, b, e] = &mut people;
            round(&mut relay, &mut [a, b, e]);
        }
        let contact = people[0].contact();
        assert_eq!(
            people[0].client.contacts().len(),
            1,
            "only one response is taken"
        );
        assert_eq!(
            (contact.state, contact.reason.as_deref()),
            ("suspect", Some("INVITATION_USED"))
        );
        let refused = people[0].send(contact.id, "x", now);
        assert_eq!(refused, Err(ClientError::ContactSuspect));
    }
}

#[test]
fn an_answer_from_somebody_else_than_expected_is_refused() {
    let mut relay = Relay::new();
    let (mut a, mut b) = (Person::new("A"), Person::new("B"));
    round(&mut relay, &mut [&mut a, &mut b]);
    let now = UnixTime(relay.epoch * EPOCH + 60);
    let effects = a
        .client
        .invite(Kind::Ordinary, None, now, &mut rng())
        .unwrap();
    let invitation = a.commit(effects);
    let effects = a
        .client
        .expect(invitation.id, Fingerprint([7; 32]), now, &mut rng())
        .unwrap();
    a.commit(effects);
    let effects = b
        .client
        .accept(&invitation.uri, false, now, &mut rng())
        .unwrap();
    b.commit(effects);
    for _ in 0..4 {
        round(&mut relay, &mut [&mut a, &mut b]);
    }
    assert!(a.client.contacts().is_empty());
    assert!(a.events.iter().any(
        |e| matches!(e, Event::Rejected(r) if r.code == ErrorCode::UnexpectedIdentity.as_str())
    ));
}

#[test]
fn a_dropped_batch_is_told_and_what_comes_late_is_taken() {
    let mut relay = Relay::new();
    let (mut a, mut b) = (Person::new("A"), Person::new("B"));
    let (b_at_a, _) = enrol(&mut relay, &mut a, &mut b, Kind::Ordinary);
    round(&mut relay, &mut [&mut a, &mut b]);
    round(&mut relay, &mut [&mut a, &mut b]);
    let now = UnixTime(relay.epoch * EPOCH + 60);
    a.send(b_at_a, "stop warfarin", now).unwrap();
    a.post(&mut relay);
    relay.close();
    // The relay withholds that batch from every bucket.
    let dropped: Vec<_> = relay
        .published
        .iter_mut()
        .map(|(k, chain)| (*k, chain.pop().unwrap()))
        .collect();
    let mut hidden = Relay::new();
    std::mem::swap(&mut hidden, &mut relay);
    relay = hidden;
    // Its successors still name it in their chain.
    let heads: BTreeMap<u32, BatchHeader> = dropped
        .iter()
        .map(|(bucket, (header, _))| (*bucket, header.clone()))
        .collect();
    a.send(b_at_a, "second", now).unwrap();
    a.post(&mut relay);
    for (bucket, header) in &heads {
        relay
            .published
            .get_mut(bucket)
            .unwrap()
            .push((header.clone(), Vec::new()));
    }
    relay.close();
    for chain in relay.published.values_mut() {
        let at = chain.len() - 2;
        chain.remove(at);
    }
    let received = b.pull(&relay, now);
    assert_eq!(received.messages[0].text.as_deref(), Some("second"));
    assert!(received.gaps.iter().any(|g| matches!(
        g,
        Gap::Batches {
            closed: false,
            lobby: false,
            ..
        }
    )));
    assert!(
        received
            .gaps
            .iter()
            .any(|g| matches!(g, Gap::Sequence { closed: false, .. }))
    );
    b.restart();
    for (bucket, batch) in dropped {
        let chain = relay.published.get_mut(&bucket).unwrap();
        chain.insert(chain.len() - 1, batch);
    }
    let received = b.pull(&relay, now);
    assert_eq!(received.messages[0].text.as_deref(), Some("stop warfarin"));
    assert!(received.gaps.iter().any(|g| matches!(
        g,
        Gap::Batches {
            closed: true,
            lobby: false,
            ..
        }
    )));
    assert!(
        received
            .gaps
            .iter()
            .any(|g| matches!(g, Gap::Sequence { closed: true, .. }))
    );
}

#[test]
fn garbage_and_replays_under_a_seen_tag_hide_nothing() {
    let mut relay = Relay::new();
    let (mut a, mut b) = (Person::new("A"), Person::new("B"));
    let (b_at_a, _) = enrol(&mut relay, &mut a, &mut b, Kind::Ordinary);
    round(&mut relay, &mut [&mut a, &mut b]);
    let now = UnixTime(relay.epoch * EPOCH + 60);
    a.send(b_at_a, "one", now).unwrap();
    let post = a.client.next_flush(now).unwrap().unwrap();
    let entry = post::decode(&post.body, relay.size, relay.buckets)
        .unwrap()
        .remove(0);
    let noise = cover_cell(relay.size, &mut rng());
    let stranger = Cell::from_parts(
        &entry.cell.tag(),
        &noise.enc(),
        noise.ciphertext(),
        relay.size,
    )
    .unwrap();
    let mut flipped = entry.cell.as_bytes().to_vec();
    flipped[1_000] ^= 1;
    let flipped = Cell::parse(flipped, relay.size).unwrap();
    let pending = relay.pending.entry(entry.bucket.get()).or_default();
    pending.extend([stranger, flipped, entry.cell.clone()]);
    relay.close();
    let received = b.pull(&relay, now);
    assert_eq!(received.messages.len(), 1);
    let mut codes: Vec<_> = received.rejected.iter().map(|r| r.code).collect();
    codes.sort_unstable();
    assert_eq!(codes, ["NOT_AUTHENTIC", "NOT_AUTHENTIC"]);
    relay
        .pending
        .entry(entry.bucket.get())
        .or_default()
        .push(entry.cell);
    relay.close();
    b.restart();
    let received = b.pull(&relay, now);
    assert!(received.messages.is_empty());
    assert_eq!(
        received.rejected.iter().map(|r| r.code).collect::<Vec<_>>(),
        ["REPLAYED"]
    );
}

#[test]
fn batches_that_are_not_what_they_should_be_are_refused_and_change_nothing() {
    let mut relay = Relay::new();
    let mut a = Person::new("A");
    round(&mut relay, &mut [&mut a]);
    a.pull(&relay, NOW);
    relay.close();
    let bucket = a
        .client
        .index_path(Mailbox::Own)
        .unwrap()
        .split('/')
        .nth(3)
        .unwrap()
        .parse()
        .unwrap();
    let good = relay.published[&bucket].last().unwrap().1.clone();
    let other = relay.published[&BucketId::LOBBY.get()]
        .last()
        .unwrap()
        .1
        .clone();
    for bad in [&good[..100], &good[..good.len() - 1], &other[..], b""] {
        let refused = a.client.receive_batch(Mailbox::Own, bad, NOW, &mut rng());
        assert_eq!(refused.unwrap_err(), ClientError::BatchInvalid);
    }
    let mut flipped = good.clone();
    flipped[300] ^= 1;
    assert!(
        a.client
            .receive_batch(Mailbox::Own, &flipped, NOW, &mut rng())
            .is_err()
    );
    let effects = a
        .client
        .receive_batch(Mailbox::Own, &good, NOW, &mut rng())
        .unwrap();
    assert_eq!(a.commit(effects).cells, 3);
    let again = a
        .client
        .receive_batch(Mailbox::Own, &good, NOW, &mut rng())
        .unwrap();
    assert_eq!(
        a.commit(again).cells,
        0,
        "a batch taken before is not read again"
    );
}

#[test]
fn invitations_are_refused_when_they_should_be() {
    let mut relay = Relay::new();
    let (mut a, mut b) = (Person::new("A"), Person::new("B"));
    round(&mut relay, &mut [&mut a, &mut b]);
    let effects = a
        .client
        .invite(Kind::Ordinary, Some(60), NOW, &mut rng())
        .unwrap();
    let uri = a.commit(effects).uri;
    let code = |result: Result<Effects<ContactView>, ClientError>| result.unwrap_err().code();
    assert_eq!(
        code(b.client.accept(&uri, false, NOW.plus(61), &mut rng())),
        ErrorCode::InvitationExpired
    );
    assert_eq!(
        code(a.client.accept(&uri, false, NOW, &mut rng())),
        ErrorCode::InvitationOwn
    );
    assert_eq!(
        code(b.client.accept("tessera:/x", false, NOW, &mut rng())),
        ErrorCode::InvitationMalformed
    );
    let (mut c, _) = Client::create("C", "https://other.example", NOW, &mut rng()).unwrap();
    let _ = c.configure(&relay.info()).unwrap();
    assert_eq!(
        code(c.accept(&uri, false, NOW, &mut rng())),
        ErrorCode::RelayMismatch
    );
    assert!(b.client.contacts().is_empty());
    let first = b.client.accept(&uri, false, NOW, &mut rng()).unwrap();
    let first = b.commit(first).id;
    let queued = b.client.queued();
    let second = b.client.accept(&uri, false, NOW, &mut rng()).unwrap();
    assert_eq!(
        b.commit(second).id,
        first,
        "accepting again gives the same contact"
    );
    assert_eq!(b.client.queued(), queued, "and sends nothing else");
    let expired = a.client.tick(NOW.plus(61));
    assert!(matches!(&expired.events[..], [Event::Rejected(r)] if r.code == "INVITATION_EXPIRED"));
}

#[test]
fn a_message_that_waited_four_days_is_sealed_again_and_shown_once() {
    let mut relay = Relay::new();
    let (mut a, mut b) = (Person::new("A"), Person::new("B"));
    let (b_at_a, a_at_b) = enrol(&mut relay, &mut a, &mut b, Kind::Ordinary);
    for _ in 0..3 {
        round(&mut relay, &mut [&mut a, &mut b]);
    }
    let now = UnixTime(relay.epoch * EPOCH + 60);
    let id = a.send(b_at_a, "recheck HbA1c", now).unwrap();
    // It reached the relay, but the answer was lost, and then the network for four days.
    let post = a.client.next_flush(now).unwrap().unwrap();
    relay.post(&post.body);
    relay.close();
    a.restart();
    let received = b.pull(&relay, now);
    assert_eq!(received.messages.len(), 1);
    relay.epoch += 4 * 86_400 / EPOCH;
    let later = UnixTime(relay.epoch * EPOCH + 60);
    let effects = a.client.tick(later);
    assert_eq!(a.commit(effects), std::slice::from_ref(&id));
    let (contact, ordinal) = parse_message_id(&id).unwrap();
    let body = a.store[&body_key(contact, ordinal)].clone();
    assert!(
        a.client.next_flush(later).unwrap().is_none(),
        "nobody looks for it any more"
    );
    let bodies = [(contact, ordinal, body.as_slice())];
    let effects = a.client.reseal(&bodies, later, &mut rng());
    a.commit(effects);
    a.restart();
    let effects = a.client.tick(later);
    assert!(a.commit(effects).is_empty(), "once is enough");
    // B's receipt waited as long; it needs no body.
    let queued = b.client.queued();
    let effects = b.client.tick(later);
    assert!(b.commit(effects).is_empty());
    let effects = b.client.reseal(&[], later, &mut rng());
    b.commit(effects);
    assert_eq!((queued, b.client.queued()), (1, 1));
    a.events.clear();
    b.events.clear();
    for _ in 0..3 {
        round(&mut relay, &mut [&mut a, &mut b]);
    }
    assert_eq!(a.state(&id), "delivered");
    assert_eq!(b.client.messages(a_at_b, None, 10).unwrap().len(), 1);
    let alarms = |p: &Person| {
        p.events
            .iter()
            .any(|e| matches!(e, Event::Rejected(_) | Event::Gap(_)))
    };
    assert!(!alarms(&a) && !alarms(&b), "{:?} {:?}", a.events, b.events);
}

#[test]
fn months_are_shredded_but_not_while_a_batch_of_theirs_is_missing() {
    for withheld in [false, true] {
        let mut relay = Relay::new();
        let (mut a, mut b) = (Person::new("A"), Person::new("B"));
        let (b_at_a, _) = enrol(&mut relay, &mut a, &mut b, Kind::Ordinary);
        for _ in 0..3 {
            round(&mut relay, &mut [&mut a, &mut b]);
        }
        let now = UnixTime(relay.epoch * EPOCH + 60);
        a.send(b_at_a, "stop warfarin", now).unwrap();
        a.post(&mut relay);
        relay.close();
        let bucket = b.client.index_path(Mailbox::Own).unwrap();
        let bucket: u32 = bucket.split('/').nth(3).unwrap().parse().unwrap();
        let batch = relay.published[&bucket].last().unwrap().clone();
        let place = relay.published[&bucket].len() - 1;
        let bytes = batch.1.clone();

        // Five weeks pass; the batch of November comes then, or came at once.
        relay.epoch += 35 * 86_400 / EPOCH;
        relay.close();
        if withheld {
            relay.published.get_mut(&bucket).unwrap().remove(place);
        } else {
            b.pull(&relay, now);
        }
        let later = UnixTime(relay.epoch * EPOCH + 60);
        b.pull(&relay, later);
        let effects = b.client.tick(later);
        b.commit(effects);
        b.restart();
        if withheld {
            relay
                .published
                .get_mut(&bucket)
                .unwrap()
                .insert(place, batch);
            let received = b.pull(&relay, later);
            assert_eq!(received.messages.len(), 1, "the old month was kept for it");
            let effects = b.client.tick(later);
            b.commit(effects);
        }
        // From here on nothing that is kept opens the old month.
        let stolen = b.store.clone();
        let mut thief = Person::new("Thief");
        thief.store = stolen
            .into_iter()
            .filter(|(key, _)| !key.starts_with("s/o/") && !key.starts_with("m/"))
            .collect();
        let forget: Vec<String> = thief
            .store
            .keys()
            .filter(|key| key.starts_with("b/"))
            .cloned()
            .collect();
        forget.iter().for_each(|key| drop(thief.store.remove(key)));
        thief.restart();
        let mut again = Relay::new();
        again.key = OriginKey::generate(&mut rng());
        let configured = thief.client.configure(&again.info()).unwrap();
        thief.commit(configured);
        let cells: Vec<Cell> = Batch::parse(&bytes)
            .unwrap()
            .cells()
            .map(|cell| Cell::parse(cell, again.size).unwrap())
            .collect();
        again.pending.insert(bucket, cells);
        again.close();
        let received = thief.pull(&again, now);
        assert!(
            received.messages.is_empty(),
            "shredded keys opened an old cell"
        );
    }
}

#[test]
fn a_relay_that_moved_is_named_in_new_invitations() {
    let mut relay = Relay::new();
    let mut a = Person::new("A");
    round(&mut relay, &mut [&mut a]);
    let moved = a.client.relocate("https://moved.example/");
    a.commit(moved);
    a.restart();
    let effects = a
        .client
        .invite(Kind::Ordinary, None, NOW, &mut rng())
        .unwrap();
    let uri = a.commit(effects).uri;
    assert_eq!(
        Invitation::parse(&uri).unwrap().relay,
        "https://moved.example"
    );
    assert!(
        a.client
            .relocate("https://moved.example")
            .changes
            .is_empty()
    );
}
