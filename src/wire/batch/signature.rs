//! Verification of Ed25519 signatures (RFC 8032), as strict as `verify_strict` of
//! ed25519-dalek, which signs for relays and refers to a table of the generator that
//! browsers would download ([`generator`]). Variable time: everything is public.

use curve25519_dalek::{Scalar, edwards::CompressedEdwardsY};
use sha2::{Digest as _, Sha512};

use crate::base::generator;

/// Returns `true` if the signature is valid for the key. Refuses keys and
/// commitments of small order, commitments that are not canonical, and responses
/// that are not reduced.
pub(super) fn verify(key: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
    let check = || {
        let (commitment, response) = signature.split_first_chunk::<32>()?;
        let response = Scalar::from_canonical_bytes(response.try_into().ok()?);
        let response = Option::<Scalar>::from(response)?;
        let point = CompressedEdwardsY(*key).decompress()?;
        let commitment = CompressedEdwardsY(*commitment);
        if point.is_small_order() || commitment.decompress()?.is_small_order() {
            return None;
        }
        let hash = Sha512::new()
            .chain_update(commitment.as_bytes())
            .chain_update(key)
            .chain_update(message);
        let challenge = Scalar::from_bytes_mod_order_wide(&hash.finalize().into());
        // z·B − c·A, encoded, so that R must be in its canonical encoding.
        let expected = generator::vartime_edwards(&challenge, &-point, &response);
        Some(expected.compress() == commitment)
    };
    check() == Some(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use curve25519_dalek::constants::EIGHT_TORSION;
    use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};

    fn theirs(key: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
        VerifyingKey::from_bytes(key).is_ok_and(|key| {
            key.verify_strict(message, &Signature::from_bytes(signature))
                .is_ok()
        })
    }

    #[test]
    fn signatures_of_ed25519_dalek_are_valid_and_altered_ones_are_not() {
        for seed in 0..8 {
            let signer = SigningKey::from_bytes(&[seed; 32]);
            let key = signer.verifying_key().to_bytes();
            let message = vec![seed; usize::from(seed) * 17];
            let signature = signer.sign(&message).to_bytes();
            assert!(verify(&key, &message, &signature));
            assert!(!verify(&key, b"another", &signature));
            for at in 0..64 {
                for bit in 0..8 {
                    let mut altered = signature;
                    altered[at] ^= 1 << bit;
                    assert!(!verify(&key, &message, &altered), "bit {bit} of byte {at}");
                }
            }
        }
    }

    #[test]
    fn small_orders_and_other_encodings_are_refused_as_by_ed25519_dalek() {
        let signer = SigningKey::from_bytes(&[7; 32]);
        let key = signer.verifying_key().to_bytes();
        let mut signature = signer.sign(b"x").to_bytes();
        // With the identity as key and commitment, a response of zero satisfies the equation.
        let mut refused = vec![(EIGHT_TORSION[0].compress().0, [0; 64])];
        refused[0].1[..32].copy_from_slice(&EIGHT_TORSION[0].compress().0);
        for torsion in EIGHT_TORSION {
            let torsion = torsion.compress().0;
            refused.push((torsion, signature));
            let mut small = signature;
            small[..32].copy_from_slice(&torsion);
            refused.push((key, small));
        }
        // The response plus the order of the group.
        let order = (-Scalar::ONE).to_bytes();
        let mut carry = 1;
        for (at, byte) in order.into_iter().enumerate() {
            let sum = u16::from(signature[32 + at]) + u16::from(byte) + carry;
            signature[32 + at] = sum.to_le_bytes()[0];
            carry = sum >> 8;
        }
        refused.push((key, signature));
        // y = 1 + p, a second encoding of the identity; and one that is not on the curve.
        let mut other = [0xff; 32];
        (other[0], other[31]) = (0xee, 0x7f);
        refused.push((other, signature));
        refused.push(([2; 32], signature));
        for (key, signature) in refused {
            assert!(!verify(&key, b"x", &signature), "{key:?} {signature:?}");
            assert!(!theirs(&key, b"x", &signature), "{key:?} {signature:?}");
        }
    }
}
