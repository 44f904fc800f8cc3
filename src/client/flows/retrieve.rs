//! Retrieval of cells in light reading: the bitmaps for both relays, and the cells
//! that two answers give. Protocol §13.

use rand_core::CryptoRng;

use super::scan::Manner;
use crate::{
    base::{ErrorCode, SortedMap, UnixTime},
    client::{
        Client, ClientError, Effects, Mailbox, Received, StoreKey,
        flows::accept::Outcome,
        light::{Chain, combine, draw_queries},
        mailboxes::Step,
        transaction::{Randomized, Transaction},
    },
    wire::{Origin, SelectWindow},
};

/// What was asked of both relays about one window.
#[derive(Debug)]
pub(crate) struct Asked {
    origin: Origin,
    /// Epochs, and places in their batches.
    cells: Vec<(u64, u32)>,
}

/// Places in a batch, and cells.
type Cells = Vec<(u32, Vec<u8>)>;

/// What a look led to.
#[derive(Debug, Default)]
pub(crate) struct Looked {
    pub(crate) received: Received,
    /// Whether a cell did not open for the first time.
    pub(crate) failed: bool,
}

impl Client {
    /// The requests for a window, one for each relay: the same number of
    /// bitmaps whatever was found.
    pub(crate) fn ask_window(
        &self,
        window: &SelectWindow,
        rng: &mut impl CryptoRng,
    ) -> Result<(Asked, [Vec<u8>; 2]), ClientError> {
        let size = self.mailboxes.info()?.cell_size;
        let queries = self.light.queries().ok_or(ClientError::RelayUnknown)?;
        let chain = self.light.chain(&window.origin);
        let wanted = chain.map_or_else(Vec::new, |chain| chain.wanted(window, queries));
        let places: Vec<u32> = wanted.iter().map(|(.., place)| *place).collect();
        let [relay, mirror] = draw_queries(&places, queries, window.count, rng);
        let body = |bitmaps: &[u8]| {
            let body = window.encode(queries, bitmaps, size);
            body.map_err(|_| ClientError::RelayProtocol)
        };
        let bodies = [body(&relay)?, body(&mirror)?];
        let cells = wanted.iter().map(|(epoch, place, _)| (*epoch, *place));
        let asked = Asked {
            origin: window.origin,
            cells: cells.collect(),
        };
        Ok((asked, bodies))
    }

    /// Whether an answer has the length of one.
    pub(crate) fn is_answer(&self, answer: &[u8]) -> bool {
        let (queries, rest) = (self.light.queries(), self.rest_len());
        queries.is_some_and(|queries| answer.len() == queries * rest)
    }

    fn rest_len(&self) -> usize {
        let size = self.mailboxes.info().map(|info| info.cell_size.bytes());
        size.unwrap_or_default().saturating_sub(16)
    }

    /// Ends a look that both relays answered: places what is new in its chain,
    /// opens what was retrieved, and keeps what is to be retrieved.
    pub(crate) fn finish_look(
        &mut self,
        answered: &[(Asked, [Vec<u8>; 2])],
        now: UnixTime,
        rng: &mut impl CryptoRng,
    ) -> Effects<Looked> {
        let epoch_seconds = self.mailboxes.info().map(|info| info.epoch_seconds.get());
        let epoch_seconds = epoch_seconds.unwrap_or(1);
        let mut tx = Transaction::new(now).randomized(rng);
        let mut outcome = Outcome::default();
        let (mut failed, mut new) = (false, 0);
        let stored = self.light.to_record().is_some();
        for origin in self.light.origins() {
            let mut chain = self.light.take(&origin);
            chain.looked(epoch_seconds);
            new += chain.fresh.len();
            self.place_fresh(&mut chain, &mut outcome, &mut tx);
            for (epoch, cells) in self.retrieved(&origin, &chain, answered) {
                failed |= self.open_retrieved(&mut chain, epoch, &cells, &mut outcome, &mut tx);
            }
            self.search(&mut chain);
            chain.drop_finished();
            self.light.put(&origin, chain);
        }
        if failed {
            self.refuse(ErrorCode::LightReadFailed, None, &mut tx);
        }
        if new == 0 {
            self.mailboxes.read_to_the_end(Mailbox::Own, &mut tx);
        }
        self.mailboxes.mirror_answers(true, &mut tx);
        if stored || self.light.to_record().is_some() {
            tx.touch(StoreKey::Light);
        }
        let ended = self.end_reading(outcome, tx);
        ended.map(|received| Looked { received, failed })
    }

    /// Places the headers of what is new in their chain.
    fn place_fresh(&mut self, chain: &mut Chain, outcome: &mut Outcome, tx: &mut Transaction) {
        for unit in core::mem::take(&mut chain.fresh) {
            match self.mailboxes.advance(Mailbox::Own, &unit.header, true, tx) {
                Step::Taken => continue,
                Step::New(gaps) => gaps.into_iter().for_each(|gap| self.report_gap(gap, tx)),
                Step::Again => {}
            }
            outcome.cells += unit.header.count as usize;
            chain.add(unit);
        }
    }

    /// The cells that the answers give, by epoch, oldest first.
    fn retrieved(
        &self,
        origin: &Origin,
        chain: &Chain,
        answered: &[(Asked, [Vec<u8>; 2])],
    ) -> Vec<(u64, Cells)> {
        let rest = self.rest_len().max(1);
        let mut found = SortedMap::<u64, Cells>::new();
        for (asked, [relay, mirror]) in answered.iter().filter(|(a, _)| a.origin == *origin) {
            let rests = relay.chunks(rest).zip(mirror.chunks(rest));
            for ((epoch, place), (relay, mirror)) in asked.cells.iter().zip(rests) {
                let mut units = chain.units.iter();
                let unit = units.find(|unit| unit.epoch() == *epoch);
                if let Some(tag) = unit.and_then(|unit| unit.tag(*place)) {
                    let cell = combine(tag, relay, mirror);
                    found.get_or_insert(*epoch, Vec::new()).push((*place, cell));
                }
            }
        }
        found.into_iter().collect()
    }

    /// Opens the retrieved cells of one batch; whether one of them did not for
    /// the first time.
    fn open_retrieved(
        &mut self,
        chain: &mut Chain,
        epoch: u64,
        cells: &[(u32, Vec<u8>)],
        outcome: &mut Outcome,
        tx: &mut Randomized<'_, impl CryptoRng>,
    ) -> bool {
        let Some(header) = chain.unit(epoch).map(|unit| unit.header.clone()) else {
            return false;
        };
        let bytes = cells.iter().map(|(_, cell)| cell.as_slice()).collect();
        let counted = outcome.cells;
        let failed = self.read_cells(&header, (bytes, Manner::Retrieved), outcome, tx);
        outcome.cells = counted; // Its tags were counted.
        let mut new = false;
        for (number, (place, cell)) in cells.iter().enumerate() {
            let Some(unit) = chain.unit(epoch) else {
                continue;
            };
            if !failed.contains(&number) {
                unit.done(*place);
            } else if unit.failed(*place) {
                new = true;
                chain.wrong.push((epoch, *place, cell.clone()));
            }
        }
        new
    }
}
