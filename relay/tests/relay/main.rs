//! Tests of the relay through its public interface: real files, real HTTP on an
//! ephemeral port, the real binary where a process must be killed.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests"
)]

mod access;
mod addresses;
mod client;
mod contract;
mod corruption;
mod cover;
mod crash;
mod disk;
mod federation;
mod flood;
mod idle;
mod interface;
mod limits;
mod load;
mod log;
mod maintain;
mod malformed;
mod nats;
mod notices;
mod operator;
mod portal;
mod ports;
mod posting;
mod power;
mod proxy;
mod ratchet;
mod reading;
mod restarts;
mod segments;
mod select;
mod server;
mod settings;
mod simulation;
mod soak;
mod socket;
mod sqlite;
mod tls;
mod traces;
mod wait;

use tessera::wire::{BucketId, Cell, CellSize, PostEntry, cover_cell};

/// A bucket by number.
fn bucket(number: u32) -> BucketId {
    BucketId::try_from(number).unwrap()
}

/// A new cell, indistinguishable from a real one.
fn cell() -> Cell {
    cover_cell(CellSize::DEFAULT, &mut tessera_relay::random::system())
}

/// `count` new cells for one bucket.
fn entries(bucket: BucketId, count: usize) -> Vec<PostEntry> {
    (0..count)
        .map(|_| PostEntry {
            bucket,
            cell: cell(),
        })
        .collect()
}
