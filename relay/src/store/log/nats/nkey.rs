//! Keys of NATS users: Ed25519 seeds in base 32 with a prefix and a checksum.
//!
//! ```text
//! seed   = base32("SU" as two prefix bytes || seed(32) || CRC-16/XMODEM, little-endian)
//! public = base32("U" as one prefix byte || key(32) || CRC-16/XMODEM, little-endian)
//! ```

use std::fmt;

use base32ct::{Base32UpperUnpadded, Encoding as _};
use ed25519_dalek::{Signer as _, SigningKey};
use tessera::base::Secret;
use zeroize::Zeroizing;

/// "S" in the upper 5 bits, "U" in the next 5.
const SEED_PREFIX: [u8; 2] = [18 << 3 | 20 >> 2, (20 & 3) << 6];
const USER_PREFIX: u8 = 20 << 3;
const SEED_LEN: usize = 2 + 32 + 2;

/// Text that is not the seed of a user's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the seed of a NATS user: SU and 56 letters and digits")]
pub struct NkeyError;

/// The key of a user.
pub struct Nkey(SigningKey);

impl fmt::Debug for Nkey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Nkey({})", self.public())
    }
}

impl Nkey {
    /// Parses a seed; the first line that is one, as in files with comments.
    ///
    /// # Errors
    ///
    /// [`NkeyError`].
    pub fn parse(text: &str) -> Result<Self, NkeyError> {
        let line = text
            .lines()
            .map(str::trim)
            .find(|line| line.starts_with("SU"));
        let bytes = Base32UpperUnpadded::decode_vec(line.ok_or(NkeyError)?);
        let bytes = Zeroizing::new(bytes.map_err(|_| NkeyError)?);
        let (body, check) = bytes.split_last_chunk::<2>().ok_or(NkeyError)?;
        let seed = body.strip_prefix(&SEED_PREFIX).ok_or(NkeyError)?;
        if bytes.len() != SEED_LEN || crc16(body).to_le_bytes() != *check {
            return Err(NkeyError);
        }
        let seed = Secret::<32>::from_slice(seed).ok_or(NkeyError)?;
        Ok(Self(SigningKey::from_bytes(seed.expose())))
    }

    /// The public key, as in the servers' configuration.
    #[must_use]
    pub fn public(&self) -> String {
        let mut bytes = vec![USER_PREFIX];
        bytes.extend_from_slice(self.0.verifying_key().as_bytes());
        bytes.extend_from_slice(&crc16(&bytes).to_le_bytes());
        Base32UpperUnpadded::encode_string(&bytes)
    }

    /// Signs the nonce of a server.
    pub(super) fn sign(&self, nonce: &[u8]) -> [u8; 64] {
        self.0.sign(nonce).to_bytes()
    }
}

fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0_u16, |crc, byte| {
        (0..8).fold(crc ^ u16::from(*byte) << 8, |crc, _| {
            let shifted = crc << 1;
            if crc & 0x8000 == 0 {
                shifted
            } else {
                shifted ^ 0x1021
            }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the documentation of NATS (nkey authentication).
    const SEED: &str = "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY";
    const PUBLIC: &str = "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4";

    #[test]
    fn a_seed_gives_its_public_key() {
        let key = Nkey::parse(SEED).unwrap();
        assert_eq!(key.public(), PUBLIC);
        let file = format!("-----BEGIN USER NKEY SEED-----\n{SEED}\n------\n");
        assert_eq!(Nkey::parse(&file).unwrap().public(), PUBLIC);
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "SU", PUBLIC, &SEED[1..], &SEED.to_lowercase()] {
            assert!(Nkey::parse(text).is_err(), "{text}");
        }
        for at in 2..SEED.len() {
            let mut changed = SEED.as_bytes().to_vec();
            changed[at] = if changed[at] == b'B' { b'C' } else { b'B' };
            let changed = String::from_utf8(changed).unwrap();
            assert!(Nkey::parse(&changed).is_err(), "letter {at}");
        }
    }
}
