//! Shamir's secret sharing over GF(2^8), byte by byte. Protocol §10.
//!
//! The field is that of AES, polynomial x^8 + x^4 + x^3 + x + 1 (0x11B).
//! Share `x` holds `y = a0 + a1·x + … + a(k−1)·x^(k−1)` for each byte, where
//! `a0` is the secret and the other coefficients are uniform. Any `k` shares
//! give `a0` by Lagrange interpolation at 0; fewer reveal nothing about it.
//!
//! Constant time: no table index or branch depends on a secret. The available
//! crates use the polynomial 0x11D and do not interoperate.

use rand_core::CryptoRng;
use subtle::{Choice, ConditionallySelectable as _};
use zeroize::Zeroize as _;

use crate::base::Secret;

/// Bytes of a shared secret.
pub const SECRET_LEN: usize = 32;

/// One share: a public x-coordinate, never 0, and the secret value there.
#[derive(Debug)]
pub struct Point {
    x: u8,
    y: Secret<SECRET_LEN>,
}

impl Point {
    /// Creates a point; `None` at x = 0, where the value is the secret itself.
    #[must_use]
    pub fn new(x: u8, y: Secret<SECRET_LEN>) -> Option<Self> {
        (x != 0).then_some(Self { x, y })
    }

    /// The x-coordinate, 1–255.
    #[must_use]
    pub fn x(&self) -> u8 {
        self.x
    }

    /// The value at x.
    #[must_use]
    pub fn y(&self) -> &Secret<SECRET_LEN> {
        &self.y
    }
}

/// Splits a secret into the points x = 1…`count`. Any `threshold` of them
/// recover it. `None` unless 2 ≤ `threshold` ≤ `count`.
pub fn split(
    secret: &Secret<SECRET_LEN>,
    threshold: u8,
    count: u8,
    rng: &mut impl CryptoRng,
) -> Option<Vec<Point>> {
    if threshold < 2 || threshold > count {
        return None;
    }
    let coefficients: Vec<Secret<SECRET_LEN>> =
        (1..threshold).map(|_| Secret::random(rng)).collect();
    let evaluate = |x: u8| {
        Secret::fill_with(|y| {
            // Horner, from the highest coefficient down to the secret.
            for coefficient in coefficients.iter().rev().chain([secret]) {
                for (y, a) in y.iter_mut().zip(coefficient.expose()) {
                    *y = mul(*y, x) ^ a;
                }
            }
        })
    };
    Some((1..=count).map(|x| Point { x, y: evaluate(x) }).collect())
}

/// Recovers the secret: the value at 0 of the polynomial of degree below
/// `threshold` through the points. `None` if there are fewer than `threshold`
/// points, two have the same x, `threshold` is below 2, or a surplus point is not
/// on the polynomial.
#[must_use]
pub fn combine(threshold: u8, points: &[&Point]) -> Option<Secret<SECRET_LEN>> {
    let threshold = usize::from(threshold);
    if threshold < 2 {
        return None;
    }
    let (basis, surplus) = points.split_at_checked(threshold)?;
    let mut seen = [false; 256];
    for point in points {
        if core::mem::replace(seen.get_mut(usize::from(point.x))?, true) {
            return None;
        }
    }
    let agree = surplus.iter().all(|p| interpolate(basis, p.x) == p.y);
    agree.then(|| interpolate(basis, 0))
}

/// Evaluates the polynomial through the points at `at`. The x-coordinates are
/// distinct and public.
fn interpolate(points: &[&Point], at: u8) -> Secret<SECRET_LEN> {
    Secret::fill_with(|out| {
        for (i, point) in points.iter().enumerate() {
            let others = points.iter().enumerate().filter(|(j, _)| *j != i);
            // Subtraction is xor: l_i(at) = Π (at − x_j) / (x_i − x_j).
            let (mut numerator, mut denominator) = (1, 1);
            for (_, other) in others {
                numerator = mul(numerator, at ^ other.x);
                denominator = mul(denominator, point.x ^ other.x);
            }
            let mut weight = mul(numerator, inverse(denominator));
            for (out, y) in out.iter_mut().zip(point.y.expose()) {
                *out ^= mul(*y, weight);
            }
            weight.zeroize();
        }
    })
}

