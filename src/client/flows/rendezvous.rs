//! Messages of the rendezvous: the offer, and responses to it. Protocol §7.

use rand_core::CryptoRng;

use crate::{
    base::{ErrorCode, UnixTime},
    channel::Direction,
    client::{
        AuditEvent, Check, Client, ClientError, ContactId, InvitationId, Settings,
        contacts::{Awaiting, Channel, Contact, ContactState},
        flows::seal::SealedControls,
        invitations::{OpenInvitation, Stage},
        outbox::{CellPurpose, Destination},
        transaction::Transaction,
    },
    crypto::{cbor::Deterministic as _, kdf},
    enrolment::{
        Enrolled, EnrolmentError, Offer, QR_MAX_SECONDS, Rendezvous, first_month, open_response,
        respond, sas_digits,
    },
    envelope::{Control, Sealing, seal, split},
    wire::Cell,
};

/// A response to an offer that is prepared, but not applied yet.
pub(crate) struct Answer {
    enrolled: Enrolled,
    commitment: [u8; 32],
    cells: Vec<Cell>,
}

impl Answer {
    /// The contact has keys and the invitation is answered from here on. The
    /// cells of the response, and where they go.
    pub(crate) fn complete(
        self,
        contact: &mut Contact,
        open: &mut OpenInvitation,
    ) -> (Vec<Cell>, Destination) {
        let Self {
            enrolled,
            commitment,
            cells,
        } = self;
        open.stage = Stage::Responded;
        open.keep_own_cells(&cells);
        contact.peer = Some(enrolled.peer);
        contact.name = enrolled.name.as_str().to_owned();
        contact.channel = Some(Channel::new(
            &enrolled.shared_seed,
            Direction::FromAcceptor,
            enrolled.first_month,
        ));
        contact.awaiting = Some(Awaiting {
            commitment,
            sas: enrolled.sas,
        });
        let to = match open.is_qr {
            true => Destination::Lobby,
            false => Destination::Bucket(enrolled.peer.fingerprint()),
        };
        (cells, to)
    }
}

/// A response that was verified, but not applied yet.
struct Confirmation {
    contact: Contact,
    response_hash: [u8; 32],
    confirm: Option<SealedControls>,
    expected: bool,
}

impl Client {
    /// Processes a complete rendezvous message.
    pub(crate) fn rendezvous_message(
        &mut self,
        id: InvitationId,
        direction: Direction,
        bytes: &[u8],
        rng: &mut impl CryptoRng,
        tx: &mut Transaction,
    ) {
        let Some(open) = self.invitations.get(id) else {
            return;
        };
        if tx.now > open.expires_at {
            return;
        }
        match (&open.stage, direction) {
            (Stage::Offered { .. }, Direction::FromAcceptor) => {
                match self.decide_confirmation(open, bytes, tx.now, rng) {
                    Ok(confirmation) => self.apply_confirmation(id, confirmation, rng, tx),
                    Err(code) => self.refuse(code, None, tx),
                }
            }
            (Stage::AwaitingOffer { offer_hash }, Direction::FromInviter) => {
                let contact = open.contact.and_then(|id| self.contacts.get(id));
                let Some(contact) = contact.filter(|c| c.state != ContactState::Suspect) else {
                    return;
                };
                let contact = contact.id;
                match self.decide_answer(open, offer_hash, bytes, tx.now, rng) {
                    Ok(answer) => self.apply_answer(id, answer, tx),
                    Err(error) => self.refuse(error.code(), Some(contact), tx),
                }
            }
            // It was sealed again for another size of cells.
            (Stage::Answered { response_hash }, Direction::FromAcceptor)
                if *response_hash == Some(kdf::sha256(bytes)) => {}
            // Somebody else answers the invitation that was made or accepted here.
            (
                Stage::Answered { .. } | Stage::AwaitingOffer { .. } | Stage::Responded,
                Direction::FromAcceptor,
            ) => self.second_response(id, tx),
            _ => {}
        }
    }

