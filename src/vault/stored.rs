//! The stored form of everything a client keeps. These structs are the
//! format: a field is only ever added with a new number, never reused, and
//! `tests/stored.rs` holds a snapshot of their bytes.

use minicbor::{Decode, Encode};
use zeroize::Zeroizing;

use super::VaultError;

/// Encodes a record. The bytes are wiped when dropped.
#[must_use]
pub fn encode<T: Encode<()>>(value: &T) -> Zeroizing<Vec<u8>> {
    #[expect(clippy::expect_used, reason = "a Vec takes every write")]
    Zeroizing::new(minicbor::to_vec(value).expect("writing into memory"))
}

/// Decodes a record.
///
/// # Errors
///
/// `Damaged`.
pub fn decode<'b, T: Decode<'b, ()>>(bytes: &'b [u8]) -> Result<T, VaultError> {
    minicbor::decode(bytes).map_err(|_| VaultError::Damaged)
}

/// `s/self`: who one is.
#[derive(Debug, Encode, Decode)]
pub struct SelfRecord {
    /// The identity secret.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub secret: [u8; 32],
    /// One's name.
    #[n(1)]
    pub name: String,
    /// The live device index.
    #[n(2)]
    pub device: u8,
    /// Unix seconds.
    #[n(3)]
    pub created_at: u64,
}

/// `s/relay`: the relay as it last described itself, and how far each
/// mailbox was pulled.
#[derive(Clone, Debug, Default, Encode, Decode)]
pub struct RelayRecord {
    /// Base URL, as invitations carry it.
    #[n(0)]
    pub url: String,
    /// How far one's own bucket was pulled.
    #[n(1)]
    pub own: Vec<CursorRecord>,
    /// How far the lobby was pulled.
    #[n(2)]
    pub lobby: Vec<CursorRecord>,
    /// Whether one's own bucket, and the lobby, were ever looked at.
    #[n(3)]
    pub started: (bool, bool),
    /// The relay's last `/v1/info`, JSON.
    #[n(4)]
    pub info: Option<String>,
}

/// The head of one origin's chain of one mailbox.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct CursorRecord {
    /// The origin's key.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub origin: [u8; 32],
    /// Last epoch taken.
    #[n(1)]
    pub epoch: u64,
    /// SHA-256 of its header.
    #[cbor(n(2), with = "minicbor::bytes")]
    pub head: [u8; 32],
    /// When that batch was closed, Unix seconds.
    #[n(3)]
    pub closed_at: u64,
    /// Lowest epoch looked at, for reading the lobby backwards.
    #[n(4)]
    pub floor: u64,
    /// Where the chain broke, until what was missing comes.
    #[n(5)]
    pub gaps: Vec<GapRecord>,
}

/// A break in a chain: epochs between `from` and `to`, both excluded.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct GapRecord {
    /// Last epoch before the gap.
    #[n(0)]
    pub from: u64,
    /// First epoch after it.
    #[n(1)]
    pub to: u64,
    /// Hash of the header before the gap.
    #[cbor(n(2), with = "minicbor::bytes")]
    pub before: [u8; 32],
    /// What the header after it names as its predecessor.
    #[cbor(n(3), with = "minicbor::bytes")]
    pub after: [u8; 32],
}

/// `s/c/<contact>`.
#[derive(Debug, Encode, Decode)]
pub struct ContactRecord {
    /// Public identity, 64 bytes; empty until the offer arrived.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub public: Vec<u8>,
    /// What it calls itself; empty until the offer arrived.
    #[n(1)]
    pub name: String,
    /// 0 pending, 1 active, 2 suspect.
    #[n(2)]
    pub state: u8,
    /// 0 not, 1 digits, 2 expected.
    #[n(3)]
    pub verified: u8,
    /// Why it is suspect: an error code's text.
    #[n(4)]
    pub reason: Option<String>,
    /// The six digits, while they are to be compared.
    #[n(5)]
    pub digits: Option<String>,
    /// What the confirm is checked with.
    #[n(6)]
    pub awaiting: Option<AwaitingRecord>,
    /// Keys and counters.
    #[n(7)]
    pub channel: Option<ChannelRecord>,
    /// Ordinal of the next message.
    #[n(8)]
    pub next_message: u32,
    /// The invitation came from the inviter's own hand.
    #[n(9)]
    pub in_person: bool,
    /// Unix seconds.
    #[n(10)]
    pub created_at: u64,
}

