//! Cells of a conversation beside cover cells of the same clients: nothing
//! computable from the bytes alone tells one from the other.

use std::collections::BTreeSet;

use curve25519_dalek::{EdwardsPoint, MontgomeryPoint};
use tessera::{
    client::Outgoing,
    enrolment::Kind,
    vault::stored::{self, QueuedRecord},
    wire::{Cell, CellSize, PostEntry, cover_cell, post},
};

use crate::stage::*;

const CELLS: usize = 400;

/// Cells of messages as regular as can be: the same letter, all lengths.
fn real() -> Vec<Cell> {
    let mut relay = Relay::new();
    let (mut a, mut b) = (Person::new("Dr. Rivera"), Person::new("Ana Gómez"));
    let (b_at_a, _) = enrol(&mut relay, &mut a, &mut b, Kind::Qr);
    let now = relay.now();
    a.post(&mut relay);
    let mut cells = Vec::new();
    while cells.len() < CELLS {
        let body = "a".repeat(1 + 37 * cells.len() % 9_000);
        let outgoing = Outgoing {
            text: Some(&body),
            attachments: Vec::new(),
            session: "visit-7421",
        };
        let effects = a.client.send(b_at_a, outgoing, now, &mut rng()).unwrap();
        a.commit(effects);
        // What waits in the queue, before cover is added to it.
        let queued = a.store.iter().filter(|(key, _)| key.starts_with("s/q/"));
        cells.extend(queued.map(|(_, bytes)| {
            let record: QueuedRecord = stored::decode(bytes).unwrap();
            Cell::parse(record.cell, CellSize::DEFAULT).unwrap()
        }));
        a.post(&mut relay);
    }
    cells.truncate(CELLS);
    cells
}

/// Cells of slots in which nothing waits, from one who is enrolled as well.
fn cover() -> Vec<Cell> {
    let mut relay = Relay::new();
    let (mut a, mut b) = (Person::new("Dr. Rivera"), Person::new("Ana Gómez"));
    enrol(&mut relay, &mut a, &mut b, Kind::Qr);
    for _ in 0..2 {
        round(&mut relay, &mut [&mut a, &mut b]);
    }
    let now = relay.now();
    a.post(&mut relay);
    let mut cells = Vec::new();
    while cells.len() < CELLS {
        let slot = a.post_slot(&mut relay, now);
        assert!(slot.tokens.is_empty(), "nothing waits");
        let entries = entries(&relay, &slot.body).into_iter();
        cells.extend(entries.map(|entry| entry.cell));
    }
    cells.truncate(CELLS);
    cells
}

fn entries(relay: &Relay, body: &[u8]) -> Vec<PostEntry> {
    post::decode(body, relay.size, relay.buckets).unwrap()
}

/// Both lifts of an X25519 key: on the curve, or `None` on the twist.
fn on_curve(cell: &Cell) -> Option<EdwardsPoint> {
    MontgomeryPoint(cell.enc()).to_edwards(0)
}

/// Why a set of cells is not what honest cells look like.
fn oddity(cells: &[Cell]) -> Option<&'static str> {
    let field = |cell: &Cell| {
        // Below 2^255 − 19: little-endian, high bit clear.
        let enc = cell.enc();
        enc[31] < 0x7F
            || enc[31] == 0x7F && !(enc[1..31].iter().all(|b| *b == 0xFF) && enc[0] >= 0xED)
    };
    if !cells.iter().all(field) {
        return Some("an enc that is not a reduced field element");
    }
    if cells.iter().any(|cell| on_curve(cell).is_none()) {
        return Some("an enc on the twist");
    }
    if cells
        .iter()
        .any(|cell| !on_curve(cell).unwrap().is_torsion_free())
    {
        return Some("an enc with a part of small order");
    }
    let mut blocks = BTreeSet::new();
    let repeated = |cell: &Cell| {
        !cell
            .as_bytes()
            .chunks(16)
            .all(|block| blocks.insert(block.to_vec()))
    };
    if cells.iter().any(repeated) {
        return Some("a block that occurs twice");
    }
    None
}