/// The product in GF(2^8), in constant time.
fn mul(a: u8, b: u8) -> u8 {
    let (mut multiple, mut product) = (a, 0);
    for bit in 0..8 {
        product ^= u8::conditional_select(&0, &multiple, Choice::from((b >> bit) & 1));
        multiple = (multiple << 1) ^ u8::conditional_select(&0, &0x1b, Choice::from(multiple >> 7));
    }
    product
}

/// `a^254 = a^-1`, and 0 for 0: 254 = 2 + 4 + 8 + 16 + 32 + 64 + 128.
fn inverse(a: u8) -> u8 {
    let mut power = mul(a, a);
    let mut product = power;
    for _ in 0..6 {
        power = mul(power, power);
        product = mul(product, power);
    }
    product
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Schoolbook: multiply the polynomials over GF(2), then reduce by 0x11B.
    fn slow_mul(a: u8, b: u8) -> u8 {
        let mut wide = 0_u16;
        for i in 0..8 {
            if b & (1 << i) != 0 {
                wide ^= u16::from(a) << i;
            }
        }
        for i in (8..16).rev() {
            if wide & (1 << i) != 0 {
                wide ^= 0x11b << (i - 8);
            }
        }
        u8::try_from(wide).unwrap()
    }

    #[test]
    fn products_match_schoolbook_multiplication() {
        for a in 0..=255 {
            for b in 0..=255 {
                assert_eq!(mul(a, b), slow_mul(a, b), "{a} · {b}");
            }
        }
        assert_eq!(mul(0x57, 0x83), 0xc1, "FIPS 197 §4.2");
    }

    #[test]
    fn every_inverse_multiplies_to_one() {
        assert_eq!(inverse(0), 0);
        for a in 1..=255 {
            assert_eq!(slow_mul(a, inverse(a)), 1, "{a}");
        }
    }

    fn rng() -> impl CryptoRng {
        rand_core::UnwrapErr(getrandom::SysRng)
    }

    #[test]
    fn any_threshold_points_recover_the_secret() {
        let secret = Secret::random(&mut rng());
        for count in 2..=6_u8 {
            for threshold in 2..=count {
                let points = split(&secret, threshold, count, &mut rng()).unwrap();
                for choice in 0..1_u32 << count {
                    let chosen: Vec<&Point> = points
                        .iter()
                        .filter(|p| choice & (1 << (p.x - 1)) != 0)
                        .collect();
                    let got = combine(threshold, &chosen);
                    if chosen.len() < usize::from(threshold) {
                        assert!(got.is_none(), "{threshold} of {count}, {choice:b}");
                    } else {
                        assert_eq!(
                            got.as_ref(),
                            Some(&secret),
                            "{threshold} of {count}, {choice:b}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn the_largest_set_combines() {
        let secret = Secret::random(&mut rng());
        let points = split(&secret, 255, 255, &mut rng()).unwrap();
        assert_eq!(
            combine(255, &points.iter().collect::<Vec<_>>()),
            Some(secret)
        );
    }

    #[test]
    fn one_point_below_the_threshold_leaves_every_secret_possible() {
        // For one byte: a share of a 2-of-n set fits each of the 256 secrets,
        // through exactly one line.
        let (x, y) = (7, 0x5a);
        let mut slopes: Vec<u8> = (0..=255).map(|a0| mul(y ^ a0, inverse(x))).collect();
        slopes.sort_unstable();
        slopes.dedup();
        assert_eq!(slopes.len(), 256);
    }

    #[test]
    fn invalid_sets_are_refused() {
        let secret = Secret::random(&mut rng());
        assert!(split(&secret, 1, 3, &mut rng()).is_none());
        assert!(split(&secret, 4, 3, &mut rng()).is_none());
        assert!(Point::new(0, Secret::random(&mut rng())).is_none());
        let points = split(&secret, 2, 3, &mut rng()).unwrap();
        let [a, b, c] = points.as_slice() else {
            panic!("three points")
        };
        assert!(combine(2, &[a, a]).is_none(), "twice the same place");
        assert!(combine(2, &[a, b, a]).is_none(), "a surplus point twice");
        assert!(combine(1, &[a]).is_none());
        assert!(combine(0, &[]).is_none());
        let mut y = *c.y.expose();
        y[31] ^= 1;
        let off = Point::new(c.x, Secret::take(&mut y)).unwrap();
        assert!(
            combine(2, &[a, b, &off]).is_none(),
            "a surplus point off the line"
        );
        assert_eq!(combine(2, &[a, b, c]), Some(secret));
    }
}
