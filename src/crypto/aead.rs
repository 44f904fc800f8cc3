//! AES-256-GCM (NIST SP 800-38D) with 96-bit nonces.

use aes_gcm::{
    Aes256Gcm, KeyInit as _,
    aead::{Aead as _, Payload},
};
use rand_core::CryptoRng;

/// Bytes of a nonce.
pub const NONCE_LEN: usize = 12;
/// Bytes of an authentication tag.
pub const TAG_LEN: usize = 16;

/// Seals under a fresh random nonce: `nonce || ciphertext || tag`.
#[must_use]
pub fn seal(key: &[u8; 32], aad: &[u8], plaintext: &[u8], rng: &mut impl CryptoRng) -> Vec<u8> {
    let mut nonce = [0; NONCE_LEN];
    rng.fill_bytes(&mut nonce);
    let mut out = nonce.to_vec();
    out.extend_from_slice(&seal_with_nonce(key, &nonce, aad, plaintext));
    out
}

/// Opens `nonce || ciphertext || tag`; `None` if it is not authentic.
#[must_use]
pub fn open(key: &[u8; 32], aad: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
    let (nonce, ciphertext) = sealed.split_first_chunk::<NONCE_LEN>()?;
    open_with_nonce(key, nonce, aad, ciphertext)
}

/// Seals under a nonce that the caller guarantees to be unique:
/// `ciphertext || tag`.
#[must_use]
pub fn seal_with_nonce(
    key: &[u8; 32],
    nonce: &[u8; NONCE_LEN],
    aad: &[u8],
    plaintext: &[u8],
) -> Vec<u8> {
    #[expect(
        clippy::expect_used,
        reason = "GCM refuses only plaintexts above 64 GiB"
    )]
    Aes256Gcm::new(key.into())
        .encrypt(
            nonce.into(),
            Payload {
                msg: plaintext,
                aad,
            },
        )
        .expect("plaintext below 64 GiB")
}

/// Opens `ciphertext || tag` under the given nonce; `None` if it is not
/// authentic.
#[must_use]
pub fn open_with_nonce(
    key: &[u8; 32],
    nonce: &[u8; NONCE_LEN],
    aad: &[u8],
    ciphertext: &[u8],
) -> Option<Vec<u8>> {
    Aes256Gcm::new(key.into())
        .decrypt(
            nonce.into(),
            Payload {
                msg: ciphertext,
                aad,
            },
        )
        .ok()
}
