//! HPKE (RFC 9180) with X25519. Protocol §2, §6 and §8.
//!
//! DHKEM(X25519, HKDF-SHA256) / HKDF-SHA256 / AES-256-GCM, single-shot, with
//! and without psk. The `hpke` crate checks only the length of X25519 public keys
//! and not the strength of a psk; the types here check both.

use hpke::{
    Deserializable as _, Kem as _, OpModeR, OpModeS, PskBundle, Serializable as _, aead::AesGcm256,
    kdf::HkdfSha256, kem::X25519HkdfSha256, single_shot_open, single_shot_seal_with_rng,
};
use rand_core::CryptoRng;

use crate::base::{Secret, secret::redacted};

/// Bytes of an X25519 public key or encapsulated key.
pub const ENC_LEN: usize = 32;
/// Bytes that sealing adds to the plaintext, not counting `enc`.
pub const TAG_LEN: usize = 16;

type DhKem = X25519HkdfSha256;

/// An X25519 public key that is canonical and not of low order. 32 bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct KemPublicKey([u8; 32]);

impl KemPublicKey {
    /// Decodes a key; `None` unless it is below p, with the high bit clear, and
    /// not of low order. Points of the twist are accepted. Protocol §1.
    #[must_use]
    pub fn decode(bytes: &[u8; 32]) -> Option<Self> {
        is_x25519_public(bytes).then_some(Self(*bytes))
    }

    /// The 32 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

redacted! { KemPublicKey }

/// An X25519 key pair from `DeriveKeyPair` (RFC 9180 §7.1.3).
pub struct KemKeyPair {
    secret: <DhKem as hpke::Kem>::PrivateKey,
    public: KemPublicKey,
}

impl KemKeyPair {
    /// `DeriveKeyPair(ikm)`.
    #[must_use]
    pub fn derive(ikm: &Secret<32>) -> Self {
        let (secret, public) = DhKem::derive_keypair(ikm.expose());
        let mut bytes = [0; 32];
        public.write_exact(&mut bytes);
        Self {
            secret,
            public: KemPublicKey(bytes),
        }
    }

    /// The public key.
    #[must_use]
    pub fn public(&self) -> &KemPublicKey {
        &self.public
    }
}

redacted! { KemKeyPair }

/// A pre-shared key of 32 uniform bytes, with its id.
#[derive(Clone, Copy, Debug)]
pub struct Psk<'a> {
    /// The key.
    pub key: &'a Secret<32>,
    /// The public id, a label.
    pub id: &'static str,
}

impl<'a> Psk<'a> {
    pub(super) fn bundle(self) -> Option<PskBundle<'a>> {
        PskBundle::new(self.key.expose(), self.id.as_bytes()).ok()
    }
}

/// Single-shot seal, mode_psk or mode_base: `(enc, ciphertext || tag)`.
/// `None` only if the crate fails, which it never does for valid keys.
pub fn seal(
    recipient: &KemPublicKey,
    psk: Option<Psk<'_>>,
    info: &str,
    aad: &[u8],
    plaintext: &[u8],
    rng: &mut impl CryptoRng,
) -> Option<([u8; ENC_LEN], Vec<u8>)> {
    let recipient = <DhKem as hpke::Kem>::PublicKey::from_bytes(&recipient.0).ok()?;
    let mode = match psk {
        Some(psk) => OpModeS::Psk(psk.bundle()?),
        None => OpModeS::Base,
    };
    let (enc, ciphertext) = single_shot_seal_with_rng::<AesGcm256, HkdfSha256, DhKem>(
        &mode,
        &recipient,
        info.as_bytes(),
        plaintext,
        aad,
        rng,
    )
    .ok()?;
    let mut bytes = [0; ENC_LEN];
    enc.write_exact(&mut bytes);
    Some((bytes, ciphertext))
}

/// Single-shot open of the output of [`seal`]; `None` if `enc` is not a valid key
/// or the ciphertext is not authentic.
#[must_use]
pub fn open(
    recipient: &KemKeyPair,
    enc: &[u8; ENC_LEN],
    psk: Option<Psk<'_>>,
    info: &str,
    aad: &[u8],
    ciphertext: &[u8],
) -> Option<Vec<u8>> {
    let enc = KemPublicKey::decode(enc)?;
    let enc = <DhKem as hpke::Kem>::EncappedKey::from_bytes(&enc.0).ok()?;
    let mode = match psk {
        Some(psk) => OpModeR::Psk(psk.bundle()?),
        None => OpModeR::Base,
    };
    single_shot_open::<AesGcm256, HkdfSha256, DhKem>(
        &mode,
        &recipient.secret,
        &enc,
        info.as_bytes(),
        ciphertext,
        aad,
    )
    .ok()
}

/// Returns `true` if `u` is below p = 2^255 − 19 with the high bit clear, and not
/// one of the five canonical u-coordinates of low order on the curve or its twist
/// (RFC 7748 §6.1; the list is on djb's page on Curve25519).
pub(super) fn is_x25519_public(u: &[u8; 32]) -> bool {
    const P: [u8; 32] = {
        let mut p = [0xff; 32];
        p[0] = 0xed;
        p[31] = 0x7f;
        p
    };
    const LOW_ORDER: [[u8; 32]; 5] = [
        [0; 32],
        {
            let mut one = [0; 32];
            one[0] = 1;
            one
        },
        [
            0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f,
            0xc4, 0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16,
            0x5f, 0x49, 0xb8, 0x00,
        ],
        [
            0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83,
            0xef, 0x5b, 0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd,
            0xd0, 0x9f, 0x11, 0x57,
        ],
        {
            let mut p_minus_one = P;
            p_minus_one[0] = 0xec;
            p_minus_one
        },
    ];
    u.iter().rev().lt(P.iter().rev()) && !LOW_ORDER.contains(u)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn x25519_keys_are_below_p_and_not_of_low_order() {
        let mut u = [0; 32];
        u[0] = 9;
        assert!(is_x25519_public(&u));
        u[31] = 0x80;
        assert!(!is_x25519_public(&u), "high bit");
        let mut p = [0xff; 32];
        p[31] = 0x7f;
        for low in 0xec..=0xff {
            p[0] = low;
            assert!(!is_x25519_public(&p), "p − 1 and above: {low:x}");
        }
        p[0] = 0xeb;
        assert!(is_x25519_public(&p));
        assert!(!is_x25519_public(&[0; 32]));
    }

    #[test]
    fn every_refused_point_has_low_order() {
        use curve25519_dalek::MontgomeryPoint;
        for hex in [
            "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
            "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        ] {
            let u: [u8; 32] = hex::decode(hex).unwrap().try_into().unwrap();
            assert!(!is_x25519_public(&u));
            assert_eq!(MontgomeryPoint(u).mul_clamped([7; 32]).0, [0; 32]);
        }
    }
}
