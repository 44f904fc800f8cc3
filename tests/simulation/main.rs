//! Crash safety and authenticity, by simulation: two to five people, clients
//! killed between any two steps that a page awaits, requests and answers of
//! the relay lost or repeated, clocks that jump, months passing, a relay that
//! dies or is restored from a backup, or lies about itself, batches withheld,
//! late or altered for ever, contacts
//! removed and met again, and somebody who puts forged cells everywhere.
//!
//! What must hold is in `checks.rs`. A failing run prints its seed:
//! `TESSERA_SIMULATION_SEED=… cargo test --test simulation` replays it,
//! `TESSERA_SIMULATION_RUNS=…` runs more than the usual number.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::cast_possible_truncation,
    missing_docs
)]

mod adversary;
mod checks;
#[path = "../common/mod.rs"]
mod common;
mod enrolment;
mod failures;
mod lies;
mod outcome;
mod page;
mod people;
mod plan;
mod screen;
mod world;

use std::{
    panic::catch_unwind,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use outcome::Outcome;
use plan::Plan;
use world::World;

const DEFAULT_RUNS: u64 = 320;
/// In a long run it is said how far it is, after so many.
const NOTE_EVERY: usize = 500;

#[test]
fn under_failures_no_message_is_lost_duplicated_or_forged() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse().unwrap());
    let seeds: Vec<u64> = match number("TESSERA_SIMULATION_SEED") {
        Some(seed) => vec![seed],
        None => (0..number("TESSERA_SIMULATION_RUNS").unwrap_or(DEFAULT_RUNS)).collect(),
    };
    let total = run_all(&seeds);
    eprintln!("{} runs: {total:?}", seeds.len());
    if seeds.len() as u64 >= DEFAULT_RUNS {
        let unseen = total.unseen();
        assert!(unseen.is_empty(), "never happened: {unseen:?}");
    }
}

#[test]
fn a_seed_replays() {
    for seed in [3, 7] {
        let [first, second] = [(); 2].map(|()| World::new(Plan::draw(seed)).run());
        assert_eq!(first.trace, second.trace, "seed {seed}");
    }
}

/// Runs the seeds on all processors; names those that fail.
fn run_all(seeds: &[u64]) -> Outcome {
    let next = AtomicU64::new(0);
    let (total, failed) = (Mutex::new(Outcome::default()), Mutex::new(Vec::new()));
    let work = || {
        loop {
            let place = next.fetch_add(1, Ordering::Relaxed) as usize;
            let Some(&seed) = seeds.get(place) else {
                return;
            };
            if place > 0 && place.is_multiple_of(NOTE_EVERY) {
                eprintln!("{place} of {} runs begun", seeds.len());
            }
            match catch_unwind(|| World::new(Plan::draw(seed)).run()) {
                Ok(outcome) => total.lock().unwrap().add(&outcome),
                Err(_) => {
                    eprintln!(
                        "replay: TESSERA_SIMULATION_SEED={seed} cargo test --test simulation"
                    );
                    failed.lock().unwrap().push(seed);
                }
            }
        }
    };
    std::thread::scope(|scope| {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "seeds {failed:?} failed");
    total.into_inner().unwrap()
}
