//! X-Wing (draft-connolly-cfrg-xwing-kem) for the key schedule of the `hpke` crate,
//! from ML-KEM of `ml-kem`, SHA-3 and X25519. The `x-wing` crate refers to a table
//! of the generator that is a tenth of what a browser downloads ([`generator`]).

use curve25519_dalek::MontgomeryPoint;
use hpke::{Deserializable, HpkeError, Kem, Serializable, kem::SharedSecret};
use ml_kem::{
    Decapsulate as _, KeyExport as _,
    array::sizes::{U32, U1120, U1216},
    ml_kem_768::DecapsulationKey,
};
use rand_core::CryptoRng;
use sha3::{Digest as _, Sha3_256};
use shake::{ExtendableOutput as _, Shake256, Update as _, XofReader as _};
use subtle::{Choice, ConstantTimeEq};
use zeroize::Zeroizing;

use super::{XWING_ENC_LEN, XWING_PK_LEN, XWingPublicKey};
use crate::base::{Secret, generator};

const LABEL: &[u8; 6] = br"\.//^\";
/// Bytes of an ML-KEM-768 ciphertext.
const ML_KEM_LEN: usize = XWING_ENC_LEN - 32;

/// The KEM.
pub(super) struct XWing;

/// The 32-byte decapsulation seed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Seed(pub(super) Secret<32>);

impl Seed {
    /// Both secret keys.
    pub(super) fn expand(&self) -> Expanded {
        let mut reader = Shake256::default().chain(self.0.expose()).finalize_xof();
        let mut seed = Zeroizing::new([0; 64]);
        reader.read(seed.as_mut_slice());
        Expanded {
            ml_kem: DecapsulationKey::from_seed((*seed).into()),
            x25519: Secret::fill_with(|bytes| reader.read(bytes)),
        }
    }
}

/// The secret keys of ML-KEM and X25519.
pub(super) struct Expanded {
    ml_kem: DecapsulationKey,
    x25519: Secret<32>,
}

impl Expanded {
    pub(super) fn public(&self) -> XWingPublicKey {
        let mut bytes = Box::new([0; XWING_PK_LEN]);
        if let Some((head, tail)) = bytes.split_last_chunk_mut::<32>() {
            head.copy_from_slice(&self.ml_kem.encapsulation_key().to_bytes());
            *tail = generator::x25519(self.x25519.expose());
        }
        XWingPublicKey(bytes)
    }
}

/// An encapsulated key: the ciphertext of ML-KEM and an X25519 public key.
#[derive(Clone)]
pub(super) struct Enc(pub(super) Box<[u8; XWING_ENC_LEN]>);

/// What both sides hash, with the X25519 keys of the sender and of the recipient.
fn combine(ml_kem: &[u8], dh: &MontgomeryPoint, enc: &[u8], public: &[u8]) -> SharedSecret<XWing> {
    let dh = Zeroizing::new(dh.to_bytes());
    let hash = Sha3_256::new()
        .chain_update(ml_kem)
        .chain_update(dh.as_slice())
        .chain_update(enc)
        .chain_update(public)
        .chain_update(LABEL);
    SharedSecret(hash.finalize())
}

impl Kem for XWing {
    type PublicKey = XWingPublicKey;
    type PrivateKey = Seed;
    type EncappedKey = Enc;
    type NSecret = U32;

    const KEM_ID: u16 = 0x647a;

    fn sk_to_pk(sk: &Seed) -> XWingPublicKey {
        sk.expand().public()
    }

    /// Not as the drafts derive keys, which nothing here needs: the protocol's seeds are random.
    fn derive_keypair(ikm: &[u8]) -> (Seed, XWingPublicKey) {
        let seed = Seed(Secret::fill_with(|bytes| {
            Shake256::default().chain(ikm).finalize_xof().read(bytes);
        }));
        let public = Self::sk_to_pk(&seed);
        (seed, public)
    }

    fn decap(
        recipient: &Seed,
        sender: Option<&XWingPublicKey>,
        enc: &Enc,
    ) -> Result<SharedSecret<Self>, HpkeError> {
        let (Some((ciphertext, x25519)), None) = (enc.0.split_last_chunk::<32>(), sender) else {
            return Err(HpkeError::DecapError);
        };
        let ciphertext: &[u8; ML_KEM_LEN] =
            ciphertext.try_into().map_err(|_| HpkeError::DecapError)?;
        let keys = recipient.expand();
        let shared = Zeroizing::new(keys.ml_kem.decapsulate(ciphertext.into()));
        let dh = MontgomeryPoint(*x25519).mul_clamped(*keys.x25519.expose());
        let public = generator::x25519(keys.x25519.expose());
        Ok(combine(&shared, &dh, x25519, &public))
    }

