//! DHKEM(X25519, HKDF-SHA256), RFC 9180 §4.1, for the key schedule of the `hpke`
//! crate. The crate's own refers to a table of the generator that is a tenth of what
//! a browser downloads ([`generator`]), and computes a public key once more for
//! every message. Without authenticated modes.

use curve25519_dalek::{MontgomeryPoint, scalar::clamp_integer};
use hpke::{
    Deserializable, HpkeError, Kem, Serializable,
    hybrid_array::typenum::U32,
    kdf::{HkdfSha256, Kdf as _},
    kem::SharedSecret,
};
use rand_core::CryptoRng;
use subtle::{Choice, ConstantTimeEq};
use zeroize::Zeroizing;

use super::KemPublicKey;
use crate::base::{Secret, generator};

/// `KEM` and the id 0x0020.
const SUITE_ID: [u8; 5] = *b"KEM\x00\x20";

/// The KEM.
pub(super) struct DhKem;

/// A clamped secret with its public key.
pub(super) struct PrivateKey {
    secret: Secret<32>,
    public: KemPublicKey,
}

impl PrivateKey {
    /// A clamped secret is not a multiple of the generator's order, so the public key is a valid one.
    fn new(bytes: &[u8; 32]) -> Self {
        let mut clamped = clamp_integer(*bytes);
        let public = KemPublicKey(generator::x25519(&clamped));
        Self {
            secret: Secret::take(&mut clamped),
            public,
        }
    }

    pub(super) fn public(&self) -> &KemPublicKey {
        &self.public
    }

    /// The shared secret of `DH(self, other)` and the context that is bound to it. `None` if the result
    /// of the multiplication is zero.
    fn shared(
        &self,
        other: &KemPublicKey,
        enc: &KemPublicKey,
        recipient: &KemPublicKey,
    ) -> Option<SharedSecret<DhKem>> {
        let dh = MontgomeryPoint(other.0).mul_clamped(*self.secret.expose());
        let dh = Zeroizing::new(dh.to_bytes());
        if dh.ct_eq(&[0; 32]).into() {
            return None;
        }
        let mut context = [0; 64];
        let (head, tail) = context.split_at_mut(32);
        head.copy_from_slice(&enc.0);
        tail.copy_from_slice(&recipient.0);
        let mut shared = SharedSecret::default();
        HkdfSha256::extract_and_expand(dh.as_slice(), &SUITE_ID, &context, &mut shared.0).ok()?;
        Some(shared)
    }
}

impl Clone for PrivateKey {
    fn clone(&self) -> Self {
        Self {
            secret: self.secret.duplicate(),
            public: self.public,
        }
    }
}

impl ConstantTimeEq for PrivateKey {
    fn ct_eq(&self, other: &Self) -> Choice {
        self.secret.expose().ct_eq(other.secret.expose())
    }
}

impl Serializable for PrivateKey {
    type OutputSize = U32;

    fn write_exact(&self, buf: &mut [u8]) {
        buf.copy_from_slice(self.secret.expose());
    }
}

impl Deserializable for PrivateKey {
    fn from_bytes(encoded: &[u8]) -> Result<Self, HpkeError> {
        encoded
            .try_into()
            .map(Self::new)
            .map_err(|_| HpkeError::IncorrectInputLength(32, encoded.len()))
    }
}

impl Serializable for KemPublicKey {
    type OutputSize = U32;

    fn write_exact(&self, buf: &mut [u8]) {
        buf.copy_from_slice(&self.0);
    }
}

impl Deserializable for KemPublicKey {
    fn from_bytes(encoded: &[u8]) -> Result<Self, HpkeError> {
        let bytes = encoded
            .try_into()
            .map_err(|_| HpkeError::IncorrectInputLength(32, encoded.len()))?;
        Self::decode(bytes).ok_or(HpkeError::ValidationError)
    }
}

impl Kem for DhKem {
    type PublicKey = KemPublicKey;
    type PrivateKey = PrivateKey;
    type EncappedKey = KemPublicKey;
    type NSecret = U32;

    const KEM_ID: u16 = 0x0020;

    fn sk_to_pk(sk: &PrivateKey) -> KemPublicKey {
        sk.public
    }

    fn derive_keypair(ikm: &[u8]) -> (PrivateKey, KemPublicKey) {
        let secret = Zeroizing::new(HkdfSha256::derive_x25519_sk_eph_bytes(&SUITE_ID, ikm));
        let secret = PrivateKey::new(&secret);
        let public = secret.public;
        (secret, public)
    }

    fn decap(
        recipient: &PrivateKey,
        sender: Option<&KemPublicKey>,
        enc: &KemPublicKey,
    ) -> Result<SharedSecret<Self>, HpkeError> {
        match sender {
            None => recipient.shared(enc, enc, &recipient.public),
            Some(_) => None,
        }
        .ok_or(HpkeError::DecapError)
    }

    fn encap_with_rng(
        recipient: &KemPublicKey,
        sender: Option<(&PrivateKey, &KemPublicKey)>,
        rng: &mut impl CryptoRng,
    ) -> Result<(SharedSecret<Self>, KemPublicKey), HpkeError> {
        let (ephemeral, enc) = Self::gen_keypair_with_rng(rng);
        match sender {
            None => ephemeral.shared(recipient, &enc, recipient),
            Some(_) => None,
        }
        .map(|shared| (shared, enc))
        .ok_or(HpkeError::EncapError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hpke::kem::X25519HkdfSha256 as Theirs;
    use rand_core::{Rng as _, UnwrapErr};

    #[test]
    fn the_kem_of_the_crate_agrees() {
        let mut rng = UnwrapErr(getrandom::SysRng);
        for _ in 0..16 {
            let mut ikm = [0; 32];
            rng.fill_bytes(&mut ikm);
            let (ours, public) = DhKem::derive_keypair(&ikm);
            let (theirs, their_public) = Theirs::derive_keypair(&ikm);
            assert_eq!(ours.to_bytes(), theirs.to_bytes());
            assert_eq!(public.0.as_slice(), their_public.to_bytes().as_slice());

            let (shared, enc) = DhKem::encap_with_rng(&public, None, &mut rng).unwrap();
            let their_enc = <Theirs as Kem>::EncappedKey::from_bytes(&enc.0).unwrap();
            let opened = Theirs::decap(&theirs, None, &their_enc).unwrap();
            assert_eq!(shared.0, opened.0);

            let (shared, enc) = Theirs::encap_with_rng(&their_public, None, &mut rng).unwrap();
            let enc = KemPublicKey::from_bytes(&enc.to_bytes()).unwrap();
            assert_eq!(DhKem::decap(&ours, None, &enc).unwrap().0, shared.0);
        }
    }

    #[test]
    fn authenticated_modes_and_zero_are_refused() {
        let mut rng = UnwrapErr(getrandom::SysRng);
        let (secret, public) = DhKem::gen_keypair_with_rng(&mut rng);
        let sender = Some((&secret, &public));
        assert!(DhKem::encap_with_rng(&public, sender, &mut rng).is_err());
        assert!(DhKem::decap(&secret, Some(&public), &public).is_err());
        let zero = KemPublicKey([0; 32]);
        assert!(DhKem::decap(&secret, None, &zero).is_err());
        assert!(DhKem::encap_with_rng(&zero, None, &mut rng).is_err());
        assert!(KemPublicKey::from_bytes(&[0; 32]).is_err());
        assert!(KemPublicKey::from_bytes(&[9; 31]).is_err());
        assert!(PrivateKey::from_bytes(&[9; 33]).is_err());
    }
}
