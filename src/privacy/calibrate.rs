//! The cheapest truncated discrete Gaussian for a target over several
//! batches.
//!
//! A Gaussian needs more cover than Laplace for one cell and less for many, so
//! the target is (ε, δ) for `sensitivity` cells in each of `batches` batches.

use super::{
    accountant::Loss,
    budget::{Budget, BudgetError},
    mechanism::{MOST_MEAN, Noise, Sigma},
};

/// A Gaussian that meets a target.
#[derive(Clone, Debug)]
pub struct Gaussian {
    /// Standard deviation before truncation.
    pub sigma: Sigma,
    /// The distribution of the number of cover cells.
    pub noise: Noise,
}

/// Finds the smallest mean cover s, and its σ, for which the target holds over
/// `batches` batches together.
///
/// The search uses an estimate of δ; the result is checked by exact composition
/// of its table.
///
/// # Errors
///
/// [`BudgetError::Sensitivity`] for a sensitivity or a number of batches of
/// zero, [`BudgetError::Cover`] when s would be above [`MOST_MEAN`].
pub fn gaussian(target: &Budget, batches: u32) -> Result<Gaussian, BudgetError> {
    if target.sensitivity == 0 || batches == 0 {
        return Err(BudgetError::Sensitivity);
    }
    let delta = target.delta.get();
    let (mut refused, mut holds) = (target.sensitivity, MOST_MEAN + 1);
    while refused + 1 < holds {
        let mean = u32::midpoint(refused, holds);
        if best(mean, target, batches).1 <= delta {
            holds = mean;
        } else {
            refused = mean;
        }
    }
    for mean in holds..=MOST_MEAN {
        let sigma = best(mean, target, batches).0;
        let noise = Noise::gaussian(sigma, mean)?;
        let loss = Loss::of(&noise, target.sensitivity).compose(batches);
        if loss.delta(target.epsilon.get()) <= delta {
            return Ok(Gaussian { sigma, noise });
        }
    }
    Err(BudgetError::Cover)
}

/// The σ with the smallest δ for this mean, and that δ. Too little noise reveals
/// the cells; too much is truncated at the ends of the table.
fn best(mean: u32, target: &Budget, batches: u32) -> (Sigma, f64) {
    let (mut low, mut high) = (Sigma::LEAST.hundredths(), 100 * mean);
    let delta = |hundredths| estimate(Sigma::from_hundredths(hundredths), mean, target, batches);
    while low < high {
        let middle = u32::midpoint(low, high);
        if delta(middle) <= delta(middle + 1) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    (Sigma::from_hundredths(low), delta(low))
}

/// Estimates δ for k batches: treats the sum of k discrete Gaussians as one of
/// variance kσ², truncated like a single one.
fn estimate(sigma: Sigma, mean: u32, target: &Budget, batches: u32) -> f64 {
    let (sigma, epsilon) = (sigma.get(), target.epsilon.get());
    let (cells, k) = (f64::from(target.sensitivity), f64::from(batches));
    let side: Vec<f64> = (0..=mean)
        .map(|j| (-(f64::from(j) / sigma).powi(2) / 2.0).exp())
        .collect();
    let total = 2.0 * side.iter().sum::<f64>() - 1.0;
    let outermost: f64 = side.iter().rev().take(target.sensitivity as usize).sum();
    let unbounded = -(k * (-outermost / total).ln_1p()).exp_m1();

    let deviation = sigma * k.sqrt();
    let density = |sum: f64| {
        (-(sum / deviation).powi(2) / 2.0).exp() / deviation / core::f64::consts::TAU.sqrt()
    };
    let beyond = (1.0 / total * sigma * core::f64::consts::TAU.sqrt()).powf(k);
    // The loss of a sum m is (k·W² + 2Wm)/2σ²: above ε from here on.
    let first = ((epsilon * sigma * sigma / cells) - k * cells / 2.0).ceil();
    let excess: f64 = (0..)
        .map(|i| first + f64::from(i))
        .take_while(|m| *m < first.max(0.0) + 9.0 * deviation)
        .map(|m| {
            let loss = cells * (k * cells + 2.0 * m) / (2.0 * sigma * sigma);
            density(m) * -(epsilon - loss).min(0.0).exp_m1()
        })
        .sum();
    unbounded + beyond * excess
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(epsilon: &str, delta: &str, sensitivity: u32) -> Budget {
        Budget {
            epsilon: epsilon.parse().unwrap(),
            delta: delta.parse().unwrap(),
            sensitivity,
        }
    }

    #[test]
    fn what_cannot_be_kept_is_refused() {
        for (sensitivity, batches) in [(0, 1), (1, 0)] {
            let refused = gaussian(&target("1", "1e-6", sensitivity), batches);
            assert_eq!(refused.unwrap_err(), BudgetError::Sensitivity);
        }
        let refused = gaussian(&target("0.001", "1e-12", 64), 4);
        assert_eq!(refused.unwrap_err(), BudgetError::Cover);
    }

    #[test]
    fn the_mean_is_the_smallest_that_meets_the_target() {
        for (epsilon, delta, sensitivity, batches) in [
            ("1", "1e-6", 1, 10),
            ("1", "1e-6", 2, 8),
            ("0.5", "1e-5", 1, 1),
        ] {
            let target = target(epsilon, delta, sensitivity);
            let found = gaussian(&target, batches).unwrap();
            let composed = |noise: &Noise| {
                Loss::of(noise, sensitivity)
                    .compose(batches)
                    .delta(target.epsilon.get())
            };
            assert!(composed(&found.noise) <= target.delta.get());
            let mean = found.noise.mean();
            let near = found.sigma.hundredths();
            for sigma in (near / 2..near * 2).step_by(37).map(Sigma::from_hundredths) {
                let smaller = Noise::gaussian(sigma, mean - 1).unwrap();
                assert!(composed(&smaller) > target.delta.get(), "{sigma:?}");
            }
        }
    }
}
