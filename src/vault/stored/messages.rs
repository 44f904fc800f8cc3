//! Records of messages, and what of them is on its way in or out.

use crate::base::words::worded;

worded! {
    /// The state of a message.
    pub enum MessageState {
        /// Waits for the relay.
        Queued = "queued",
        /// The relay has answered 202 for all its cells.
        Sent = "sent",
        /// The recipient reports that it arrived.
        Delivered = "delivered",
        /// No receipt arrived in time, or the message was abandoned.
        Undelivered = "undelivered",
        /// Arrived, and its proof holds.
        Verified = "verified",
        /// Arrived; shown once the contact is verified.
        Held = "held",
        /// Withdrawn by its sender before all of it was sent.
        Cancelled = "cancelled",
        /// Its contact became suspect before all of it was sent: the rest is not sent.
        Stopped = "stopped",
    }
}

worded! {
    /// How far the filing of a message in the health record has come.
    pub enum FilingState {
        /// The host sends it to the record.
        Started = "filing",
        /// The record has it.
        Filed = "filed",
        /// The record does not have it, or not in its last state.
        Failed = "failed",
        /// Filed in an earlier state of the message.
        Outdated = "filed",
    }
}

records! {
    /// `m/<contact>/<page>`: messages without their bodies.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct MessagesRecord {
        /// Ordinals with their messages, ascending.
        pub messages: Vec<(u32, MessageRecord)>,
    }

    /// A message without its body.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct MessageRecord {
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
        /// Content type of the delivery, as its proof binds it.
        pub content_type: String,
        /// Bytes of the body, which is the delivery's payload.
        pub size: u32,
        /// Offset and length of the typed text in the body.
        pub text: Option<(u32, u32)>,
        /// The attachments, in order.
        pub attachments: Vec<AttachmentRecord>,
        /// Its state.
        pub state: MessageState,
        /// Cells not yet answered with 202.
        pub cells_left: u32,
        /// Whether it was marked as read.
        pub read: bool,
        /// Whether it was filed in the health record; none until the host begins to.
        pub filing: Option<FilingRecord>,
    }

    /// One attachment of a message.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct AttachmentRecord {
        /// The claimed content type.
        pub content_type: String,
        /// The file name, safe to show.
        pub filename: Option<String>,
        /// Offset in the body.
        pub offset: u32,
        /// Length in bytes.
        pub len: u32,
    }

    /// The filing of a message that the host has begun to file in the health record.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct FilingRecord {
        /// How far it has come.
        pub state: FilingState,
        /// The id that the health record assigned; kept while a later state is filed.
        pub id: Option<String>,
        /// The version that the health record assigned.
        pub version: Option<String>,
        /// Why it failed: an error code's text.
        pub code: Option<String>,
        /// When this state started, Unix seconds.
        pub since: u64,
    }

    /// `s/q/<ordinal>`: a sealed cell that waits to be posted.
    #[derive(Clone, Debug)]
    pub struct QueuedRecord {
        /// The bytes that every try sends.
        pub cell: Vec<u8>,
        /// Fingerprint whose bucket it goes to; none for the lobby.
        pub to: Option<[u8; 32]>,
        /// Day of its tag.
        pub day: u32,
        /// The contact it belongs to.
        pub contact: Option<[u8; 8]>,
        /// The message it belongs to, if a visible one.
        pub message: Option<u32>,
        /// The control delivery it belongs to, to seal it again.
        pub control: Option<ControlRecord>,
    }

    /// A control delivery that waits to be posted.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct ControlRecord {
        /// The session id.
        pub session: Vec<u8>,
        /// The sender's count.
        pub seq: u64,
        /// The payload.
        pub payload: Vec<u8>,
    }

    /// `s/l/<contact>/<ordinal>`: a large outgoing message, not all of whose cells
    /// are sealed yet.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct LargeRecord {
        /// The delivery's bytes before its payload.
        pub head: Vec<u8>,
        /// Identifies this sealing.
        pub message_id: [u8; 16],
        /// Unix seconds: day, month and keys of all cells.
        pub sent_at: u64,
        /// Device of the tags.
        pub device: u8,
        /// Tag counter of fragment 0.
        pub first_counter: u32,
        /// Fragments in all.
        pub count: u32,
        /// Bytes of each chunk but the last.
        pub chunk_len: u32,
        /// The fragment to seal next.
        pub next: u32,
        /// Place of fragment 0 in the queue.
        pub ordinal: u64,
    }

    /// `s/f/<owner>/<message id>/<index>`: a fragment of an unfinished message of
    /// a contact, or of an invitation.
    #[derive(Clone, Debug)]
    pub struct FragmentRecord {
        /// Fragments in all; 0 marks a message dropped for a conflict.
        pub count: u32,
        /// The chunk.
        pub chunk: Vec<u8>,
        /// Day of its tag.
        pub day: u32,
        /// Device of its tag.
        pub device: u8,
    }

    /// `s/o/<day>/<page>`: opened cells whose tags are of that day. Deleted when
    /// the day leaves retention.
    #[derive(Clone, Debug)]
    pub struct OpenedCellsRecord {
        /// The cells.
        pub cells: Vec<OpenedRecord>,
    }

    /// An opened cell and its delivery.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct OpenedRecord {
        /// Digest of the cell.
        pub digest: [u8; 16],
        /// The contact whose tag it was under.
        pub contact: Option<[u8; 8]>,
        /// The session id accepted with it.
        pub session: Option<Vec<u8>>,
        /// The sequence number of that delivery.
        pub seq: u64,
    }

    /// `s/r/…`: receipts that are owed to a contact.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct ReceiptsRecord {
        /// When they leave, Unix seconds.
        pub due: u64,
        /// What is acknowledged, oldest first.
        pub sessions: Vec<SessionRecord>,
    }

    /// A delivery's session id.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct SessionRecord {
        /// With its label.
        pub id: Vec<u8>,
    }
}
