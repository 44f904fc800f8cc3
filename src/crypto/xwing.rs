//! HPKE (RFC 9180) with X-Wing, the hybrid of ML-KEM-768 and X25519 (KEM id
//! 0x647A), in mode_psk with exports. Protocol §1 and §7.

use hpke::{
    Deserializable as _, Kem as _, OpModeR, OpModeS, Serializable as _, aead::AesGcm256,
    kdf::HkdfSha256, setup_receiver, setup_sender_with_rng,
};
use rand_core::CryptoRng;

use super::hpke::{Psk, is_x25519_public};
use crate::base::{Secret, secret::redacted};

/// Bytes of an X-Wing public key.
pub const XWING_PK_LEN: usize = 1216;
/// Bytes of an X-Wing encapsulated key.
pub const XWING_ENC_LEN: usize = 1120;

type XWing = hpke::kem::XWing;

/// An X-Wing public key that passes the encapsulation-key check of FIPS 203 and
/// whose X25519 half is valid. 1216 bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct XWingPublicKey(Box<[u8; XWING_PK_LEN]>);

impl XWingPublicKey {
    /// Decodes a key; `None` for a key that the protocol refuses. Protocol §1.
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

redacted! { XWingPublicKey }

/// An X-Wing secret: the 32-byte decapsulation seed.
#[derive(Debug, PartialEq, Eq)]
pub struct XWingSecret(Secret<32>);

impl XWingSecret {
    /// Generates a secret.
    pub fn random(rng: &mut impl CryptoRng) -> Self {
        Self(Secret::random(rng))
    }

    /// Restores a secret from its stored seed.
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

/// An HPKE context from which secrets can be exported (RFC 9180 §5.3).
pub trait Exporter {
    /// Exports a 32-byte secret for a label.
    fn export(&self, label: &str) -> Option<Secret<32>>;
}

/// The sender's X-Wing context in mode_psk.
pub struct XWingSender(hpke::aead::AeadCtxS<AesGcm256, HkdfSha256, XWing>);

impl XWingSender {
    /// Encapsulates to the recipient; returns `(enc, context)`.
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

    /// Seals the only message, with empty aad: `ciphertext || tag`.
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
    /// Decapsulates; `None` for an `enc` that the protocol refuses.
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

    /// Opens the only message, with empty aad; `None` if it is not authentic.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xwing_keys_out_of_range_are_refused() {
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
