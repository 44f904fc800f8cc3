//! Relays of several organisations: processes that exchange their batches.

mod cluster;
mod deaths;
mod failures;
mod forks;
mod keys;
mod mirror;
pub(crate) mod nodes;
mod segments;
