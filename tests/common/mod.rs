//! What the engine's tests share: a relay that publishes batches, a person
//! whose store outlives the client, and randomness that a seed replays.

#![allow(dead_code, unused_imports, reason = "each test uses its part")]

mod dice;
mod light;
mod person;
mod relay;
mod rounds;
mod stage;

pub(crate) use dice::Dice;
pub(crate) use person::Person;
pub(crate) use relay::{Backup, Relay, bucket_of, member_url};
pub(crate) use rounds::{ALL_TASKS, Slot, is_for_lobby};
pub(crate) use stage::{clock_at, enrol, pair, round};

use tessera::base::UnixTime;

/// When a test begins: a Saturday night in November 2026.
pub(crate) const NOW: UnixTime = UnixTime(1_795_300_000);
/// Seconds of an epoch of the numbered buckets; the lobby closes with them.
pub(crate) const EPOCH: u64 = 1_800;
pub(crate) const DAY: u64 = 86_400;
pub(crate) const URL: &str = "https://relay.example";

pub(crate) fn rng() -> rand_core::UnwrapErr<getrandom::SysRng> {
    rand_core::UnwrapErr(getrandom::SysRng)
}
