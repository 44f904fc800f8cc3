//! The joint privacy loss of several cells in several batches, by composition of
//! privacy loss distributions.
//!
//! For the neighbours "without" and "with W more cells in a batch", the
//! privacy loss of a batch is ln(P\[n\]/P\[n+W\]) with n drawn from P. The losses
//! of both mechanisms are on an even grid that does not depend on W, so the loss
//! of several batches is a convolution on the same grid, without discretization.
//! The tables are symmetric: removing cells gives the same distribution as adding
//! them.
//!
//! Sommer, Meiser, Mohammadi: "Privacy Loss Classes", PETS 2019. Results are
//! compared with Google's dp-accounting in `tests/privacy/oracle.rs`.

use super::mechanism::{Noise, Shape};

/// Probability mass that composition may move. The tail of great losses beyond it
/// counts as unbounded, the other tail as the smallest loss kept.
const CUT: f64 = 1e-18;

/// The privacy loss of a number of batches: probabilities on a grid, and the
/// mass of the outcomes that prove the presence of cells.
#[derive(Clone, Debug)]
pub struct Loss {
    /// Loss of index i: `offset + step · (low + i)`.
    step: f64,
    offset: f64,
    low: i64,
    mass: Vec<f64>,
    unbounded: f64,
}

impl Loss {
    /// The loss of `cells` more cells in one batch; `cells` is at least 1.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        reason = "weights are rounded to 53 bits: relative errors of 10^-16"
    )]
    pub fn of(noise: &Noise, cells: u32) -> Self {
        let total = noise.total() as f64;
        let weights: Vec<f64> = noise.weights().map(|w| w as f64 / total).collect();
        let shift = cells as usize;
        // A count above 2s can only occur with the cells.
        let unbounded = weights.iter().rev().take(shift).sum();
        let w = i64::from(cells);
        let (step, offset) = match noise.shape() {
            // rate · (|n+W−s| − |n−s|), in steps of two from −W.
            Shape::Laplace(rate) => (2.0 * rate, -f64::from(cells) * rate),
            // W(n−s)/σ² + W²/2σ².
            Shape::Gaussian(sigma) => {
                let step = 1.0 / (sigma * sigma);
                (step, f64::from(cells) * f64::from(cells) * step / 2.0)
            }
        };
        let s = i64::from(noise.mean());
        let index = |n: i64| match noise.shape() {
            Shape::Laplace(_) => ((n + w - s).abs() - (n - s).abs() + w) / 2,
            Shape::Gaussian(_) => w * (n - s),
        };
        // For noise n the count is n + W: P[n] with the cells, P[n + W] without.
        let kept = weights.len().saturating_sub(shift);
        let finite = (0_i64..).zip(weights.iter().take(kept).copied());
        let mut loss = Self {
            step,
            offset,
            low: if matches!(noise.shape(), Shape::Laplace(_)) {
                0
            } else {
                -s * w
            },
            mass: Vec::new(),
            unbounded,
        };
        for (n, p) in finite {
            let at = usize::try_from(index(n) - loss.low).unwrap_or_default();
            if loss.mass.len() <= at {
                loss.mass.resize(at + 1, 0.0);
            }
            if let Some(mass) = loss.mass.get_mut(at) {
                *mass += p;
            }
        }
        loss
    }

    /// Composes the loss over `times` batches.
    #[must_use]
    pub fn compose(&self, times: u32) -> Self {
        let mut result = Self {
            step: self.step,
            offset: 0.0,
            low: 0,
            mass: vec![1.0],
            unbounded: 0.0,
        };
        let mut power = self.clone();
        let mut left = times;
        while left > 0 {
            if left % 2 == 1 {
                result = result.and(&power);
            }
            left /= 2;
            if left > 0 {
                power = power.and(&power);
            }
        }
        result
    }

    /// Composes two losses of the same mechanism, which are on one grid.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let mut mass = vec![0.0; (self.mass.len() + other.mass.len()).saturating_sub(1)];
        for (i, p) in self.mass.iter().enumerate().filter(|(_, p)| **p > 0.0) {
            for (sum, q) in mass.iter_mut().skip(i).zip(&other.mass) {
                *sum += p * q;
            }
        }
        let mut both = Self {
            step: self.step,
            offset: self.offset + other.offset,
            low: self.low + other.low,
            mass,
            unbounded: self.unbounded + other.unbounded - self.unbounded * other.unbounded,
        };
        both.trim();
        both
    }

    /// Drops the tails that are too small to matter, rounding to the safe side.
    fn trim(&mut self) {
        let mut above = 0.0;
        while let Some(last) = self.mass.last().filter(|last| above + **last < CUT) {
            above += last;
            self.mass.pop();
        }
        self.unbounded += above;
        let (mut below, mut cut) = (0.0, 0_usize);
        for p in &self.mass {
            if below + p >= CUT {
                break;
            }
            below += p;
            cut += 1;
        }
        self.mass.drain(..cut);
        self.low = self.low.saturating_add_unsigned(cut as u64);
        if let Some(first) = self.mass.first_mut() {
            *first += below;
        }
    }

    /// The probability of a batch size that cannot occur without the cells. No
    /// finite ε exists below this δ.
    #[must_use]
    pub const fn unbounded(&self) -> f64 {
        self.unbounded
    }

    /// The smallest δ for which (ε, δ) holds.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "indices are far below 2^53")]
    pub fn delta(&self, epsilon: f64) -> f64 {
        let losses = (self.low..).map(|i| self.offset + self.step * i as f64);
        let excess: f64 = losses
            .zip(&self.mass)
            .filter(|(loss, _)| *loss > epsilon)
            .map(|(loss, p)| p * -(epsilon - loss).exp_m1())
            .sum();
        self.unbounded + excess
    }

    /// The smallest ε for which (ε, δ) holds, to within 10⁻⁹; `None` if it is
    /// above `most`.
    #[must_use]
    pub fn epsilon(&self, delta: f64, most: f64) -> Option<f64> {
        if self.delta(most) > delta {
            return None;
        }
        let (mut refused, mut holds) = (0.0, most);
        if self.delta(refused) <= delta {
            return Some(refused);
        }
        while holds - refused > 1e-9 {
            let middle = f64::midpoint(refused, holds);
            if self.delta(middle) <= delta {
                holds = middle;
            } else {
                refused = middle;
            }
        }
        Some(holds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::privacy::{Budget, Sigma};

    fn laplace(sensitivity: u32) -> Noise {
        Noise::laplace(&Budget {
            epsilon: "0.1".parse().unwrap(),
            delta: "1e-6".parse().unwrap(),
            sensitivity,
        })
        .unwrap()
    }

    #[test]
    fn one_cell_costs_exactly_the_budget() {
        let loss = Loss::of(&laplace(1), 1);
        assert!(loss.delta(0.1 + 1e-12) <= 1e-6);
        assert!(loss.delta(0.099) > 1e-6, "epsilon is not just written down");
        assert!((loss.epsilon(1e-6, 10.0).unwrap() - 0.1).abs() < 1e-6);
        assert_eq!(
            loss.epsilon(1e-9, 10.0),
            None,
            "below what truncation costs"
        );
        let two = Loss::of(&laplace(2), 2);
        assert!((two.epsilon(1e-6, 10.0).unwrap() - 0.1).abs() < 1e-6);
    }

    #[test]
    fn losses_are_probabilities_and_the_gaussian_falls_smoothly() {
        let gaussian = Noise::gaussian(Sigma::from_hundredths(1_375), 72).unwrap();
        for noise in [&laplace(1), &laplace(2), &gaussian] {
            for (cells, times) in [(1, 1), (1, 10), (3, 7), (300, 2)] {
                let loss = Loss::of(noise, cells).compose(times);
                let sum: f64 = loss.mass.iter().sum::<f64>() + loss.unbounded;
                assert!((sum - 1.0).abs() < 1e-9, "{noise:?} {cells} {times}: {sum}");
                let deltas: Vec<f64> = (0..40).map(|e| loss.delta(f64::from(e) / 4.0)).collect();
                assert!(
                    deltas.is_sorted_by(|a, b| a >= b),
                    "{noise:?} {cells} {times}"
                );
            }
        }
    }

    #[test]
    fn composition_matches_direct_computation() {
        let one = Loss::of(&laplace(1), 1);
        let three = one.compose(3);
        let by_hand = one.and(&one).and(&one);
        for epsilon in [0.0, 0.05, 0.1, 0.2, 0.29] {
            assert!((three.delta(epsilon) - by_hand.delta(epsilon)).abs() < 1e-15);
        }
        let (one, two) = (one.unbounded, one.compose(2).unbounded);
        assert!((two - (2.0 * one - one * one)).abs() < 1e-15, "2δ − δ²");
        assert_eq!(three.compose(0).delta(0.0), 0.0, "nothing costs nothing");
    }
}
