//! Cells of the rendezvous: the offer, and responses to it. Protocol §7.

use rand_core::CryptoRng;

use crate::client::{
    Check, Client, ClientError, ContactId, Entry, InvitationId,
    contacts::Channel,
    contacts::{Awaiting, Contact, ContactState},
    invitations::{OpenInvitation, Stage},
    outbox::{Destination, Part},
};
use crate::{
    base::{ErrorCode, UnixTime},
    channel::Direction,
    crypto::cbor::Deterministic as _,
    enrolment::{
        Enrolled, EnrolmentError, Offer, QUICK_MAX_SECONDS, first_month, open_response, respond,
        sas_digits,
    },
    envelope::Control,
};

impl Client {
    /// The bytes of a whole rendezvous message arrived.
    pub(crate) fn rendezvous_message(
        &mut self,
        id: InvitationId,
        direction: Direction,
        bytes: &[u8],
        now: UnixTime,
        rng: &mut impl CryptoRng,
    ) {
        let Some(open) = self.invitations.get(&id) else {
            return;
        };
        if now > open.expires_at {
            return;
        }
        let result = match (&open.stage, direction) {
            (Stage::Offered { .. }, Direction::FromAcceptor) => {
                self.take_response(id, bytes, now, rng)
            }
            (Stage::Answered, Direction::FromAcceptor) => self.second_response(id, now),
            (Stage::AwaitingOffer { .. }, Direction::FromInviter) => {
                self.answer_offer(id, bytes, now, rng)
            }
            // Somebody else answers, or answered, the invitation that one accepted.
            (Stage::AwaitingOffer { .. } | Stage::Responded, Direction::FromAcceptor) => {
                self.second_response(id, now)
            }
            _ => Ok(()),
        };
        if let Err(error) = result {
            let contact = self.invitations.get(&id).and_then(|open| open.contact);
            self.refuse(error.code(), contact, now);
        }
    }

    /// Acceptor, step 2: answers the offer, once.
    pub(crate) fn answer_offer(
        &mut self,
        id: InvitationId,
        offer: &[u8],
        now: UnixTime,
        rng: &mut impl CryptoRng,
    ) -> Result<(), ClientError> {
        let open = self
            .invitations
            .get(&id)
            .ok_or(ClientError::InvitationUnknown)?;
        let Stage::AwaitingOffer { offer_hash } = &open.stage else {
            return Ok(());
        };
        let contact_id = open.contact.ok_or(ClientError::Internal)?;
        if self.contact(contact_id)?.state == ContactState::Suspect {
            return Ok(());
        }
        let me = (&self.identity, &self.name);
        let (response, enrolled) =
            respond(&open.secret, offer_hash, offer, me, first_month(now), rng)?;
        let commitment = Offer::decode(offer)
            .ok_or(EnrolmentError::NotAuthentic)?
            .commitment;
        let cells = self.rendezvous_cells(
            &open.rendezvous,
            Direction::FromAcceptor,
            &response.encode(),
            rng,
        )?;

        let contact = self.contact_mut(contact_id)?;
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
        let open = self.invitation_mut(id)?;
        open.stage = Stage::Responded;
        open.response_cells = cells.iter().map(|cell| cell.as_bytes().to_vec()).collect();
        let open = self
            .invitations
            .get(&id)
            .ok_or(ClientError::InvitationUnknown)?;
        let to = self.response_destination(open)?;
        self.enqueue(cells, to, now.day(), &Part::Rendezvous);
        self.watch.reset();
        self.log(
            Entry::Enrolled {
                contact: contact_id,
            },
            now,
        );
        self.tell_contact(contact_id);
        Ok(())
    }

    /// Where the response goes: the lobby, or the inviter's own bucket.
    pub(crate) fn response_destination(
        &self,
        open: &OpenInvitation,
    ) -> Result<Destination, ClientError> {
        if open.quick {
            return Ok(Destination::Lobby);
        }
        let contact = self.contact(open.contact.ok_or(ClientError::Internal)?)?;
        let peer = contact.peer.ok_or(ClientError::Internal)?;
        Ok(Destination::Bucket(peer.fingerprint()))
    }

    /// Inviter, step 3: checks a response and confirms it, once.
    fn take_response(
        &mut self,
        id: InvitationId,
        bytes: &[u8],
        now: UnixTime,
        rng: &mut impl CryptoRng,
    ) -> Result<(), ClientError> {
        let open = self
            .invitations
            .get(&id)
            .ok_or(ClientError::InvitationUnknown)?;
        let Stage::Offered { offer, secrets } = &open.stage else {
            return Ok(());
        };
        let enrolled = open_response(
            &open.secret,
            offer,
            &secrets.xwing,
            self.identity.public(),
            bytes,
        )?;
        // The response may have waited for as long as the invitation is good.
        let longest = if open.quick {
            QUICK_MAX_SECONDS
        } else {
            crate::client::Settings::default().retention()
        };
        enrolled.check_first_month(open.expires_at.minus(longest), now)?;
        let fingerprint = enrolled.peer.fingerprint();
        let expected = open.expected;
        if expected.is_some_and(|expected| expected != fingerprint) {
            self.refuse(ErrorCode::UnexpectedIdentity, None, now);
            return Ok(());
        }
        let digits = sas_digits(&enrolled.sas, &secrets.sas_nonce);
        let confirm = Control::Confirm(*secrets.sas_nonce.expose());
        let to = if open.quick {
            Destination::Lobby
        } else {
            Destination::Bucket(fingerprint)
        };

        let contact_id = ContactId::random(rng);
        self.contacts
            .insert(contact_id, new_contact(contact_id, &enrolled, digits, now));
        self.pending.contacts.insert(contact_id);
        self.send_control(contact_id, &confirm, to, now, rng)?;
        // The secrets of the offer are wiped here; the rendezvous keys stay until expiry.
        let open = self.invitation_mut(id)?;
        open.stage = Stage::Answered;
        open.contact = Some(contact_id);
        self.watch.reset();
        self.log(
            Entry::Enrolled {
                contact: contact_id,
            },
            now,
        );
        if expected.is_some() {
            self.activate(contact_id, Check::Expected, now, rng)?;
        } else {
            self.tell_contact(contact_id);
        }
        Ok(())
    }

    /// A different response under the same invitation: whoever made it read
    /// the invitation, so the contact is suspect. One's own that has not left
    /// yet is withdrawn: the one that came first is not disturbed by it.
    fn second_response(&mut self, id: InvitationId, now: UnixTime) -> Result<(), ClientError> {
        let Some(open) = self.invitations.get(&id) else {
            return Ok(());
        };
        let (contact, own) = (open.contact, open.response_cells.clone());
        self.drop_queued(|queued| own.contains(&queued.cell));
        let Some(contact_id) = contact else {
            return Ok(());
        };
        if self.contact(contact_id)?.state != ContactState::Suspect {
            self.suspect(contact_id, ErrorCode::InvitationUsed, now)?;
            self.refuse(ErrorCode::InvitationUsed, Some(contact_id), now);
        }
        Ok(())
    }
}

fn new_contact(id: ContactId, enrolled: &Enrolled, digits: String, now: UnixTime) -> Contact {
    let mut contact = Contact::new(id, now);
    contact.peer = Some(enrolled.peer);
    contact.name = enrolled.name.as_str().to_owned();
    contact.channel = Some(Channel::new(
        &enrolled.shared_seed,
        Direction::FromInviter,
        enrolled.first_month,
    ));
    contact.digits = Some(digits);
    contact
}
