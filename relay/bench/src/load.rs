//! Load loops and their measurements.

use std::time::Duration;

use anyhow::Result;
use getrandom::SysRng;
use rand_core::{Rng as _, UnwrapErr};
use tessera::wire::{CellSize, PostEntry, cover_cell, post};
use tokio::{task::JoinSet, time::Instant};

use crate::{http, nats, sqlite};

/// One connection to the measured server.
pub(crate) enum Peer {
    Relay(http::Connection),
    Nats(nats::Connection),
    Sqlite(sqlite::Handle),
}

impl Peer {
    async fn post(&mut self, body: &[u8]) -> Result<()> {
        match self {
            Self::Relay(connection) => connection.post_cells(body).await,
            Self::Nats(connection) => connection.publish(body).await,
            Self::Sqlite(handle) => handle.insert(body).await,
        }
    }
}

/// The measurements of one loop.
#[derive(Clone, Debug, Default)]
pub(crate) struct Measured {
    /// Operations per second.
    pub(crate) rate: f64,
    /// Latencies in microseconds, sorted.
    micros: Vec<u64>,
}

impl Measured {
    fn new(mut micros: Vec<u64>, time: Duration) -> Self {
        micros.sort_unstable();
        Self {
            rate: micros.len() as f64 / time.as_secs_f64(),
            micros,
        }
    }

    /// The quantile of latency for this share, in milliseconds.
    pub(crate) fn quantile(&self, share: f64) -> f64 {
        let last = self.micros.len().saturating_sub(1);
        let at = (last as f64 * share).round() as usize;
        self.micros
            .get(at)
            .map_or(f64::NAN, |micros| *micros as f64 / 1e3)
    }

    pub(crate) fn quantiles(&self) -> String {
        format!(
            "{} / {} / {}",
            milliseconds(self.quantile(0.5)),
            milliseconds(self.quantile(0.99)),
            milliseconds(self.quantile(0.999))
        )
    }
}

fn milliseconds(value: f64) -> String {
    let places = if value < 10.0 { 2 } else { 0 };
    format!("{value:.places$}")
}

/// The measurement with the median rate.
pub(crate) fn median(mut all: Vec<Measured>) -> Measured {
    all.sort_by(|a, b| a.rate.total_cmp(&b.rate));
    let middle = all.len() / 2;
    all.into_iter().nth(middle).unwrap_or_default()
}

/// Closed loop: every connection posts the next cells after each response.
pub(crate) async fn closed(
    peers: &mut Vec<Peer>,
    buckets: u32,
    cells: usize,
    time: Duration,
) -> Result<Measured> {
    let until = Instant::now() + time;
    let body = Body::new(buckets, cells)?;
    run(peers, move |_| Pace::Until(until), &body, time).await
}

/// Open loop: posts of one cell are due at fixed times, `rate` per second over all connections,
/// regardless of earlier responses; latency counts from the due time.
pub(crate) async fn open(
    peers: &mut Vec<Peer>,
    buckets: u32,
    rate: f64,
    time: Duration,
) -> Result<Measured> {
    let (start, count) = (
        Instant::now() + Duration::from_millis(20),
        peers.len() as f64,
    );
    let every = Duration::from_secs_f64(count / rate);
    let pace = move |index: usize| Pace::Every {
        next: start + every.mul_f64(index as f64 / count),
        every,
        until: start + time,
    };
    run(peers, pace, &Body::new(buckets, 1)?, time).await
}

enum Pace {
    Until(Instant),
    Every {
        next: Instant,
        every: Duration,
        until: Instant,
    },
}

impl Pace {
    /// The due time of the next post; `None` at the end.
    async fn next(&mut self) -> Option<Instant> {
        match self {
            Self::Until(until) => Some(Instant::now()).filter(|now| now < until),
            Self::Every { next, every, until } => {
                let due = Some(*next).filter(|due| due < until)?;
                *next += *every;
                tokio::time::sleep_until(due).await;
                Some(due)
            }
        }
    }
}

async fn run(
    peers: &mut Vec<Peer>,
    pace: impl Fn(usize) -> Pace,
    body: &Body,
    time: Duration,
) -> Result<Measured> {
    let mut tasks = JoinSet::new();
    for (index, mut peer) in peers.drain(..).enumerate() {
        let (mut pace, mut body) = (pace(index), body.clone());
        tasks.spawn(async move {
            let mut micros = Vec::new();
            while let Some(from) = pace.next().await {
                peer.post(body.next()).await?;
                micros.push(u64::try_from(from.elapsed().as_micros()).unwrap_or(u64::MAX));
            }
            anyhow::Ok((peer, micros))
        });
    }
    let mut all = Vec::new();
    while let Some(ended) = tasks.join_next().await {
        let (peer, micros) = ended??;
        peers.push(peer);
        all.extend(micros);
    }
    Ok(Measured::new(all, time))
}

/// A post of new cells of random bytes: generating a cover cell would cost more
/// than the relay's work.
#[derive(Clone)]
struct Body {
    bytes: Vec<u8>,
    cells: usize,
    buckets: u32,
}

impl Body {
    fn new(buckets: u32, cells: usize) -> Result<Self> {
        let bucket = tessera::wire::BucketId::try_from(0)?;
        let entry = || PostEntry {
            bucket,
            cell: cover_cell(CellSize::DEFAULT, &mut UnwrapErr(SysRng)),
        };
        let entries: Vec<PostEntry> = (0..cells).map(|_| entry()).collect();
        let bytes = post::encode(&entries)?;
        Ok(Self {
            bytes,
            cells,
            buckets,
        })
    }

    fn next(&mut self) -> &[u8] {
        let mut rng = UnwrapErr(SysRng);
        let len = self.bytes.len() / self.cells.max(1);
        for entry in self.bytes.chunks_mut(len.max(1)) {
            if let Some((head, rest)) = entry.split_first_chunk_mut::<4>() {
                *head = (rng.next_u32() % self.buckets).to_be_bytes();
                if let Some(tag) = rest.first_chunk_mut::<16>() {
                    rng.fill_bytes(tag);
                }
            }
        }
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_of_all_that_was_measured() {
        let measured = Measured::new((1..=1000).rev().collect(), Duration::from_secs(2));
        assert!((measured.rate - 500.0).abs() < 1e-9);
        assert!((measured.quantile(0.5) - 0.5).abs() < 0.002);
        assert!((measured.quantile(1.0) - 1.0).abs() < 1e-9);
        assert!(Measured::default().quantile(0.5).is_nan());
    }

    #[test]
    fn each_body_is_a_post_of_new_cells() {
        let buckets = tessera::wire::BucketCount::try_from(4).unwrap();
        let mut seen = std::collections::BTreeSet::new();
        for cells in [1, 16] {
            let mut body = Body::new(4, cells).unwrap();
            for _ in 0..100 {
                let entries = post::decode(body.next(), CellSize::DEFAULT, buckets).unwrap();
                assert_eq!(entries.len(), cells);
                for entry in entries {
                    assert!(seen.insert(entry.cell.sha256()));
                }
            }
        }
    }
}
