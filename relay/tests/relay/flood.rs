//! A flood of cells from several addresses.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use tessera::wire::{BucketId, Cell, CellSize, PostEntry, paths, post};
use tessera_relay::random;

use crate::{load::OCTETS, socket::Socket};

/// Posts as many cells as are accepted, from several addresses in turn.
pub(crate) struct Flood {
    stop: Arc<AtomicBool>,
    taken: Arc<AtomicU64>,
    refused: Arc<AtomicU64>,
    threads: Vec<JoinHandle<()>>,
}

impl Flood {
    pub(crate) fn start(
        relay: SocketAddr,
        buckets: Vec<BucketId>,
        addresses: u32,
        cells: usize,
    ) -> Self {
        let (stop, taken, refused) = (Arc::default(), Arc::default(), Arc::default());
        let threads = (0..4)
            .map(|thread| {
                let (stop, taken, refused) =
                    (Arc::clone(&stop), Arc::clone(&taken), Arc::clone(&refused));
                let buckets = buckets.clone();
                std::thread::spawn(move || {
                    flood(
                        relay, &buckets, addresses, cells, thread, &stop, &taken, &refused,
                    );
                })
            })
            .collect();
        Self {
            stop,
            taken,
            refused,
            threads,
        }
    }

    /// Returns the numbers of accepted cells and of refused posts.
    pub(crate) fn stop(self) -> (u64, u64) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().unwrap();
        }
        (
            self.taken.load(Ordering::Relaxed),
            self.refused.load(Ordering::Relaxed),
        )
    }
}

#[expect(clippy::too_many_arguments, reason = "the inside of a thread")]
fn flood(
    relay: SocketAddr,
    buckets: &[BucketId],
    addresses: u32,
    cells: usize,
    thread: u32,
    stop: &AtomicBool,
    taken: &AtomicU64,
    refused: &AtomicU64,
) {
    let mut socket = Socket::connect(relay);
    let mut turn = thread;
    while !stop.load(Ordering::Relaxed) {
        turn += 1;
        let address = format!("198.51.100.{}:{}", turn % addresses, 1000 + turn % 20_000);
        let to = buckets[turn as usize % buckets.len()];
        let body = post::encode(&cheap_entries(to, cells)).unwrap();
        let headers = [OCTETS, ("X-Forwarded-For", address.as_str())];
        match socket.request("POST", paths::CELLS, &headers, &body) {
            Some(answer) if answer.status == 202 => {
                taken.fetch_add(cells as u64, Ordering::Relaxed);
            }
            Some(answer) => {
                assert_eq!(answer.status, 429, "{:?}", answer.problem());
                assert_eq!(answer.problem().code, "RELAY_BUSY");
                assert!(answer.header("retry-after").is_some());
                refused.fetch_add(1, Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(10));
            }
            None => socket = Socket::connect(relay),
        }
    }
}

/// Random bytes: nothing on this path inspects a cell, and generating real cells
/// takes longer than posting them.
pub(crate) fn cheap_entries(bucket: BucketId, count: usize) -> Vec<PostEntry> {
    let cell = || {
        let mut bytes = vec![0; CellSize::DEFAULT.bytes()];
        rand_core::Rng::fill_bytes(&mut random::system(), &mut bytes);
        Cell::parse(bytes, CellSize::DEFAULT).unwrap()
    };
    (0..count)
        .map(|_| PostEntry {
            bucket,
            cell: cell(),
        })
        .collect()
}
