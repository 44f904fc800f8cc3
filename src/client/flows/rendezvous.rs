//! Messages of the rendezvous: the offer, and responses to it. Protocol §7.

use rand_core::CryptoRng;

use crate::{
    base::{ErrorCode, UnixTime},
    channel::Direction,
    client::{
        AuditEvent, Client, ContactId, InvitationId,
        contacts::{Awaiting, Contact, ContactState},
        flows::seal::SealedControl,
        invitations::{OpenInvitation, Stage},
        mailboxes::Destination,
        outbox::CellPurpose,
        transaction::{Randomized, Transaction},
    },
    crypto::{cbor::Deterministic as _, kdf},
    enrolment::{
        Offer, OfferSecrets, QR_MAX_SECONDS, first_month, open_response, respond, sas_digits,
    },
    envelope::{CheckedBy, Control},
    wire::Cell,
};

/// What follows from a message of the peer, not applied yet.
struct Agreement {
    contact: Contact,
    stage: Stage,
    /// The response to an offer.
    cells: Vec<Cell>,
    /// The confirmation of a response.
    confirm: Option<SealedControl>,
}

impl Client {
    /// Processes a complete rendezvous message, which came in a batch that was
    /// closed at that time.
    pub(crate) fn rendezvous_message(
        &mut self,
        id: InvitationId,
        (direction, closed_at): (Direction, UnixTime),
        bytes: &[u8],
        tx: &mut Randomized<'_, impl CryptoRng>,
    ) {
        let Some(open) = self.invitations.get(id) else {
            return;
        };
        if tx.now > open.ends_at(self.settings.retention()) {
            return;
        }
        let from_peer = direction == open.sends().reverse();
        let decided = match &open.stage {
            Stage::Offered { offer, secrets } if from_peer => {
                self.decide_confirmation(open, (offer, secrets), bytes, tx.now, tx.rng)
            }
            Stage::AwaitingOffer { offer_hash } if from_peer => {
                self.decide_answer(open, *offer_hash, bytes, (closed_at, tx.now), tx.rng)
            }
            // The same message, sealed again.
            Stage::Responded { offer_hash: known }
            | Stage::Answered {
                response_hash: known,
            } if from_peer && *known == Some(kdf::sha256(bytes)) => return,
            _ if direction == Direction::FromAcceptor => return self.another_acceptor(id, tx),
            _ => return,
        };
        match decided {
            Ok(agreement) => self.agree(id, agreement, tx),
            Err(code) => self.refuse(code, open.contact, tx),
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
            contact.on_confirm = open.expected.map(|_| CheckedBy::Expected);
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
    ) -> Result<Agreement, ErrorCode> {
        // Before more expensive checks: strangers may send offers.
        let decoded = Offer::decode(offer).ok_or(ErrorCode::NotAuthentic)?;
        open.require_expected(decoded.public.fingerprint())?;
        let offer_hash = awaited.unwrap_or_else(|| kdf::sha256(offer));
        let first_month = first_month(self.settings.plausible(closed_at, now));
        let account = &self.account;
        let mut repeated = account.response_randomness(&open.secret, &offer_hash, first_month);
        let me = (&account.identity, &account.name);
        let responded = respond(
            &open.secret,
            &offer_hash,
            offer,
            me,
            first_month,
            &mut repeated,
        );
        let (response, enrolled) = responded?;
        let size = self.mailboxes.info()?.cell_size;
        let cells = open.seal(size, None, &response.encode(), &mut repeated);
        let mut contact = self.enrolling_contact(open, now, rng)?;
        contact.enrol(&enrolled, open.sends());
        contact.awaiting = Some(Awaiting {
            commitment: decoded.commitment,
            sas: enrolled.sas,
        });
        Ok(Agreement {
            contact,
            stage: Stage::Responded {
                offer_hash: Some(offer_hash),
            },
            cells: cells?,
            confirm: None,
        })
    }

    /// Queues the response or its confirmation, once; the contact has keys from
    /// here on.
    fn agree(
        &mut self,
        id: InvitationId,
        agreement: Agreement,
        tx: &mut Randomized<'_, impl CryptoRng>,
    ) {
        let contact = agreement.contact.id;
        let verified = agreement.contact.on_confirm;
        let confirmed = agreement.contact.awaiting.is_none();
        self.contacts.insert(agreement.contact, tx);
        self.push_control(agreement.confirm, tx);
        // The secrets of the offer are wiped here; the keys of the rendezvous
        // stay until it expires.
        if let Some(open) = self.invitations.update(id, tx) {
            open.stage = agreement.stage;
            open.contact = Some(contact);
            open.keep_own_cells(&agreement.cells);
        }
        self.push_rendezvous(id, agreement.cells, tx);
        self.enrolled(contact, tx);
        if let Some(by) = verified.filter(|_| confirmed) {
            self.activate(contact, by, tx);
        }
    }

    /// Queues cells of an offer or a response.
    pub(crate) fn push_rendezvous(
        &mut self,
        id: InvitationId,
        cells: Vec<Cell>,
        tx: &mut Transaction,
    ) {
        let to = self.invitations.get(id);
        if let Some(to) = to.and_then(|open| open.destination(&self.contacts)) {
            let purpose = CellPurpose::Rendezvous;
            self.outbox.push(cells, to, &purpose, tx);
        }
    }

    /// Keys were agreed with a contact.
    fn enrolled(&mut self, contact: ContactId, tx: &mut Transaction) {
        if let Some(contact) = self.contacts.get(contact) {
            let grace = self.settings.grace();
            self.inbox.tags.watch_contact(contact, grace);
        }
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
    ) -> Result<Agreement, ErrorCode> {
        let me = self.account.identity.public();
        let enrolled = open_response(&open.secret, offer, &secrets.xwing, me, bytes)?;
        let fingerprint = enrolled.peer.fingerprint();
        open.require_expected(fingerprint)?;
        let mut contact = self.enrolling_contact(open, now, rng)?;
        // The response may have waited since the offer was made.
        let earliest = match open.is_qr {
            true => open.expires_at.minus(QR_MAX_SECONDS),
            false => contact.created_at,
        };
        enrolled.check_first_month(earliest, now)?;
        contact.enrol(&enrolled, open.sends());
        contact.digits = Some(sas_digits(&enrolled.sas, &secrets.sas_nonce));
        let to = match open.is_qr {
            true => Destination::Lobby,
            false => Destination::Bucket(fingerprint),
        };
        let confirm = Control::Confirm(*secrets.sas_nonce.expose()).encode();
        let confirm = self.seal_control(&contact, confirm, to, now, rng)?;
        Ok(Agreement {
            contact,
            stage: Stage::Answered {
                response_hash: Some(kdf::sha256(bytes)),
            },
            cells: Vec::new(),
            confirm,
        })
    }

    /// Another acceptor used the same invitation, so somebody else has read it and
    /// the contact is suspect. The own message is withdrawn if it has not left yet,
    /// which does not disturb the first acceptor.
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
    pub(crate) fn reseal_uncounted(&mut self, tx: &mut Randomized<'_, impl CryptoRng>) {
        let Ok(size) = self.mailboxes.info().map(|info| info.cell_size) else {
            return;
        };
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
                let cells = open.seal(size, open.inviter(&self.contacts), &bytes, tx.rng);
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
            self.announce(tx);
        }
    }
}
