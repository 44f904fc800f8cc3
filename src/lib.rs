//! Tessera: private clinical messaging.
//!
//! The crate is a stack of layers. A module uses only lower layers;
//! `tests/layers/` reads the sources and fails otherwise.
//!
//! | layer | modules | what they are |
//! | --- | --- | --- |
//! | 0 | [`base`] | encodings, labels, secrets, time, error codes |
//! | 1 | [`crypto`], [`privacy`], [`wire`] | one fixed cipher suite, thin wrappers over crates; exact noise for cover; everything a relay may see |
//! | 2 | [`identity`], [`medcrypt`] | key pairs of a person; texts under a monthly key |
//! | 3 | [`pseudonym`], [`channel`], [`audit`], [`emergency`], [`secure_encryption`] | proofs under blinded keys, pairwise keys, the audit chain, secret sharing |
//! | 4 | [`enrolment`], [`envelope`] | pairing two people; encoding and sealing content |
//! | 5 | [`vault`] | sealed state at rest |
//! | 6 | [`client`] | the engine: takes time, randomness and responses, returns requests |
//! | 7 | `wasm` | bindings and the default relay client; makes no protocol decisions |
//!
//! Nothing below layer 7 reads a clock, obtains randomness on its own or uses
//! the network. Without the feature `client`, only the parts of layers 0 and 1
//! that a relay needs are compiled: no code that could open a cell. The features
//! `portal` and `sdk` choose the bindings: the npm package has a WebAssembly
//! module of each.
//!
//! # Example
//!
//! A message proves its sender under a pseudonym that only the recipient can
//! resolve:
//!
//! ```
//! # #[cfg(feature = "client")]
//! # fn main() {
//! use rand_core::{Rng, UnwrapErr};
//! use tessera::{
//!     base::{Content, Secret},
//!     identity::Identity,
//!     pseudonym::{BlindSeed, Claim, SessionId, prove},
//! };
//!
//! let mut rng = UnwrapErr(getrandom::SysRng);
//! let seed = BlindSeed::new(Secret::random(&mut rng)); // shared since enrolment
//! let [mut session_id, mut nonce] = [[0; 32]; 2];
//! rng.fill_bytes(&mut session_id);
//! rng.fill_bytes(&mut nonce);
//! let session_id = SessionId::new(&session_id).expect("at most 64 bytes");
//!
//! let sender = Identity::generate(&mut rng);
//! let message = Content::from(b"Recheck HbA1c in 3 months.".as_slice());
//! let (pseudonym, proof) = prove(sender.witness(), &seed, &session_id, b"", &message, &nonce)
//!     .expect("the blinded key is not zero");
//! assert!(pseudonym != *sender.public().statement());
//!
//! let claim = Claim {
//!     statement: sender.public().statement(),
//!     seed: &seed,
//!     session_id: &session_id,
//!     context: b"",
//!     message: &message,
//!     pseudonym: Some(&pseudonym),
//!     proof: &proof,
//! };
//! assert!(claim.verify());
//! let altered = Content::from(b"Recheck HbA1c in 30 months.".as_slice());
//! assert!(!Claim { message: &altered, ..claim }.verify());
//! # }
//! # #[cfg(not(feature = "client"))]
//! # fn main() {}
//! ```

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

#[cfg(all(any(feature = "portal", feature = "sdk"), target_arch = "wasm32"))]
mod wasm;
