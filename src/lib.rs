//! Tessera: private clinical messaging.
//!
//! The crate is a stack of concepts; each knows only what is below it, and
//! `tests/layers.rs` holds the sources to that.
//!
//! | layer | modules | what they are |
//! | --- | --- | --- |
//! | 0 | [`base`] | encodings, labels, secrets, time, error codes |
//! | 1 | [`crypto`], [`privacy`], [`wire`] | one fixed suite, thin over the crates; exact noise for cover; all that a relay may know |
//! | 2 | [`identity`], [`medcrypt`] | who one is; texts under a month's key |
//! | 3 | [`pseudonym`], [`channel`], [`audit`], [`emergency`], [`secure_encryption`] | proofs under blinded names, a pair's keys |
//! | 4 | [`enrolment`], [`envelope`] | how two people meet; how content travels |
//! | 5 | [`vault`] | sealed state at rest |
//! | 6 | [`client`] | the engine: takes time, randomness and answers, gives requests |
//! | 7 | `wasm` | bindings and the default relay client; no protocol decision |
//!
//! Nothing below layer 7 reads a clock, draws randomness by itself or touches
//! the network. Without the feature `client` only layers 0 and 1 that a relay
//! needs are compiled: no code that could open a cell.

pub mod base;
pub mod privacy;
pub mod wire;

#[cfg(feature = "client")]
pub mod audit;
#[cfg(feature = "client")]
pub mod channel;
#[cfg(feature = "client")]
pub mod client;
#[cfg(feature = "client")]
pub mod crypto;
#[cfg(feature = "client")]
pub mod emergency;
#[cfg(feature = "client")]
pub mod enrolment;
#[cfg(feature = "client")]
pub mod envelope;
#[cfg(feature = "client")]
pub mod identity;
#[cfg(feature = "client")]
pub mod medcrypt;
#[cfg(feature = "client")]
pub mod pseudonym;
#[cfg(feature = "client")]
pub mod secure_encryption;
#[cfg(feature = "client")]
pub mod vault;

#[cfg(all(feature = "client", target_arch = "wasm32"))]
mod wasm;
