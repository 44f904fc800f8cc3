//! The stored encoding of all client state. Each record is a CBOR array of its
//! fields in declaration order; `tests/stored.rs` compares the bytes with a
//! snapshot. Any change needs a new version of the vault.
//!
//! Longer than other files: it is the one table of all records.

use zeroize::Zeroizing;

pub use super::field::Record;
use super::{
    VaultError,
    field::{Field, Reader},
};
use crate::crypto::cbor::Writer;

/// Encodes a record. The bytes are wiped when dropped.
#[must_use]
pub fn encode<T: Record>(record: &T) -> Zeroizing<Vec<u8>> {
    let mut writer = Writer::default();
    record.write(&mut writer);
    Zeroizing::new(writer.into_bytes())
}

/// Decodes a record.
///
/// # Errors
///
/// `Damaged`.
pub fn decode<T: Record>(bytes: &[u8]) -> Result<T, VaultError> {
    let mut reader = Reader::new(bytes);
    let record = T::read(&mut reader);
    reader.finish().map(|()| record).ok_or(VaultError::Damaged)
}

macro_rules! records {
    ($($(#[$about:meta])* pub struct $name:ident { $($(#[$doc:meta])* pub $field:ident: $form:ty,)* })*) => {$(
        $(#[$about])*
        pub struct $name { $($(#[$doc])* pub $field: $form,)* }

        impl Record for $name {}

        impl Field for $name {
            fn write(&self, writer: &mut Writer) {
                writer.array([$(stringify!($field)),*].len() as u64);
                $(self.$field.write(writer);)*
            }

            fn read(reader: &mut Reader<'_>) -> Self {
                reader.expect_array([$(stringify!($field)),*].len() as u64);
                Self { $($field: Field::read(reader),)* }
            }
        }
    )*};
}

/// Messages of a page, the record [`MessagesRecord`].
pub const MESSAGES_PER_PAGE: u32 = 64;

/// Opened cells of a page, the record [`OpenedCellsRecord`].
pub const OPENED_PER_PAGE: usize = 128;

records! {
    /// `s/self`: the own identity.
    #[derive(Debug)]
    pub struct SelfRecord {
        /// The identity secret.
        pub secret: [u8; 32],
        /// The own display name.
        pub name: String,
        /// The live device index.
        pub device: u8,
        /// Unix seconds.
        pub created_at: u64,
    }

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

    /// `s/light`: batches of the own bucket of which the tags were read, and not
    /// all cells that are for this person were retrieved.
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

    /// A batch of which the tags were read.
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

    /// `s/c/<contact>`.
    #[derive(Debug)]
    pub struct ContactRecord {
        /// Public identity, 64 bytes; empty until the offer arrived.
        pub public: Vec<u8>,
        /// The contact's name; empty until the offer arrived.
        pub name: String,
        /// 0 pending, 1 active, 2 suspect.
        pub state: u8,
        /// 0 not, 1 digits, 2 expected; of a pending contact, 2 means that it is
        /// verified once its confirm comes.
        pub verified: u8,
        /// Why it is suspect: an error code's text.
        pub reason: Option<String>,
        /// The six digits, while they are to be compared.
        pub digits: Option<String>,
        /// The values for checking the confirm.
        pub awaiting: Option<AwaitingRecord>,
        /// Keys and counters.
        pub channel: Option<ChannelRecord>,
        /// Ordinal of the next message.
        pub next_message: u32,
        /// The invitation was handed over in person.
        pub in_person: bool,
        /// Unix seconds.
        pub created_at: u64,
    }

    /// The acceptor's state between response and confirm.
    #[derive(Debug)]
    pub struct AwaitingRecord {
        /// From the offer.
        pub commitment: [u8; 32],
        /// The SAS export.
        pub sas_export: [u8; 32],
        /// SHA-256 of the offer.
        pub offer_hash: [u8; 32],
        /// SHA-256 of the response.
        pub response_hash: [u8; 32],
    }

    /// The chains and counters of a channel.
    #[derive(Debug)]
    pub struct ChannelRecord {
        /// The direction of sending: 0 for the inviter, 1 for the acceptor.
        pub direction: u8,
        /// Month of both chain keys.
        pub month: u32,
        /// Oldest sending chain key kept.
        pub sending: [u8; 32],
        /// Oldest receiving chain key kept.
        pub receiving: [u8; 32],
        /// (day, next tag counter) of the days on which cells were sealed.
        pub counters: Vec<(u32, u32)>,
        /// No more cells are sealed for this day or earlier days.
        pub sealed_before: u32,
        /// Next sequence number sent.
        pub next_seq: u64,
        /// Windows of the days on which cells were opened.
        pub windows: Vec<WindowRecord>,
        /// What was received, per sending device.
        pub sequences: Vec<SequenceRecord>,
    }

    /// The tag window of one day.
    #[derive(Debug)]
    pub struct WindowRecord {
        /// The day.
        pub day: u32,
        /// (device, end) pairs.
        pub ends: Vec<(u8, u32)>,
    }

    /// Which sequence numbers of one device arrived.
    #[derive(Debug)]
    pub struct SequenceRecord {
        /// The device.
        pub device: u8,
        /// All numbers below arrived, except the missing ones.
        pub next: u64,
        /// Ranges [from, to) that are missing.
        pub missing: Vec<(u64, u64)>,
    }

    /// `s/i/<invitation>`: an invitation that was created or accepted.
    #[derive(Debug)]
    pub struct InvitationRecord {
        /// `s`.
        pub secret: [u8; 32],
        /// Unix seconds.
        pub expires_at: u64,
        /// Whether it travels through the lobby.
        pub is_qr: bool,
        /// The offer, if it was made here. Empty once answered.
        pub offer: Vec<u8>,
        /// X-Wing seed and SAS nonce of that offer.
        pub offer_secrets: Option<OfferSecretsRecord>,
        /// The hash of the peer's message: of the offer that is awaited or was
        /// responded to, or of the response that was confirmed.
        pub offer_hash: Option<[u8; 32]>,
        /// The resulting contact.
        pub contact: Option<[u8; 8]>,
        /// The only fingerprint that is accepted.
        pub expected: Option<[u8; 32]>,
        /// The cells sealed here, by counter: of the offer or the response.
        pub response_cells: Vec<CellRecord>,
        /// End of the watched window, direction 0 and 1.
        pub windows: (u32, u32),
        /// The offer made here was answered.
        pub answered: bool,
    }

    /// Secrets of an open offer.
    #[derive(Debug)]
    pub struct OfferSecretsRecord {
        /// The decapsulation seed.
        pub xwing: [u8; 32],
        /// The nonce committed to.
        pub sas_nonce: [u8; 32],
    }

    /// A cell's bytes.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct CellRecord {
        /// The bytes that are posted.
        pub bytes: Vec<u8>,
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

    /// `s/k/<contact>`: how and when a contact was checked.
    #[derive(Debug)]
    pub struct CheckRecord {
        /// 0 digits, 1 expected, 2 in person.
        pub by: u8,
        /// Unix seconds.
        pub at: u64,
    }

    /// `s/settings`: retention and grace, if they were ever set.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct SettingsRecord {
        /// Days for which the keys of the previous month are kept.
        pub grace_days: u32,
        /// Days for which deliveries are accepted.
        pub retention_days: u32,
    }

    /// `s/filing`: messages are to be filed in the health record.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct FilingSettingRecord {
        /// Unix seconds.
        pub since: u64,
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

    /// `s/overdue`: since when keys are past the date by which they must be
    /// shredded regardless of the relay's batches.
    #[derive(Debug)]
    pub struct OverdueRecord {
        /// Unix seconds.
        pub since: u64,
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

    /// `s/audit`: the end of the audit log.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct AuditRecord {
        /// Entries in all.
        pub len: u64,
        /// The head after the last.
        pub head: [u8; 32],
        /// The last month whose start was logged.
        pub month: u32,
        /// The last checkpoint signed.
        pub checkpoint: Option<CheckpointRecord>,
    }

    /// A checkpoint of the audit log.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct CheckpointRecord {
        /// The last entry it covers.
        pub index: u64,
        /// The head after it.
        pub head: [u8; 32],
        /// Unix seconds.
        pub time: u64,
        /// The owner's proof.
        pub proof: [u8; 64],
    }

    /// `a/<index>`: an entry of the audit log.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct EntryRecord {
        /// The head before it.
        pub before: [u8; 32],
        /// The entry, sealed: nonce, ciphertext, tag.
        pub blob: Vec<u8>,
    }

    /// `s/recovery`: the known devices of the same person. Present after the vault
    /// was restored or another device was announced.
    #[derive(Debug)]
    pub struct RecoveryRecord {
        /// This device's random id, which marks its announcements.
        pub id: [u8; 16],
        /// Whether it was restored from a backup.
        pub restored: bool,
        /// Whether it has taken an index.
        pub settled: bool,
        /// Whether that is final.
        pub confirmed: bool,
        /// Cells queued below this ordinal were sealed by the backup's device.
        pub former_queue: u64,
        /// Highest index another device announced.
        pub highest: u8,
        /// When it last announced itself, Unix seconds.
        pub announced_at: u64,
        /// The newer device that replaced it.
        pub superseded_by: Option<u8>,
        /// (index, Unix seconds) of former devices that are still open.
        pub former: Vec<(u8, u64)>,
        /// Contacts that have a newer device than their first.
        pub contacts: Vec<ContactDeviceRecord>,
    }

    /// The newest device of a contact.
    #[derive(Debug)]
    pub struct ContactDeviceRecord {
        /// The contact.
        pub contact: [u8; 8],
        /// The index.
        pub device: u8,
        /// The earliest known time of sending, Unix seconds.
        pub since: u64,
        /// Whether a later delivery of an older device was reported.
        pub reported: bool,
    }

    /// `s/e/<id>`: a backup was opened with emergency shares.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct EmergencyRecord {
        /// Unix seconds.
        pub began_at: u64,
        /// The duration of the access.
        pub minutes: u32,
        /// The stated reason; empty if only the end is known.
        pub reason: String,
        /// Unix seconds.
        pub ended_at: Option<u64>,
        /// Whether it was reported to the owner.
        pub reported: bool,
    }

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
        /// Content type of the delivery, as it was proved.
        pub content_type: String,
        /// Bytes of the body, which is the delivery's payload.
        pub size: u32,
        /// Offset and length of the typed text in the body.
        pub text: Option<(u32, u32)>,
        /// The attachments, in order.
        pub attachments: Vec<AttachmentRecord>,
        /// 0 queued, 1 sent, 2 delivered, 3 undelivered, 4 verified, 5 held,
        /// 6 cancelled, 7 stopped.
        pub state: u8,
        /// Cells not yet answered with 202.
        pub cells_left: u32,
        /// Whether it was marked as read.
        pub read: bool,
        /// Whether it was filed in the health record.
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

    /// The state of filing a message in the health record.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct FilingRecord {
        /// 0 started, 1 filed, 2 failed, 3 filed in an earlier state of the
        /// message.
        pub state: u8,
        /// The id that the health record assigned.
        pub id: Option<String>,
        /// The version that the health record assigned.
        pub version: Option<String>,
        /// Why it failed: an error code's text.
        pub code: Option<String>,
        /// When this state started, Unix seconds.
        pub since: u64,
    }

    /// `s/o/<digest>` of a vault of version 2.
    #[derive(Clone, Debug)]
    pub struct OpenedRecordV2 {
        /// Day of its tag.
        pub day: u32,
        /// As in [`OpenedRecord`].
        pub contact: Option<[u8; 8]>,
        /// As in [`OpenedRecord`].
        pub session: Option<Vec<u8>>,
        /// As in [`OpenedRecord`].
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
        /// Content type, perhaps with the file name as a parameter.
        pub content_type: String,
        /// Bytes of the body.
        pub size: u32,
        /// As in [`MessageRecord`], up to 6.
        pub state: u8,
        /// Cells not yet answered with 202.
        pub cells_left: u32,
    }
}
