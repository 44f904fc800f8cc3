//! Flows tie the machines together. They own no state.

mod accept;
mod account;
mod delete;
mod draft;
mod emergency;
mod enrol;
mod evidence;
mod filing;
mod heads;
mod light;
mod load;
mod log;
mod maintain;
mod pace;
mod post;
mod pull;
mod read;
mod rendezvous;
mod restore;
mod retrieve;
mod scan;
mod seal;
mod send;
mod verify;

pub use draft::Draft;
pub(crate) use heads::ReadHead;
pub(crate) use retrieve::Asked;
pub use send::Outgoing;
