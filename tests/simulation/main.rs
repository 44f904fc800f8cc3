//! Crash safety, by simulation: two to five people, a client killed between
//! any two steps that a page awaits, answers of the relay lost or repeated,
//! clocks that jump, days and months passing, batches withheld.
//!
//! What must hold afterwards: every message that was accepted for sending
//! arrives once, in the order it was sent; no tag is ever used for two cells;
//! nothing is refused that is honest; and whatever the relay withholds is
//! told. A failing run prints its seed: `TESSERA_SIMULATION_SEED=… cargo test
//! --test simulation` replays it, `TESSERA_SIMULATION_RUNS=…` runs more.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::cast_possible_truncation,
    missing_docs
)]

mod dice;
mod person;
mod relay;
mod run;

use run::Simulation;

pub(crate) const START: u64 = 1_795_300_000;
pub(crate) const EPOCH: u64 = 1_800;
pub(crate) const URL: &str = "https://relay.example";
const DEFAULT_RUNS: u64 = 40;

#[test]
fn whatever_fails_nothing_is_lost_and_nothing_comes_twice() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse().unwrap());
    let seeds: Vec<u64> = match number("TESSERA_SIMULATION_SEED") {
        Some(seed) => vec![seed],
        None => (0..number("TESSERA_SIMULATION_RUNS").unwrap_or(DEFAULT_RUNS)).collect(),
    };
    let mut delivered = 0;
    for seed in &seeds {
        let outcome = std::panic::catch_unwind(|| Simulation::new(*seed).run());
        match outcome {
            Ok(messages) => delivered += messages,
            Err(cause) => {
                eprintln!("replay: TESSERA_SIMULATION_SEED={seed} cargo test --test simulation");
                std::panic::resume_unwind(cause);
            }
        }
    }
    eprintln!("{} runs, {delivered} messages", seeds.len());
    assert!(
        delivered > seeds.len(),
        "the simulation sent next to nothing"
    );
}
