//! Evidence that a contact wrote a message. Protocol §11.
//!
//! ```text
//! evidence = CBOR [1, public(64), recipient_fingerprint(32), session_id, sent_at, device, seq,
//!                  content_type, h(32), Y'(32), proof(64), checked | null]
//! checked  = [by, time]                          by: 0 digits, 1 expected, 2 in person
//! ```
//!
//! It holds what a proof is verified with once its month's seed is shredded.
//! Anyone with it can convince others, and can link this one pseudonym to its
//! owner. `checked` is the recipient's word and no part of the proof.

use minicbor::{Decoder, data::Type, decode::Error};

use super::{ContentType, DeliveryId, delivery::context};
use crate::{
    base::{Content, UnixTime, words::worded},
    crypto::{
        cbor::{self, Deterministic},
        ristretto::Statement,
        schnorr::{self, Proof, Transcript},
    },
    identity::{Fingerprint, PublicIdentity},
    pseudonym::Blinding,
};

const VERSION: u8 = 1;

worded! {
    /// How a contact was verified.
    pub enum CheckedBy {
        /// Both people compared six digits.
        Digits = "digits",
        /// The fingerprint was scanned, or given by the host.
        Expected = "expected",
        /// The invitation was handed over in person.
        InPerson = "inPerson",
    }
}

/// What proves who wrote a message, to anyone who has the message.
#[derive(Debug)]
pub struct Evidence {
    /// Who wrote it.
    pub sender: PublicIdentity,
    /// For whom.
    pub recipient: Fingerprint,
    /// The session id.
    pub id: DeliveryId,
    /// When, by the sender's clock.
    pub sent_at: UnixTime,
    /// The sender's device.
    pub device: u8,
    /// The sender's count.
    pub seq: u64,
    /// What the payload is.
    pub content_type: ContentType,
    /// Links the pseudonym to the sender.
    pub blinding: Blinding,
    /// The pseudonym.
    pub pseudonym: Statement,
    /// The proof under it.
    pub proof: Proof,
    /// How and when the recipient checked the sender; none of its proof.
    pub checked: Option<(CheckedBy, UnixTime)>,
}

impl Evidence {
    /// Whether the sender proved this payload.
    #[must_use]
    pub fn verify(&self, payload: &Content) -> bool {
        let Some(session) = self.id.session() else {
            return false;
        };
        let context = context(
            &self.recipient,
            self.sent_at,
            self.device,
            self.seq,
            &self.content_type,
        );
        let transcript = Transcript {
            session_id: session.as_bytes(),
            context: &context,
            message: payload,
        };
        self.blinding.statement(self.sender.statement()) == Some(self.pseudonym)
            && schnorr::verify(&self.pseudonym, &transcript, &self.proof)
    }
}

impl Deterministic for Evidence {
    fn encode(&self) -> Vec<u8> {
        cbor::array(12, |w| {
            w.uint(VERSION.into())
                .bytes(&self.sender.encode())
                .bytes(&self.recipient.0)
                .bytes(&self.id.encode())
                .uint(self.sent_at.0)
                .uint(self.device.into())
                .uint(self.seq)
                .text(self.content_type.as_str())
                .bytes(self.blinding.expose().as_bytes())
                .bytes(self.pseudonym.as_bytes())
                .bytes(self.proof.as_bytes());
            match self.checked {
                Some((by, at)) => w.array(2).uint(by as u64).uint(at.0),
                None => w.null(),
            };
        })
    }

    fn read(d: &mut Decoder<'_>) -> Result<Self, Error> {
        cbor::expect_array(d, 12)?;
        if d.u8()? != VERSION {
            return Err(Error::message("version"));
        }
        Ok(Self {
            sender: PublicIdentity::decode(d.bytes()?).ok_or_else(|| Error::message("public"))?,
            recipient: Fingerprint(cbor::fixed(d)?),
            id: DeliveryId::decode(d.bytes()?)
                .filter(DeliveryId::is_text)
                .ok_or_else(|| Error::message("session id"))?,
            sent_at: UnixTime(d.u64()?),
            device: d.u8()?,
            seq: d.u64()?,
            content_type: ContentType::new(d.str()?)
                .ok_or_else(|| Error::message("content type"))?,
            blinding: Blinding::decode(cbor::fixed(d)?).ok_or_else(|| Error::message("h"))?,
            pseudonym: Statement::decode(&cbor::fixed(d)?).ok_or_else(|| Error::message("Y'"))?,
            proof: Proof::decode(d.bytes()?).ok_or_else(|| Error::message("proof"))?,
            checked: match d.datatype()? {
                Type::Null => {
                    d.null()?;
                    None
                }
                _ => Some(read_checked(d)?),
            },
        })
    }
}

