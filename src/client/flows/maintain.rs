//! Time-dependent maintenance: shredding, expiry, resealing, deletion. Protocol §4
//! and §6.

use rand_core::CryptoRng;

use crate::{
    base::{Content, Day, ErrorCode, Month, SortedSet, UnixTime, time::DAY_SECONDS},
    client::{
        AuditEvent, Client, ClientError, ContactId, Effects, InvitationId, MessageRef,
        MessageState, Settings, StoreKey,
        contacts::UsedCounters,
        flows::seal::{DeliveryContent, SealedDelivery},
        mailboxes::Destination,
        messages::Message,
        outbox::CellPurpose,
        transaction::Transaction,
    },
    envelope::{ContentType, DeliveryId},
    vault::{VaultError, stored::ControlRecord},
};

/// A message without a receipt for this long is shown as undelivered: 7 days.
const UNDELIVERED_SECONDS: u64 = 7 * DAY_SECONDS;

impl Client {
    /// Does what is due by now; call it before every round. Returns the messages
    /// that waited too long for the relay; [`Client::reseal`] takes their bodies.
    pub fn tick(&mut self, now: UnixTime) -> Effects<Vec<MessageRef>> {
        let mut tx = Transaction::new(now);
        self.journal.begin_month(&mut tx);
        let (grace, retention) = (self.settings.grace(), self.settings.retention());
        if let Some(drained) = self.drained_until() {
            let shredded = self.contacts.shred(drained.min(now), grace, &mut tx);
            self.log_shredded(shredded, &mut tx);
        }
        // The relay may have delayed the rest for too long.
        let overdue = self
            .contacts
            .shred_overdue(now.minus(retention), grace, &mut tx);
        self.log_shredded(overdue, &mut tx);
        self.expire_invitations(&mut tx);
        let limit = now.minus(UNDELIVERED_SECONDS).0;
        for message in self.messages.unacknowledged_before(limit) {
            self.end_message(message, MessageState::Undelivered, &mut tx);
        }
        self.emergencies.emit_pending(&mut tx);
        self.forget(&mut tx);
        let overdue = self.overdue_messages(now);
        self.commit(tx, overdue)
    }

    /// The closing time up to which the own bucket was read completely, which
    /// excludes a batch whose cells can still be retrieved.
    fn drained_until(&self) -> Option<UnixTime> {
        let retention = self.settings.retention();
        let drained = self.mailboxes.drained_until(retention)?;
        let kept = drained.minus(retention);
        let waits = self.light.waits_since().filter(|since| *since > kept);
        Some(waits.map_or(drained, |since| drained.min(since)))
    }

    /// The messages whose bodies [`Client::reseal`] needs.
    pub(crate) fn overdue_messages(&self, now: UnixTime) -> Vec<MessageRef> {
        let overdue = self.overdue(now).into_iter();
        let messages = overdue.filter_map(|(purpose, _)| match purpose {
            CellPurpose::Message(message) => Some(message),
            _ => None,
        });
        let held = messages.filter(|message| self.messages.get(*message).is_some());
        held.collect()
    }

    /// Returns `true` if [`Client::reseal`] has anything to do.
    #[must_use]
    pub fn has_overdue(&self, now: UnixTime) -> bool {
        let waits =
            !self.outbox.held_back(now.day()).is_empty() || self.outbox.misfits().next().is_some();
        let resent = self.messages.sent_in_the_future(now).next().is_some();
        let receipts = self.inbox.receipts.due(now).next().is_some();
        (waits || resent || receipts) && !self.mailboxes.clock_is_off()
            || self.announcement_due(now)
    }

    fn overdue(&self, now: UnixTime) -> Vec<(CellPurpose, Destination)> {
        if self.mailboxes.clock_is_off() {
            return Vec::new(); // It would be sealed for another wrong day.
        }
        let policy = self.devices.send_policy();
        let peer = |id| self.contacts.fingerprint(id);
        self.outbox.overdue(policy, now, &self.messages, peer)
    }

    fn announcement_due(&self, now: UnixTime) -> bool {
        self.devices.announcement_due(now) && self.mailboxes.info().is_ok()
    }

