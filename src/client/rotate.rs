//! What time brings: shredding, expiry, forgetting. Protocol §4 and §6.

use rand_core::CryptoRng;

use super::{
    Client, ContactId, Effects, Event, InvitationId, MessageView, RETENTION_SECONDS, Rejected,
    event::{MessageState, message_id},
    invitation::Stage,
    load::opened_key,
    outbox::Part,
};
use crate::base::{Day, ErrorCode, UnixTime, time::DAY_SECONDS};

/// A message without a receipt for this long is shown as undelivered: 7 days.
const UNDELIVERED_SECONDS: u64 = 7 * DAY_SECONDS;

impl Client {
    /// Lets time pass. To be called before every round. Gives the messages
    /// whose cells waited too long: each is to be [resealed](Client::reseal)
    /// with its body from the store.
    pub fn tick(&mut self, now: UnixTime, rng: &mut impl CryptoRng) -> Effects<Vec<String>> {
        self.shred(now);
        self.expire_invitations(now);
        self.mark_undelivered(now);
        self.forget(now.minus(RETENTION_SECONDS).day());
        let overdue = self.reseal_control(now, rng);
        self.finish(overdue)
    }

    /// Seals overdue control deliveries again; names overdue messages.
    fn reseal_control(&mut self, now: UnixTime, rng: &mut impl CryptoRng) -> Vec<String> {
        let mut messages = Vec::new();
        for (part, to) in self.overdue(now.day()) {
            match part {
                Part::Message(contact, ordinal) => messages.push(message_id(contact, ordinal)),
                // What cannot be sealed now waits for the next call.
                Part::Control(contact, record) => {
                    let seq = Some(record.seq);
                    let _ = self.seal_control(contact, record, seq, to, now, rng);
                }
                Part::Rendezvous => {}
            }
        }
        messages
    }

    /// Wipes months whose grace is over by both the clock and the closing
    /// time of the newest batch taken.
    fn shred(&mut self, now: UnixTime) {
        let Some(drained) = self.relay.drained_until() else {
            return;
        };
        let horizon = drained.min(now);
        let mut any = false;
        for contact in self.contacts.values_mut() {
            let Some(channel) = contact.channel.take() else {
                continue;
            };
            let (channel, shredded) = channel.shred(horizon);
            contact.channel = Some(channel);
            if shredded {
                any = true;
                self.pending.contacts.insert(contact.id);
            }
        }
        if any {
            self.watch.reset();
        }
    }

    fn expire_invitations(&mut self, now: UnixTime) {
        let expired: Vec<InvitationId> = self
            .invitations
            .iter()
            .filter(|(_, open)| now > open.expires_at)
            .map(|(id, _)| *id)
            .collect();
        for id in expired {
            let Some(open) = self.invitations.remove(&id) else {
                continue;
            };
            self.pending.invitations.insert(id);
            self.watch.reset();
            match (&open.stage, open.contact) {
                (Stage::Offered { .. }, _) => {
                    self.tell(Event::Rejected(Rejected::new(
                        ErrorCode::InvitationExpired,
                        None,
                    )));
                }
                (Stage::AwaitingOffer { .. } | Stage::Responded, Some(contact)) => {
                    self.unanswered(contact);
                }
                _ => {}
            }
        }
    }

    /// An accepted invitation ran out before the inviter confirmed.
    fn unanswered(&mut self, id: ContactId) {
        let Some(contact) = self.contacts.get_mut(&id) else {
            return;
        };
        if contact.channel.is_some() && contact.awaiting.is_none() {
            return;
        }
        contact.reason = Some(ErrorCode::InvitationExpired.as_str().to_owned());
        self.pending.contacts.insert(id);
        self.tell_contact(id);
        self.tell(Event::Rejected(Rejected::new(
            ErrorCode::InvitationExpired,
            Some(id),
        )));
    }

    fn mark_undelivered(&mut self, now: UnixTime) {
        let limit = now.minus(UNDELIVERED_SECONDS).0;
        let late: Vec<_> = self
            .messages
            .iter()
            .filter(|(_, record)| {
                record.outgoing
                    && record.sent_at < limit
                    && record.state <= MessageState::Stored as u8
            })
            .map(|((contact, ordinal), record)| (*contact, *ordinal, record.clone()))
            .collect();
        for (contact, ordinal, mut record) in late {
            record.state = MessageState::Undelivered as u8;
            let message = MessageView::new(contact, ordinal, &record);
            self.store_message(contact, ordinal, record);
            self.tell(Event::State { message });
        }
    }

    /// Forgets opened cells, session ids, windows and unfinished messages of
    /// days before `day`: what is that old is refused as stale.
    fn forget(&mut self, day: Day) {
        let old: Vec<[u8; 16]> = self
            .opened
            .iter()
            .filter(|(_, record)| record.day < day.0)
            .map(|(digest, _)| *digest)
            .collect();
        for digest in old {
            let Some(record) = self.opened.remove(&digest) else {
                continue;
            };
            self.pending.changes.insert(opened_key(&digest), None);
            if let (Some(contact), Some(session)) = (record.contact, record.session) {
                self.accepted.remove(&(ContactId(contact), session));
            }
        }
        for key in self.unfinished_before(day) {
            self.report_unfinished(key);
        }
        for contact in self.contacts.values_mut() {
            if let Some(channel) = &mut contact.channel {
                channel.forget_before(day);
            }
        }
    }
}
