//! Messages of the rendezvous: the offer, and responses to it. Protocol §7.

use rand_core::CryptoRng;

use crate::{
    base::{ErrorCode, Month, UnixTime, labels, parameters::CLOCK_SKEW_SECONDS},
    channel::Direction,
    client::{
        AuditEvent, Check, Client, ClientError, ContactId, InvitationId,
        contacts::{Awaiting, Contact, ContactState},
        flows::seal::SealedControls,
        invitations::{OpenInvitation, Stage},
        outbox::{CellPurpose, Destination},
        transaction::Transaction,
    },
    crypto::{cbor::Deterministic as _, kdf, seeded::SeededRng},
    enrolment::{
        EnrolmentError, Offer, OfferSecrets, QR_MAX_SECONDS, Rendezvous, first_month,
        open_response, respond, sas_digits,
    },
    envelope::{Control, Sealing, WINDOW, seal, split},
    identity::PublicIdentity,
    wire::Cell,
};

/// A response to an offer that is prepared, but not applied yet.
struct Answer {
    contact: Contact,
    offer_hash: [u8; 32],
    cells: Vec<Cell>,
}

/// A response that was verified, but not applied yet.
struct Confirmation {
    contact: Contact,
    response_hash: [u8; 32],
    confirm: Option<SealedControls>,
}

impl Client {
    /// Processes a complete rendezvous message, which came in a batch that was
    /// closed at that time.
    pub(crate) fn rendezvous_message(
        &mut self,
        id: InvitationId,
        (direction, closed_at): (Direction, UnixTime),
        bytes: &[u8],
        rng: &mut impl CryptoRng,
        tx: &mut Transaction,
    ) {
        let Some(open) = self.invitations.get(id) else {
            return;
        };
        if tx.now > open.ends_at(self.settings.retention()) {
            return;
        }
        let from_peer = direction == open.sends().reverse();
        match &open.stage {
            Stage::Offered { offer, secrets } if from_peer => {
                match self.decide_confirmation(open, (offer, secrets), bytes, tx.now, rng) {
                    Ok(confirmation) => self.apply_confirmation(id, confirmation, rng, tx),
                    Err(code) => self.refuse(code, open.contact, tx),
                }
            }
            Stage::AwaitingOffer { offer_hash } if from_peer => {
                match self.decide_answer(open, *offer_hash, bytes, (closed_at, tx.now), rng) {
                    Ok(answer) => self.apply_answer(id, answer, tx),
                    Err(code) => self.refuse(code, open.contact, tx),
                }
            }
            // The same message, sealed again.
            Stage::Responded { offer_hash: known }
            | Stage::Answered {
                response_hash: known,
            } if from_peer && *known == Some(kdf::sha256(bytes)) => {}
            _ if direction == Direction::FromAcceptor => self.another_acceptor(id, tx),
            _ => {}
        }
    }

    /// The contact of an enrolment: the acceptor has it since it accepted, the
    /// inviter gets it with the acceptor's message. Nothing is agreed with a
    /// contact that is suspect.
    fn enrolling_contact(
        &self,
        open: &OpenInvitation,
        now: UnixTime,
        rng: &mut impl CryptoRng,
    ) -> Result<Contact, ErrorCode> {
        let Some(id) = open.contact else {
            let mut contact = Contact::new(ContactId::random(rng), now);
            contact.on_confirm = open.expected.map(|_| Check::Expected);
            return Ok(contact);
        };
        let known = self.contacts.get(id).ok_or(ErrorCode::Internal)?;
        if known.state == ContactState::Suspect {
            return Err(ErrorCode::ContactSuspect);
        }
        let mut contact = Contact::new(id, known.created_at);
        contact.on_confirm = known.on_confirm;
        Ok(contact)
    }

