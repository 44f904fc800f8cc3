//! What time brings: shredding, expiry, forgetting. Protocol §4 and §6.

use rand_core::CryptoRng;

use crate::base::{Content, Day, ErrorCode, SortedSet, UnixTime, time::DAY_SECONDS};
use crate::client::{
    Client, ContactId, Did, Effects, Entry, Event, InvitationId, MessageView,
    flows::load::opened_key,
    invitations::Stage,
    outbox::{Destination, Part},
    view::{MessageState, message_id},
};

/// A message without a receipt for this long is shown as undelivered: 7 days.
const UNDELIVERED_SECONDS: u64 = 7 * DAY_SECONDS;

impl Client {
    /// Lets time pass. To be called before every round. Gives the messages
    /// that waited too long for the relay: [`Client::reseal`] takes their
    /// bodies.
    pub fn tick(&mut self, now: UnixTime) -> Effects<Vec<String>> {
        self.log_month(now);
        self.shred(now);
        self.expire_invitations(now);
        self.mark_undelivered(now);
        self.tell_emergencies();
        self.forget(now);
        let overdue = self.overdue(now.day()).into_iter();
        let messages = overdue.filter_map(|(part, _)| match part {
            Part::Message(contact, ordinal) => Some(message_id(contact, ordinal)),
            _ => None,
        });
        let messages = messages.collect();
        self.finish(messages)
    }

    /// Seals again all that waited too long, in its order and in one set of
    /// changes. A message without its body among `bodies` is given up and
    /// shown as undelivered; what cannot be sealed now (a clock that is
    /// behind) is told and waits for the next call. A restored device also
    /// announces itself, once a day. Protocol §6 and §13.
    pub fn reseal(
        &mut self,
        bodies: &[(ContactId, u32, Content)],
        now: UnixTime,
        rng: &mut impl CryptoRng,
    ) -> Effects {
        let mut refused = None;
        let overdue = self.overdue(now.day());
        self.close_days(&overdue, now.day());
        for (part, to) in overdue {
            let (id, result) = match part {
                Part::Message(id, ordinal) => {
                    let body = bodies.iter().find(|(c, o, _)| (*c, *o) == (id, ordinal));
                    let result = match body {
                        _ if self.is_cancelled(id, ordinal) => {
                            self.discard(&Part::Message(id, ordinal));
                            Ok(())
                        }
                        // A number of the former device's count is not this one's to use again.
                        Some((_, _, body)) if !self.is_former(id, ordinal) => {
                            self.reseal_message(id, ordinal, body, now, rng)
                        }
                        _ => {
                            self.give_up(id, ordinal, now);
                            Ok(())
                        }
                    };
                    (id, result)
                }
                Part::Control(id, record) => {
                    let seq = Some(record.seq);
                    (id, self.seal_control(id, record, seq, to, now, rng))
                }
                Part::Rendezvous | Part::Own => continue,
            };
            if let Err(error) = result
                && refused != Some(id)
            {
                refused = Some(id);
                self.refuse(error.code(), Some(id), now);
            }
        }
        if self.announcement_due(now) {
            self.announce(now, rng);
        }
        self.finish(())
    }

    /// Closes the days before today of which so many cells are given up that
    /// a recipient would find nothing after the hole.
    fn close_days(&mut self, overdue: &[(Part, Destination)], today: Day) {
        let contacts: SortedSet<ContactId> = overdue
            .iter()
            .filter_map(|(part, _)| match part {
                Part::Message(id, _) | Part::Control(id, _) => Some(*id),
                Part::Rendezvous | Part::Own => None,
            })
            .collect();
        for id in contacts {
            let last = self
                .days_waiting(id)
                .into_iter()
                .filter(|day| *day < today && self.leaves_hole(id, *day))
                .max();
            let contact = self.contacts.get_mut(&id);
            let channel = contact.and_then(|contact| contact.channel.as_mut());
            if let (Some(day), Some(channel)) = (last, channel) {
                channel.close_until(day);
                self.pending.contacts.insert(id);
            }
        }
    }

