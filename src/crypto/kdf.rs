//! Key derivation and the detection-tag PRF. Protocol §1 and §5.

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

use crate::base::{Content, Secret, encoding::parts, labels};

/// `derive(key, label, p…; n=N)`: HKDF-SHA-256 (RFC 5869) with the fixed salt
/// and `info = parts(label, p…)`. `N` is at most 255 · 32 bytes. Protocol §1.
#[must_use]
pub fn derive<const N: usize>(key: &[u8], label: &str, items: &[&[u8]]) -> Secret<N> {
    const { assert!(N <= 255 * 32, "RFC 5869 §2.3 bounds the output") };
    let hkdf = Hkdf::<Sha256>::new(Some(labels::DERIVE_SALT.as_bytes()), key);
    Secret::fill_with(|out| {
        #[expect(
            clippy::expect_used,
            reason = "expand fails only above 255 blocks, refused at compile time"
        )]
        hkdf.expand(&parts(label, items), out)
            .expect("output length is bounded above");
    })
}

/// `SHA-256(parts(label, p…))`: 32 bytes. Protocol §1.
#[must_use]
pub fn hash(label: &str, items: &[&[u8]]) -> [u8; 32] {
    Sha256::digest(parts(label, items)).into()
}

/// SHA-256 of plain bytes: 32 bytes.
#[must_use]
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// SHA-256 of content in pieces.
#[must_use]
pub fn sha256_of(content: &Content) -> [u8; 32] {
    let pieces = content.pieces().into_iter();
    let hash = pieces.fold(Sha256::new(), |hash, piece| hash.chain_update(piece));
    hash.finalize().into()
}

/// HMAC-SHA-256 (RFC 2104): 32 bytes.
#[must_use]
pub fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    Prf::new(key).eval(message)
}

/// HMAC-SHA-256 with the key absorbed once for many messages. This halves the
/// cost of a window of tags.
#[derive(Clone)]
pub struct Prf(Hmac<Sha256>);

impl Prf {
    /// Absorbs the key.
    #[must_use]
    pub fn new(key: &[u8]) -> Self {
        #[expect(
            clippy::expect_used,
            reason = "HMAC takes a key of any length (RFC 2104 §2)"
        )]
        Self(Hmac::new_from_slice(key).expect("any key length is valid"))
    }

    /// HMAC-SHA-256 of `message` under the absorbed key: 32 bytes.
    #[must_use]
    pub fn eval(&self, message: &[u8]) -> [u8; 32] {
        let mut mac = self.0.clone();
        mac.update(message);
        mac.finalize().into_bytes().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_was_used_gives_the_same() {
        let prf = Prf::new(b"key");
        assert_ne!(prf.eval(b"other"), prf.eval(b"message"));
        assert_eq!(prf.eval(b"message"), hmac(b"key", b"message"));
    }
}
