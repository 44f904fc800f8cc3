//! Comparison of draws with their tables.

use std::convert::Infallible;

use rand_core::{CryptoRng, TryCryptoRng, TryRng, UnwrapErr};
use sha2::{Digest as _, Sha256};
use tessera::privacy::{Noise, gaussian};

use crate::{budget, laplace};

const DRAWS: u32 = 100_000;

/// Reproducible randomness.
struct Replayed {
    seed: u64,
    counter: u64,
}

impl TryRng for Replayed {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.try_next_u64().map(|word| (word >> 32) as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.counter += 1;
        let block = Sha256::digest([self.seed.to_be_bytes(), self.counter.to_be_bytes()].concat());
        Ok(u64::from_be_bytes(block[..8].try_into().unwrap()))
    }

    fn try_fill_bytes(&mut self, dst: &mut [u8]) -> Result<(), Infallible> {
        for chunk in dst.chunks_mut(8) {
            let word = self.try_next_u64()?.to_be_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
        Ok(())
    }
}

impl TryCryptoRng for Replayed {}

/// χ² of draws from one table against the weights of another, by its degrees
/// of freedom. Values are pooled until each pool expects at least 25 draws.
fn chi_square(drawn: &Noise, expected: &Noise, rng: &mut impl CryptoRng) -> (f64, f64) {
    let mut seen = vec![0_u32; drawn.most().max(expected.most()) as usize + 1];
    for _ in 0..DRAWS {
        seen[drawn.draw(rng) as usize] += 1;
    }
    let total = expected.total() as f64;
    let weights = expected.weights().map(|w| w as f64 / total);
    let (mut chi2, mut pools) = (0.0, 0.0);
    let (mut pooled, mut want) = (0.0, 0.0);
    for (count, p) in seen.iter().zip(weights.chain(std::iter::repeat(0.0))) {
        pooled += f64::from(*count);
        want += p * f64::from(DRAWS);
        if want >= 25.0 {
            chi2 += (pooled - want).powi(2) / want;
            pools += 1.0;
            (pooled, want) = (0.0, 0.0);
        }
    }
    // The rest at the upper end is too small for another pool.
    chi2 += (pooled - want).powi(2) / 25.0;
    (chi2, pools - 1.0)
}

/// χ² with d degrees of freedom exceeds d + 2√(dx) + 2x with probability at
/// most e^−x (Laurent and Massart 2000, lemma 1); e^−21 < 10^−9.
fn bound(freedom: f64) -> f64 {
    const X: f64 = 21.0;
    freedom + 2.0 * (freedom * X).sqrt() + 2.0 * X
}

fn tables() -> [Noise; 4] {
    [
        laplace("0.1", "1e-6", 1),
        laplace("0.1", "1e-6", 2),
        laplace("1", "1e-6", 1),
        gaussian(&budget("1", "1e-6", 1), 10).unwrap().noise,
    ]
}

#[test]
fn seeded_draws_follow_their_table() {
    for (seed, noise) in (1..).zip(tables()) {
        let (chi2, freedom) = chi_square(&noise, &noise, &mut Replayed { seed, counter: 0 });
        assert!(
            freedom > 5.0 && chi2 < bound(freedom),
            "{noise:?}: {chi2} of {freedom}"
        );
    }
}

#[test]
fn draws_of_the_operating_system_follow_their_table() {
    for noise in tables() {
        let (chi2, freedom) = chi_square(&noise, &noise, &mut UnwrapErr(getrandom::SysRng));
        assert!(chi2 < bound(freedom), "{noise:?}: {chi2} of {freedom}");
    }
}

#[test]
fn the_test_detects_a_table_that_is_ten_percent_off() {
    let (claimed, used) = (laplace("0.1", "1e-6", 1), laplace("0.11", "1e-6", 1));
    let seed = &mut Replayed {
        seed: 7,
        counter: 0,
    };
    let (chi2, freedom) = chi_square(&used, &claimed, seed);
    assert!(chi2 > bound(freedom), "{chi2} of {freedom}");
}

#[test]
fn draws_are_reproducible_and_reach_both_ends() {
    let noise = laplace("3", "0.01", 1);
    let draws = |seed| -> Vec<u32> {
        let mut rng = Replayed { seed, counter: 0 };
        (0..2_000).map(|_| noise.draw(&mut rng)).collect()
    };
    assert_eq!(draws(1), draws(1));
    assert_ne!(draws(1), draws(2));
    let (least, most) = (draws(1).into_iter().min(), draws(1).into_iter().max());
    assert_eq!((least, most), (Some(0), Some(noise.most())));
}
