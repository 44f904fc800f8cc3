//! The six digits (short authentication string) that two people compare.
//! Protocol §7.

use rand_core::CryptoRng;

use crate::{
    base::{Secret, labels},
    crypto::kdf,
};

/// The offerer's 32 random bytes, committed to in the offer.
#[derive(Debug, PartialEq, Eq)]
pub struct SasNonce(Secret<32>);

impl SasNonce {
    /// Generates a nonce.
    pub fn random(rng: &mut impl CryptoRng) -> Self {
        Self(Secret::random(rng))
    }

    /// Creates a nonce from its bytes in a confirm or the vault.
    #[must_use]
    pub fn new(bytes: Secret<32>) -> Self {
        Self(bytes)
    }

    /// Exposes the bytes, for the confirm.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        self.0.expose()
    }
}

/// The exported SAS key, bound to one offer and one response.
#[derive(Debug)]
pub struct SasKey {
    /// The export `"tessera/v1/export/sas"`.
    pub export: Secret<32>,
    /// SHA-256 of the offer.
    pub offer_hash: [u8; 32],
    /// SHA-256 of the response.
    pub response_hash: [u8; 32],
}

/// `SHA-256(parts("tessera/v1/sas/commit", sas_nonce))`.
#[must_use]
pub fn commitment(nonce: &SasNonce) -> [u8; 32] {
    kdf::hash(labels::SAS_COMMIT, &[nonce.expose()])
}

/// `derive(export, "tessera/v1/sas", SHA-256(offer), SHA-256(response),
/// nonce; n=8)` as u64 mod 10^6: six digits, zero-padded.
#[must_use]
pub fn sas_digits(key: &SasKey, nonce: &SasNonce) -> String {
    let bytes = kdf::derive::<8>(
        key.export.expose(),
        labels::SAS,
        &[&key.offer_hash, &key.response_hash, nonce.expose()],
    );
    format!("{:06}", u64::from_be_bytes(*bytes.expose()) % 1_000_000)
}
