//! The exact (ε, δ) of the tables, in arbitrary-precision integers.
//!
//! For neighbours whose counts differ by d cells, the smallest δ for ε is
//! Σ max(0, P\[n\] − e^ε·P\[n+d\]). Weights are integers; e^ε is replaced by a
//! lower bound, so that the result is an upper bound of δ. Of the code under test,
//! only the table is used.

use num_bigint::BigInt;
use proptest::prelude::*;
use tessera::privacy::{Budget, Loss, Noise, gaussian};

use crate::{budget, laplace};

/// A fraction of integers, not reduced.
struct Fraction {
    num: BigInt,
    den: BigInt,
}

impl Fraction {
    fn at_most(&self, num: u64, den: u64) -> bool {
        &self.num * den <= &self.den * num
    }

    fn get(&self) -> f64 {
        let scaled: BigInt = (&self.num << 120_u32) / &self.den;
        scaled.to_string().parse::<f64>().unwrap() / 2_f64.powi(120)
    }
}

/// The first 80 terms of the series of e^(micros/10⁶): a lower bound with a
/// relative error below 10⁻⁴⁰ for exponents up to 10.
fn exp_below(micros: u64) -> Fraction {
    let (mut num, mut den) = (BigInt::from(0), BigInt::from(1));
    for k in (1..80_u32).rev() {
        // 1 + x/k·(1 + x/(k+1)·(…)), from the inside out.
        (num, den) = (
            (&den + &num) * micros,
            &den * BigInt::from(k) * 1_000_000_u32,
        );
    }
    Fraction {
        num: &num + &den,
        den,
    }
}

/// The smallest δ of the table for `cells` more or fewer cells in a batch.
fn delta(noise: &Noise, micros: u64, cells: usize) -> Fraction {
    let factor = exp_below(micros);
    let weights: Vec<BigInt> = noise.weights().map(BigInt::from).collect();
    let zero = BigInt::from(0);
    let excess = |with: &[BigInt]| -> BigInt {
        let terms = with.iter().enumerate().map(|(n, weight)| {
            let without = with.get(n + cells).unwrap_or(&zero);
            (weight * &factor.den - without * &factor.num).max(zero.clone())
        });
        terms.sum()
    };
    let mirrored: Vec<BigInt> = weights.iter().rev().cloned().collect();
    let num = excess(&weights).max(excess(&mirrored));
    let total: BigInt = weights.iter().sum();
    Fraction {
        num,
        den: total * factor.den,
    }
}

fn holds(noise: &Noise, budget: &Budget) -> bool {
    (1..=budget.sensitivity as usize).all(|cells| {
        delta(noise, u64::from(budget.epsilon.micros()), cells)
            .at_most(budget.delta.femtos(), 1_000_000_000_000_000)
    })
}

#[test]
fn the_series_is_just_below_the_exponential() {
    for (micros, exp) in [
        (0, 1.0),
        (100_000, 0.1_f64.exp()),
        (1_000_000, core::f64::consts::E),
        (10_000_000, 10_f64.exp()),
    ] {
        assert!((exp_below(micros).get() / exp - 1.0).abs() < 1e-14);
    }
}

#[test]
fn laplace_tables_are_the_smallest_that_meet_their_budget() {
    for (epsilon, delta_text, sensitivity) in [
        ("0.1", "1e-6", 1),
        ("1", "1e-6", 1),
        ("0.1", "1e-9", 1),
        ("0.1", "1e-6", 2),
        ("0.25", "1e-6", 1),
        ("3", "1e-12", 1),
        ("10", "0.01", 3),
    ] {
        let asked = budget(epsilon, delta_text, sensitivity);
        let noise = Noise::laplace(&asked).unwrap();
        assert!(holds(&noise, &asked), "{asked:?}");
        // With one value less on each side the budget is not met: s is minimal.
        let weights: Vec<u64> = noise.weights().collect();
        let inner = &weights[1..weights.len() - 1];
        let last: u128 = inner
            .iter()
            .rev()
            .take(sensitivity as usize)
            .map(|w| u128::from(*w))
            .sum();
        let total: u128 = inner.iter().map(|w| u128::from(*w)).sum();
        assert!(
            last * 1_000_000_000_000_000 > total * u128::from(asked.delta.femtos()),
            "{asked:?}: s is not minimal"
        );
    }
}

#[test]
fn the_default_table_is_exact() {
    let noise = laplace("0.1", "1e-6", 1);
    let real = delta(&noise, 100_000, 1);
    assert!(
        (real.get() - 9.221_595_460_948e-7).abs() < 1e-18,
        "{}",
        real.get()
    );
    // Any ε below the claim has a thousand times the δ: the check can fail.
    assert!(!delta(&noise, 99_900, 1).at_most(1, 1_000_000));
    assert!(!delta(&noise, 100_000, 2).at_most(1, 1_000_000));
}

#[test]
fn a_gaussian_meets_its_target_for_one_batch() {
    let target = budget("0.5", "1e-5", 1);
    let found = gaussian(&target, 1).unwrap();
    assert!(holds(&found.noise, &target));
    let loss = Loss::of(&found.noise, 1);
    let real = delta(&found.noise, 500_000, 1).get();
    assert!(
        (loss.delta(0.5) / real - 1.0).abs() < 1e-9,
        "the accountant agrees"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// One cell more or less changes the distribution by at most (ε, δ),
    /// whatever was asked for.
    #[test]
    fn every_laplace_table_meets_its_budget(
        micros in 20_000_u32..5_000_000,
        exponent in 3_u32..=12,
        sensitivity in 1_u32..=4,
    ) {
        let epsilon = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
        let asked = budget(&epsilon, &format!("1e-{exponent}"), sensitivity);
        let noise = Noise::laplace(&asked).unwrap();
        prop_assert!(holds(&noise, &asked));
        let loss = Loss::of(&noise, sensitivity);
        prop_assert!(loss.delta(asked.epsilon.get() * (1.0 + 1e-9)) <= asked.delta.get());
    }
}
