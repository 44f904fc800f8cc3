//! Light reading: which batches of the own bucket were read by their tags
//! alone, and which of their cells are still to be retrieved. Protocol §13.
//!
//! ```text
//! tags of new batches → fresh units → windows and bitmaps → two answers
//!                     → cells → units that are finished, or wait for more
//! ```
//! What is asked for, and when, follows from what the relays hold and from when
//! this client looked before, not from what it found.

mod queries;
mod shelf;
mod unit;

pub(crate) use queries::{combine, draw_queries};
pub(crate) use shelf::Shelf;
pub(crate) use unit::Unit;

use crate::{
    base::{SortedMap, UnixTime},
    client::ClientError,
    vault::{
        VaultError,
        stored::{LightChainRecord, LightRecord},
    },
    wire::{BatchHeader, Origin, SelectWindow, segment::GRID_SECONDS, select::MAX_QUERIES},
};

/// Looks for which a window of more than a day is kept: what is found in it is
/// more than one look retrieves. The number does not depend on what is found.
const LOOKS_KEPT: u64 = 12;
/// Most headers of one chain that are remembered, to compare them.
const MAX_HEADERS: usize = 64;

/// How the own bucket is read, and what is left of it to retrieve.
#[derive(Debug, Default)]
pub(crate) struct Light {
    /// Bitmaps of each request; `None` for whole reading.
    queries: Option<u8>,
    /// The relays' answers were wrong: whole reading, until the client is
    /// loaded again.
    suspended: bool,
    chains: SortedMap<[u8; 32], Chain>,
}

/// The batches of one origin.
#[derive(Debug, Default)]
pub(crate) struct Chain {
    pub(crate) shelf: Shelf,
    /// Whether the shelf holds everything that the relay does.
    listed: bool,
    /// Batches that were read in this look and are not committed.
    pub(crate) fresh: Vec<Unit>,
    /// Batches that are not finished, and those after them.
    pub(crate) units: Vec<Unit>,
    /// Epochs and cells of the batches that the first of them may be listed
    /// with as one segment, as they were when the last look ended.
    counts: Vec<(u64, u64)>,
    /// The first epoch of a window that is kept, and for how many looks.
    reach: Option<(u64, u64)>,
    /// Headers of this session, newest last.
    headers: Vec<BatchHeader>,
    /// What was retrieved and did not open: epoch, place, cell.
    pub(crate) wrong: Vec<(u64, u32, Vec<u8>)>,
}

impl Light {
    /// Reads whole, or with so many bitmaps in each request.
    pub(crate) fn set_queries(&mut self, queries: Option<u8>) -> Result<(), ClientError> {
        if queries.is_some_and(|queries| !(1..=MAX_QUERIES).contains(&queries.into())) {
            return Err(ClientError::InvalidArgument("queries"));
        }
        self.queries = queries;
        Ok(())
    }

    /// The number of bitmaps, unless the bucket is read whole.
    pub(crate) fn queries(&self) -> Option<usize> {
        self.queries.filter(|_| !self.suspended).map(usize::from)
    }

    pub(crate) fn suspend(&mut self) {
        self.suspended = true;
    }

    /// A look begins.
    pub(crate) fn begin(&mut self) {
        for chain in self.chains.values_mut() {
            chain.fresh.clear();
        }
    }

    /// Batches were read without a look: the next one reads the index.
    pub(crate) fn relist(&mut self) {
        for chain in self.chains.values_mut() {
            chain.listed = false;
        }
    }

    /// The bucket is another one.
    pub(crate) fn reset(&mut self) {
        self.chains = SortedMap::new();
    }

    pub(crate) fn origins(&self) -> Vec<Origin> {
        self.chains.keys().map(|key| Origin(*key)).collect()
    }

    pub(crate) fn chain(&self, origin: &Origin) -> Option<&Chain> {
        self.chains.get(&origin.0)
    }

    pub(crate) fn chain_mut(&mut self, origin: &Origin) -> &mut Chain {
        self.chains.get_or_insert(origin.0, Chain::default())
    }

    /// Takes a chain out, to be put back.
    pub(crate) fn take(&mut self, origin: &Origin) -> Chain {
        self.chains.remove(&origin.0).unwrap_or_default()
    }

    pub(crate) fn put(&mut self, origin: &Origin, chain: Chain) {
        self.chains.insert(origin.0, chain);
    }

    /// Cells that are for this person and are not retrieved.
    pub(crate) fn missing(&self) -> usize {
        let chains = self.chains.values();
        chains.map(Chain::missing).sum()
    }

    /// Before when everything was retrieved; `None` if all is.
    pub(crate) fn waits_since(&self) -> Option<UnixTime> {
        let chains = self.chains.values();
        let first = chains.filter_map(|chain| chain.units.first());
        first.map(|unit| unit.header.closed_at.minus(1)).min()
    }

    /// First and last epoch of the windows in which something is not finished,
    /// by origin.
    pub(crate) fn unfinished(&self, epoch_seconds: u32) -> Vec<(Origin, u64, u64)> {
        let chains = self.chains.iter();
        let spans = chains.filter_map(|(origin, chain)| {
            let last = chain.units.last()?.epoch();
            Some((Origin(*origin), chain.from(epoch_seconds), last))
        });
        spans.collect()
    }

    /// `None` while everything is finished.
    pub(crate) fn to_record(&self) -> Option<LightRecord> {
        let chains = self.chains.iter();
        let chains: Vec<_> = chains
            .filter_map(|(origin, chain)| chain.to_record(*origin))
            .collect();
        (!chains.is_empty()).then_some(LightRecord { chains })
    }

