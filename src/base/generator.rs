//! Multiples of the generator of Curve25519, for every protocol that uses it.
//!
//! Tables of its multiples make them three times as fast. curve25519-dalek has
//! such tables as constants: 37 KiB that do not compress, a tenth of what a
//! browser downloads. Here the same types of that crate make them once they are
//! worth the few milliseconds, so no code may call what refers to the constants:
//! `mul_base`, `mul_base_clamped`, `vartime_double_scalar_mul_basepoint`.
//! `cargo xtask build` fails if a module contains them.

use std::sync::{
    OnceLock,
    atomic::{AtomicU32, Ordering},
};

use curve25519_dalek::{
    EdwardsPoint, RistrettoPoint, Scalar,
    constants::{ED25519_BASEPOINT_POINT, RISTRETTO_BASEPOINT_POINT, X25519_BASEPOINT},
    edwards::{EdwardsBasepointTable, VartimeEdwardsPrecomputation},
    ristretto::{RistrettoBasepointTable, VartimeRistrettoPrecomputation},
    traits::{BasepointTable as _, VartimePrecomputedMultiscalarMul as _},
};

/// Uses of the generator without a table, before it is made: opening a vault
/// needs fewer, and does not wait for it.
const FREE_USES: u32 = 16;

/// A table of multiples, which never changes once it is made.
struct Table<T> {
    uses: AtomicU32,
    made: OnceLock<Box<T>>,
}

impl<T> Table<T> {
    const fn new() -> Self {
        Self {
            uses: AtomicU32::new(0),
            made: OnceLock::new(),
        }
    }

    /// The table. `make` must not be inlined, or every use would have room for
    /// a table on the stack.
    fn get(&self, make: fn() -> Box<T>) -> &T {
        self.made.get_or_init(make)
    }

    /// The table, once it is worth making.
    fn if_worth(&self, make: fn() -> Box<T>) -> Option<&T> {
        let made = self.made.get().map(|made| &**made);
        let free = || self.uses.fetch_add(1, Ordering::Relaxed) < FREE_USES;
        made.or_else(|| (!free()).then(|| self.get(make)))
    }
}

static RISTRETTO: Table<RistrettoBasepointTable> = Table::new();
static X25519: Table<EdwardsBasepointTable> = Table::new();
static VARTIME_RISTRETTO: Table<VartimeRistrettoPrecomputation> = Table::new();
static VARTIME_EDWARDS: Table<VartimeEdwardsPrecomputation> = Table::new();

/// `s·G` in ristretto255, in constant time.
#[must_use]
pub fn ristretto(s: &Scalar) -> RistrettoPoint {
    #[cold]
    #[inline(never)]
    fn make() -> Box<RistrettoBasepointTable> {
        Box::new(RistrettoBasepointTable::create(&RISTRETTO_BASEPOINT_POINT))
    }
    match RISTRETTO.if_worth(make) {
        Some(table) => table * s,
        None => s * RISTRETTO_BASEPOINT_POINT,
    }
}

/// The X25519 public key of a secret (RFC 7748 §6.1), in constant time.
#[must_use]
pub fn x25519(secret: &[u8; 32]) -> [u8; 32] {
    #[cold]
    #[inline(never)]
    fn make() -> Box<EdwardsBasepointTable> {
        Box::new(EdwardsBasepointTable::create(&ED25519_BASEPOINT_POINT))
    }
    let public = match X25519.if_worth(make) {
        Some(table) => table.mul_base_clamped(*secret).to_montgomery(),
        None => X25519_BASEPOINT.mul_clamped(*secret),
    };
    public.to_bytes()
}

/// `a·A + b·G` in ristretto255, in variable time.
#[must_use]
pub fn vartime_ristretto(a: &Scalar, point: &RistrettoPoint, b: &Scalar) -> RistrettoPoint {
    #[cold]
    #[inline(never)]
    fn make() -> Box<VartimeRistrettoPrecomputation> {
        let generator = [RISTRETTO_BASEPOINT_POINT];
        Box::new(VartimeRistrettoPrecomputation::new(generator))
    }
    let table = VARTIME_RISTRETTO.get(make);
    table.vartime_mixed_multiscalar_mul([b], [a], [point])
}

/// `a·A + b·B` on the Edwards curve with the generator `B`, in variable time.
#[must_use]
pub fn vartime_edwards(a: &Scalar, point: &EdwardsPoint, b: &Scalar) -> EdwardsPoint {
    #[cold]
    #[inline(never)]
    fn make() -> Box<VartimeEdwardsPrecomputation> {
        Box::new(VartimeEdwardsPrecomputation::new([ED25519_BASEPOINT_POINT]))
    }
    let table = VARTIME_EDWARDS.get(make);
    table.vartime_mixed_multiscalar_mul([b], [a], [point])
}

#[cfg(test)]
mod tests {
    use super::*;
    use curve25519_dalek::MontgomeryPoint;

    fn scalars() -> [Scalar; 6] {
        let wide = |byte| Scalar::from_bytes_mod_order_wide(&[byte; 64]);
        [
            Scalar::ZERO,
            Scalar::ONE,
            -Scalar::ONE,
            wide(3),
            wide(0xa5),
            wide(0xff),
        ]
    }

    /// Every value before the tables are made, and with them.
    fn twice<T: Clone>(values: &[T]) -> impl Iterator<Item = T> {
        let uses = usize::try_from(FREE_USES).unwrap() + values.len();
        let cycle = values.iter().cycle().take(uses).cloned();
        cycle.collect::<Vec<_>>().into_iter()
    }

    #[test]
    fn multiples_agree_with_those_of_the_crate() {
        for a in twice(&scalars()) {
            assert_eq!(ristretto(&a), RistrettoPoint::mul_base(&a));
        }
        assert!(RISTRETTO.made.get().is_some());
        let all = scalars();
        let pairs: Vec<_> = all.iter().flat_map(|a| all.map(|b| (*a, b))).collect();
        for (a, b) in pairs {
            let point = RistrettoPoint::mul_base(&(a + Scalar::from(7_u8)));
            assert_eq!(
                vartime_ristretto(&a, &point, &b),
                RistrettoPoint::vartime_double_scalar_mul_basepoint(&a, &point, &b)
            );
            let point = EdwardsPoint::mul_base(&(b + Scalar::from(9_u8)));
            assert_eq!(
                vartime_edwards(&a, &point, &b),
                EdwardsPoint::vartime_double_scalar_mul_basepoint(&a, &point, &b)
            );
        }
    }

    #[test]
    fn public_keys_agree_with_those_of_the_crate() {
        let secrets = [[0; 32], [1; 32], [0x77; 32], [0x80; 32], [0xff; 32]];
        for secret in twice(&secrets) {
            let crates = MontgomeryPoint::mul_base_clamped(secret).to_bytes();
            assert_eq!(x25519(&secret), crates);
        }
        assert!(X25519.made.get().is_some());
    }
}
