use getrandom::{SysRng, rand_core::UnwrapErr};

use super::*;

fn budget(epsilon: &str, delta: &str, sensitivity: u32) -> Budget {
    Budget {
        epsilon: epsilon.parse().unwrap(),
        delta: delta.parse().unwrap(),
        sensitivity,
    }
}

#[test]
fn what_cannot_be_kept_is_refused() {
    for (epsilon, delta, sensitivity, error) in [
        ("0.1", "1e-6", 0, BudgetError::Sensitivity),
        ("0.001", "1e-6", 1, BudgetError::Cover),
        ("0.1", "1e-6", 1000, BudgetError::Cover),
        ("10", "0.01", u32::MAX, BudgetError::Cover),
    ] {
        let refused = Noise::laplace(&budget(epsilon, delta, sensitivity));
        assert_eq!(
            refused.err(),
            Some(error),
            "{epsilon} {delta} {sensitivity}"
        );
    }
    let refused = Noise::gaussian(Sigma::MOST, MOST_MEAN + 1);
    assert_eq!(refused.err(), Some(BudgetError::Cover));
}

#[test]
fn means_match_the_documented_ones() {
    for (epsilon, delta, sensitivity, mean) in [
        ("0.1", "1e-6", 1, 109),
        ("1", "1e-6", 1, 14),
        ("0.1", "1e-9", 1, 178),
        ("0.1", "1e-6", 2, 217),
        ("0.25", "1e-6", 1, 47),
    ] {
        let noise = Noise::laplace(&budget(epsilon, delta, sensitivity)).unwrap();
        assert_eq!(noise.mean(), mean, "{epsilon} {delta} {sensitivity}");
        assert_eq!(noise.most(), 2 * mean);
        assert_eq!(noise.weights().count(), 2 * mean as usize + 1);
    }
}

#[test]
fn tables_are_symmetric_and_fall_from_the_centre() {
    for noise in [
        Noise::laplace(&budget("0.1", "1e-12", 1)).unwrap(),
        Noise::laplace(&budget("10", "0.01", 1)).unwrap(),
        Noise::gaussian(Sigma::from_hundredths(1375), 72).unwrap(),
        Noise::gaussian(Sigma::LEAST, 40).unwrap(),
        Noise::gaussian(Sigma::MOST, 0).unwrap(),
    ] {
        let weights: Vec<u64> = noise.weights().collect();
        let mirrored: Vec<u64> = weights.iter().rev().copied().collect();
        assert_eq!(weights, mirrored, "{noise:?}");
        let s = noise.mean() as usize;
        assert_eq!(weights[s], CENTRE);
        assert!(weights[s..].is_sorted_by(|a, b| a >= b), "{noise:?}");
        assert!(weights.iter().all(|weight| *weight > 0), "{noise:?}");
        let sum: u128 = weights.iter().map(|w| u128::from(*w)).sum();
        assert_eq!(sum, noise.total());
    }
}

#[test]
fn the_exponential_is_rounded_up_and_close() {
    for (num, den) in [
        (0, 1),
        (1, 1_000_000),
        (1, 10),
        (1, 1),
        (7, 3),
        (10, 1),
        (199, 10),
    ] {
        let exact = (-(num as f64) / den as f64).exp() * 2_f64.powi(64);
        let ours = exp_up(num, den) as f64;
        assert!(
            (ours / exact - 1.0).abs() < 1e-10,
            "e^-{num}/{den}: {ours} {exact}"
        );
    }
    assert_eq!(exp_up(0, 7), 1 << 64);
    assert_eq!(exp_up(1000, 1), exp_up(20, 1));
}

#[test]
fn a_sample_is_within_the_table() {
    let noise = Noise::laplace(&budget("10", "0.01", 1)).unwrap();
    let mut rng = UnwrapErr(SysRng);
    let mut seen = vec![0_u32; noise.most() as usize + 1];
    for _ in 0..20_000 {
        seen[noise.draw(&mut rng) as usize] += 1;
    }
    let s = noise.mean() as usize;
    assert!(seen[s] > 19_000, "{seen:?}");
}
