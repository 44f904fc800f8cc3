//! Runs the fuzz targets over their seeds and a fixed number of mutations, the
//! same in every run. `cargo fuzz` starts from the same seeds.
#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    unreachable_pub,
    reason = "a test"
)]

#[path = "../fuzz/src/targets.rs"]
mod targets;

use std::{alloc::System, collections::BTreeSet, fs, path::PathBuf};

use rand_core::Rng as _;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use targets::{Counting, TARGETS, Target};

/// Counts allocations, to check that no length field is trusted.
#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Targets with public-key operations get fewer mutations.
const SLOW: &[&str] = &[
    "cell",
    "cell_plaintext",
    "response",
    "response_plaintext",
    "secure_encryption",
];

fn folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz")
        .join(name)
}

fn names(folder: &PathBuf) -> BTreeSet<String> {
    fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| {
            entry
                .unwrap()
                .path()
                .file_stem()
                .unwrap()
                .to_string_lossy()
                .into_owned()
        })
        .collect()
}

/// A single test, so that nothing else allocates meanwhile.
#[test]
fn no_target_panics_or_trusts_a_length_field() {
    let targets: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names(&folder("seeds")), targets, "seeds");
    assert_eq!(names(&folder("fuzz_targets")), targets, "binaries");
    let region = Region::new(ALLOCATOR);
    drop(Vec::<u8>::with_capacity(1 << 20));
    assert!(
        region.change().bytes_allocated >= 1 << 20,
        "the allocator counts"
    );
    for target in TARGETS {
        smoke(target);
    }
}

fn smoke(target: &Target) {
    let (name, _) = target;
    let seeds: Vec<Vec<u8>> = {
        let folder = folder("seeds").join(name);
        names(&folder)
            .iter()
            .map(|seed| fs::read(folder.join(seed)).unwrap())
            .collect()
    };
    assert!(
        seeds.iter().any(|seed| run(target, seed)),
        "{name}: takes none of its seeds"
    );
    let mut rng = Counting(42);
    let rounds = if SLOW.contains(name) { 1_000 } else { 15_000 };
    let mut refused = 0;
    for round in 0..rounds {
        let mut data = seeds[round % seeds.len()].clone();
        for _ in 0..=rng.next_u32() % 3 {
            mutate(&mut data, &seeds, &mut rng);
        }
        refused += usize::from(!run(target, &data));
    }
    // A target that accepts any plaintext has nothing to refuse.
    assert!(
        refused > 0 || *name == "response_plaintext",
        "{name}: refuses nothing"
    );
    for len in [0, 1, 16, 4_096] {
        for byte in [0x00, 0x7f, 0x9f, 0xff] {
            run(target, &vec![byte; len]);
        }
    }
}

/// Runs one input and bounds its total allocation by its length.
fn run((name, target): &Target, data: &[u8]) -> bool {
    let region = Region::new(ALLOCATOR);
    let taken = target(data);
    let allocated = region.change().bytes_allocated;
    let bound = 256 * 1024 + 64 * data.len();
    assert!(
        allocated <= bound,
        "{name}: {allocated} bytes for {} of input",
        data.len()
    );
    taken
}

fn mutate(data: &mut Vec<u8>, seeds: &[Vec<u8>], rng: &mut Counting) {
    let at = |len: usize, rng: &mut Counting| rng.next_u64() as usize % len.max(1);
    let here = at(data.len(), rng);
    match rng.next_u32() % 8 {
        0 if !data.is_empty() => data[here] ^= 1 << (rng.next_u32() % 8),
        1 if !data.is_empty() => {
            data[here] = [0, 1, 0x7f, 0x80, 0xff, b'"', b':', b'='][at(8, rng)]
        }
        2 => data.insert(here, rng.next_u32() as u8),
        3 if !data.is_empty() => drop(data.remove(here)),
        4 => data.truncate(here),
        // A length field that claims far too much, in each width.
        5 => {
            let width = 1 << (rng.next_u32() % 4);
            let end = data.len().min(here + width);
            data[here..end].fill(if rng.next_u32().is_multiple_of(2) {
                0xff
            } else {
                0x7f
            });
        }
        6 => {
            let end = data.len().min(here + 1 + at(16, rng));
            let piece = data[here..end].to_vec();
            data.splice(here..here, piece);
        }
        _ => {
            let other = &seeds[at(seeds.len(), rng)];
            data.truncate(here);
            data.extend_from_slice(&other[at(other.len(), rng)..]);
        }
    }
}
