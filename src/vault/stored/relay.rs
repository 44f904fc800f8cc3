//! Records of the relay: its parameters, how far its mailboxes were read, and what was posted.

use super::CellRecord;

records! {
    /// `s/relay`: the last stated parameters of the relay, and how far each
    /// mailbox was pulled.
    #[derive(Clone, Debug, Default)]
    pub struct RelayRecord {
        /// Base URL, as invitations carry it.
        pub url: String,
        /// How far the own bucket was pulled.
        pub own: Vec<CursorRecord>,
        /// How far the lobby was pulled.
        pub lobby: Vec<CursorRecord>,
        /// Whether the own bucket and the lobby were read, or were empty at the
        /// first pull.
        pub started: (bool, bool),
        /// Its last stated parameters.
        pub info: Option<InfoRecord>,
    }

    /// What a client needs of `/v1/info`.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct InfoRecord {
        /// The public key with which the relay signs batches.
        pub origin: [u8; 32],
        /// Number of buckets.
        pub buckets: u32,
        /// Bytes of a cell.
        pub cell_size: u32,
        /// Length of an epoch of the numbered buckets, in seconds.
        pub epoch_seconds: u32,
        /// Length of an epoch of the lobby, in seconds.
        pub lobby_epoch_seconds: u32,
        /// How long the relay keeps a batch, in seconds.
        pub retention_seconds: u32,
        /// Entries of a slot for each numbered bucket.
        pub per_bucket: u32,
        /// Largest message the operator allows, in bytes.
        pub max_attachment_bytes: u32,
    }

    /// `s/members`: other members of the relay's federation.
    #[derive(Debug)]
    pub struct MembersRecord {
        /// The URLs that the relay named last, each in a line.
        pub named: String,
        /// The URL of the member that gets posts, if that is not the relay.
        pub posts_at: Option<String>,
    }

    /// The head of one origin's chain of one mailbox.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct CursorRecord {
        /// The origin's key.
        pub origin: [u8; 32],
        /// Last epoch taken.
        pub epoch: u64,
        /// SHA-256 of its header.
        pub head: [u8; 32],
        /// When that batch was closed, Unix seconds.
        pub closed_at: u64,
        /// Lowest epoch read, for reading the lobby backwards.
        pub floor: u64,
        /// Gaps in the chain, until the missing batches arrive.
        pub gaps: Vec<GapRecord>,
    }

    /// A break in a chain: epochs between `from` and `to`, both excluded.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct GapRecord {
        /// Last epoch before the gap.
        pub from: u64,
        /// First epoch after it.
        pub to: u64,
        /// Hash of the header before the gap.
        pub before: [u8; 32],
        /// `prev` of the header after the gap.
        pub after: [u8; 32],
        /// When the batch before the gap was closed, Unix seconds. After a part of
        /// the gap has arrived, still that of the whole gap.
        pub since: u64,
    }

    /// `s/shape`: a change of the relay's buckets or cell size that has not
    /// lasted yet, and when one was last followed.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct ShapeRecord {
        /// What the relay states.
        pub stated: Option<StatedShapeRecord>,
        /// Unix seconds.
        pub followed_at: Option<u64>,
    }

    /// What a relay states instead of what is in use.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct StatedShapeRecord {
        /// Number of buckets.
        pub buckets: u32,
        /// Bytes of a cell.
        pub cell_size: u32,
        /// Since when, Unix seconds.
        pub since: u64,
    }

    /// `s/slot`: the slot that was posted last.
    #[derive(Debug)]
    pub struct SlotRecord {
        /// The seed of its cover and of the order of its cells.
        pub seed: [u8; 32],
        /// Ordinals of its queued cells, 8 bytes each, filled up with `ff` to 64
        /// of them: the record never grows.
        pub cells: Vec<u8>,
        /// When it was first posted, Unix seconds.
        pub since: u64,
        /// Number of buckets.
        pub buckets: u32,
        /// Entries for each bucket.
        pub per_bucket: u32,
        /// Bytes of a cell.
        pub cell_size: u32,
        /// Whether it is no longer repeated.
        pub answered: bool,
    }

    /// `s/light`: batches of the own bucket whose tags were read, with cells for
    /// this person that are not retrieved yet.
    #[derive(Debug)]
    pub struct LightRecord {
        /// By origin.
        pub chains: Vec<LightChainRecord>,
    }

    /// The batches of one origin.
    #[derive(Debug)]
    pub struct LightChainRecord {
        /// The origin's key.
        pub origin: [u8; 32],
        /// The first epoch of a window that is kept, and for how many looks.
        pub reach: Option<(u64, u64)>,
        /// Epochs of batches that were read, with their numbers of cells.
        pub counts: Vec<(u64, u64)>,
        /// The batches, in the order of the chain.
        pub units: Vec<LightUnitRecord>,
    }

    /// A batch whose tags were read.
    #[derive(Debug)]
    pub struct LightUnitRecord {
        /// Its header, 192 bytes.
        pub header: Vec<u8>,
        /// The tags of its cells, 16 bytes each.
        pub tags: Vec<u8>,
        /// Places of cells that need not be retrieved, 4 bytes each.
        pub done: Vec<u8>,
    }

    /// `s/forks`: proofs that an origin signed two histories of one bucket.
    #[derive(Debug)]
    pub struct ForksRecord {
        /// Two headers each, 384 bytes.
        pub proofs: Vec<CellRecord>,
    }
}
