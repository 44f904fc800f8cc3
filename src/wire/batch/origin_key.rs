//! The signing key of a relay.

use core::fmt;

use ed25519_dalek::SigningKey;
use rand_core::CryptoRng;

use crate::{base::Secret, wire::Origin};

/// A relay's signing key. Its public key is the [`Origin`].
pub struct OriginKey(pub(super) SigningKey);

impl OriginKey {
    /// Generates a key.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        Self::from_seed(&Secret::random(rng))
    }

    /// Restores a key from its 32-byte seed (RFC 8032).
    #[must_use]
    pub fn from_seed(seed: &Secret<32>) -> Self {
        Self(SigningKey::from_bytes(seed.expose()))
    }

    /// The 32-byte seed, for the relay's store.
    #[must_use]
    pub fn seed(&self) -> Secret<32> {
        Secret::fill_with(|bytes| bytes.copy_from_slice(self.0.as_bytes()))
    }

    /// The public key.
    #[must_use]
    pub fn origin(&self) -> Origin {
        Origin(self.0.verifying_key().to_bytes())
    }
}

impl fmt::Debug for OriginKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OriginKey({})", self.origin())
    }
}