    /// Acceptor, step 2: prepares the response to an offer.
    pub(crate) fn decide_answer(
        &self,
        open: &OpenInvitation,
        offer_hash: &[u8; 32],
        offer: &[u8],
        now: UnixTime,
        rng: &mut impl CryptoRng,
    ) -> Result<Answer, ClientError> {
        let me = (&self.account.identity, &self.account.name);
        let (response, enrolled) =
            respond(&open.secret, offer_hash, offer, me, first_month(now), rng)?;
        let commitment = Offer::decode(offer)
            .ok_or(EnrolmentError::NotAuthentic)?
            .commitment;
        let cells = self.rendezvous_cells(open, &response.encode(), rng)?;
        Ok(Answer {
            enrolled,
            commitment,
            cells,
        })
    }

    /// Queues the response, once; the contact has keys from here on.
    pub(crate) fn apply_answer(&mut self, id: InvitationId, answer: Answer, tx: &mut Transaction) {
        let Some(open) = self.invitations.update(id, tx) else {
            return;
        };
        let contact = open.contact.and_then(|id| self.contacts.update(id, tx));
        let Some(contact) = contact else {
            return;
        };
        let id = contact.id;
        let response = answer.complete(contact, open);
        self.push_response(id, response, tx);
        self.contacts.emit(id, tx);
    }

    /// Queues a response, and logs that keys were agreed.
    pub(crate) fn push_response(
        &mut self,
        contact: ContactId,
        (cells, to): (Vec<Cell>, Destination),
        tx: &mut Transaction,
    ) {
        let (purpose, today) = (CellPurpose::Rendezvous, tx.now.day());
        self.outbox.push(cells, to, today, &purpose, tx);
        self.watch_contact(contact);
        self.log(AuditEvent::Enrolled { contact }, tx);
    }

    /// Inviter, step 3: verifies a response.
    fn decide_confirmation(
        &self,
        open: &OpenInvitation,
        bytes: &[u8],
        now: UnixTime,
        rng: &mut impl CryptoRng,
    ) -> Result<Confirmation, ErrorCode> {
        let Stage::Offered { offer, secrets } = &open.stage else {
            return Err(ErrorCode::Internal);
        };
        let me = self.account.identity.public();
        let enrolled = open_response(&open.secret, offer, &secrets.xwing, me, bytes)
            .map_err(EnrolmentError::code)?;
        // The response may have waited for as long as the invitation is valid.
        let longest = match open.is_qr {
            true => QR_MAX_SECONDS,
            false => Settings::default().retention(),
        };
        enrolled
            .check_first_month(open.expires_at.minus(longest), now)
            .map_err(EnrolmentError::code)?;
        let fingerprint = enrolled.peer.fingerprint();
        if open
            .expected
            .is_some_and(|expected| expected != fingerprint)
        {
            return Err(ErrorCode::UnexpectedIdentity);
        }
        let mut contact = Contact::new(ContactId::random(rng), now);
        contact.digits = Some(sas_digits(&enrolled.sas, &secrets.sas_nonce));
        contact.peer = Some(enrolled.peer);
        contact.name = enrolled.name.as_str().to_owned();
        contact.channel = Some(Channel::new(
            &enrolled.shared_seed,
            Direction::FromInviter,
            enrolled.first_month,
        ));
        let to = match open.is_qr {
            true => Destination::Lobby,
            false => Destination::Bucket(fingerprint),
        };
        let confirm = Control::Confirm(*secrets.sas_nonce.expose()).encode();
        let confirm = self
            .seal_controls(&contact, [confirm], to, now, rng)
            .map_err(ClientError::code)?;
        Ok(Confirmation {
            contact,
            response_hash: kdf::sha256(bytes),
            confirm,
            expected: open.expected.is_some(),
        })
    }

    /// Confirms the response, once, and creates the contact.
    fn apply_confirmation(
        &mut self,
        id: InvitationId,
        confirmation: Confirmation,
        rng: &mut impl CryptoRng,
        tx: &mut Transaction,
    ) {
        let contact = confirmation.contact.id;
        self.contacts.insert(confirmation.contact, tx);
        self.push_controls(confirmation.confirm, tx);
        // The secrets of the offer are wiped here; the keys of the rendezvous
        // stay until it expires.
        if let Some(open) = self.invitations.update(id, tx) {
            open.stage = Stage::Answered {
                response_hash: Some(confirmation.response_hash),
            };
            open.contact = Some(contact);
        }
        self.watch_contact(contact);
        self.log(AuditEvent::Enrolled { contact }, tx);
        if confirmation.expected {
            self.activate(contact, Check::Expected, rng, tx);
        } else {
            self.contacts.emit(contact, tx);
        }
    }