    /// A message whose body is lost cannot be sent any more, and holds up no
    /// other.
    pub(crate) fn give_up(&mut self, id: ContactId, ordinal: u32, now: UnixTime) {
        self.discard(&Part::Message(id, ordinal));
        self.mark(id, ordinal, Did::Undelivered, now);
    }

    fn is_cancelled(&self, id: ContactId, ordinal: u32) -> bool {
        let record = self.messages.get(&(id, ordinal));
        record.is_some_and(|record| record.state == MessageState::Cancelled as u8)
    }

    /// A message of one's own came to an end without arriving.
    pub(crate) fn mark(&mut self, id: ContactId, ordinal: u32, did: Did, now: UnixTime) {
        let Some(record) = self.messages.get(&(id, ordinal)) else {
            return;
        };
        let mut record = record.clone();
        record.state = match did {
            Did::Cancelled => MessageState::Cancelled,
            _ => MessageState::Undelivered,
        } as u8;
        self.log_message(did, (id, ordinal), &record.session, None, now);
        let message = MessageView::new(id, ordinal, &record);
        self.store_message(id, ordinal, record);
        self.tell(Event::State { message });
    }

    /// Wipes months whose grace is over by both the clock and the closing
    /// time of the newest batch taken.
    fn shred(&mut self, now: UnixTime) {
        let Some(drained) = self.relay.drained_until(self.settings.retention()) else {
            return;
        };
        self.shred_until(drained.min(now), now);
    }

    /// Wipes months whose grace is over at the horizon: of how many contacts.
    pub(crate) fn shred_until(&mut self, horizon: UnixTime, now: UnixTime) -> u64 {
        let grace = self.settings.grace();
        let (mut contacts, mut before) = (0, None);
        for contact in self.contacts.values_mut() {
            let Some(channel) = contact.channel.take() else {
                continue;
            };
            let (channel, shredded) = channel.shred(horizon, grace);
            if shredded {
                contacts += 1;
                before = before.max(Some(channel.month()));
                self.pending.contacts.insert(contact.id);
            }
            contact.channel = Some(channel);
        }
        if let Some(before) = before {
            self.log(Entry::Shredded { before, contacts }, now);
            self.watch.reset();
        }
        contacts
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
                    self.refuse(ErrorCode::InvitationExpired, None, now);
                }
                (Stage::AwaitingOffer { .. } | Stage::Responded, Some(contact)) => {
                    self.unanswered(contact, now);
                }
                _ => {}
            }
        }
    }

    /// An accepted invitation ran out before the inviter confirmed.
    fn unanswered(&mut self, id: ContactId, now: UnixTime) {
        let Some(contact) = self.contacts.get_mut(&id) else {
            return;
        };
        if contact.channel.is_some() && contact.awaiting.is_none() {
            return;
        }
        contact.reason = Some(ErrorCode::InvitationExpired.as_str().to_owned());
        self.pending.contacts.insert(id);
        self.tell_contact(id);
        self.refuse(ErrorCode::InvitationExpired, Some(id), now);
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
            let place = (contact, ordinal);
            self.log_message(Did::Undelivered, place, &record.session, None, now);
            let message = MessageView::new(contact, ordinal, &record);
            self.store_message(contact, ordinal, record);
            self.tell(Event::State { message });
        }
    }

    /// Forgets opened cells, session ids, windows and unfinished messages of
    /// days before retention: what is that old is refused as stale.
    fn forget(&mut self, now: UnixTime) {
        let day = now.minus(self.settings.retention()).day();
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
            self.report_unfinished(key, now);
        }
        for contact in self.contacts.values_mut() {
            if let Some(channel) = &mut contact.channel {
                channel.forget_before(day);
            }
        }
    }
}