/// The acceptor's state between response and confirm.
#[derive(Debug, Encode, Decode)]
pub struct AwaitingRecord {
    /// From the offer.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub commitment: [u8; 32],
    /// The SAS export.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub sas_export: [u8; 32],
    /// SHA-256 of the offer.
    #[cbor(n(2), with = "minicbor::bytes")]
    pub offer_hash: [u8; 32],
    /// SHA-256 of the response.
    #[cbor(n(3), with = "minicbor::bytes")]
    pub response_hash: [u8; 32],
}

/// A pair's chains and counters.
#[derive(Debug, Encode, Decode)]
pub struct ChannelRecord {
    /// 0 if one invited, 1 if one accepted: the direction one sends in.
    #[n(0)]
    pub direction: u8,
    /// Month of both chain keys.
    #[n(1)]
    pub month: u32,
    /// Oldest sending chain key held.
    #[cbor(n(2), with = "minicbor::bytes")]
    pub sending: [u8; 32],
    /// Oldest receiving chain key held.
    #[cbor(n(3), with = "minicbor::bytes")]
    pub receiving: [u8; 32],
    /// (day, next tag counter) of the days cells were sealed in.
    #[n(4)]
    pub counters: Vec<(u32, u32)>,
    /// No cell is sealed in this day or before it any more.
    #[n(5)]
    pub sealed_before: u32,
    /// Next sequence number sent.
    #[n(6)]
    pub next_seq: u64,
    /// Windows of days in which something was opened.
    #[n(7)]
    pub windows: Vec<WindowRecord>,
    /// What was received, per sending device.
    #[n(8)]
    pub sequences: Vec<SequenceRecord>,
}

/// The tag window of one day.
#[derive(Debug, Encode, Decode)]
pub struct WindowRecord {
    /// The day.
    #[n(0)]
    pub day: u32,
    /// (device, end) pairs.
    #[n(1)]
    pub ends: Vec<(u8, u32)>,
}

/// Which sequence numbers of one device arrived.
#[derive(Debug, Encode, Decode)]
pub struct SequenceRecord {
    /// The device.
    #[n(0)]
    pub device: u8,
    /// All below arrived, except the missing ones.
    #[n(1)]
    pub next: u64,
    /// Ranges [from, to) that are missing.
    #[n(2)]
    pub missing: Vec<(u64, u64)>,
}

/// `s/i/<invitation>`: an invitation of one's own, or one accepted.
#[derive(Debug, Encode, Decode)]
pub struct InvitationRecord {
    /// `s`.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub secret: [u8; 32],
    /// Unix seconds.
    #[n(1)]
    pub expires_at: u64,
    /// Whether it travels through the lobby.
    #[n(2)]
    pub quick: bool,
    /// One's own invitation: the offer. Empty once answered.
    #[cbor(n(3), with = "minicbor::bytes")]
    pub offer: Vec<u8>,
    /// X-Wing seed and SAS nonce of one's own open invitation.
    #[n(4)]
    pub offer_secrets: Option<OfferSecretsRecord>,
    /// An accepted invitation: the hash of the offer to answer.
    #[cbor(n(5), with = "minicbor::bytes")]
    pub offer_hash: Option<[u8; 32]>,
    /// The contact it led to.
    #[cbor(n(6), with = "minicbor::bytes")]
    pub contact: Option<[u8; 8]>,
    /// The only fingerprint to accept.
    #[cbor(n(7), with = "minicbor::bytes")]
    pub expected: Option<[u8; 32]>,
    /// One's own response cells, sent again if the invitation is accepted
    /// again.
    #[n(8)]
    pub response_cells: Vec<CellRecord>,
    /// End of the watched window, direction 0 and 1.
    #[n(9)]
    pub windows: (u32, u32),
    /// A valid response was accepted: any other marks the contact suspect.
    #[n(10)]
    pub answered: bool,
}

