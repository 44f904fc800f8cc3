//! A victim and a hostile sender: a contact, a stranger, or somebody who copies
//! tags.

use proptest::prelude::*;
use tessera::{
    base::{Month, Secret},
    channel::{ChainKey, Direction, TagSlot},
    client::{Effects, Mailbox, Received},
    enrolment::{Invitation, Kind, Rendezvous},
    envelope::{Body, Fragment, FragmentCount, Sealing, seal},
    identity::PublicIdentity,
    vault::stored::{self, ContactRecord},
    wire::{Cell, compute_bucket, cover_cell},
};

use super::{CHANGES_PER_BATCH, CHANGES_PER_CELL, EVENTS_PER_BATCH, EVENTS_PER_CELL, cost};
use crate::stage::*;

/// Seals a body under the tag of a slot, with what the sender knows.
type Sealer = Box<dyn Fn(TagSlot, &Body) -> Cell>;

/// A victim and what a hostile sender knows.
pub(super) struct Scene {
    pub(super) relay: Relay,
    pub(super) victim: Person,
    /// Cells that the sender put under one tag or another.
    seal: Sealer,
}

/// One hostile cell, as a test draws it.
#[derive(Clone, Debug)]
pub(super) struct Claim {
    pub(super) device: u8,
    pub(super) counter: u32,
    pub(super) message: u8,
    pub(super) index: u32,
    pub(super) count: u32,
    pub(super) chunk: usize,
}

pub(super) fn claim() -> impl Strategy<Value = Claim> {
    let counters = prop_oneof![0..32_u32, 0..4_096_u32, any::<u32>()];
    let counts = prop_oneof![Just(2_u32), 2..64_u32, Just(16_384_u32)];
    (
        0..3_u8,
        counters,
        0..8_u8,
        any::<u32>(),
        counts,
        1..900_usize,
    )
        .prop_map(|(device, counter, message, index, count, chunk)| Claim {
            device,
            counter,
            message,
            index: index % count,
            count,
            chunk,
        })
}

impl Claim {
    fn body(&self) -> Body {
        Body::Fragment(Fragment {
            message_id: [self.message; 16],
            index: self.index,
            count: FragmentCount::try_from(self.count).unwrap(),
            chunk: vec![7; self.chunk],
        })
    }
}

/// A contact that is enrolled and turns on the victim.
pub(super) fn contact() -> Scene {
    let mut relay = Relay::new();
    let (mut victim, mut hostile) = (Person::new("Ana Gómez"), Person::new("Mallory"));
    let (_, at_hostile) = enrol(&mut relay, &mut victim, &mut hostile, Kind::Qr);
    round(&mut relay, &mut [&mut victim, &mut hostile]);
    let stored = &hostile.store[&format!("s/c/{at_hostile}")];
    let mut channel = stored::decode::<ContactRecord>(stored)
        .unwrap()
        .channel
        .unwrap();
    let chain = ChainKey::from_stored(Month(channel.month), Secret::take(&mut channel.sending));
    let recipient = *victim.client.public();
    let size = relay.size;
    let seal = move |slot: TagSlot, body: &Body| {
        let keys = chain.at(slot.day.month()).unwrap().month_keys();
        let sealing = Sealing {
            recipient: recipient.kem(),
            psk: &keys.psk,
            size,
        };
        seal(&sealing, keys.tag_key.tag(slot), body, &mut rng()).unwrap()
    };
    Scene {
        relay,
        victim,
        seal: Box::new(seal),
    }
}

