//! Independent checks of the claims of `tessera::privacy`: arbitrary-precision
//! arithmetic, another accountant, statistics.
#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

mod exact;
mod oracle;
mod sampler;

use tessera::privacy::{Budget, Noise};

/// Parses a budget from decimals.
fn budget(epsilon: &str, delta: &str, sensitivity: u32) -> Budget {
    Budget {
        epsilon: epsilon.parse().unwrap(),
        delta: delta.parse().unwrap(),
        sensitivity,
    }
}

/// The Laplace table of a budget.
fn laplace(epsilon: &str, delta: &str, sensitivity: u32) -> Noise {
    Noise::laplace(&budget(epsilon, delta, sensitivity)).unwrap()
}
