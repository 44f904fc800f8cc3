//! Properties of pairs of inverse functions: encodings round-trip and are unique,
//! sealed data opens and altered data does not.
#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    unreachable_pub,
    reason = "a test"
)]

mod audit;
mod encodings;
mod enrolment;
mod envelopes;
mod messages;
mod sealing;
mod wire;

use proptest::prelude::*;
use rand_core::CryptoRng;
use tessera::{base::Secret, identity::Identity};

/// Number of cases of a property with public-key operations.
const FEW: u32 = 48;

fn rng() -> impl CryptoRng {
    rand_core::UnwrapErr(getrandom::SysRng)
}

fn few() -> ProptestConfig {
    ProptestConfig::with_cases(FEW)
}

/// 32 secret bytes.
fn secret() -> impl Strategy<Value = Secret<32>> {
    any::<[u8; 32]>().prop_map(|mut bytes| Secret::take(&mut bytes))
}

fn identity() -> impl Strategy<Value = Identity> {
    secret().prop_map(|secret| Identity::from_secret(secret).unwrap())
}

fn bytes(max: usize) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..=max)
}

/// `bytes` with one flipped bit at the position `at`.
fn altered(bytes: &[u8], at: prop::sample::Index, bit: u8) -> Vec<u8> {
    let mut altered = bytes.to_vec();
    altered[at.index(bytes.len())] ^= 1 << (bit % 8);
    altered
}