    pub(crate) fn restore(&mut self, record: &LightRecord) -> Result<(), VaultError> {
        for record in &record.chains {
            let units: Result<_, _> = record.units.iter().map(Unit::from_record).collect();
            let mut chain = Chain {
                reach: record.reach,
                units: units?,
                counts: record.counts.clone(),
                ..Chain::default()
            };
            for (epoch, cells) in &record.counts {
                chain.shelf.count(*epoch, *cells);
            }
            self.chains.insert(record.origin, chain);
        }
        Ok(())
    }
}

impl Chain {
    /// Takes a new listing: first and last epoch and cells of each entry.
    pub(crate) fn list(&mut self, entries: impl IntoIterator<Item = ((u64, u64), u64)>) {
        self.shelf.list(entries);
        self.listed = true;
    }

    /// Whether the batch of this epoch is all that is new after the one that
    /// was read last, so that no index is needed.
    pub(crate) fn is_in_step(&self, read: u64, newest: u64) -> bool {
        self.listed && self.shelf.newest() == Some(read) && newest <= read + 1
    }

    /// Remembers headers that were verified.
    pub(crate) fn remember(&mut self, header: &BatchHeader) {
        self.headers.retain(|known| known.epoch != header.epoch);
        self.headers.push(header.clone());
        if self.headers.len() > MAX_HEADERS {
            self.headers.remove(0);
        }
    }

    pub(crate) fn header(&self, epoch: u64) -> Option<&BatchHeader> {
        self.headers.iter().find(|header| header.epoch == epoch)
    }

    /// Where the window of a look begins: it covers what is new, and for some looks what
    /// was new then; and what is not finished, which lies before that only if
    /// the person went away with much of it left.
    pub(crate) fn from(&self, epoch_seconds: u32) -> u64 {
        let newest = self.shelf.newest().unwrap_or(0);
        let need = self.fresh.iter().map(Unit::epoch).min().unwrap_or(newest);
        let from = self.shelf.canonical(need, epoch_seconds);
        let reach = self.reach.map_or(from, |(reach, _)| reach);
        let unfinished = self
            .units
            .first()
            .map_or(from, |unit| shelf::aligned(unit.epoch(), epoch_seconds));
        from.min(reach).min(unfinished)
    }

    /// A look over the window has been answered.
    pub(crate) fn looked(&mut self, epoch_seconds: u32) {
        let newest = self.shelf.newest().unwrap_or(0);
        let need = self.fresh.iter().map(Unit::epoch).min().unwrap_or(newest);
        let from = self.shelf.canonical(need, epoch_seconds);
        let is_long = from < self.shelf.canonical(newest, epoch_seconds);
        self.reach = match self.reach {
            Some((reach, left)) if !is_long || reach <= from => {
                (left > 1).then_some((reach, left - 1))
            }
            _ => is_long.then_some((from, LOOKS_KEPT - 1)),
        };
    }

    /// The first places to retrieve from a window, up to so many: epoch, place
    /// in the batch, place in the window. What failed before comes last.
    pub(crate) fn wanted(&self, window: &SelectWindow, most: usize) -> Vec<(u64, u32, u32)> {
        let units = || self.units.iter().chain(&self.fresh);
        let of = |failed: bool| {
            units()
                .filter_map(|unit| Some((unit, self.shelf.place(window, unit.epoch())?)))
                .flat_map(move |(unit, at)| {
                    let missing = unit.missing(failed);
                    missing.map(move |place| (unit.epoch(), place, at + place))
                })
        };
        of(false).chain(of(true)).take(most).collect()
    }

    pub(crate) fn unit(&mut self, epoch: u64) -> Option<&mut Unit> {
        self.units.iter_mut().find(|unit| unit.epoch() == epoch)
    }

    /// Adds a batch that was placed in its chain.
    pub(crate) fn add(&mut self, unit: Unit) {
        let place = self
            .units
            .partition_point(|known| known.epoch() < unit.epoch());
        self.units.insert(place, unit);
    }

    fn missing(&self) -> usize {
        let units = self.units.iter().chain(&self.fresh);
        units
            .map(|unit| unit.missing(false).count() + unit.missing(true).count())
            .sum()
    }

    /// Forgets what is finished, up to the first batch that is not: what is
    /// opened in it may make tags of later batches watched.
    pub(crate) fn drop_finished(&mut self) {
        let unfinished = self.units.iter().position(|unit| !unit.is_finished());
        self.units.drain(..unfinished.unwrap_or(self.units.len()));
        self.counts = match (self.units.first(), self.units.last()) {
            (Some(first), Some(last)) => {
                let before = first.epoch().saturating_sub(batches_of_grid_cell(first));
                self.shelf.counts(before..=last.epoch())
            }
            _ => Vec::new(),
        };
    }

    /// Forgets what no relay has any more; whether there was anything.
    pub(crate) fn expire(&mut self, oldest: u64) -> bool {
        let before = self.units.len();
        self.units.retain(|unit| unit.epoch() >= oldest);
        before != self.units.len()
    }

    fn to_record(&self, origin: [u8; 32]) -> Option<LightChainRecord> {
        let kept = self.reach.is_some() || !self.units.is_empty();
        kept.then(|| LightChainRecord {
            origin,
            reach: self.reach,
            counts: self.counts.clone(),
            units: self.units.iter().map(Unit::to_record).collect(),
        })
    }
}

/// Epochs that a segment may reach back before a batch.
fn batches_of_grid_cell(unit: &Unit) -> u64 {
    let epoch_seconds = unit.header.closed_at.0.checked_div(unit.epoch());
    GRID_SECONDS / epoch_seconds.unwrap_or(1).max(1)
}
