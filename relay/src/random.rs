//! The source of randomness: the operating system's generator. Draws are never
//! stored: an attacker with the disk could subtract the cover.

use getrandom::SysRng;
use rand_core::{CryptoRng, Rng as _, UnwrapErr};

/// The operating system's generator.
///
/// # Panics
///
/// If the operating system cannot provide random bytes: then no batch may be
/// published and no key generated.
pub fn system() -> UnwrapErr<SysRng> {
    UnwrapErr(SysRng)
}

/// Random bytes.
#[must_use]
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    system().fill_bytes(&mut bytes);
    bytes
}

/// A duration of four to six fifths of this one, so that relays that were started
/// together do not ask each other at the same moments.
#[must_use]
pub fn around(duration: std::time::Duration) -> std::time::Duration {
    let share = u32::try_from(below(401, &mut system())).unwrap_or(200);
    duration * (800 + share) / 1000
}

/// Shuffles in place, uniformly (Fisher–Yates).
pub fn shuffle<T>(items: &mut [T], rng: &mut impl CryptoRng) {
    for last in (1..items.len()).rev() {
        items.swap(last, below(last + 1, rng));
    }
}

/// Returns a uniform number below `bound`, by rejection; 0 for a bound of 0.
fn below(bound: usize, rng: &mut impl CryptoRng) -> usize {
    let bound = bound.max(1) as u64;
    let unbiased = u64::MAX - u64::MAX % bound;
    loop {
        let draw = rng.next_u64();
        if draw < unbiased {
            return usize::try_from(draw % bound).unwrap_or(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_order_of_four_is_equally_likely() {
        let mut seen = std::collections::BTreeMap::<[u8; 4], u32>::new();
        for _ in 0..24_000 {
            let mut items = [0, 1, 2, 3];
            shuffle(&mut items, &mut system());
            *seen.entry(items).or_default() += 1;
        }
        assert_eq!(seen.len(), 24);
        let chi2: f64 = seen
            .values()
            .map(|n| (f64::from(*n) - 1000.0).powi(2) / 1000.0)
            .sum();
        // 23 degrees of freedom: exceeded by chance once in a hundred million runs.
        assert!(chi2 < 82.0, "{chi2}");
    }

    #[test]
    fn shuffling_zero_or_one_items_changes_nothing() {
        shuffle::<u8>(&mut [], &mut system());
        let mut one = [7];
        shuffle(&mut one, &mut system());
        assert_eq!(one, [7]);
    }
}