/// χ² of two samples of equal size over the values of a byte.
fn two_samples(ours: impl Iterator<Item = u8>, others: impl Iterator<Item = u8>) -> f64 {
    let mut counts = [[0_u32; 2]; 256];
    ours.for_each(|byte| counts[usize::from(byte)][0] += 1);
    others.for_each(|byte| counts[usize::from(byte)][1] += 1);
    counts
        .iter()
        .map(|[a, b]| (f64::from(*a), f64::from(*b)))
        .filter(|(a, b)| a + b > 0.0)
        .map(|(a, b)| (a - b).powi(2) / (a + b))
        .sum()
}

/// Exceeded with probability below e^−28 ≈ 10^−12 by χ² of `freedom` degrees
/// (Laurent and Massart 2000), for the hundred comparisons below together 10^−10.
fn bound(freedom: f64) -> f64 {
    freedom + 2.0 * (freedom * 28.0).sqrt() + 56.0
}

/// Where the bytes of two sets of cells differ more than by chance.
fn difference(ours: &[Cell], others: &[Cell]) -> Option<String> {
    let bytes = |cells: &[Cell], from: usize, to: usize| -> Vec<u8> {
        cells
            .iter()
            .flat_map(|cell| cell.as_bytes()[from..to].to_vec())
            .collect()
    };
    for (name, from, to) in [
        ("tag", 0, 16),
        ("enc", 16, 48),
        ("ciphertext", 48, 2048),
        ("end", 2032, 2048),
    ] {
        let chi2 = two_samples(
            bytes(ours, from, to).into_iter(),
            bytes(others, from, to).into_iter(),
        );
        if chi2 > bound(255.0) {
            return Some(format!("bytes of the {name}: {chi2}"));
        }
    }
    // Each place for itself, by the four high and the four low bits.
    for at in (0..80).chain(2000..2048) {
        for shift in [0, 4] {
            let nibbles = |cells: &[Cell]| -> Vec<u8> {
                bytes(cells, at, at + 1)
                    .iter()
                    .map(|byte| byte >> shift & 15)
                    .collect()
            };
            let chi2 = two_samples(nibbles(ours).into_iter(), nibbles(others).into_iter());
            if chi2 > bound(15.0) {
                return Some(format!("byte {at}: {chi2}"));
            }
        }
    }
    None
}

#[test]
fn cover_is_indistinguishable_from_real_cells() {
    let (real, cover) = (real(), cover());
    assert_eq!((oddity(&real), oddity(&cover)), (None, None));
    assert_eq!(difference(&real, &cover), None);
    // The relay's own cover comes from the same function.
    let relays: Vec<Cell> = (0..CELLS)
        .map(|_| cover_cell(CellSize::DEFAULT, &mut rng()))
        .collect();
    assert_eq!(oddity(&relays), None);
    assert_eq!(difference(&real, &relays), None);
}

#[test]
fn poorly_made_cover_is_distinguishable() {
    let honest: Vec<Cell> = (0..CELLS)
        .map(|_| cover_cell(CellSize::DEFAULT, &mut rng()))
        .collect();
    let altered = |change: fn(usize, &mut [u8])| -> Vec<Cell> {
        let cells = honest.iter().enumerate().map(|(i, cell)| {
            let mut bytes = cell.as_bytes().to_vec();
            change(i, &mut bytes);
            Cell::parse(bytes, CellSize::DEFAULT).unwrap()
        });
        cells.collect()
    };
    // Random bytes for enc: half of them are no point of the curve.
    let random = altered(|_, bytes| {
        let other = cover_cell(CellSize::DEFAULT, &mut rng());
        bytes[16..48].copy_from_slice(&other.ciphertext()[..32]);
        bytes[47] &= 0x7F;
    });
    assert_eq!(oddity(&random), Some("an enc on the twist"));
    let unmasked = altered(|_, bytes| bytes[47] |= 0x80);
    assert_eq!(
        oddity(&unmasked),
        Some("an enc that is not a reduced field element")
    );
    let padded = altered(|_, bytes| bytes[2016..].fill(0));
    assert_eq!(oddity(&padded), Some("a block that occurs twice"));
    let counted = altered(|i, bytes| bytes[0] = (i % 64) as u8);
    assert!(difference(&counted, &honest).is_some(), "a tag that counts");
    let versioned = altered(|i, bytes| bytes[48] = bytes[48] & 0xF0 | (i % 8) as u8);
    assert!(
        difference(&versioned, &honest).is_some(),
        "half a byte of the ciphertext"
    );
}
