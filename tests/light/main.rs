//! Light reading: the own bucket by its tags, and its cells from two relays.
//! What each relay sees, and what happens when one of them fails or lies.

#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod chances;
mod collusion;
#[path = "../common/mod.rs"]
mod common;
mod failover;
mod faults;
mod federation;
mod figures;
mod logs;
mod reading;
mod stage;
