//! The header: how the passphrase opens the vault key.

use minicbor::{Decoder, decode::Error};
use rand_core::CryptoRng;

use super::{VERSION, VaultError, VaultKey};
use crate::{
    base::{Secret, labels},
    crypto::{
        aead,
        cbor::{self, Deterministic},
    },
};

/// Parameters of PBKDF2-HMAC-SHA256.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kdf {
    /// 16 random bytes.
    pub salt: [u8; 16],
    /// Rounds; 600 000 for new vaults.
    pub iterations: u32,
}

impl Kdf {
    /// Rounds for new vaults (OWASP's figure for PBKDF2-HMAC-SHA256).
    pub const ITERATIONS: u32 = 600_000;
    /// Fewest rounds a header may ask for: a forged header must not make the
    /// passphrase cheap to guess.
    pub const MIN_ITERATIONS: u32 = 100_000;
    /// Most rounds a header may ask for: a forged one must not hang the page.
    pub const MAX_ITERATIONS: u32 = 10_000_000;
}

/// `CBOR [version, salt, iterations, wrapped]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VaultHeader {
    /// How the key-encryption key is made.
    pub kdf: Kdf,
    wrapped: Vec<u8>,
}

impl VaultHeader {
    /// Wraps the vault key under the key-encryption key.
    pub fn wrap(kdf: Kdf, kek: &Secret<32>, key: &VaultKey, rng: &mut impl CryptoRng) -> Self {
        let wrapped = aead::seal(
            kek.expose(),
            labels::VAULT_KEY.as_bytes(),
            key.expose().expose(),
            rng,
        );
        Self { kdf, wrapped }
    }

    /// Unwraps the vault key.
    ///
    /// # Errors
    ///
    /// `WrongPassphrase`.
    pub fn unwrap(&self, kek: &Secret<32>) -> Result<VaultKey, VaultError> {
        aead::open(kek.expose(), labels::VAULT_KEY.as_bytes(), &self.wrapped)
            .map(zeroize::Zeroizing::new)
            .and_then(|key| Secret::from_slice(&key))
            .map(VaultKey::new)
            .ok_or(VaultError::WrongPassphrase)
    }

    /// Parses a header.
    ///
    /// # Errors
    ///
    /// `Version` for a newer one, `Damaged` for anything else.
    pub fn parse(bytes: &[u8]) -> Result<Self, VaultError> {
        let mut decoder = Decoder::new(bytes);
        let version = decoder
            .array()
            .and_then(|_| decoder.u32())
            .map_err(|_| VaultError::Damaged)?;
        if version > VERSION {
            return Err(VaultError::Version);
        }
        Self::decode(bytes).ok_or(VaultError::Damaged)
    }
}

impl Deterministic for VaultHeader {
    fn encode(&self) -> Vec<u8> {
        cbor::array(4, |w| {
            w.uint(VERSION.into())
                .bytes(&self.kdf.salt)
                .uint(self.kdf.iterations.into())
                .bytes(&self.wrapped);
        })
    }

    fn read(d: &mut Decoder<'_>) -> Result<Self, Error> {
        cbor::expect_array(d, 4)?;
        if d.u32()? != VERSION {
            return Err(Error::message("version"));
        }
        let kdf = Kdf {
            salt: cbor::fixed(d)?,
            iterations: d.u32()?,
        };
        if !(Kdf::MIN_ITERATIONS..=Kdf::MAX_ITERATIONS).contains(&kdf.iterations) {
            return Err(Error::message("iterations"));
        }
        Ok(Self {
            kdf,
            wrapped: d.bytes()?.to_vec(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_opens_with_its_passphrase_only() {
        let mut rng = rand_core::UnwrapErr(getrandom::SysRng);
        let kdf = Kdf {
            salt: [7; 16],
            iterations: Kdf::ITERATIONS,
        };
        let (kek, key) = (Secret::random(&mut rng), VaultKey::random(&mut rng));
        let header =
            VaultHeader::parse(&VaultHeader::wrap(kdf, &kek, &key, &mut rng).encode()).unwrap();
        assert_eq!(header.unwrap(&kek).unwrap().expose(), key.expose());
        assert_eq!(
            header.unwrap(&Secret::random(&mut rng)).unwrap_err(),
            VaultError::WrongPassphrase
        );
    }

    #[test]
    fn headers_that_are_not_ours_are_refused() {
        let newer = cbor::array(2, |w| {
            w.uint(2).text("whatever comes");
        });
        assert_eq!(VaultHeader::parse(&newer).unwrap_err(), VaultError::Version);
        let cheap = cbor::array(4, |w| {
            w.uint(1).bytes(&[0; 16]).uint(1).bytes(&[0; 60]);
        });
        assert_eq!(VaultHeader::parse(&cheap).unwrap_err(), VaultError::Damaged);
        assert_eq!(VaultHeader::parse(b"").unwrap_err(), VaultError::Damaged);
    }
}
