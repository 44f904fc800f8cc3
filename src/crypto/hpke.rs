//! HPKE (RFC 9180) in the three forms the protocol uses. Protocol §2, §6–§8.
//!
//! DHKEM(X25519, HKDF-SHA256) / HKDF-SHA256 / AES-256-GCM single-shot, with
//! and without psk, and X-Wing in mode_psk with exports. The crate checks
//! neither X25519 public keys beyond their length nor the strength of a psk;
//! the types here do.

use core::fmt;

use hpke::{
    Deserializable as _, Kem as _, OpModeR, OpModeS, PskBundle, Serializable as _, aead::AesGcm256,
    kdf::HkdfSha256, kem::X25519HkdfSha256, setup_receiver, setup_sender_with_rng,
    single_shot_open, single_shot_seal_with_rng,
};
use rand_core::CryptoRng;

use crate::base::Secret;

/// Bytes of an X25519 public key or encapsulated key.
pub const ENC_LEN: usize = 32;
/// Bytes that sealing adds to the plaintext, `enc` not counted.
pub const TAG_LEN: usize = 16;
/// Bytes of an X-Wing public key: ML-KEM-768 and X25519.
pub const XWING_PK_LEN: usize = 1216;
/// Bytes of an X-Wing encapsulated key.
pub const XWING_ENC_LEN: usize = 1120;

type DhKem = X25519HkdfSha256;
type XWing = hpke::kem::XWing;

/// An X25519 public key that is canonical and not of low order. 32 bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct KemPublicKey([u8; 32]);

impl KemPublicKey {
    /// `None` unless below p, with the high bit clear, and not of low order.
    /// Points of the twist pass. Protocol §1.
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

impl fmt::Debug for KemPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KemPublicKey(…)")
    }
}

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

impl fmt::Debug for KemKeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KemKeyPair(…)")
    }
}

/// A pre-shared key with its id, always 32 strong bytes here.
#[derive(Clone, Copy, Debug)]
pub struct Psk<'a> {
    /// The key.
    pub key: &'a Secret<32>,
    /// The public id, a label.
    pub id: &'static str,
}

impl<'a> Psk<'a> {
    fn bundle(self) -> Option<PskBundle<'a>> {
        PskBundle::new(self.key.expose(), self.id.as_bytes()).ok()
    }
}

/// Single-shot seal, mode_psk or mode_base: `(enc, ciphertext || tag)`.
/// `None` only if the crate refuses, which valid keys never cause.
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

/// Single-shot open of what [`seal`] gave; `None` if `enc` is no valid key or
/// anything is not authentic.
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

/// An X-Wing public key that passes the key check of FIPS 203 and whose
/// X25519 half is valid. 1216 bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct XWingPublicKey(Box<[u8; XWING_PK_LEN]>);

impl XWingPublicKey {
    /// `None` for any key the protocol refuses. Protocol §1.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; XWING_PK_LEN] = bytes.try_into().ok()?;
        let x25519 = bytes.last_chunk::<32>()?;
        if !is_x25519_public(x25519) {
            return None;
        }
        <XWing as hpke::Kem>::PublicKey::from_bytes(bytes).ok()?;
        Some(Self(Box::new(*bytes)))
    }

    /// The 1216 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; XWING_PK_LEN] {
        &self.0
    }
}

impl fmt::Debug for XWingPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("XWingPublicKey(…)")
    }
}

/// An X-Wing secret: the 32-byte decapsulation seed.
#[derive(Debug, PartialEq, Eq)]
pub struct XWingSecret(Secret<32>);

impl XWingSecret {
    /// A fresh secret.
    pub fn random(rng: &mut impl CryptoRng) -> Self {
        Self(Secret::random(rng))
    }

    /// From a stored seed.
    #[must_use]
    pub fn from_seed(seed: Secret<32>) -> Self {
        Self(seed)
    }

    /// The seed, for storing.
    #[must_use]
    pub fn seed(&self) -> &Secret<32> {
        &self.0
    }

    /// The public key; `None` never happens for a seed of 32 bytes.
    #[must_use]
    pub fn public(&self) -> Option<XWingPublicKey> {
        let secret = self.private()?;
        let mut bytes = Box::new([0; XWING_PK_LEN]);
        XWing::sk_to_pk(&secret).write_exact(bytes.as_mut_slice());
        Some(XWingPublicKey(bytes))
    }

