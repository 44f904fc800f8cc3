//! Records of vaults of version 2, read in order to migrate them.

use super::MessageState;

records! {
    /// `s/o/<digest>` of a vault of version 2.
    #[derive(Clone, Debug)]
    pub struct OpenedRecordV2 {
        /// Day of its tag.
        pub day: u32,
        /// As in [`OpenedRecord`](super::OpenedRecord).
        pub contact: Option<[u8; 8]>,
        /// As in [`OpenedRecord`](super::OpenedRecord).
        pub session: Option<Vec<u8>>,
        /// As in [`OpenedRecord`](super::OpenedRecord).
        pub seq: u64,
    }

    /// `m/<contact>/<ordinal>` of a vault of version 2: a message.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct MessageRecordV2 {
        /// Whether this person sent it.
        pub outgoing: bool,
        /// The session id, with its label.
        pub session: Vec<u8>,
        /// Unix seconds.
        pub sent_at: u64,
        /// Unix seconds; none for an outgoing message.
        pub received_at: Option<u64>,
        /// The sender's count.
        pub seq: u64,
        /// Content type, which may have the file name as a parameter.
        pub content_type: String,
        /// Bytes of the body.
        pub size: u32,
        /// Its state.
        pub state: MessageState,
        /// Cells not yet answered with 202.
        pub cells_left: u32,
    }
}
