//! What one request to the relay carries.

use rand_core::CryptoRng;

use crate::{
    client::ClientError,
    wire::{Entry, RelaySettings, cover_cell, post},
};

/// Most cells of one post: the relay's limit.
pub const MAX_POST: usize = crate::wire::MAX_ENTRIES;

/// One request body for `POST /v1/cells`, and what it carries.
#[derive(Clone, Debug)]
pub struct Post {
    /// 1 to 64 entries.
    pub body: Vec<u8>,
    /// Ordinals of the queued cells in it.
    pub tokens: Vec<u64>,
}

/// Entries of one slot.
pub(crate) fn slot_cells(info: &RelaySettings) -> usize {
    ((info.per_bucket.get() * info.buckets.get()) as usize).min(MAX_POST)
}

/// The body of one slot: these entries among cover, in random order.
pub(crate) fn fill_slot(
    mut entries: Vec<Entry>,
    info: &RelaySettings,
    rng: &mut impl CryptoRng,
) -> Result<Vec<u8>, ClientError> {
    while entries.len() < slot_cells(info) {
        let bucket = info.buckets.wrap(rng.next_u64());
        entries.push(Entry {
            bucket,
            cell: cover_cell(info.cell_size, rng),
        });
    }
    shuffle(&mut entries, rng);
    encode(&entries)
}

pub(crate) fn encode(entries: &[Entry]) -> Result<Vec<u8>, ClientError> {
    post::encode(entries).map_err(|_| ClientError::Internal)
}

/// Fisher–Yates with unbiased draws.
fn shuffle<T>(items: &mut [T], rng: &mut impl CryptoRng) {
    for i in (1..items.len()).rev() {
        items.swap(i, below(i + 1, rng));
    }
}

fn below(bound: usize, rng: &mut impl CryptoRng) -> usize {
    let bound = bound as u64;
    let limit = u64::MAX - u64::MAX % bound;
    loop {
        let draw = rng.next_u64();
        if draw < limit {
            return usize::try_from(draw % bound).unwrap_or(0);
        }
    }
}