    fn private(&self) -> Option<<XWing as hpke::Kem>::PrivateKey> {
        <XWing as hpke::Kem>::PrivateKey::from_bytes(self.0.expose()).ok()
    }
}

/// A context whose secrets can be exported (RFC 9180 §5.3) and which seals
/// or opens one message.
pub trait Exporter {
    /// 32 exported bytes under a label.
    fn export(&self, label: &str) -> Option<Secret<32>>;
}

/// The sender's X-Wing context in mode_psk.
pub struct XWingSender(hpke::aead::AeadCtxS<AesGcm256, HkdfSha256, XWing>);

impl XWingSender {
    /// Encapsulates: `(enc, context)`.
    pub fn new(
        recipient: &XWingPublicKey,
        psk: Psk<'_>,
        info: &[u8],
        rng: &mut impl CryptoRng,
    ) -> Option<([u8; XWING_ENC_LEN], Self)> {
        let recipient = <XWing as hpke::Kem>::PublicKey::from_bytes(recipient.as_bytes()).ok()?;
        let mode = OpModeS::Psk(psk.bundle()?);
        let (enc, context) =
            setup_sender_with_rng::<AesGcm256, HkdfSha256, XWing>(&mode, &recipient, info, rng)
                .ok()?;
        let mut bytes = [0; XWING_ENC_LEN];
        enc.write_exact(&mut bytes);
        Some((bytes, Self(context)))
    }

    /// Seals the one message, empty aad: `ciphertext || tag`.
    #[must_use]
    pub fn seal(mut self, plaintext: &[u8]) -> Option<Vec<u8>> {
        self.0.seal(plaintext, &[]).ok()
    }
}

impl Exporter for XWingSender {
    fn export(&self, label: &str) -> Option<Secret<32>> {
        let mut out = [0; 32];
        self.0.export(label.as_bytes(), &mut out).ok()?;
        Some(Secret::take(&mut out))
    }
}

/// The recipient's X-Wing context in mode_psk.
pub struct XWingReceiver(hpke::aead::AeadCtxR<AesGcm256, HkdfSha256, XWing>);

impl XWingReceiver {
    /// Decapsulates; `None` for an `enc` the protocol refuses.
    #[must_use]
    pub fn new(recipient: &XWingSecret, enc: &[u8], psk: Psk<'_>, info: &[u8]) -> Option<Self> {
        let enc: &[u8; XWING_ENC_LEN] = enc.try_into().ok()?;
        if !is_x25519_public(enc.last_chunk::<32>()?) {
            return None;
        }
        let enc = <XWing as hpke::Kem>::EncappedKey::from_bytes(enc).ok()?;
        let mode = OpModeR::Psk(psk.bundle()?);
        setup_receiver::<AesGcm256, HkdfSha256, XWing>(&mode, &recipient.private()?, &enc, info)
            .ok()
            .map(Self)
    }

    /// Opens the one message, empty aad; `None` if it is not authentic.
    #[must_use]
    pub fn open(&mut self, ciphertext: &[u8]) -> Option<Vec<u8>> {
        self.0.open(ciphertext, &[]).ok()
    }
}

impl Exporter for XWingReceiver {
    fn export(&self, label: &str) -> Option<Secret<32>> {
        let mut out = [0; 32];
        self.0.export(label.as_bytes(), &mut out).ok()?;
        Some(Secret::take(&mut out))
    }
}

/// Below p = 2^255 − 19 with the high bit clear, and none of the five
/// canonical u-coordinates of low order on the curve or its twist
/// (RFC 7748 §6.1, the list of djb's page on Curve25519).
fn is_x25519_public(u: &[u8; 32]) -> bool {
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

    #[test]
    fn an_xwing_key_out_of_range_is_refused() {
        let mut rng = rand_core::UnwrapErr(getrandom::SysRng);
        let good = XWingSecret::random(&mut rng).public().unwrap();
        let mut bytes = *good.as_bytes();
        assert!(XWingPublicKey::decode(&bytes).is_some());
        bytes[0] = 0xff;
        bytes[1] |= 0x0f;
        assert!(
            XWingPublicKey::decode(&bytes).is_none(),
            "a coefficient of 4095 is above q"
        );
        let mut bytes = *good.as_bytes();
        bytes[XWING_PK_LEN - 32..].fill(0);
        assert!(
            XWingPublicKey::decode(&bytes).is_none(),
            "an X25519 half of low order"
        );
    }
}
