//! ristretto255 (RFC 9496): scalars, statements and witnesses. Protocol §1–§3.

use curve25519_dalek::{
    RistrettoPoint, Scalar, ristretto::CompressedRistretto, traits::IsIdentity as _,
};
use sha2::{Digest as _, Sha512};
use zeroize::{Zeroize as _, ZeroizeOnDrop};

use crate::base::secret::redacted;

/// SHA-512 of `parts(label, p…)`, little-endian, mod ℓ. Protocol §1.
#[must_use]
pub fn hash_to_scalar(label: &str, items: &[&[u8]]) -> Scalar {
    let hash = ScalarHash::new(label);
    items
        .iter()
        .fold(hash, |hash, item| hash.part(&[item]))
        .scalar()
}

/// [`hash_to_scalar`] part by part, for parts that are in several pieces.
pub struct ScalarHash(Sha512);

impl ScalarHash {
    /// Starts the hash with the label.
    #[must_use]
    pub fn new(label: &str) -> Self {
        Self(Sha512::new()).part(&[label.as_bytes()])
    }

    /// Adds one part, the concatenation of the pieces.
    #[must_use]
    pub fn part(mut self, pieces: &[&[u8]]) -> Self {
        let len = pieces.iter().map(|piece| piece.len()).sum::<usize>();
        self.0
            .update(u32::try_from(len).unwrap_or(u32::MAX).to_be_bytes());
        for piece in pieces {
            self.0.update(piece);
        }
        self
    }

    /// Finishes the hash.
    #[must_use]
    pub fn scalar(self) -> Scalar {
        let mut wide: [u8; 64] = self.0.finalize().into();
        let scalar = Scalar::from_bytes_mod_order_wide(&wide);
        wide.zeroize();
        scalar
    }
}

redacted! { ScalarHash }

/// `s·G` with the base-point table of curve25519-dalek. X25519 needs the same
/// table, so another one would only use more memory.
#[must_use]
pub fn mul_base(s: &Scalar) -> RistrettoPoint {
    RistrettoPoint::mul_base(s)
}

/// A public group element that is canonical and not the identity: the
/// statement `Y = x·G` of an identity, or a pseudonym `Y'`. 32 bytes encoded.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Statement {
    point: RistrettoPoint,
    encoded: CompressedRistretto,
}

impl Statement {
    /// Decodes 32 bytes; `None` for a non-canonical encoding or the identity.
    #[must_use]
    pub fn decode(bytes: &[u8; 32]) -> Option<Self> {
        let encoded = CompressedRistretto(*bytes);
        Self::new(encoded.decompress()?)
    }

    /// Creates a statement from a point; `None` for the identity.
    #[must_use]
    pub fn new(point: RistrettoPoint) -> Option<Self> {
        (!point.is_identity()).then(|| Self {
            point,
            encoded: point.compress(),
        })
    }

    /// The 32 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.encoded.as_bytes()
    }

    /// The group element.
    #[must_use]
    pub fn point(&self) -> &RistrettoPoint {
        &self.point
    }
}

redacted! { Statement }

/// A secret scalar `x` with its statement `x·G`. Wiped on drop.
pub struct Witness {
    scalar: Box<Scalar>,
    statement: Statement,
}

impl Witness {
    /// Creates a witness; `None` for zero, whose statement is the identity.
    #[must_use]
    pub fn new(scalar: Scalar) -> Option<Self> {
        let statement = Statement::new(mul_base(&scalar))?;
        Some(Self {
            scalar: Box::new(scalar),
            statement,
        })
    }

    /// The statement `x·G`.
    #[must_use]
    pub fn statement(&self) -> &Statement {
        &self.statement
    }

    /// Exposes the scalar, for a proof.
    #[must_use]
    pub fn expose(&self) -> &Scalar {
        &self.scalar
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.scalar.zeroize();
    }
}

impl ZeroizeOnDrop for Witness {}

redacted! { Witness }

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_identity_is_refused() {
        assert!(Statement::decode(&[0; 32]).is_none());
        assert!(Witness::new(Scalar::ZERO).is_none());
    }

    #[test]
    fn the_table_agrees_with_the_generator() {
        use curve25519_dalek::constants::RISTRETTO_BASEPOINT_POINT;
        let s = hash_to_scalar("test", &[b"x"]);
        assert_eq!(mul_base(&s), s * RISTRETTO_BASEPOINT_POINT);
    }
}
