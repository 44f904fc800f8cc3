//! Bindings for the npm package and the default relay client. No protocol
//! decision lives here: arguments are parsed, the concept below is called,
//! its outcome is given back.
#![allow(
    unreachable_pub,
    reason = "wasm-bindgen exports public items only; JavaScript is who reaches them"
)]

#[cfg(feature = "portal")]
mod audit;
#[cfg(feature = "bench")]
mod bench;
#[cfg(feature = "bench")]
mod bench_portal;
pub(crate) mod bytes;
#[cfg(feature = "portal")]
mod engine;
pub(crate) mod error;
#[cfg(feature = "portal")]
mod evidence;
mod memory;
#[cfg(feature = "portal")]
mod relay;
#[cfg(feature = "sdk")]
mod sdk;