    /// Responder, step 2: prepares the response to an offer.
    fn decide_answer(
        &self,
        open: &OpenInvitation,
        awaited: Option<[u8; 32]>,
        offer: &[u8],
        (closed_at, now): (UnixTime, UnixTime),
        rng: &mut impl CryptoRng,
    ) -> Result<Answer, ErrorCode> {
        // Before anything that costs more: strangers may send offers.
        let decoded = Offer::decode(offer).ok_or(ErrorCode::NotAuthentic)?;
        open.require_expected(decoded.public.fingerprint())?;
        let offer_hash = awaited.unwrap_or_else(|| kdf::sha256(offer));
        let first_month = first_month(self.plausible(closed_at, now));
        let mut repeated = self.response_randomness(open, &offer_hash, first_month);
        let me = (&self.account.identity, &self.account.name);
        let responded = respond(
            &open.secret,
            &offer_hash,
            offer,
            me,
            first_month,
            &mut repeated,
        );
        let (response, enrolled) = responded.map_err(EnrolmentError::code)?;
        let cells = self.rendezvous_cells(open, None, &response.encode(), &mut repeated);
        let mut contact = self.enrolling_contact(open, now, rng)?;
        contact.enrol(&enrolled, open.sends());
        contact.awaiting = Some(Awaiting {
            commitment: decoded.commitment,
            sas: enrolled.sas,
        });
        Ok(Answer {
            contact,
            offer_hash,
            cells: cells.map_err(ClientError::code)?,
        })
    }

    /// A closing time, if the batch may have been kept for so long; now if the
    /// relay states one that cannot be right.
    fn plausible(&self, closed_at: UnixTime, now: UnixTime) -> UnixTime {
        let oldest = now.minus(self.settings.retention());
        match (oldest..=now.plus(CLOCK_SKEW_SECONDS)).contains(&closed_at) {
            true => closed_at,
            false => now,
        }
    }

    /// The same response is made again by a device that was restored from a
    /// backup and reads the offer once more. What is sealed depends on
    /// all inputs, so that no key and nonce are used for two texts.
    fn response_randomness(
        &self,
        open: &OpenInvitation,
        offer_hash: &[u8; 32],
        first_month: Month,
    ) -> SeededRng {
        let me = &self.account;
        SeededRng::new(&kdf::derive(
            me.identity.secret().expose(),
            labels::RESPONSE_RANDOMNESS,
            &[
                open.secret.expose().expose(),
                offer_hash,
                me.name.as_str().as_bytes(),
                &first_month.0.to_be_bytes(),
            ],
        ))
    }

    /// Queues the response, once; the contact has keys from here on.
    fn apply_answer(&mut self, id: InvitationId, answer: Answer, tx: &mut Transaction) {
        let contact = answer.contact.id;
        self.contacts.insert(answer.contact, tx);
        if let Some(open) = self.invitations.update(id, tx) {
            open.stage = Stage::Responded {
                offer_hash: Some(answer.offer_hash),
            };
            open.contact = Some(contact);
            open.keep_own_cells(&answer.cells);
        }
        self.push_rendezvous(id, answer.cells, tx);
        self.enrolled(contact, tx);
    }

    /// Queues cells of an offer or a response.
    pub(crate) fn push_rendezvous(
        &mut self,
        id: InvitationId,
        cells: Vec<Cell>,
        tx: &mut Transaction,
    ) {
        let to = self.invitations.get(id);
        if let Some(to) = to.and_then(|open| self.rendezvous_to(open)) {
            let purpose = CellPurpose::Rendezvous;
            self.outbox.push(cells, to, &purpose, tx);
        }
    }

    /// Keys were agreed with a contact.
    fn enrolled(&mut self, contact: ContactId, tx: &mut Transaction) {
        self.watch_contact(contact);
        self.log(AuditEvent::Enrolled { contact }, tx);
        self.contacts.emit(contact, tx);
    }

