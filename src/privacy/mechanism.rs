//! The number of cover cells: a symmetric distribution on {0, …, 2s} as a
//! table of integers, with exact sampling.

use core::{fmt, iter};

use rand_core::CryptoRng;

use super::budget::{Budget, BudgetError, Delta, Epsilon};

/// Maximum mean cover of a batch, in cells.
pub const MOST_MEAN: u32 = 4096;

/// Weight of the centre; all others are smaller.
const CENTRE: u64 = 1 << 63;

/// Standard deviation of a discrete Gaussian before truncation: 0.5 to 4096
/// cells, in hundredths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sigma(u32);

impl Sigma {
    /// The smallest value, 0.5 cells.
    pub const LEAST: Self = Self(50);
    /// The largest value, 4096 cells.
    pub const MOST: Self = Self(MOST_MEAN * 100);

    /// From hundredths of a cell, clamped to the range.
    #[must_use]
    pub fn from_hundredths(hundredths: u32) -> Self {
        Self(hundredths).clamp(Self::LEAST, Self::MOST)
    }

    /// In hundredths of a cell.
    #[must_use]
    pub const fn hundredths(self) -> u32 {
        self.0
    }

    /// In cells.
    #[must_use]
    pub fn get(self) -> f64 {
        f64::from(self.0) / 100.0
    }
}

/// How the logarithm of the weights decreases with the distance from the centre.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Shape {
    /// By ε/Δ per cell.
    Laplace(f64),
    /// By half the square of distance/σ.
    Gaussian(f64),
}

/// The distribution of the number of cover cells of one batch.
///
/// P\[N = n\] is the weight of |n − s| divided by the total. Both are integers, so
/// every claim about the distribution is a claim about sums of integers. Factors
/// and weights are rounded up. For the Laplace table this makes every ratio of
/// neighbours at most e^(ε/Δ), so that ε holds exactly and δ is exactly the mass
/// of the last Δ values.
#[derive(Clone, PartialEq)]
pub struct Noise {
    shape: Shape,
    /// Weights by distance from the centre, non-increasing.
    half: Box<[u64]>,
    /// Cumulative weights by n; the last is the total.
    cumulative: Box<[u128]>,
}

impl Noise {
    /// Truncated discrete Laplace: P\[N = n\] ∝ α^|n−s|, α = e^(−ε/Δ), with
    /// the smallest s for which (ε, δ) holds at sensitivity Δ.
    ///
    /// # Errors
    ///
    /// [`BudgetError::Sensitivity`] for Δ = 0, [`BudgetError::Cover`] when s
    /// would be above [`MOST_MEAN`].
    pub fn laplace(budget: &Budget) -> Result<Self, BudgetError> {
        let shift = usize::try_from(budget.sensitivity)
            .ok()
            .filter(|shift| *shift > 0)
            .ok_or(BudgetError::Sensitivity)?;
        let one = u64::from(Epsilon::ONE) * u64::from(budget.sensitivity);
        let factor = exp_up(u64::from(budget.epsilon.micros()), one);
        let mut half = vec![CENTRE];
        let (mut total, mut last) = (u128::from(CENTRE), u128::from(CENTRE));
        // `last` is the mass of the Δ outermost values on one side, or of the whole side while
        // it has fewer.
        for weight in falling(|_| factor) {
            if half.len() > MOST_MEAN as usize {
                return Err(BudgetError::Cover);
            }
            half.push(weight);
            total += 2 * u128::from(weight);
            last += u128::from(weight);
            if let Some(left) = half.len().checked_sub(shift + 1).and_then(|i| half.get(i)) {
                last -= u128::from(*left);
            }
            if half.len() > shift && within(last, total, budget.delta) {
                break;
            }
        }
        let rate = budget.epsilon.get() / f64::from(budget.sensitivity);
        Ok(Self::new(Shape::Laplace(rate), half))
    }

