//! Bindings for the npm package and the default relay client. No protocol
//! decision is made here: a binding parses its arguments, calls a lower layer
//! and converts the result.
#![allow(
    unreachable_pub,
    reason = "wasm-bindgen exports public items only; JavaScript calls them"
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
pub(crate) mod object;
#[cfg(feature = "portal")]
mod relay;
#[cfg(feature = "sdk")]
mod sdk;
