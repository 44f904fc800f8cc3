//! The inbox: watched tags, opened cells, incomplete messages, and receipts to send.

mod reassembly;
mod receipts;
mod replays;
mod tags;

pub(crate) use reassembly::{Key, Reassembly};
pub(crate) use receipts::Receipts;
pub(crate) use replays::Replays;
pub(crate) use tags::{Peer, TagOwner, TagSources, Tags};

/// Finds incoming cells, opens each once, and reassembles messages.
#[derive(Default)]
pub(crate) struct Inbox {
    pub(crate) tags: Tags,
    pub(crate) replays: Replays,
    pub(crate) reassembly: Reassembly,
    pub(crate) receipts: Receipts,
    pub(crate) work: Work,
}

/// The cost of reading batches since the client was loaded, and what is held in
/// memory. Both are bounded per arriving cell, from any sender.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Tags derived.
    pub tags_derived: u64,
    /// Cells under a watched tag that were decrypted, or failed to be.
    pub cells_opened: u64,
    /// Proofs verified.
    pub proofs_verified: u64,
    /// Tags watched at present.
    pub tags_watched: usize,
    /// Bytes held at present of messages that are incomplete.
    pub bytes_incomplete: usize,
}

impl Inbox {
    pub(crate) fn work(&self) -> Work {
        Work {
            tags_derived: self.tags.derived(),
            tags_watched: self.tags.len(),
            bytes_incomplete: self.reassembly.bytes(),
            ..self.work
        }
    }
}
