//! Flows tie the machines together. They own no state.

pub(crate) mod accept;
mod enrol;
pub(crate) mod load;
mod maintain;
mod pull;
mod rendezvous;
pub(crate) mod restore;
mod scan;
pub(crate) mod send;
