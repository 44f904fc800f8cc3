//! The fixed cipher suite, as thin wrappers over the crates that implement it.
//!
//! ristretto255 and Schnorr proofs over curve25519-dalek; HKDF, HMAC and
//! SHA-256; HPKE with X25519 and with X-Wing; AES-256-GCM; Shamir over
//! GF(2^8), the only primitive implemented here, because no crate uses the
//! protocol's polynomial.

pub mod aead;
pub mod cbor;
pub mod hpke;
pub mod kdf;
pub mod ristretto;
pub mod schnorr;
pub mod seeded;
pub mod shamir;
pub mod xwing;