    /// Seals everything again that waited too long, in order and in one set of
    /// changes. A message whose body is missing from `bodies` is abandoned and
    /// shown as undelivered. What cannot be sealed because the clock is behind is
    /// reported and waits for the next call. A restored device also announces
    /// itself, once a day. Protocol §6 and §13.
    pub fn reseal(
        &mut self,
        bodies: &[(MessageRef, Content)],
        now: UnixTime,
        rng: &mut impl CryptoRng,
    ) -> Effects {
        let mut tx = Transaction::new(now).randomized(rng);
        let overdue = self.overdue(now);
        self.close_days(&overdue, &mut tx);
        let mut refused = None;
        for (purpose, to) in overdue {
            let (id, sealed) = match &purpose {
                CellPurpose::Message(message) => {
                    let body = bodies.iter().find(|(known, _)| known == message);
                    let body = body.map(|(_, body)| body);
                    (
                        message.contact,
                        self.reseal_message(*message, body, now, tx.rng),
                    )
                }
                CellPurpose::Control(id, record) => {
                    (*id, self.reseal_control(*id, record, now, tx.rng))
                }
                CellPurpose::Rendezvous | CellPurpose::Announcement => continue,
            };
            match sealed {
                Ok(resealed) => self.replace(&purpose, resealed, to, &mut tx),
                Err(error) if refused != Some(id) => {
                    refused = Some(id);
                    self.refuse(error.code(), Some(id), &mut tx);
                }
                Err(_) => {}
            }
        }
        self.reseal_uncounted(&mut tx);
        if self.announcement_due(now) {
            self.announce(&mut tx);
        }
        self.seal_receipts(&mut tx);
        self.commit(tx, ())
    }

    fn reseal_control(
        &self,
        id: ContactId,
        record: &ControlRecord,
        now: UnixTime,
        rng: &mut impl CryptoRng,
    ) -> Result<Resealed, ClientError> {
        let mut sealer = self.sealer(self.contacts.find(id)?, now)?;
        let sealed = sealer.seal_again(record, Some(record.seq), rng)?;
        Ok(Resealed::Sealed((sealed, sealer.finish())))
    }

    /// Seals one message again, with a new time but the same session id and
    /// sequence number, so that a recipient that already has it recognizes it.
    /// Protocol §6.
    fn reseal_message(
        &self,
        message: MessageRef,
        body: Option<&Content>,
        now: UnixTime,
        rng: &mut impl CryptoRng,
    ) -> Result<Resealed, ClientError> {
        let held = self.messages.get(message);
        let wanted = |held: &&Message| held.state != MessageState::Cancelled;
        let Some(held) = held.filter(wanted) else {
            return Ok(Resealed::Discarded); // Withdrawn, or deleted since.
        };
        // A number of the former device's count is not this device's to use again.
        let former = self.outbox.is_former(self.devices.send_policy(), message);
        let Some(body) = body.filter(|_| !former) else {
            return Ok(Resealed::Abandoned);
        };
        let content = DeliveryContent {
            session: &DeliveryId::decode(&held.session).ok_or(VaultError::Damaged)?,
            seq: Some(held.seq),
            content_type: &ContentType::new(&held.content_type).ok_or(VaultError::Damaged)?,
            payload: body,
        };
        let mut sealer = self.sealer(self.contacts.find(message.contact)?, now)?;
        let sealed = sealer.seal(&content, rng)?;
        Ok(Resealed::Sealed((sealed, sealer.finish())))
    }

    /// Replaces waiting cells by resealed ones.
    fn replace(
        &mut self,
        purpose: &CellPurpose,
        resealed: Resealed,
        to: Destination,
        tx: &mut Transaction,
    ) {
        let (sealed, used) = match (resealed, purpose) {
            (Resealed::Sealed(sealed), _) => sealed,
            (Resealed::Abandoned, CellPurpose::Message(message)) => {
                return self.abandon(*message, tx);
            }
            (Resealed::Abandoned | Resealed::Discarded, _) => {
                return self.outbox.discard(purpose, tx);
            }
        };
        self.contacts.use_counters(used, tx);
        self.outbox.discard(purpose, tx);
        if let CellPurpose::Message(message) = purpose {
            self.messages.sealed_again(*message, sealed.count(), tx);
            self.outbox
                .push_message(*message, (sealed.cells, sealed.later), to, tx);
        } else {
            self.outbox.push(sealed.cells, to, purpose, tx);
        }
    }

    /// Closes days before today on which so many cells are abandoned that a
    /// recipient would find nothing after the gap.
    fn close_days(&mut self, overdue: &[(CellPurpose, Destination)], tx: &mut Transaction) {
        let today = tx.now.day();
        let contacts: SortedSet<ContactId> = overdue
            .iter()
            .filter_map(|(purpose, _)| match purpose {
                CellPurpose::Message(message) => Some(message.contact),
                CellPurpose::Control(id, _) => Some(*id),
                CellPurpose::Rendezvous | CellPurpose::Announcement => None,
            })
            .collect();
        for id in contacts {
            let days = self.outbox.days_waiting(id).into_iter();
            let last: Option<Day> = days
                .filter(|day| *day < today && self.outbox.leaves_hole(id, *day, 0))
                .max();
            if let Some(day) = last
                && let Some(channel) = self.contacts.update_channel(id, tx)
            {
                channel.close_until(day);
            }
        }
    }