    /// Another response under the same invitation: its author has read the
    /// invitation, so the contact is suspect. The own response is withdrawn if
    /// it has not left yet: the one that came first is not disturbed by it.
    fn second_response(&mut self, id: InvitationId, tx: &mut Transaction) {
        let Some(open) = self.invitations.get(id) else {
            return;
        };
        self.outbox
            .discard_if(|queued| open.is_own_cell(&queued.cell), tx);
        let contact = open.contact.and_then(|id| self.contacts.get(id));
        let Some(contact) = contact else {
            return;
        };
        if contact.state != ContactState::Suspect {
            let id = contact.id;
            self.suspect(id, ErrorCode::InvitationUsed, tx);
            self.refuse(ErrorCode::InvitationUsed, Some(id), tx);
        }
    }

    /// The relay takes another size of cells: puts cells of that size in the
    /// place of the offers and responses that wait in another. What was sealed
    /// for that size before is posted as it was; what was not gets counters of
    /// its own, so that no two cells ever have the same tag.
    pub(crate) fn refit_rendezvous(&mut self, rng: &mut impl CryptoRng, tx: &mut Transaction) {
        let Ok(size) = self.mailboxes.info().map(|info| info.cell_size) else {
            return;
        };
        let announced = self
            .outbox
            .misfits()
            .any(|queued| queued.purpose == CellPurpose::Announcement);
        let mut refitted = Vec::new();
        for (id, open) in self.invitations.iter() {
            let mut misfits = self.outbox.misfits();
            if !misfits.any(|queued| open.is_own_cell(&queued.cell)) {
                continue;
            }
            let (Some(bytes), Some(to)) = (open.own_message(), self.rendezvous_to(open)) else {
                continue;
            };
            let sealed = open.own_cells(size);
            let cells = match sealed.is_empty() {
                true => self.rendezvous_cells(open, &bytes, rng),
                false => Ok(Vec::new()),
            };
            refitted.extend(cells.map(|cells| (id, to, sealed, cells)));
        }
        self.outbox.discard_misfits(tx);
        let (purpose, today) = (CellPurpose::Rendezvous, tx.now.day());
        for (id, to, sealed, new) in refitted {
            if let Some(open) = self.invitations.update(id, tx) {
                open.keep_own_cells(&new);
            }
            let cells = sealed.into_iter().chain(new).collect();
            self.outbox.push(cells, to, today, &purpose, tx);
        }
        if announced {
            self.announce(rng, tx);
        }
    }

    /// Where the offer or the response of an invitation goes.
    fn rendezvous_to(&self, open: &OpenInvitation) -> Option<Destination> {
        if open.is_qr {
            return Some(Destination::Lobby);
        }
        let contact = self.contacts.get(open.contact?)?;
        Some(Destination::Bucket(contact.peer?.fingerprint()))
    }

    /// Seals the offer or the response, under counters that no cell of it has.
    pub(crate) fn rendezvous_cells(
        &self,
        open: &OpenInvitation,
        bytes: &[u8],
        rng: &mut impl CryptoRng,
    ) -> Result<Vec<Cell>, ClientError> {
        let rendezvous = &open.rendezvous;
        let sealing = Sealing {
            recipient: rendezvous.kem.public(),
            psk: &rendezvous.psk,
            size: self.mailboxes.info()?.cell_size,
        };
        let key = rendezvous.tag_key(open.sends());
        let bodies = split(bytes, sealing.size, rng)?;
        let cells = (open.next_counter()..).zip(&bodies).map(|(counter, body)| {
            let tag = key.tag(Rendezvous::slot(counter));
            Ok(seal(&sealing, tag, body, rng)?)
        });
        cells.collect()
    }
}
