//! Deliveries: clinical content with its proof. Protocol §6.
//!
//! ```text
//! delivery = CBOR [session_id, sent_at, seq, content_type, Y', proof, payload]
//! context  = recipient_fingerprint(32) || u64(sent_at) || u8(device) || u64(seq) || lp(content_type)
//! ```

use minicbor::{Decoder, decode::Error};
use rand_core::CryptoRng;

use super::{ContentType, DeliveryId, EnvelopeError, Evidence};
use crate::{
    base::{
        Content, UnixTime, encoding::push_lp, parameters::CLOCK_SKEW_SECONDS, secret::redacted,
    },
    crypto::{cbor, ristretto::Statement, schnorr::Proof},
    identity::{Fingerprint, Identity, PublicIdentity},
    pseudonym::{self, BlindSeed},
};

/// The fields of a delivery before it is proved.
#[derive(Clone, Debug)]
pub struct UnprovenDelivery<'a> {
    /// The session id; kept when a message is sealed again.
    pub id: &'a DeliveryId,
    /// Determines the day, the month and the keys of all cells.
    pub sent_at: UnixTime,
    /// The sender's device index.
    pub device: u8,
    /// The number of the delivery among those of the device in this direction,
    /// from 0.
    pub seq: u64,
    /// The content type.
    pub content_type: &'a ContentType,
    /// The content; may be empty.
    pub payload: &'a Content,
}

/// All fields of a delivery before its payload, which is the last one.
#[derive(Clone, PartialEq, Eq)]
struct Head {
    id: DeliveryId,
    sent_at: UnixTime,
    seq: u64,
    content_type: ContentType,
    pseudonym: [u8; 32],
    proof: [u8; 64],
}

/// A decoded delivery: well-formed, not verified.
#[derive(Clone, PartialEq, Eq)]
pub struct Delivery {
    head: Head,
    payload: Content,
}

/// Maximum number of bytes before the payload: array head, id, time, seq, content
/// type, pseudonym, proof, and the head of the payload, each at its longest.
const MAX_HEAD: usize = 1 + 66 + 9 + 9 + 129 + 34 + 66 + 5;

/// Proves a draft to one recipient. Returns the delivery's bytes before the
/// payload, which follows unchanged. `None` only if the pseudonym is the identity
/// element, with probability 2^-252.
#[must_use]
pub fn compose(
    sender: &Identity,
    recipient: &Fingerprint,
    seed: &BlindSeed,
    draft: &UnprovenDelivery<'_>,
    rng: &mut impl CryptoRng,
) -> Option<Vec<u8>> {
    let mut random = [0; 32];
    rng.fill_bytes(&mut random);
    let context = context(
        recipient,
        draft.sent_at,
        draft.device,
        draft.seq,
        draft.content_type,
    );
    let (pseudonym, proof) = pseudonym::prove(
        sender.witness(),
        seed,
        &draft.id.session()?,
        &context,
        draft.payload,
        &random,
    )?;
    let head = Head {
        id: draft.id.clone(),
        sent_at: draft.sent_at,
        seq: draft.seq,
        content_type: draft.content_type.clone(),
        pseudonym: *pseudonym.as_bytes(),
        proof: *proof.as_bytes(),
    };
    Some(head.encode(draft.payload.len()))
}

impl Head {
    /// Encodes everything before the payload's bytes.
    fn encode(&self, payload_len: usize) -> Vec<u8> {
        cbor::array(7, |w| {
            w.bytes(&self.id.encode())
                .uint(self.sent_at.0)
                .uint(self.seq)
                .text(self.content_type.as_str())
                .bytes(&self.pseudonym)
                .bytes(&self.proof)
                .bytes_header(payload_len);
        })
    }

    fn read(d: &mut Decoder<'_>) -> Result<Self, Error> {
        cbor::expect_array(d, 7)?;
        Ok(Self {
            id: DeliveryId::decode(d.bytes()?)
                .filter(DeliveryId::is_text)
                .ok_or_else(|| Error::message("session id"))?,
            sent_at: UnixTime(d.u64()?),
            seq: d.u64()?,
            content_type: ContentType::new(d.str()?)
                .ok_or_else(|| Error::message("content type"))?,
            pseudonym: cbor::fixed(d)?,
            proof: cbor::fixed(d)?,
        })
    }
}

