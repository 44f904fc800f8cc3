//! Contacts: who they are, and the channel shared with each.

mod channel;
mod contact;
mod sequence;

pub(crate) use channel::Channel;
pub(crate) use contact::{Awaiting, Contact};
pub use contact::{ContactState, Verified};
pub(crate) use sequence::Sequence;
