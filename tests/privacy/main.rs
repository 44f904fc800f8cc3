//! What the mechanisms of `tessera::privacy` claim, checked by other means:
//! whole-number arithmetic without bounds, another accountant, statistics.
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

/// A budget from the decimals people write.
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