    /// Changes the settings. Shorter times take effect at the next tick.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` for a number of days out of range.
    pub fn set_settings(
        &mut self,
        settings: Settings,
        now: UnixTime,
    ) -> Result<Effects, ClientError> {
        let settings = settings.checked()?;

        let mut tx = Transaction::new(now);
        self.settings = settings;
        tx.touch(StoreKey::Settings);
        self.inbox.tags.reset();
        Ok(self.commit(tx, ()))
    }

    /// Shreds the keys that a relay has kept alive by withholding batches or
    /// disappearing: those of months whose grace ended longer ago than the
    /// retention. Nothing sealed with them would be accepted. Returns the number of
    /// contacts whose keys were wiped. Protocol §4.
    pub fn shred_expired_keys(&mut self, now: UnixTime) -> Effects<u64> {
        let horizon = now.minus(self.settings.retention());

        let mut tx = Transaction::new(now);
        let shredded = self.contacts.shred(horizon, self.settings.grace(), &mut tx);
        self.log_shredded(shredded, &mut tx);
        self.commit(tx, shredded.map_or(0, |(_, contacts)| contacts))
    }

    /// Logs which keys were wiped, and watches no more tags under them.
    fn log_shredded(&mut self, shredded: Option<(Month, u64)>, tx: &mut Transaction) {
        if let Some((before, contacts)) = shredded {
            self.log(AuditEvent::Shredded { before, contacts }, tx);
            self.inbox.tags.reset();
        }
    }

    /// Removes invitations that have ended. One that was accepted and has no
    /// answer by its expiry is reported then; the answer to a link is still
    /// taken for the retention.
    fn expire_invitations(&mut self, tx: &mut Transaction) {
        let retention = self.settings.retention();
        let expired = self.invitations.iter();
        let expired = expired.filter(|(_, open)| tx.now > open.expires_at);
        let expired: Vec<InvitationId> = expired.map(|(id, _)| id).collect();
        for id in expired {
            let Some(open) = self.invitations.get(id) else {
                continue;
            };
            let (is_own, is_unanswered) = (open.is_own(), open.is_unanswered());
            let contact = open.contact;
            // The acceptor still awaits a response that has not left.
            let leaves =
                is_own && !is_unanswered && self.outbox.has_any(|cell| open.is_own_cell(cell));
            if tx.now > open.ends_at(retention) && !leaves {
                self.invitations.remove(id, tx);
                self.inbox.tags.forget_invitation(id);
            }
            match contact {
                Some(contact) if !is_own => self.unanswered(contact, tx),
                None if is_unanswered => self.refuse(ErrorCode::InvitationExpired, None, tx),
                _ => {}
            }
        }
    }

    /// An accepted invitation expired before the handshake was complete:
    /// reported once.
    fn unanswered(&mut self, id: ContactId, tx: &mut Transaction) {
        let contact = self.contacts.get(id);
        let awaited = contact.filter(|contact| {
            contact.reason.is_none() && (contact.channel.is_none() || contact.awaiting.is_some())
        });
        if awaited.is_none() {
            return;
        }
        if let Some(contact) = self.contacts.update(id, tx) {
            contact.reason = Some(ErrorCode::InvitationExpired.as_str().to_owned());
        }
        self.contacts.emit(id, tx);
        self.refuse(ErrorCode::InvitationExpired, Some(id), tx);
    }

    /// Forgets opened cells, session ids, windows and incomplete messages of days
    /// before the retention. Anything that old is refused as stale.
    fn forget(&mut self, tx: &mut Transaction) {
        let day = tx.now.minus(self.settings.retention()).day();
        self.inbox.replays.forget_before(day, tx);
        for key in self.inbox.reassembly.older_than(day) {
            // Fragments of a rendezvous have no day; they are deleted with their
            // invitation.
            if self.invitations.get(InvitationId(key.0)).is_none() {
                self.abandon_incomplete(key, tx);
            }
        }
        self.contacts.forget_before(day, tx);
    }
}

/// The result for a message that waited too long.
enum Resealed {
    Sealed((SealedDelivery, UsedCounters)),
    /// It can no longer be sent from here.
    Abandoned,
    /// It was withdrawn.
    Discarded,
}
