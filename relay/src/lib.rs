//! `tessera-relay`: a relay that knows no sender, recipient or pair.
//!
//! It accepts fixed-size cells, stores them in shared buckets, and publishes
//! them in epochs as shuffled, signed, chained batches in which real cells and
//! cover are indistinguishable. It cannot open a cell: it links only the part of
//! the core without decryption (`tessera::wire` and what that needs).
//!
//! | module | contents |
//! | --- | --- |
//! | [`cli`] | the commands, and the sources of their flags |
//! | [`config`] | the settings of `serve`, checked before anything starts |
//! | [`access`] | the access tokens of a deployment |
//! | [`limits`] | limits on clients; the only module that may see an address |
//! | [`store`] | durable state: the [`store::Store`] trait and its backends |
//! | [`cover`] | the cover of batches |
//! | [`cluster`] | a federation on one machine, to try it out |
//! | [`federation`] | exchange of batches with other relays |
//! | [`files`] | errors that name their file, and private files |
//! | [`epoch`] | when batches are closed and published, and when they are deleted |
//! | [`http`] | the interface of `docs/relay.md`, and the portal's files |
//! | [`maintain`] | verification and backup of a store |
//! | [`metrics`] | metrics for the operator |
//! | [`plan`] | the cost and privacy of settings |
//! | [`replica`] | administration of a store that several relays share |
//! | [`server`] | [`server::Relay`], which runs all parts |
//!
//! Only [`limits`] sees a client's address, and log lines come from this crate
//! only.

pub mod access;
pub mod cli;
pub mod cluster;
pub mod config;
pub mod cover;
pub mod epoch;
pub mod federation;
mod fetch;
pub mod files;
pub mod http;
pub mod limits;
mod lock;
pub mod maintain;
pub mod metrics;
pub mod plan;
pub mod random;
pub mod replica;
pub mod server;
pub mod store;

pub use config::Config;
pub use server::Relay;
