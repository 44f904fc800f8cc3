//! The inbox: which tags are watched, what was opened before, and which
//! messages are still incomplete; and which receipts are owed.

mod reassembly;
mod receipts;
mod replays;
mod tags;

pub(crate) use reassembly::{Key, Reassembly};
pub(crate) use receipts::Receipts;
pub(crate) use replays::Replays;
pub(crate) use tags::{TagOwner, TagSources, Tags};

/// What arrives is found, opened once and put together here.
#[derive(Default)]
pub(crate) struct Inbox {
    pub(crate) tags: Tags,
    pub(crate) replays: Replays,
    pub(crate) reassembly: Reassembly,
    pub(crate) receipts: Receipts,
}
