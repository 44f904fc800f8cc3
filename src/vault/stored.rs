//! The stored form of everything a client keeps: each record is a CBOR array
//! of its fields in the order they have here, and `tests/stored.rs` holds a
//! snapshot of the bytes. Any change is a new version of the vault.

use zeroize::Zeroizing;

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

/// One of the structs below.
pub trait Record: Field {}

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

records! {
    /// `s/self`: who one is.
    #[derive(Debug)]
    pub struct SelfRecord {
        /// The identity secret.
        pub secret: [u8; 32],
        /// One's name.
        pub name: String,
        /// The live device index.
        pub device: u8,
        /// Unix seconds.
        pub created_at: u64,
    }

    /// `s/relay`: the relay as it last described itself, and how far each
    /// mailbox was pulled.
    #[derive(Clone, Debug, Default)]
    pub struct RelayRecord {
        /// Base URL, as invitations carry it.
        pub url: String,
        /// How far one's own bucket was pulled.
        pub own: Vec<CursorRecord>,
        /// How far the lobby was pulled.
        pub lobby: Vec<CursorRecord>,
        /// Whether one's own bucket, and the lobby, were read, or empty at the
        /// first look.
        pub started: (bool, bool),
        /// What it last said of itself.
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

    /// What a relay states in the place of what is in use.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct StatedShapeRecord {
        /// Number of buckets.
        pub buckets: u32,
        /// Bytes of a cell.
        pub cell_size: u32,
        /// Since when, Unix seconds.
        pub since: u64,
    }

    /// What a client needs of `/v1/info`.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct InfoRecord {
        /// The key the relay signs batches with.
        pub origin: [u8; 32],
        /// Number of buckets.
        pub buckets: u32,
        /// Bytes of a cell.
        pub cell_size: u32,
        /// Length of an epoch of the numbered buckets, in seconds.
        pub epoch_seconds: u32,
        /// Length of an epoch of the lobby, in seconds.
        pub lobby_epoch_seconds: u32,
        /// How long a batch can be pulled, in seconds.
        pub retention_seconds: u32,
        /// Entries of a slot for each numbered bucket.
        pub per_bucket: u32,
        /// Largest message the operator allows, in bytes.
        pub max_attachment_bytes: u32,
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
        /// Lowest epoch looked at, for reading the lobby backwards.
        pub floor: u64,
        /// Where the chain broke, until what was missing comes.
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
        /// What the header after it names as its predecessor.
        pub after: [u8; 32],
        /// When the batch before it was closed, Unix seconds; of the whole gap,
        /// where a part of it has come.
        pub since: u64,
    }

    /// `s/c/<contact>`.
    #[derive(Debug)]
    pub struct ContactRecord {
        /// Public identity, 64 bytes; empty until the offer arrived.
        pub public: Vec<u8>,
        /// What it calls itself; empty until the offer arrived.
        pub name: String,
        /// 0 pending, 1 active, 2 suspect.
        pub state: u8,
        /// 0 not, 1 digits, 2 expected.
        pub verified: u8,
        /// Why it is suspect: an error code's text.
        pub reason: Option<String>,
        /// The six digits, while they are to be compared.
        pub digits: Option<String>,
        /// What the confirm is checked with.
        pub awaiting: Option<AwaitingRecord>,
        /// Keys and counters.
        pub channel: Option<ChannelRecord>,
        /// Ordinal of the next message.
        pub next_message: u32,
        /// The invitation came from the inviter's own hand.
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

    /// A pair's chains and counters.
    #[derive(Debug)]
    pub struct ChannelRecord {
        /// 0 if one invited, 1 if one accepted: the direction one sends in.
        pub direction: u8,
        /// Month of both chain keys.
        pub month: u32,
        /// Oldest sending chain key held.
        pub sending: [u8; 32],
        /// Oldest receiving chain key held.
        pub receiving: [u8; 32],
        /// (day, next tag counter) of the days cells were sealed in.
        pub counters: Vec<(u32, u32)>,
        /// No cell is sealed in this day or before it any more.
        pub sealed_before: u32,
        /// Next sequence number sent.
        pub next_seq: u64,
        /// Windows of days in which something was opened.
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
        /// All below arrived, except the missing ones.
        pub next: u64,
        /// Ranges [from, to) that are missing.
        pub missing: Vec<(u64, u64)>,
    }

    /// `s/i/<invitation>`: an invitation of one's own, or one accepted.
    #[derive(Debug)]
    pub struct InvitationRecord {
        /// `s`.
        pub secret: [u8; 32],
        /// Unix seconds.
        pub expires_at: u64,
        /// Whether it travels through the lobby.
        pub quick: bool,
        /// One's own invitation: the offer. Empty once answered.
        pub offer: Vec<u8>,
        /// X-Wing seed and SAS nonce of one's own open invitation.
        pub offer_secrets: Option<OfferSecretsRecord>,
        /// The hash of the offer to answer, of an accepted invitation; of the
        /// response that was confirmed, of one's own once answered.
        pub offer_hash: Option<[u8; 32]>,
        /// The contact it led to.
        pub contact: Option<[u8; 8]>,
        /// The only fingerprint to accept.
        pub expected: Option<[u8; 32]>,
        /// The cells sealed here, by counter: of the offer or the response.
        pub response_cells: Vec<CellRecord>,
        /// End of the watched window, direction 0 and 1.
        pub windows: (u32, u32),
        /// A valid response was accepted: any other marks the contact suspect.
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
        /// As it is posted.
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
        /// The message it belongs to, if one shows.
        pub message: Option<u32>,
        /// The control delivery it belongs to, to seal it again.
        pub control: Option<ControlRecord>,
    }

    /// `s/l/<contact>/<ordinal>`: a large message of one's own, of which not
    /// all cells are sealed yet.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct LargeRecord {
        /// The delivery's bytes before its payload.
        pub head: Vec<u8>,
        /// Names this sealing.
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

    /// `s/settings`: how long things count, if it was ever set.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct SettingsRecord {
        /// Days of grace of the month before.
        pub grace_days: u32,
        /// Days for which deliveries are accepted.
        pub retention_days: u32,
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

    /// `s/overdue`: since when keys are past the date by which they are
    /// shredded even if the relay's batches do not allow it.
    #[derive(Debug)]
    pub struct OverdueRecord {
        /// Unix seconds.
        pub since: u64,
    }

    /// `s/o/<digest>`: a cell that was opened, and what it led to.
    #[derive(Clone, Debug)]
    pub struct OpenedRecord {
        /// Day of its tag; forgotten when that leaves retention.
        pub day: u32,
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
        /// The piece.
        pub chunk: Vec<u8>,
        /// Day of its tag.
        pub day: u32,
        /// Device of its tag.
        pub device: u8,
    }

    /// `s/audit`: where the audit log stands.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct AuditRecord {
        /// Entries in all.
        pub len: u64,
        /// The head after the last.
        pub head: [u8; 32],
        /// The last month whose beginning was logged.
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

    /// `s/recovery`: what a device knows of others of the same person. It is
    /// there once the vault was restored, or once another device was heard of.
    #[derive(Debug)]
    pub struct RecoveryRecord {
        /// Drawn by this device: tells its announcements from another's.
        pub id: [u8; 16],
        /// Whether it came from a backup.
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
        /// The newer device that took its place.
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
        /// The earliest time it sent at, Unix seconds.
        pub since: u64,
        /// Whether it was told that an older one sent after that.
        pub told: bool,
    }

    /// `s/e/<id>`: somebody opened a backup with emergency shares.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct EmergencyRecord {
        /// Unix seconds.
        pub began_at: u64,
        /// For how long.
        pub minutes: u32,
        /// What was given as the reason; empty if only the end is known.
        pub reason: String,
        /// Unix seconds.
        pub ended_at: Option<u64>,
        /// Whether the owner was told.
        pub told: bool,
    }

    /// `m/<contact>/<ordinal>`: a message without its body.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct MessageRecord {
        /// Whether one sent it.
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
        /// What it says it is.
        pub content_type: String,
        /// Its name as it may be shown.
        pub filename: Option<String>,
        /// Where it begins in the body.
        pub offset: u32,
        /// Its bytes.
        pub len: u32,
    }

    /// How far a message got into the health record.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct FilingRecord {
        /// 0 filing, 1 filed, 2 failed.
        pub state: u8,
        /// The id that the health record gave it.
        pub id: Option<String>,
        /// The version that the health record gave it.
        pub version: Option<String>,
        /// Why it failed: an error code's text.
        pub code: Option<String>,
        /// When this state began, Unix seconds.
        pub since: u64,
    }

    /// A message of a vault of version 2.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct MessageRecordV2 {
        /// Whether one sent it.
        pub outgoing: bool,
        /// The session id, with its label.
        pub session: Vec<u8>,
        /// Unix seconds.
        pub sent_at: u64,
        /// Unix seconds; none for one's own.
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
