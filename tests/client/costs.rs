//! What a cell from a hostile sender may cost: bounded by constants that
//! `docs/threats.md` states, counted and not timed, whatever the sender
//! claims.

#![allow(
    clippy::print_stdout,
    reason = "the table is what `cargo xtask bench cells` prints"
)]

mod scene;

use proptest::prelude::*;
use tessera::{
    client::{Mailbox, Work},
    enrolment::Kind,
};

use self::scene::{Claim, claim, contact, copied_tag, stranger};
use crate::stage::*;

/// Tags that one cell may make a client derive: 32 past the window of its
/// device, and for a device index not seen before that index's own window and
/// the 8 of the one after it, on each of the five days that are watched.
const TAGS_PER_CELL: u64 = 32 + 5 * (32 + 8);
/// Records that one cell may change.
const CHANGES_PER_CELL: usize = 4;
/// Records that a batch changes besides: contact, mailboxes, invitation,
/// audit log, and the entries and records of refusals.
const CHANGES_PER_BATCH: usize = 16;
/// Events of one cell, and of a batch besides.
const EVENTS_PER_CELL: usize = 2;
const EVENTS_PER_BATCH: usize = 8;

fn cost(before: &Work, after: &Work, n: usize, cell: usize) -> Result<(), TestCaseError> {
    let cells = n as u64;
    let derived = after.tags_derived - before.tags_derived;
    prop_assert!(derived <= TAGS_PER_CELL * cells, "{derived} tags derived");
    prop_assert!(after.tags_watched as u64 <= before.tags_watched as u64 + TAGS_PER_CELL * cells);
    prop_assert!(after.cells_opened - before.cells_opened <= cells);
    prop_assert!(after.proofs_verified - before.proofs_verified <= cells);
    prop_assert!(after.bytes_incomplete <= before.bytes_incomplete + n * cell);
    Ok(())
}

fn few() -> ProptestConfig {
    ProptestConfig {
        cases: 12,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(few())]

    #[test]
    fn a_hostile_contact_costs_a_constant_for_each_cell(
        claims in prop::collection::vec(claim(), 1..64)
    ) {
        contact().check(&claims)?;
    }

    #[test]
    fn a_stranger_with_an_invitation_costs_a_constant_for_each_cell(
        claims in prop::collection::vec(claim(), 1..64)
    ) {
        stranger().check(&claims)?;
    }

    #[test]
    fn a_copied_tag_costs_a_constant_for_each_cell(
        claims in prop::collection::vec(claim(), 1..64)
    ) {
        copied_tag().check(&claims)?;
    }
}

#[test]
fn claims_of_large_messages_cost_no_more_than_other_cells() {
    let claims: Vec<_> = (0..400)
        .map(|n| Claim {
            device: 0,
            counter: 31 * n,
            message: u8::try_from(n % 251).unwrap(),
            index: 0,
            count: 16_384,
            chunk: 900,
        })
        .collect();
    for scene in [contact(), stranger(), copied_tag()] {
        let mut scene = scene;
        scene.check(&claims).unwrap();
    }
}

#[test]
fn repeated_refusals_in_a_batch_are_reported_and_logged_once() {
    let mut scene = copied_tag();
    let claims: Vec<_> = (0..500)
        .map(|n| Claim {
            device: 0,
            counter: 0,
            message: 0,
            index: 0,
            count: 2,
            chunk: 1 + n % 900,
        })
        .collect();
    scene.publish(&claims);
    let read = scene.read();
    let received = scene.victim.commit(read);
    let [rejected] = &received.rejected[..] else {
        panic!("{:?}", received.rejected)
    };
    assert_eq!((rejected.code, rejected.count), ("NOT_AUTHENTIC", 500));
    let log = scene.victim.log();
    let entries = log.iter().filter(|entry| entry["event"] == "rejected");
    let counts: Vec<_> = entries.map(|entry| entry["count"].as_u64()).collect();
    assert_eq!(counts, [Some(500)]);
}

