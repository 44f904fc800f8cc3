//! Replay detection: opened cells and accepted deliveries. Protocol §6.

use std::collections::HashMap;

use crate::{
    base::Day,
    client::{ContactId, StoreKey, transaction::Transaction},
    vault::stored::OpenedRecord,
};

/// Digests of opened cells and session ids of accepted deliveries, kept for
/// as long as a delivery may be accepted.
#[derive(Default)]
pub(crate) struct Replays {
    opened: HashMap<[u8; 16], OpenedRecord>,
    /// Sequence numbers of accepted deliveries.
    accepted: HashMap<(ContactId, Vec<u8>), u64>,
}

impl Replays {
    pub(crate) fn has_opened(&self, digest: &[u8; 16]) -> bool {
        self.opened.contains_key(digest)
    }

    /// The sequence number under which a session id was accepted.
    pub(crate) fn accepted(&self, contact: ContactId, session: &[u8]) -> Option<u64> {
        self.accepted.get(&(contact, session.to_vec())).copied()
    }

    /// Records an opened cell.
    pub(crate) fn opened(
        &mut self,
        digest: [u8; 16],
        day: Day,
        contact: Option<ContactId>,
        tx: &mut Transaction,
    ) {
        let record = OpenedRecord {
            day: day.0,
            contact: contact.map(|id| id.0),
            session: None,
            seq: 0,
        };
        self.put(digest, record, tx);
    }

    /// Records an accepted delivery, with the cell that completed it.
    pub(crate) fn accept(
        &mut self,
        digest: [u8; 16],
        day: Day,
        contact: ContactId,
        (session, seq): (Vec<u8>, u64),
        tx: &mut Transaction,
    ) {
        let record = OpenedRecord {
            day: day.0,
            contact: Some(contact.0),
            session: Some(session),
            seq,
        };
        self.put(digest, record, tx);
    }

    fn put(&mut self, digest: [u8; 16], record: OpenedRecord, tx: &mut Transaction) {
        tx.put(StoreKey::Opened(digest), &record);
        self.restore(digest, record);
    }

    pub(crate) fn restore(&mut self, digest: [u8; 16], record: OpenedRecord) {
        if let (Some(contact), Some(session)) = (record.contact, &record.session) {
            let key = (ContactId(contact), session.clone());
            self.accepted.insert(key, record.seq);
        }
        self.opened.insert(digest, record);
    }

    /// Deletes records of earlier days, whose deliveries would be refused as stale.
    pub(crate) fn forget_before(&mut self, day: Day, tx: &mut Transaction) {
        let old = self.opened.extract_if(|_, record| record.day < day.0);
        for (digest, record) in old {
            tx.delete(StoreKey::Opened(digest));
            if let (Some(contact), Some(session)) = (record.contact, record.session) {
                self.accepted.remove(&(ContactId(contact), session));
            }
        }
    }
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[u8; 16], &OpenedRecord)> {
        self.opened.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::UnixTime;

    const CONTACT: ContactId = ContactId([1; 8]);

    #[test]
    fn a_session_id_belongs_to_one_contact_and_one_number() {
        let mut tx = Transaction::new(UnixTime(1));
        let mut replays = Replays::default();
        replays.accept([1; 16], Day(5), CONTACT, (vec![7; 16], 3), &mut tx);
        assert_eq!(replays.accepted(CONTACT, &[7; 16]), Some(3));
        assert_eq!(replays.accepted(CONTACT, &[8; 16]), None);
        assert_eq!(replays.accepted(ContactId([2; 8]), &[7; 16]), None);
        assert!(replays.has_opened(&[1; 16]) && !replays.has_opened(&[2; 16]));
    }

    #[test]
    fn what_is_forgotten_is_deleted_and_no_longer_counts() {
        let mut tx = Transaction::new(UnixTime(1));
        let mut replays = Replays::default();
        replays.opened([1; 16], Day(5), None, &mut tx);
        replays.accept([2; 16], Day(5), CONTACT, (vec![7; 16], 3), &mut tx);
        replays.accept([3; 16], Day(6), CONTACT, (vec![8; 16], 4), &mut tx);
        let mut tx = Transaction::new(UnixTime(1));
        replays.forget_before(Day(6), &mut tx);
        assert_eq!(replays.accepted(CONTACT, &[7; 16]), None);
        assert_eq!(replays.accepted(CONTACT, &[8; 16]), Some(4));
        let changes = tx.into_parts().changes;
        let keys: Vec<_> = changes.keys().copied().collect();
        assert_eq!(keys, [StoreKey::Opened([1; 16]), StoreKey::Opened([2; 16])]);
        assert!(changes.values().all(Option::is_none));
    }
}