fn read_checked(d: &mut Decoder<'_>) -> Result<(CheckedBy, UnixTime), Error> {
    cbor::expect_array(d, 2)?;
    let by = CheckedBy::from_number(d.u8()?).ok_or_else(|| Error::message("checked"))?;
    Ok((by, UnixTime(d.u64()?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        base::Secret,
        identity::Identity,
        pseudonym::{self, BlindSeed},
    };

    fn taken(payload: &[u8], checked: Option<(CheckedBy, UnixTime)>) -> Evidence {
        let mut rng = rand_core::UnwrapErr(getrandom::SysRng);
        let (sender, recipient) = (Identity::generate(&mut rng), Identity::generate(&mut rng));
        let seed = BlindSeed::new(Secret::random(&mut rng));
        let id = DeliveryId::with_label("visit-7421", &mut rng).unwrap();
        let session = id.session().unwrap();
        let (sent_at, content_type) = (UnixTime(1_795_300_000), ContentType::plain_text());
        let recipient = recipient.public().fingerprint();
        let context = context(&recipient, sent_at, 3, 70_000, &content_type);
        let message = payload.into();
        let proved = pseudonym::prove(
            sender.witness(),
            &seed,
            &session,
            &context,
            &message,
            &[7; 32],
        );
        let (pseudonym, proof) = proved.unwrap();
        Evidence {
            sender: *sender.public(),
            recipient,
            blinding: seed.blinding(&session),
            id,
            sent_at,
            device: 3,
            seq: 70_000,
            content_type,
            pseudonym,
            proof,
            checked,
        }
    }

    #[test]
    fn evidence_holds_without_the_seed_and_for_its_payload_only() {
        let checked = Some((CheckedBy::InPerson, UnixTime(1_795_000_000)));
        for checked in [None, checked] {
            let bytes = taken(b"Continue metformin.", checked).encode();
            let read = Evidence::decode(&bytes).unwrap();
            assert!(read.verify(&b"Continue metformin."[..].into()));
            assert!(!read.verify(&b"Stop metformin."[..].into()));
            assert_eq!(read.checked, checked);
            assert_eq!(read.encode(), bytes);
        }
    }

    #[test]
    fn a_flipped_bit_is_refused_does_not_verify_or_names_nobody() {
        let evidence = taken(b"m", None);
        let (bytes, sender) = (evidence.encode(), evidence.sender.fingerprint());
        let mut parsed = 0;
        for at in 0..bytes.len() {
            let mut altered = bytes.clone();
            altered[at] ^= 1;
            if let Some(read) = Evidence::decode(&altered) {
                // The proof is of the sender's first key; the fingerprint covers both.
                let other = read.sender.fingerprint() != sender;
                assert!(other || !read.verify(&b"m"[..].into()), "byte {at}");
                parsed += 1;
            }
            assert!(Evidence::decode(&bytes[..at]).is_none(), "cut at {at}");
        }
        assert!(parsed > 100, "{parsed}");
        assert!(Evidence::decode(&[&bytes[..], &[0]].concat()).is_none());
    }

    #[test]
    fn another_sender_or_recipient_does_not_verify() {
        let (one, other) = (taken(b"m", None), taken(b"m", None));
        let payload = Content::from(&b"m"[..]);
        for forged in [
            Evidence {
                sender: other.sender,
                ..taken(b"m", None)
            },
            Evidence {
                recipient: other.recipient,
                ..taken(b"m", None)
            },
            Evidence {
                blinding: other.blinding,
                ..one
            },
        ] {
            assert!(!forged.verify(&payload));
        }
    }
}
