//! `tessera-relay`: a mailbox that knows nothing.
//!
//! It takes fixed-size cells, keeps them in shared buckets, and publishes
//! them in epochs as shuffled, signed, chained batches in which cover and
//! real look the same. It cannot open a cell: of the core it links only what
//! `tessera::wire` shows.
//!
//! | module | what it is |
//! | --- | --- |
//! | [`cli`] | the commands, and where their flags come from |
//! | [`config`] | the settings of `serve`, checked before anything starts |
//! | [`access`] | the access tokens of a deployment |
//! | [`limits`] | what a client may cost; the one module that may see an address |
//! | [`store`] | what must survive power loss: the [`store::Store`] trait and its backends |
//! | [`cover`] | how much cover a batch gets |
//! | [`epoch`] | when batches are closed and published, and when they are deleted |
//! | [`http`] | the interface of `docs/relay.md`, and the portal's files |
//! | [`maintain`] | verifying and copying a store |
//! | [`metrics`] | what an operator may watch |
//! | [`plan`] | what a setting costs and gives |
//! | [`server`] | [`server::Relay`]: all of it |
//!
//! No module but [`limits`] sees a client's address, and log lines come from
//! this crate only.

pub mod access;
pub mod cli;
pub mod config;
pub mod cover;
pub mod epoch;
pub mod http;
pub mod limits;
pub mod maintain;
pub mod metrics;
pub mod plan;
pub mod random;
pub mod server;
pub mod store;

pub use config::Config;
pub use server::Relay;
