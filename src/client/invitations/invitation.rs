//! An open invitation, made here or accepted here.

use crate::{
    base::{Secret, UnixTime},
    channel::Direction,
    client::ContactId,
    crypto::xwing::XWingSecret,
    enrolment::{InvitationSecret, OfferSecrets, Rendezvous, SasNonce},
    envelope::{Assembly, Body, Progress, WINDOW, open, widened},
    identity::Fingerprint,
    vault::stored::{CellRecord, InvitationRecord, OfferSecretsRecord},
    wire::{Cell, CellSize},
};

/// Who made it, and what is still to be done.
#[derive(Debug)]
pub(crate) enum Stage {
    /// Made here, not answered yet.
    Offered {
        offer: Vec<u8>,
        secrets: OfferSecrets,
    },
    /// Made here and answered: watched until it expires.
    Answered,
    /// Accepted here; the offer has not arrived yet.
    AwaitingOffer { offer_hash: [u8; 32] },
    /// Accepted here and answered.
    Responded,
}

#[derive(Debug)]
pub(crate) struct OpenInvitation {
    pub(crate) secret: InvitationSecret,
    pub(crate) rendezvous: Rendezvous,
    pub(crate) expires_at: UnixTime,
    pub(crate) quick: bool,
    pub(crate) stage: Stage,
    pub(crate) contact: Option<ContactId>,
    pub(crate) expected: Option<Fingerprint>,
    pub(crate) response_cells: Vec<Vec<u8>>,
    /// Ends of the watched windows: direction 0 and 1.
    pub(crate) windows: (u32, u32),
}

impl OpenInvitation {
    pub(crate) fn new(
        secret: InvitationSecret,
        expires_at: UnixTime,
        quick: bool,
        stage: Stage,
    ) -> Self {
        let rendezvous = Rendezvous::new(&secret);
        Self {
            secret,
            rendezvous,
            expires_at,
            quick,
            stage,
            contact: None,
            expected: None,
            response_cells: Vec::new(),
            windows: (WINDOW, WINDOW),
        }
    }

    /// Whether it was made here.
    pub(crate) fn is_own(&self) -> bool {
        matches!(self.stage, Stage::Offered { .. } | Stage::Answered)
    }

    /// Directions whose tags are watched: the inviter watches for responses,
    /// the acceptor for the offer and for somebody else's response.
    pub(crate) fn watched(&self) -> &'static [Direction] {
        if self.is_own() {
            &[Direction::FromAcceptor]
        } else if self.quick {
            &[Direction::FromInviter, Direction::FromAcceptor]
        } else {
            &[]
        }
    }

    /// The response that was sealed here, opened again.
    pub(crate) fn response(&self) -> Option<Vec<u8>> {
        let mut assembly: Option<Assembly> = None;
        for bytes in &self.response_cells {
            let size = CellSize::try_from(u32::try_from(bytes.len()).ok()?).ok()?;
            let cell = Cell::parse(bytes.as_slice(), size).ok()?;
            let body = open(&self.rendezvous.kem, &self.rendezvous.psk, &cell).ok()?;
            let fragment = match body {
                Body::Whole(bytes) => return Some(bytes),
                Body::Fragment(fragment) => fragment,
            };
            assembly = match assembly {
                None => Some(Assembly::begin(fragment)),
                Some(held) => match held.insert(fragment).ok()? {
                    Progress::Unfinished(held) => Some(held),
                    Progress::Complete(chunks) => return Some(chunks.concat()),
                },
            };
        }
        None
    }

    /// The end of one direction's window.
    pub(crate) fn window(&self, direction: Direction) -> u32 {
        match direction {
            Direction::FromInviter => self.windows.0,
            Direction::FromAcceptor => self.windows.1,
        }
    }

    /// Fragment `index` of `count` was opened at this counter. The counters
    /// that are watched from now on.
    pub(crate) fn opened(
        &mut self,
        direction: Direction,
        counter: u32,
        (index, count): (u32, u32),
    ) -> core::ops::Range<u32> {
        let end = match direction {
            Direction::FromInviter => &mut self.windows.0,
            Direction::FromAcceptor => &mut self.windows.1,
        };
        let known = *end;
        *end = widened(known, counter, index, count);
        known..*end
    }

    pub(crate) fn to_record(&self) -> InvitationRecord {
        let (offer, offer_secrets) = match &self.stage {
            Stage::Offered { offer, secrets } => (
                offer.clone(),
                Some(OfferSecretsRecord {
                    xwing: *secrets.xwing.seed().expose(),
                    sas_nonce: *secrets.sas_nonce.expose(),
                }),
            ),
            _ => (Vec::new(), None),
        };
        InvitationRecord {
            secret: *self.secret.expose().expose(),
            expires_at: self.expires_at.0,
            quick: self.quick,
            offer,
            offer_secrets,
            offer_hash: match &self.stage {
                Stage::AwaitingOffer { offer_hash } => Some(*offer_hash),
                _ => None,
            },
            contact: self.contact.map(|contact| contact.0),
            expected: self.expected.map(|fingerprint| fingerprint.0),
            response_cells: self
                .response_cells
                .iter()
                .map(|bytes| CellRecord {
                    bytes: bytes.clone(),
                })
                .collect(),
            windows: self.windows,
            answered: matches!(self.stage, Stage::Answered),
        }
    }

    pub(crate) fn from_record(mut record: InvitationRecord) -> Self {
        let stage = match (record.offer_secrets, record.offer_hash) {
            (Some(mut secrets), _) => Stage::Offered {
                offer: record.offer,
                secrets: OfferSecrets {
                    xwing: XWingSecret::from_seed(Secret::take(&mut secrets.xwing)),
                    sas_nonce: SasNonce::new(Secret::take(&mut secrets.sas_nonce)),
                },
            },
            (None, Some(offer_hash)) => Stage::AwaitingOffer { offer_hash },
            (None, None) if record.answered => Stage::Answered,
            (None, None) => Stage::Responded,
        };
        let secret = InvitationSecret::new(Secret::take(&mut record.secret));
        let mut open = Self::new(secret, UnixTime(record.expires_at), record.quick, stage);
        open.contact = record.contact.map(ContactId);
        open.expected = record.expected.map(Fingerprint);
        open.response_cells = record
            .response_cells
            .into_iter()
            .map(|cell| cell.bytes)
            .collect();
        open.windows = record.windows;
        open
    }
}
