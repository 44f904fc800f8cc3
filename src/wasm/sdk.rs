//! The SDK level: identities, blinded proofs, encryption to one recipient,
//! MedCrypt messages, emergency shares. The facade checks types and gives
//! defaults; lengths and keys are checked here.

mod emergency;
mod encryption;
mod identity;
mod medcrypt;
mod proof;
