//! Flows tie the machines together. They own no state.

mod accept;
mod draft;
mod emergency;
mod enrol;
mod load;
mod log;
mod maintain;
mod pull;
mod read;
mod rendezvous;
mod restore;
mod scan;
mod seal;
mod send;

pub use send::Outgoing;
