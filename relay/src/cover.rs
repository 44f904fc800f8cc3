//! The cover of batches.
//!
//! A rule states the maximum number of cover cells to prepare, and draws the
//! actual number inside the closing transaction. Draws are never stored: an
//! attacker with the disk could subtract them.

use std::sync::Arc;

use rand_core::CryptoRng;
use tessera::{
    privacy::Noise,
    wire::{Cell, CellSize, cover_cell},
};

/// Cells of every lobby batch.
pub const LOBBY_CELLS: u32 = 16;

/// Maximum number of closes that leave a cell behind under
/// [`CoverRule::Constant`]; the next close takes it.
pub const PATIENCE: u8 = 2;

/// The composition of a batch.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum CoverRule {
    /// All pending cells, and a random number of cover cells for each batch.
    Noise(Arc<Noise>),
    /// This number of cells: cover fills the batch, and surplus cells wait. If more
    /// cells have waited for [`PATIENCE`] closes, the batch grows to the next
    /// multiple.
    Constant(u32),
    /// Exactly this number of cells, whatever waits: the lobby.
    FillTo(u32),
    /// All pending cells and this number of cover cells; gives no bound.
    Fixed(u32),
}

/// The numbers of pending cells of a bucket at the end of its epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// All pending cells.
    pub cells: usize,
    /// Cells that [`PATIENCE`] closes left behind.
    pub overdue: usize,
}

/// The numbers of pending cells and cover cells of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draw {
    /// Pending cells to take.
    pub real: usize,
    /// Cover cells to add.
    pub cover: usize,
}

impl CoverRule {
    /// The maximum number of cover cells of a draw, which are prepared before the
    /// epoch ends.
    #[must_use]
    pub fn most(&self) -> usize {
        match self {
            Self::Noise(noise) => noise.most() as usize,
            Self::Constant(n) | Self::FillTo(n) | Self::Fixed(n) => *n as usize,
        }
    }

    /// The mean number of cover cells of a batch without real cells.
    #[must_use]
    pub fn usual(&self) -> u32 {
        match self {
            Self::Noise(noise) => noise.mean(),
            Self::Constant(n) | Self::FillTo(n) | Self::Fixed(n) => *n,
        }
    }

    /// Draws for one bucket, whose batch may have `batch_cells` cells. Called
    /// inside the closing transaction; nothing depends on the result before the
    /// commit, so a repeated close may draw again.
    ///
    /// Noise is drawn first, and waiting cells get the rest of the batch. So a
    /// poster that fills a batch and counts its own cells in it learns a number
    /// with the same noise as the size of a batch that is not full. One cell more
    /// or less still changes one noisy number by one, in the epoch in which the
    /// queue has room again.
    pub fn draw(&self, waiting: Waiting, batch_cells: usize, rng: &mut impl CryptoRng) -> Draw {
        let all_and = |cover: u32| {
            let cover = (cover as usize).min(batch_cells);
            Draw {
                real: waiting.cells.min(batch_cells - cover),
                cover,
            }
        };
        let exactly = |size: usize| {
            let real = waiting.cells.min(size);
            Draw {
                real,
                cover: size - real,
            }
        };
        match self {
            Self::Noise(noise) => all_and(noise.draw(rng)),
            Self::Fixed(n) => all_and(*n),
            Self::FillTo(n) => exactly(*n as usize),
            Self::Constant(n) => {
                let n = (*n).max(1) as usize;
                let times = waiting.overdue.div_ceil(n).min(batch_cells / n);
                exactly(times.max(1) * n)
            }
        }
    }

    /// Draws a number that hides as much as the cover of one batch.
    pub fn blur(&self, rng: &mut impl CryptoRng) -> usize {
        match self {
            Self::Noise(noise) => noise.draw(rng) as usize,
            Self::Constant(_) | Self::FillTo(_) | Self::Fixed(_) => 0,
        }
    }

    /// Returns `true` if the maximum size of a batch, not the rule, left cells
    /// behind.
    #[must_use]
    pub fn is_full(&self, waiting: Waiting, draw: Draw) -> bool {
        match self {
            Self::Noise(_) | Self::Fixed(_) => draw.real < waiting.cells,
            Self::Constant(_) => draw.real < waiting.overdue,
            Self::FillTo(_) => false,
        }
    }

    /// Returns `true` if the batch reveals that more cells were posted than the rule
    /// can hide.
    #[must_use]
    pub fn shows(&self, draw: Draw) -> bool {
        matches!(self, Self::Constant(n) if draw.real + draw.cover > *n as usize)
    }
}

/// Cover cells generated in idle time, so that the end of an epoch does not wait
/// for them. In memory only.
#[derive(Debug, Default)]
pub struct CoverPool(Vec<Cell>);

impl CoverPool {
    /// Maximum size in bytes.
    const MOST: usize = 32 << 20;

    /// Generates cells until there are `want`, or the pool is full.
    pub fn fill(&mut self, want: usize, size: CellSize, rng: &mut impl CryptoRng) {
        let want = want.min(Self::MOST / size.bytes());
        let missing = want.saturating_sub(self.0.len());
        self.0.extend(prepare(missing, size, rng));
    }

    /// Takes `count` cells, generating the missing ones.
    pub fn take(&mut self, count: usize, size: CellSize, rng: &mut impl CryptoRng) -> Vec<Cell> {
        let rest = self.0.len().saturating_sub(count);
        let mut cells = self.0.split_off(rest);
        cells.extend(prepare(count - cells.len(), size, rng));
        cells
    }
}