    /// Truncated discrete Gaussian: P\[N = n\] ∝ e^(−(n−s)²/2σ²) on
    /// {0, …, 2s}. The accountant computes its (ε, δ).
    ///
    /// # Errors
    ///
    /// [`BudgetError::Cover`] when s is above [`MOST_MEAN`].
    pub fn gaussian(sigma: Sigma, mean: u32) -> Result<Self, BudgetError> {
        if mean > MOST_MEAN {
            return Err(BudgetError::Cover);
        }
        // From distance k to k + 1 the weight decreases by the factor e^(−(2k+1)/2σ²).
        let square = u64::from(sigma.hundredths()).pow(2);
        let half = iter::once(CENTRE)
            .chain(falling(|k| exp_up((2 * k + 1) * 5_000, square)))
            .take(mean as usize + 1)
            .collect();
        Ok(Self::new(Shape::Gaussian(sigma.get()), half))
    }

    fn new(shape: Shape, half: Vec<u64>) -> Self {
        let mut sum = 0_u128;
        let sides = half.iter().skip(1).rev().chain(&half);
        let cumulative = sides
            .map(|weight| {
                sum += u128::from(*weight);
                sum
            })
            .collect();
        Self {
            shape,
            half: half.into(),
            cumulative,
        }
    }

    /// The mean s, in cells.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "at most `MOST_MEAN`")]
    pub const fn mean(&self) -> u32 {
        (self.half.len() - 1) as u32
    }

    /// The maximum 2s, in cells.
    #[must_use]
    pub const fn most(&self) -> u32 {
        2 * self.mean()
    }

    /// The weights of 0, 1, …, 2s.
    pub fn weights(&self) -> impl Iterator<Item = u64> + '_ {
        self.half.iter().skip(1).rev().chain(&self.half).copied()
    }

    /// The sum of all weights.
    #[must_use]
    pub fn total(&self) -> u128 {
        self.cumulative.last().copied().unwrap_or_default()
    }

    /// Samples N with exactly the table's weights, in integer arithmetic.
    ///
    /// Compares a uniform number below the total, obtained by rejection, with
    /// every cumulative weight, so that the time does not depend on N.
    pub fn draw(&self, rng: &mut impl CryptoRng) -> u32 {
        let total = self.total();
        let mask = u128::MAX >> total.leading_zeros();
        loop {
            let high = u128::from(rng.next_u64()) << 64;
            let uniform = (high | u128::from(rng.next_u64())) & mask;
            if uniform < total {
                return self
                    .cumulative
                    .iter()
                    .map(|sum| u32::from(*sum <= uniform))
                    .sum();
            }
        }
    }

    pub(super) const fn shape(&self) -> Shape {
        self.shape
    }
}

impl fmt::Debug for Noise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Noise({:?}, mean {})", self.shape, self.mean())
    }
}

/// Whether part/total ≤ δ. No overflow: both are below 2^77, 10^15 below 2^50.
fn within(part: u128, total: u128, delta: Delta) -> bool {
    part * u128::from(Delta::ONE) <= total * u128::from(delta.femtos())
}

/// The weights after the centre: each is the previous times `factor(k)`/2^64,
/// rounded up.
fn falling(factor: impl Fn(u64) -> u128) -> impl Iterator<Item = u64> {
    let mut weight = CENTRE;
    (0..).map(move |k| {
        weight =
            u64::try_from((u128::from(weight) * factor(k)).div_ceil(1 << 64)).unwrap_or(weight);
        weight
    })
}

/// 2^64·e^(−num/den), rounded up: at most 2^64, and never below the true
/// value. Exponents below −20 are clamped to −20.
///
/// Computed as 2^128 divided by the series of e^x, whose terms are all positive,
/// rounded down. No overflow: a term is below 2^93, and `num` is below 2^27
/// after clamping.
fn exp_up(num: u64, den: u64) -> u128 {
    let (num, den) = if num / 20 >= den { (20, 1) } else { (num, den) };
    let (num, den) = (u128::from(num), u128::from(den));
    let (mut term, mut sum, mut k) = (1_u128 << 64, 0_u128, 0_u128);
    while term > 0 {
        sum += term;
        k += 1;
        term = term * num / (den * k);
    }
    u128::MAX / sum + 1
}

#[cfg(test)]
mod tests;