/// Somebody who has the link of an open invitation.
pub(super) fn stranger() -> Scene {
    let mut relay = Relay::new();
    let mut victim = Person::new("Ana Gómez");
    round(&mut relay, &mut [&mut victim]);
    let now = relay.now();
    let invited = victim.client.invite(Kind::Link, None, now, &mut rng());
    let uri = victim.commit(invited.unwrap()).uri;
    let invitation = Invitation::parse(&uri).unwrap();
    let rendezvous = Rendezvous::new(&invitation.secret);
    let inviter = *victim.client.public();
    let size = relay.size;
    let seal = move |slot: TagSlot, body: &Body| {
        let slot = TagSlot {
            day: Rendezvous::DAY,
            device: 0,
            ..slot
        };
        let tag = rendezvous.tag_key(Direction::FromAcceptor).tag(slot);
        let sealing = Sealing {
            recipient: inviter.kem(),
            psk: &rendezvous.psk,
            size,
        };
        seal(&sealing, tag, body, &mut rng()).unwrap()
    };
    Scene {
        relay,
        victim,
        seal: Box::new(seal),
    }
}

/// Somebody who saw a cell of a contact in the bucket, and copies its tag.
pub(super) fn copied_tag() -> Scene {
    let scene = contact();
    let size = scene.relay.size;
    let Scene {
        relay,
        victim,
        seal,
    } = scene;
    let copied = move |slot: TagSlot, body: &Body| {
        let slot = TagSlot {
            device: 0,
            counter: slot.counter % 8,
            ..slot
        };
        let (seen, noise) = (seal(slot, body), cover_cell(size, &mut rng()));
        Cell::from_parts(&seen.tag(), &noise.enc(), noise.ciphertext(), size).unwrap()
    };
    Scene {
        relay,
        victim,
        seal: Box::new(copied),
    }
}

impl Scene {
    /// Puts the cells into the victim's bucket and closes the epoch.
    pub(super) fn publish(&mut self, claims: &[Claim]) {
        let now = self.relay.now();
        let fingerprint = PublicIdentity::fingerprint(self.victim.client.public());
        let bucket = compute_bucket(&fingerprint.0, self.relay.buckets).get();
        for claim in claims {
            let slot = TagSlot {
                day: now.day(),
                device: claim.device,
                counter: claim.counter,
            };
            let cell = (self.seal)(slot, &claim.body());
            self.relay.put(bucket, cell);
        }
        self.relay.close();
    }

    /// Reads the newest batch; what that changed and reported.
    pub(super) fn read(&mut self) -> Effects<Received> {
        let now = self.relay.now();
        let bucket = bucket_of(&self.victim.client, Mailbox::Own);
        let index = self.relay.index(bucket);
        let planned = self.victim.client.plan_pull(Mailbox::Own, &index, now);
        let planned = self.victim.commit(planned.unwrap());
        let newest = planned.last().unwrap();
        let bytes = self.relay.batch(newest);
        let read = self.victim.client.receive(newest, &bytes, now, &mut rng());
        read.unwrap()
    }

    /// Bounds what reading a batch of these cells costs.
    pub(super) fn check(&mut self, claims: &[Claim]) -> Result<(), TestCaseError> {
        // Today's tags are derived before anything hostile arrives.
        self.publish(&[]);
        let read = self.read();
        self.victim.commit(read);
        self.publish(claims);
        let before = self.victim.client.work();
        let read = self.read();
        let after = self.victim.client.work();
        let n = claims.len();
        let entries = read.changes.iter().filter(|(key, _)| key.starts_with("a/"));
        prop_assert!(
            entries.count() <= 4,
            "audit entries for each batch, contact and code"
        );
        prop_assert!(read.changes.len() <= CHANGES_PER_CELL * n + CHANGES_PER_BATCH);
        prop_assert!(read.events.len() <= EVENTS_PER_CELL * n + EVENTS_PER_BATCH);
        cost(&before, &after, n, self.relay.size.bytes())?;
        self.victim.commit(read);
        // Forgetting it all deletes what is there, not what was claimed.
        let now = self.relay.now();
        let forgotten = self.victim.client.tick(now.plus(61 * DAY));
        prop_assert!(forgotten.changes.len() <= CHANGES_PER_CELL * n + 64);
        Ok(())
    }
}