    /// Offerer, step 3: verifies a response.
    fn decide_confirmation(
        &self,
        open: &OpenInvitation,
        (offer, secrets): (&[u8], &OfferSecrets),
        bytes: &[u8],
        now: UnixTime,
        rng: &mut impl CryptoRng,
    ) -> Result<Confirmation, ErrorCode> {
        let me = self.account.identity.public();
        let enrolled = open_response(&open.secret, offer, &secrets.xwing, me, bytes)
            .map_err(EnrolmentError::code)?;
        let fingerprint = enrolled.peer.fingerprint();
        open.require_expected(fingerprint)?;
        let mut contact = self.enrolling_contact(open, now, rng)?;
        // The response may have waited since the offer was made.
        let earliest = match open.is_qr {
            true => open.expires_at.minus(QR_MAX_SECONDS),
            false => contact.created_at,
        };
        enrolled
            .check_first_month(earliest, now)
            .map_err(EnrolmentError::code)?;
        contact.enrol(&enrolled, open.sends());
        contact.digits = Some(sas_digits(&enrolled.sas, &secrets.sas_nonce));
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
        })
    }

    /// Confirms the response, once.
    fn apply_confirmation(
        &mut self,
        id: InvitationId,
        confirmation: Confirmation,
        rng: &mut impl CryptoRng,
        tx: &mut Transaction,
    ) {
        let contact = confirmation.contact.id;
        let verified = confirmation.contact.on_confirm;
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
        self.enrolled(contact, tx);
        if let Some(by) = verified {
            self.activate(contact, by, rng, tx);
        }
    }

    /// Another acceptor under the same invitation: its author has read the
    /// invitation, so the contact is suspect. The own message is withdrawn if
    /// it has not left yet: the acceptor that came first is not disturbed by it.
    fn another_acceptor(&mut self, id: InvitationId, tx: &mut Transaction) {
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

    /// Seals offers and responses again that may not leave as they are, because
    /// the relay takes another size of cells, or because they were in a slot
    /// that was given up. They get counters of their own, so that no two cells
    /// ever have the same tag; if the recipient watches no more of them, they
    /// are dropped, and the invitation expires. Announcements are made again.
    pub(crate) fn reseal_uncounted(&mut self, rng: &mut impl CryptoRng, tx: &mut Transaction) {
        if self.mailboxes.info().is_err() {
            return;
        }
        let misfits: Vec<u64> = self.outbox.misfits().map(|(ordinal, _)| ordinal).collect();
        let announced = self
            .outbox
            .misfits()
            .any(|(_, queued)| queued.purpose == CellPurpose::Announcement);
        let mut sealed = Vec::new();
        for (id, open) in self.invitations.iter() {
            let mut misfits = self.outbox.misfits();
            if misfits.any(|(_, queued)| open.is_own_cell(&queued.cell))
                && let Some(bytes) = open.own_message()
            {
                let cells = self.rendezvous_cells(open, self.inviter(open), &bytes, rng);
                sealed.extend(cells.map(|cells| (id, cells)));
            }
        }
        self.outbox.discard_all(&misfits, tx);
        for (id, cells) in sealed {
            if let Some(open) = self.invitations.update(id, tx) {
                self.outbox
                    .discard_if(|queued| open.is_own_cell(&queued.cell), tx);
                open.keep_own_cells(&cells);
            }
            self.push_rendezvous(id, cells, tx);
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
        let peer = self.contacts.fingerprint(open.contact?)?;
        Some(Destination::Bucket(peer))
    }

    /// To whom an offer is sealed that was made to a link.
    fn inviter(&self, open: &OpenInvitation) -> Option<&PublicIdentity> {
        let offers = !open.is_qr && matches!(open.stage, Stage::Offered { .. });
        let contact = open.contact.filter(|_| offers);
        self.contacts.get(contact?)?.peer.as_ref()
    }

    /// Seals the offer or the response, under counters that no cell of it has:
    /// the offer to a link for its inviter alone, everything else for every holder
    /// of the invitation.
    pub(crate) fn rendezvous_cells(
        &self,
        open: &OpenInvitation,
        inviter: Option<&PublicIdentity>,
        bytes: &[u8],
        rng: &mut impl CryptoRng,
    ) -> Result<Vec<Cell>, ClientError> {
        let rendezvous = &open.rendezvous;
        let sealing = Sealing {
            recipient: inviter.map_or(rendezvous.kem.public(), PublicIdentity::kem),
            psk: &rendezvous.psk,
            size: self.mailboxes.info()?.cell_size,
        };
        let key = rendezvous.tag_key(open.sends());
        let bodies = split(bytes, sealing.size, rng)?;
        if open.next_counter() as usize + bodies.len() > WINDOW as usize {
            return Err(ClientError::Internal);
        }
        let cells = (open.next_counter()..).zip(&bodies).map(|(counter, body)| {
            let tag = key.tag(Rendezvous::slot(counter));
            Ok(seal(&sealing, tag, body, rng)?)
        });
        cells.collect()
    }
}
