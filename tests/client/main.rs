//! The engine end to end: two and three people, a relay made of the wire
//! layer's own batches, and a store that is read back after every step.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod adversities;
#[path = "../common/mod.rs"]
mod common;
mod conversations;
// proptest is a dependency of native tests alone.
#[cfg(not(target_arch = "wasm32"))]
mod costs;
mod cover;
mod crashes;
mod devices;
mod enrolment;
mod evidence;
mod filing;
mod indexes;
mod journal;
mod large;
mod lobby;
mod malformed;
mod months;
mod pace;
mod refusals;
mod relay_faults;
mod restores;
mod rounds;
mod segments;
mod shapes;
mod slots;
mod stage;
mod states;
mod tampering;
mod time;