/// Generates cover cells with the same function as clients.
pub fn prepare(count: usize, size: CellSize, rng: &mut impl CryptoRng) -> Vec<Cell> {
    (0..count).map(|_| cover_cell(size, rng)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::system;
    use tessera::privacy::Budget;

    fn waiting(cells: usize, overdue: usize) -> Waiting {
        Waiting { cells, overdue }
    }

    fn noise() -> CoverRule {
        let budget = Budget {
            epsilon: "1".parse().unwrap(),
            delta: "1e-6".parse().unwrap(),
            sensitivity: 1,
        };
        CoverRule::Noise(Arc::new(Noise::laplace(&budget).unwrap()))
    }

    #[test]
    fn rules_never_ask_for_more_cover_than_was_prepared() {
        for rule in [
            noise(),
            CoverRule::Fixed(0),
            CoverRule::Fixed(64),
            CoverRule::FillTo(16),
            CoverRule::Constant(8),
            CoverRule::Constant(64),
        ] {
            for cells in [0, 1, 7, 8, 9, 15, 16, 17, 64, 65, 1000] {
                for overdue in [0, 1, 8, 9, cells].map(|n| n.min(cells)) {
                    let draw = rule.draw(waiting(cells, overdue), 100_000, &mut system());
                    assert!(draw.cover <= rule.most(), "{rule:?} {cells} {overdue}");
                    assert!(draw.real <= cells, "{rule:?} {cells} {overdue}");
                }
            }
        }
    }

    #[test]
    fn the_lobby_never_grows() {
        let draw = CoverRule::FillTo(16).draw(waiting(40, 40), 100_000, &mut system());
        assert_eq!(draw, Draw { real: 16, cover: 0 });
        assert!(!CoverRule::FillTo(16).shows(draw));
    }

    #[test]
    fn a_constant_batch_grows_only_for_overdue_cells() {
        let rule = CoverRule::Constant(8);
        for (cells, overdue, real, size) in [
            (0, 0, 0, 8),
            (5, 0, 5, 8),
            (100, 0, 8, 8),
            (100, 8, 8, 8),
            (100, 9, 16, 16),
            (9, 9, 9, 16),
            (20, 17, 20, 24),
        ] {
            let draw = rule.draw(waiting(cells, overdue), 100_000, &mut system());
            assert_eq!(
                (draw.real, draw.real + draw.cover),
                (real, size),
                "{cells} {overdue}"
            );
            assert!(draw.real >= overdue, "nobody waits longer");
            assert_eq!(rule.shows(draw), size > 8);
        }
    }

    #[test]
    fn no_cell_of_the_pool_is_used_twice() {
        let (size, mut rng) = (CellSize::DEFAULT, system());
        let mut pool = CoverPool::default();
        let mut seen = std::collections::BTreeSet::new();
        for (filled, taken) in [(0, 3), (5, 2), (0, 4), (10, 10), (7, 0), (3, 9)] {
            pool.fill(filled, size, &mut rng);
            let cells = pool.take(taken, size, &mut rng);
            assert_eq!(cells.len(), taken);
            assert!(cells.iter().all(|cell| seen.insert(cell.sha256())));
        }
        let largest = CellSize::try_from(16_384).unwrap();
        let mut pool = CoverPool::default();
        pool.fill(usize::MAX, largest, &mut rng);
        assert_eq!(pool.0.len() * largest.bytes(), CoverPool::MOST);
    }

    #[test]
    fn no_batch_exceeds_its_maximum_size() {
        for rule in [noise(), CoverRule::Fixed(30), CoverRule::Constant(64)] {
            for cells in [0, 50, 99, 100, 101, 150, 5000] {
                for overdue in [0, cells] {
                    let waiting = waiting(cells, overdue);
                    let draw = rule.draw(waiting, 100, &mut system());
                    let size = draw.real + draw.cover;
                    assert!(size <= 100, "{rule:?} {cells} {overdue}: {size}");
                    assert!(rule.is_full(waiting, draw) || draw.real >= overdue);
                    if cells >= 100 && !matches!(rule, CoverRule::Constant(_)) {
                        assert_eq!(size, 100, "a full batch has room for nothing else");
                    }
                }
            }
        }
    }

    /// A poster that keeps a bucket full sees how many of its own cells are in the
    /// batch. One cell more or less of another poster changes that number like the
    /// size of a batch: by one, under the noise of one draw.
    #[test]
    fn a_full_batch_reveals_only_a_noisy_number_to_a_poster() {
        let CoverRule::Noise(noise) = noise() else {
            panic!("noise");
        };
        let rule = CoverRule::Noise(Arc::clone(&noise));
        let own_in_batch = |others: usize, counts: &mut [u32]| {
            for _ in 0..20_000 {
                let draw = rule.draw(waiting(1000, 0), 100, &mut system());
                counts[draw.real - others] += 1;
            }
        };
        let (mut with, mut without) = (vec![0; 101], vec![0; 101]);
        own_in_batch(10, &mut without);
        own_in_batch(11, &mut with);
        let spread = without.iter().filter(|count| **count > 0).count();
        assert!(spread >= 5, "{without:?}");
        // The same distribution, shifted by one: each count is within 6 standard deviations.
        for (a, b) in without[1..].iter().zip(&with) {
            let (a, b) = (f64::from(*a), f64::from(*b));
            assert!((a - b).abs() <= 6.0 * (a + b).sqrt() + 1.0, "{a} {b}");
        }
    }

    #[test]
    fn noise_is_random_and_takes_all_waiting_cells() {
        let rule = noise();
        let draws: Vec<Draw> = (0..100)
            .map(|_| rule.draw(waiting(7, 7), 100_000, &mut system()))
            .collect();
        assert!(draws.iter().all(|draw| draw.real == 7));
        // A hundred equal draws have a probability far below 10^-20.
        assert!(draws.iter().any(|draw| draw.cover != draws[0].cover));
    }
}