/// Secrets of an open offer.
#[derive(Debug, Encode, Decode)]
pub struct OfferSecretsRecord {
    /// The decapsulation seed.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub xwing: [u8; 32],
    /// The nonce committed to.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub sas_nonce: [u8; 32],
}

/// A cell's bytes.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct CellRecord(#[cbor(n(0), with = "minicbor::bytes")] pub Vec<u8>);

/// `s/q/<ordinal>`: a finished cell on its way out.
#[derive(Clone, Debug, Encode, Decode)]
pub struct QueuedRecord {
    /// The bytes that every try sends.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub cell: Vec<u8>,
    /// Fingerprint whose bucket it goes to; none for the lobby.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub to: Option<[u8; 32]>,
    /// Day of its tag.
    #[n(2)]
    pub day: u32,
    /// The contact it belongs to.
    #[cbor(n(3), with = "minicbor::bytes")]
    pub contact: Option<[u8; 8]>,
    /// The message it belongs to, if one shows.
    #[n(4)]
    pub message: Option<u32>,
    /// The control delivery it belongs to, to seal it again.
    #[n(5)]
    pub control: Option<ControlRecord>,
}

/// A control delivery on its way out.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct ControlRecord {
    /// The session id.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub session: Vec<u8>,
    /// The sender's count.
    #[n(1)]
    pub seq: u64,
    /// The payload.
    #[cbor(n(2), with = "minicbor::bytes")]
    pub payload: Vec<u8>,
}

/// `s/o/<digest>`: a cell that was opened, and what it led to.
#[derive(Clone, Debug, Encode, Decode)]
pub struct OpenedRecord {
    /// Day of its tag; forgotten when that leaves retention.
    #[n(0)]
    pub day: u32,
    /// The contact whose tag it was under.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub contact: Option<[u8; 8]>,
    /// The session id accepted with it.
    #[cbor(n(2), with = "minicbor::bytes")]
    pub session: Option<Vec<u8>>,
    /// The sequence number of that delivery.
    #[n(3)]
    pub seq: u64,
}

/// `s/f/<owner>/<message id>/<index>`: a fragment of an unfinished message of
/// a contact, or of an invitation.
#[derive(Clone, Debug, Encode, Decode)]
pub struct FragmentRecord {
    /// Fragments in all; 0 marks a message dropped for a conflict.
    #[n(0)]
    pub count: u32,
    /// The piece.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub chunk: Vec<u8>,
    /// Day of its tag.
    #[n(2)]
    pub day: u32,
    /// Device of its tag.
    #[n(3)]
    pub device: u8,
}

/// `m/<contact>/<ordinal>`: a message without its body.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct MessageRecord {
    /// Whether one sent it.
    #[n(0)]
    pub outgoing: bool,
    /// The session id, with its label.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub session: Vec<u8>,
    /// Unix seconds.
    #[n(2)]
    pub sent_at: u64,
    /// Unix seconds; none for one's own.
    #[n(3)]
    pub received_at: Option<u64>,
    /// The sender's count.
    #[n(4)]
    pub seq: u64,
    /// Content type.
    #[n(5)]
    pub content_type: String,
    /// Bytes of the body.
    #[n(6)]
    pub size: u32,
    /// 0 queued, 1 stored, 2 delivered, 3 undelivered, 4 verified, 5 held.
    #[n(7)]
    pub state: u8,
    /// Cells not yet answered with 202.
    #[n(8)]
    pub cells_left: u32,
}
