//! Records of contacts and invitations.

use crate::envelope::CheckedBy;

records! {
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

    /// `s/k/<contact>`: how and when a contact was checked.
    #[derive(Debug)]
    pub struct CheckRecord {
        /// How.
        pub by: CheckedBy,
        /// Unix seconds.
        pub at: u64,
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
}