/// What reading a batch costs for each of its cells.
struct Cost {
    /// Judged by counters; the time is only printed.
    work: Work,
    microseconds: f64,
    stores: f64,
    stored_bytes: f64,
}

impl Cost {
    /// Of a batch of `n` cells.
    fn of(victim: &mut Person, relay: &Relay, n: usize) -> Self {
        let now = relay.now();
        let index = relay.index(bucket_of(&victim.client, Mailbox::Own));
        let planned = victim.client.plan_pull(Mailbox::Own, &index, now);
        let planned = victim.commit(planned.unwrap());
        let (newest, before) = (planned.last().unwrap(), victim.client.work());
        let bytes = relay.batch(newest);
        let start = std::time::Instant::now();
        let read = victim.client.receive(newest, &bytes, now, &mut rng());
        let time = start.elapsed().as_secs_f64() * 1e6;
        let read = read.unwrap();
        let stored = read.changes.iter().flat_map(|(_, value)| value);
        let stored_bytes: usize = stored.map(|value| value.len()).sum();
        let stores = read.changes.len();
        victim.commit(read);
        let (after, n) = (victim.client.work(), n as f64);
        Self {
            work: Work {
                tags_derived: after.tags_derived - before.tags_derived,
                cells_opened: after.cells_opened - before.cells_opened,
                proofs_verified: after.proofs_verified - before.proofs_verified,
                ..after
            },
            microseconds: time / n,
            stores: stores as f64 / n,
            stored_bytes: stored_bytes as f64 / n,
        }
    }

    /// A row of the table that `cargo xtask bench cells` prints.
    fn print(&self, name: &str, honest: &Self, n: usize) {
        let each = |count: u64| count as f64 / n as f64;
        println!(
            "| {name} | {:.0} µs | {:.2} | {:.2} | {:.2} | {:.2} | {:.0} |",
            self.microseconds,
            self.microseconds / honest.microseconds,
            each(self.work.tags_derived),
            each(self.work.cells_opened),
            self.stores,
            self.stored_bytes,
        );
    }
}

#[test]
fn a_hostile_cell_is_decrypted_once_and_gets_no_proof_verified() {
    const CELLS: usize = 128;
    let mut relay = Relay::new();
    let (mut victim, mut friend) = (Person::new("Ana Gómez"), Person::new("Dr. Rivera"));
    let (_, to) = enrol(&mut relay, &mut victim, &mut friend, Kind::Qr);
    round(&mut relay, &mut [&mut victim, &mut friend]);
    let now = relay.now();
    for n in 0..CELLS {
        friend.send(to, &format!("message {n}"), now).unwrap();
    }
    friend.post(&mut relay);
    relay.close();
    let honest = Cost::of(&mut victim, &relay, CELLS);
    assert_eq!(honest.work.proofs_verified, CELLS as u64);
    println!("| cell | time | of an honest cell | tags | decryptions | stores | bytes stored |");
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    honest.print("an honest message", &honest, CELLS);
    for (name, mut scene) in [
        ("a contact's fragment of 16 384", contact()),
        ("a stranger's fragment of 16 384", stranger()),
        ("garbage under a copied tag", copied_tag()),
    ] {
        scene.publish(&[]);
        let read = scene.read();
        scene.victim.commit(read);
        let claims: Vec<_> = (0..CELLS)
            .map(|n| Claim {
                device: 0,
                counter: u32::try_from(n % 32).unwrap(),
                message: u8::try_from(n).unwrap(),
                index: 0,
                count: 16_384,
                chunk: 900,
            })
            .collect();
        scene.publish(&claims);
        let cost = Cost::of(&mut scene.victim, &scene.relay, CELLS);
        cost.print(name, &honest, CELLS);
        let (work, honest) = (cost.work, honest.work);
        assert!(work.cells_opened <= honest.cells_opened, "{name}");
        assert_eq!(work.proofs_verified, 0, "{name}");
    }
}
