//! How much cover a batch gets.
//!
//! `Fixed` adds the same number of cover cells to every batch: real and
//! cover cannot be told apart, but the count of a batch shows how many real
//! cells there were. It carries no differential-privacy guarantee, and the
//! relay says so in `/v1/info`. Mechanisms with a budget become variants
//! here: a rule says how many cells to prepare at most, and draws the number
//! inside the closing transaction.

use rand_core::CryptoRng;
use tessera::wire::{Cell, CellSize, CoverInfo, cover_cell};

/// Cells of every lobby batch.
pub const LOBBY_CELLS: u32 = 16;

const FIXED_NOTE: &str = "the same number of cover cells in every batch; \
    no differential-privacy guarantee: the size of a batch shows how many cells were posted";

/// How one batch is made up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CoverRule {
    /// All pending cells and so many cover cells.
    Fixed(u32),
    /// Exactly so many cells: the rest is cover, and what is too much waits.
    FillTo(u32),
}

/// How many pending cells a batch takes, and how much cover it adds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draw {
    /// Pending cells to take.
    pub real: usize,
    /// Cover cells to add.
    pub cover: usize,
}

impl CoverRule {
    /// The most cover cells a draw may ask for: so many are prepared before
    /// the epoch ends.
    #[must_use]
    pub const fn most(self) -> usize {
        match self {
            Self::Fixed(n) | Self::FillTo(n) => n as usize,
        }
    }

    /// Decides for a bucket with so many pending cells. Called inside the
    /// closing transaction; nothing depends on the result before the commit.
    pub fn draw(self, pending: usize, _rng: &mut impl CryptoRng) -> Draw {
        match self {
            Self::Fixed(n) => Draw {
                real: pending,
                cover: n as usize,
            },
            Self::FillTo(n) => {
                let real = pending.min(n as usize);
                Draw {
                    real,
                    cover: n as usize - real,
                }
            }
        }
    }

    /// What `/v1/info` says about it.
    #[must_use]
    pub fn info(self) -> CoverInfo {
        let (Self::Fixed(cells) | Self::FillTo(cells)) = self;
        CoverInfo {
            mechanism: "fixed".to_owned(),
            cells: Some(cells),
            epsilon: None,
            delta: None,
            sensitivity: None,
            mean: Some(f64::from(cells)),
            note: Some(FIXED_NOTE.to_owned()),
        }
    }
}

/// Makes cover, by the same function that clients make theirs with.
pub fn prepare(count: usize, size: CellSize, rng: &mut impl CryptoRng) -> Vec<Cell> {
    (0..count).map(|_| cover_cell(size, rng)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_never_ask_for_more_cover_than_was_prepared() {
        for rule in [
            CoverRule::Fixed(0),
            CoverRule::Fixed(64),
            CoverRule::FillTo(16),
        ] {
            for pending in [0, 1, 15, 16, 17, 1000] {
                let draw = rule.draw(pending, &mut crate::random::system());
                assert!(draw.cover <= rule.most(), "{rule:?} {pending}");
                assert!(draw.real <= pending, "{rule:?} {pending}");
            }
        }
        let full = CoverRule::FillTo(16).draw(40, &mut crate::random::system());
        assert_eq!(full, Draw { real: 16, cover: 0 });
    }
}
