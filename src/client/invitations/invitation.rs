//! An open invitation, created or accepted by this person.

use rand_core::CryptoRng;

use crate::{
    base::{ErrorCode, Secret, UnixTime},
    channel::Direction,
    client::{
        ClientError, ContactId, InvitationId, InvitationView, contacts::Contacts,
        mailboxes::Destination,
    },
    crypto::{kdf, xwing::XWingSecret},
    enrolment::{Binding, Invitation, InvitationSecret, OfferSecrets, Rendezvous, SasNonce},
    envelope::{Assembly, Body, Progress, Sealing, WINDOW, open, seal, split, widened},
    identity::{Fingerprint, PublicIdentity},
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
    own_cells: Vec<CellRecord>,
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
        let cells = cells.iter().map(|cell| CellRecord {
            bytes: cell.as_bytes().to_vec(),
        });
        self.own_cells.extend(cells);
    }

    /// The counter of the next cell that is sealed here.
    pub(super) fn next_counter(&self) -> u32 {
        u32::try_from(self.own_cells.len()).unwrap_or(u32::MAX)
    }

    /// Seals the offer or the response under unused counters: the offer to a link
    /// for its inviter alone, everything else for every holder of the invitation.
    pub(crate) fn seal(
        &self,
        size: CellSize,
        inviter: Option<&PublicIdentity>,
        bytes: &[u8],
        rng: &mut impl CryptoRng,
    ) -> Result<Vec<Cell>, ClientError> {
        let sealing = Sealing {
            recipient: inviter.map_or(self.rendezvous.kem.public(), PublicIdentity::kem),
            psk: &self.rendezvous.psk,
            size,
        };
        let key = self.rendezvous.tag_key(self.sends());
        let bodies = split(bytes, size, rng)?;
        let first = self.next_counter();
        if first as usize + bodies.len() > WINDOW as usize {
            return Err(ClientError::Internal);
        }
        let cells = (first..).zip(&bodies).map(|(counter, body)| {
            let tag = key.tag(Rendezvous::slot(counter));
            Ok(seal(&sealing, tag, body, rng)?)
        });
        cells.collect()
    }

    /// Seals the offer, if it is made here; that of a link to its inviter.
    pub(crate) fn seal_offer(
        &mut self,
        size: CellSize,
        inviter: Option<&PublicIdentity>,
        rng: &mut impl CryptoRng,
    ) -> Result<Vec<Cell>, ClientError> {
        let Stage::Offered { offer, .. } = &self.stage else {
            return Ok(Vec::new());
        };
        let cells = self.seal(size, inviter, offer, rng)?;
        self.keep_own_cells(&cells);
        Ok(cells)
    }

    /// What its creator hands over; `None` once it was answered, or if it was
    /// accepted here.
    pub(crate) fn view(
        &self,
        id: InvitationId,
        own: &PublicIdentity,
        relay: &str,
    ) -> Option<InvitationView> {
        let binding = match &self.stage {
            _ if !self.is_own() => return None,
            Stage::Offered { offer, .. } => Binding::Offer(kdf::sha256(offer)),
            Stage::AwaitingOffer { .. } => Binding::Inviter(*own),
            Stage::Answered { .. } | Stage::Responded { .. } => return None,
        };
        let invitation = Invitation {
            secret: InvitationSecret::new(Secret::from_slice(self.secret.expose().expose())?),
            relay: relay.to_owned(),
            expires_at: self.expires_at,
            binding,
        };
        Some(InvitationView {
            id,
            kind: if self.is_qr { "qr" } else { "link" },
            uri: invitation.to_uri(),
            expires_at: self.expires_at.0,
            expects_identity: self.expected.is_some(),
        })
    }

    /// Where the offer or the response goes.
    pub(crate) fn destination(&self, contacts: &Contacts) -> Option<Destination> {
        match self.is_qr {
            true => Some(Destination::Lobby),
            false => contacts.fingerprint(self.contact?).map(Destination::Bucket),
        }
    }

    /// The inviter to whom an offer in reply to a link is sealed.
    pub(crate) fn inviter<'a>(&self, contacts: &'a Contacts) -> Option<&'a PublicIdentity> {
        let offers = !self.is_qr && matches!(self.stage, Stage::Offered { .. });
        let contact = self.contact.filter(|_| offers);
        contacts.get(contact?)?.peer.as_ref()
    }

    pub(crate) fn is_own_cell(&self, bytes: &[u8]) -> bool {
        self.own_cells.iter().any(|own| own.bytes == bytes)
    }

    /// The cells that were sealed here for this size.
    pub(crate) fn own_cells(&self, size: CellSize) -> Vec<Cell> {
        let cells = self.own_cells.iter();
        let cells = cells.map(|cell| Cell::parse(cell.bytes.clone(), size));
        cells.filter_map(Result::ok).collect()
    }

    /// The offer or the response that was sealed here; the latter is opened
    /// again.
    pub(crate) fn own_message(&self) -> Option<Vec<u8>> {
        if let Stage::Offered { offer, .. } = &self.stage {
            return Some(offer.clone());
        }
        let size = u32::try_from(self.own_cells.first()?.bytes.len()).ok()?;
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
            response_cells: self.own_cells.clone(),
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
        open.own_cells = record.response_cells;
        open.windows = record.windows;
        open
    }
}
