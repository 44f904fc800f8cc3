//! Sealing and opening of one record.

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::VaultError;
use crate::{
    base::{Secret, encoding::parts, labels},
    crypto::aead,
};

/// The key that seals all records. It cannot open cells.
#[derive(Debug)]
pub struct VaultKey(Secret<32>);

impl VaultKey {
    /// Generates a key.
    pub fn random(rng: &mut impl CryptoRng) -> Self {
        Self(Secret::random(rng))
    }

    /// Creates a key from unwrapped bytes.
    #[must_use]
    pub fn new(key: Secret<32>) -> Self {
        Self(key)
    }

    /// Exposes the bytes, for wrapping.
    #[must_use]
    pub fn expose(&self) -> &Secret<32> {
        &self.0
    }

    /// Seals one record. Its store key is authenticated, so records cannot be
    /// swapped.
    #[must_use]
    pub fn seal(&self, store_key: &str, plaintext: &[u8], rng: &mut impl CryptoRng) -> Vec<u8> {
        aead::seal(self.0.expose(), &aad(store_key), plaintext, rng)
    }

    /// Opens one record.
    ///
    /// # Errors
    ///
    /// `Damaged` if it is not authentic or was stored under another key.
    pub fn open(&self, store_key: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        aead::open(self.0.expose(), &aad(store_key), sealed)
            .map(Zeroizing::new)
            .ok_or(VaultError::Damaged)
    }
}

fn aad(store_key: &str) -> Vec<u8> {
    parts(labels::VAULT_RECORD, &[store_key.as_bytes()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_opens_only_under_its_key() {
        let mut rng = rand_core::UnwrapErr(getrandom::SysRng);
        let key = VaultKey::random(&mut rng);
        let sealed = key.seal("s/a", b"state", &mut rng);
        assert_eq!(key.open("s/a", &sealed).unwrap().as_slice(), b"state");
        assert!(key.open("s/b", &sealed).is_err());
        assert!(VaultKey::random(&mut rng).open("s/a", &sealed).is_err());
    }
}