    fn encap_with_rng(
        recipient: &XWingPublicKey,
        sender: Option<(&Seed, &XWingPublicKey)>,
        rng: &mut impl CryptoRng,
    ) -> Result<(SharedSecret<Self>, Enc), HpkeError> {
        let (Some(ml_kem), None) = (recipient.ml_kem(), sender) else {
            return Err(HpkeError::EncapError);
        };
        let random = Secret::<32>::random(rng);
        let ephemeral = Secret::<32>::random(rng);
        let (ciphertext, shared) = ml_kem.encapsulate_deterministic(random.expose().into());
        let shared = Zeroizing::new(shared);
        let x25519 = generator::x25519(ephemeral.expose());
        let dh = MontgomeryPoint(*recipient.x25519()).mul_clamped(*ephemeral.expose());
        let mut enc = Box::new([0; XWING_ENC_LEN]);
        if let Some((head, tail)) = enc.split_last_chunk_mut() {
            head.copy_from_slice(&ciphertext);
            *tail = x25519;
        }
        Ok((combine(&shared, &dh, &x25519, recipient.x25519()), Enc(enc)))
    }
}

fn wrong_length(encoded: &[u8], expected: usize) -> HpkeError {
    HpkeError::IncorrectInputLength(expected, encoded.len())
}

impl Clone for Seed {
    fn clone(&self) -> Self {
        Self(self.0.duplicate())
    }
}

impl ConstantTimeEq for Seed {
    fn ct_eq(&self, other: &Self) -> Choice {
        self.0.expose().ct_eq(other.0.expose())
    }
}

impl Serializable for Seed {
    type OutputSize = U32;

    fn write_exact(&self, buf: &mut [u8]) {
        buf.copy_from_slice(self.0.expose());
    }
}

impl Deserializable for Seed {
    fn from_bytes(encoded: &[u8]) -> Result<Self, HpkeError> {
        let seed = Secret::from_slice(encoded).map(Self);
        seed.ok_or_else(|| wrong_length(encoded, 32))
    }
}

impl Serializable for XWingPublicKey {
    type OutputSize = U1216;

    fn write_exact(&self, buf: &mut [u8]) {
        buf.copy_from_slice(self.0.as_slice());
    }
}

impl Deserializable for XWingPublicKey {
    fn from_bytes(encoded: &[u8]) -> Result<Self, HpkeError> {
        Self::decode(encoded).ok_or(HpkeError::ValidationError)
    }
}

impl Serializable for Enc {
    type OutputSize = U1120;

    fn write_exact(&self, buf: &mut [u8]) {
        buf.copy_from_slice(self.0.as_slice());
    }
}

impl Deserializable for Enc {
    fn from_bytes(encoded: &[u8]) -> Result<Self, HpkeError> {
        let bytes = encoded.try_into().map(|bytes| Self(Box::new(bytes)));
        bytes.map_err(|_| wrong_length(encoded, XWING_ENC_LEN))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hpke::kem::XWing as Theirs;
    use rand_core::UnwrapErr;

    #[test]
    fn the_kem_of_the_crates_agrees() {
        let mut rng = UnwrapErr(getrandom::SysRng);
        for _ in 0..4 {
            let (ours, public) = XWing::gen_keypair_with_rng(&mut rng);
            let theirs = <Theirs as Kem>::PrivateKey::from_bytes(&ours.to_bytes()).unwrap();
            let their_public = Theirs::sk_to_pk(&theirs);
            assert_eq!(public.0.as_slice(), their_public.to_bytes().as_slice());

            let (shared, enc) = XWing::encap_with_rng(&public, None, &mut rng).unwrap();
            let their_enc = <Theirs as Kem>::EncappedKey::from_bytes(&enc.to_bytes()).unwrap();
            assert_eq!(
                Theirs::decap(&theirs, None, &their_enc).unwrap().0,
                shared.0
            );
            assert_eq!(XWing::decap(&ours, None, &enc).unwrap().0, shared.0);

            let (shared, enc) = Theirs::encap_with_rng(&their_public, None, &mut rng).unwrap();
            let mut enc = Enc::from_bytes(&enc.to_bytes()).unwrap();
            assert_eq!(XWing::decap(&ours, None, &enc).unwrap().0, shared.0);

            // An altered ciphertext of ML-KEM gives another secret, and the same for both.
            enc.0[7] ^= 1;
            let altered = XWing::decap(&ours, None, &enc).unwrap();
            assert_ne!(altered.0, shared.0);
            let enc = <Theirs as Kem>::EncappedKey::from_bytes(&enc.to_bytes()).unwrap();
            assert_eq!(Theirs::decap(&theirs, None, &enc).unwrap().0, altered.0);
        }
    }

    #[test]
    fn authenticated_modes_and_wrong_lengths_are_refused() {
        let mut rng = UnwrapErr(getrandom::SysRng);
        let (secret, public) = XWing::gen_keypair_with_rng(&mut rng);
        let (_, enc) = XWing::encap_with_rng(&public, None, &mut rng).unwrap();
        let sender = Some((&secret, &public));
        assert!(XWing::encap_with_rng(&public, sender, &mut rng).is_err());
        assert!(XWing::decap(&secret, Some(&public), &enc).is_err());
        assert!(Seed::from_bytes(&[1; 31]).is_err());
        assert!(Enc::from_bytes(&[1; XWING_ENC_LEN - 1]).is_err());
        assert!(XWingPublicKey::from_bytes(&[1; XWING_PK_LEN + 1]).is_err());
    }
}