impl Delivery {
    /// Encodes the delivery deterministically.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = self.head.encode(self.payload.len());
        bytes.extend_from_slice(&self.payload.to_vec());
        bytes
    }

    /// Decodes the delivery from the concatenation of the chunks and frees each
    /// chunk after copying it. `None` unless the bytes are exactly its
    /// deterministic encoding.
    #[must_use]
    pub fn decode(chunks: Vec<Vec<u8>>) -> Option<Self> {
        let len = chunks.iter().map(Vec::len).sum::<usize>();
        let mut start = Vec::with_capacity(MAX_HEAD);
        for chunk in &chunks {
            let room = MAX_HEAD - start.len();
            start.extend_from_slice(chunk.get(..room).unwrap_or(chunk));
        }
        let mut decoder = Decoder::new(&start);
        let head = Head::read(&mut decoder).ok()?;
        // The head of the payload has 1, 2, 3 or 5 bytes: take the one that re-encodes to the same bytes.
        let rest = len.checked_sub(decoder.position())?;
        let encoded = [1, 2, 3, 5]
            .into_iter()
            .filter_map(|header| rest.checked_sub(header))
            .map(|payload| (payload, head.encode(payload)))
            .find(|(payload, bytes)| bytes.len() + payload == len && start.starts_with(bytes));
        let mut skip = encoded?.1.len();
        let mut payload = Content::default();
        for chunk in chunks {
            let skipped = skip.min(chunk.len());
            skip -= skipped;
            payload.push(chunk.get(skipped..)?);
        }
        Some(Self { head, payload })
    }

    /// The claimed time of sending.
    #[must_use]
    pub fn sent_at(&self) -> UnixTime {
        self.head.sent_at
    }

    /// The claimed `seq`.
    #[must_use]
    pub fn seq(&self) -> u64 {
        self.head.seq
    }

    /// Verifies a delivery that was found under the tag `sender.slot`: day,
    /// pseudonym, proof and age. The caller must compare and record the session
    /// id.
    ///
    /// # Errors
    ///
    /// `NotAuthentic` for another day, a wrong pseudonym or an invalid proof;
    /// `Stale` for an authentic delivery that is too old or in the future.
    pub fn verify(
        self,
        sender: &Sender<'_>,
        now: UnixTime,
        retention: u64,
    ) -> Result<Authentic, EnvelopeError> {
        let proves = |evidence: &Evidence| {
            evidence.sent_at.day() == sender.slot.day && evidence.verify(&self.payload)
        };
        let evidence = self.evidence(sender).filter(proves);
        let evidence = evidence.ok_or(EnvelopeError::NotAuthentic)?;
        let sent_at = evidence.sent_at;
        if sent_at < now.minus(retention) || sent_at > now.plus(CLOCK_SKEW_SECONDS) {
            return Err(EnvelopeError::Stale);
        }
        Ok(Authentic {
            evidence,
            payload: self.payload,
        })
    }

    /// What would prove that this sender wrote it, not verified.
    fn evidence(&self, sender: &Sender<'_>) -> Option<Evidence> {
        let head = &self.head;
        Some(Evidence {
            sender: *sender.identity,
            recipient: *sender.recipient,
            id: head.id.clone(),
            sent_at: head.sent_at,
            device: sender.slot.device,
            seq: head.seq,
            content_type: head.content_type.clone(),
            blinding: sender.seed.blinding(&head.id.session()?),
            pseudonym: Statement::decode(&head.pseudonym)?,
            proof: Proof::decode(&head.proof)?,
            checked: None,
        })
    }
}

redacted! { Delivery }

/// The expected sender of a delivery, and the tag under which it arrived.
#[derive(Clone, Copy, Debug)]
pub struct Sender<'a> {
    /// The contact's identity.
    pub identity: &'a PublicIdentity,
    /// The month's blinding seed.
    pub seed: &'a BlindSeed,
    /// The tag slot of the (first) cell.
    pub slot: crate::channel::TagSlot,
    /// The recipient's own fingerprint.
    pub recipient: &'a Fingerprint,
}

/// A verified delivery: from the contact, for this recipient, sent at the stated
/// time.
#[derive(Debug)]
pub struct Authentic {
    evidence: Evidence,
    payload: Content,
}

impl Authentic {
    /// The session id.
    #[must_use]
    pub fn id(&self) -> &DeliveryId {
        &self.evidence.id
    }

    /// The time of sending.
    #[must_use]
    pub fn sent_at(&self) -> UnixTime {
        self.evidence.sent_at
    }

    /// The number of the delivery among those of the sender's device.
    #[must_use]
    pub fn seq(&self) -> u64 {
        self.evidence.seq
    }

    /// The content type.
    #[must_use]
    pub fn content_type(&self) -> &ContentType {
        &self.evidence.content_type
    }

    /// The content.
    #[must_use]
    pub fn payload(&self) -> &Content {
        &self.payload
    }

    /// What proves it once the month's seed is shredded.
    #[must_use]
    pub fn evidence(&self) -> &Evidence {
        &self.evidence
    }

    /// Consumes the delivery and returns the content.
    #[must_use]
    pub fn into_payload(self) -> Content {
        self.payload
    }
}

pub(super) fn context(
    recipient: &Fingerprint,
    sent_at: UnixTime,
    device: u8,
    seq: u64,
    content_type: &ContentType,
) -> Vec<u8> {
    let mut out = recipient.0.to_vec();
    out.extend_from_slice(&sent_at.0.to_be_bytes());
    out.push(device);
    out.extend_from_slice(&seq.to_be_bytes());
    push_lp(&mut out, content_type.as_str().as_bytes());
    out
}
