//! An open invitation, created or accepted by this person.

use crate::{
    base::{ErrorCode, Secret, UnixTime},
    channel::Direction,
    client::ContactId,
    crypto::xwing::XWingSecret,
    enrolment::{InvitationSecret, OfferSecrets, Rendezvous, SasNonce},
    envelope::{Assembly, Body, Progress, WINDOW, open, widened},
    identity::Fingerprint,
    vault::stored::{CellRecord, InvitationRecord, OfferSecretsRecord},
    wire::{Cell, CellSize},
};

/// The state of an invitation. The inviter offers in a QR invitation, the
/// acceptor in a link invitation; the other one responds.
#[derive(Debug)]
pub(crate) enum Stage {
    /// Offered here, without a response yet.
    Offered {
        offer: Vec<u8>,
        secrets: OfferSecrets,
    },
    /// Offered here and answered. Holds the hash of the response, which may
    /// arrive twice.
    Answered { response_hash: Option<[u8; 32]> },
    /// To be responded to here: the only offer with this hash, or the first.
    AwaitingOffer { offer_hash: Option<[u8; 32]> },
    /// Responded to here. Holds the hash of the offer.
    Responded { offer_hash: Option<[u8; 32]> },
}

#[derive(Debug)]
pub(crate) struct OpenInvitation {
    pub(crate) secret: InvitationSecret,
    pub(crate) rendezvous: Rendezvous,
    pub(crate) expires_at: UnixTime,
    pub(crate) is_qr: bool,
    pub(crate) stage: Stage,
    pub(crate) contact: Option<ContactId>,
    pub(crate) expected: Option<Fingerprint>,
    /// The cells of the offer or of the response, as they were sealed here
    /// for each size of cells: the place of a cell is the counter of its tag.
    own_cells: Vec<Vec<u8>>,
    /// Ends of the watched windows: direction 0 and 1.
    pub(crate) windows: (u32, u32),
}

impl OpenInvitation {
    pub(crate) fn new(
        secret: InvitationSecret,
        expires_at: UnixTime,
        is_qr: bool,
        stage: Stage,
    ) -> Self {
        let rendezvous = Rendezvous::new(&secret);
        Self {
            secret,
            rendezvous,
            expires_at,
            is_qr,
            stage,
            contact: None,
            expected: None,
            own_cells: Vec::new(),
            windows: (WINDOW, WINDOW),
        }
    }

    /// Returns `true` if it was created here.
    pub(crate) fn is_own(&self) -> bool {
        let offers = matches!(self.stage, Stage::Offered { .. } | Stage::Answered { .. });
        offers == self.is_qr
    }

    /// Whether the first message of the peer is still missing.
    pub(crate) fn is_unanswered(&self) -> bool {
        matches!(
            self.stage,
            Stage::Offered { .. } | Stage::AwaitingOffer { .. }
        )
    }

    /// Directions whose tags are watched: the inviter watches for acceptors;
    /// the acceptor for the inviter and, in the lobby, for other acceptors.
    pub(crate) fn watched(&self) -> &'static [Direction] {
        if self.is_own() {
            &[Direction::FromAcceptor]
        } else if self.is_qr {
            &[Direction::FromInviter, Direction::FromAcceptor]
        } else if self.is_unanswered() {
            &[Direction::FromInviter]
        } else {
            &[]
        }
    }

    /// Checks that the peer is the only one that may take part.
    pub(crate) fn require_expected(&self, peer: Fingerprint) -> Result<(), ErrorCode> {
        match self.expected {
            Some(expected) if expected != peer => Err(ErrorCode::UnexpectedIdentity),
            _ => Ok(()),
        }
    }

    /// The direction of what is sealed here.
    pub(crate) fn sends(&self) -> Direction {
        match self.is_own() {
            true => Direction::FromInviter,
            false => Direction::FromAcceptor,
        }
    }

    /// Until when it is open. An offer to a link may be answered in its last
    /// second, and the response then waits at the relay for the retention.
    pub(crate) fn ends_at(&self, retention: u64) -> UnixTime {
        match (&self.stage, self.is_qr) {
            (Stage::Offered { .. }, false) => self.expires_at.plus(retention),
            _ => self.expires_at,
        }
    }

    /// Cells that were sealed here, under the counters that follow those of
    /// the cells before.
    pub(crate) fn keep_own_cells(&mut self, cells: &[Cell]) {
        let cells = cells.iter().map(|cell| cell.as_bytes().to_vec());
        self.own_cells.extend(cells);
    }

    /// The counter of the next cell that is sealed here.
    pub(crate) fn next_counter(&self) -> u32 {
        u32::try_from(self.own_cells.len()).unwrap_or(u32::MAX)
    }

    pub(crate) fn is_own_cell(&self, bytes: &[u8]) -> bool {
        self.own_cells.iter().any(|own| own == bytes)
    }

    /// The cells that were sealed here for this size.
    pub(crate) fn own_cells(&self, size: CellSize) -> Vec<Cell> {
        let cells = self.own_cells.iter();
        let cells = cells.map(|bytes| Cell::parse(bytes.clone(), size));
        cells.filter_map(Result::ok).collect()
    }

    /// The offer or the response that was sealed here; the latter is opened
    /// again.
    pub(crate) fn own_message(&self) -> Option<Vec<u8>> {
        if let Stage::Offered { offer, .. } = &self.stage {
            return Some(offer.clone());
        }
        let size = u32::try_from(self.own_cells.first()?.len()).ok()?;
        let mut assembly: Option<Assembly> = None;
        for cell in self.own_cells(CellSize::try_from(size).ok()?) {
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
            is_qr: self.is_qr,
            offer,
            offer_secrets,
            offer_hash: match &self.stage {
                Stage::AwaitingOffer { offer_hash } | Stage::Responded { offer_hash } => {
                    *offer_hash
                }
                Stage::Answered { response_hash } => *response_hash,
                Stage::Offered { .. } => None,
            },
            contact: self.contact.map(|contact| contact.0),
            expected: self.expected.map(|fingerprint| fingerprint.0),
            response_cells: self
                .own_cells
                .iter()
                .map(|bytes| CellRecord {
                    bytes: bytes.clone(),
                })
                .collect(),
            windows: self.windows,
            answered: matches!(self.stage, Stage::Answered { .. }),
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
            (None, response_hash) if record.answered => Stage::Answered { response_hash },
            // Only a response is sealed for an offer that was made elsewhere.
            (None, offer_hash) if record.response_cells.is_empty() => {
                Stage::AwaitingOffer { offer_hash }
            }
            (None, offer_hash) => Stage::Responded { offer_hash },
        };
        let secret = InvitationSecret::new(Secret::take(&mut record.secret));
        let mut open = Self::new(secret, UnixTime(record.expires_at), record.is_qr, stage);
        open.contact = record.contact.map(ContactId);
        open.expected = record.expected.map(Fingerprint);
        open.own_cells = record
            .response_cells
            .into_iter()
            .map(|cell| cell.bytes)
            .collect();
        open.windows = record.windows;
        open
    }
}
