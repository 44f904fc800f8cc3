//! Replay detection: opened cells and accepted deliveries. Protocol §6.

use std::collections::{HashMap, HashSet};

use crate::{
    base::{Day, SortedMap},
    client::{ContactId, OpenedPage, StoreKey, transaction::Transaction},
    vault::stored::{OPENED_PER_PAGE, OpenedCellsRecord, OpenedRecord},
};

/// Digests of opened cells and session ids of accepted deliveries, kept for
/// as long as a delivery may be accepted.
#[derive(Default)]
pub(crate) struct Replays {
    pages: SortedMap<OpenedPage, Vec<OpenedRecord>>,
    /// Digests of opened cells.
    opened: HashSet<[u8; 16]>,
    /// Sequence numbers of accepted deliveries.
    accepted: HashMap<(ContactId, Vec<u8>), u64>,
}

impl Replays {
    pub(crate) fn has_opened(&self, digest: &[u8; 16]) -> bool {
        self.opened.contains(digest)
    }

    /// The sequence number under which a session id was accepted.
    pub(crate) fn accepted(&self, contact: ContactId, session: &[u8]) -> Option<u64> {
        self.accepted.get(&(contact, session.to_vec())).copied()
    }

    /// Records an opened cell, and the session id and sequence number of the
    /// delivery that was accepted with it. It goes to the last page of its day,
    /// or to a new one.
    pub(crate) fn record(
        &mut self,
        digest: [u8; 16],
        day: Day,
        contact: Option<ContactId>,
        accepted: Option<(Vec<u8>, u64)>,
        tx: &mut Transaction,
    ) {
        let (session, seq) = accepted.unzip();
        let cell = OpenedRecord {
            digest,
            contact: contact.map(|id| id.0),
            session,
            seq: seq.unwrap_or_default(),
        };
        let first = OpenedPage { day, page: 0 };
        let last = OpenedPage {
            day,
            page: u32::MAX,
        };
        let page = match self.pages.range(first..=last).next_back() {
            None => first,
            Some((page, cells)) if cells.len() < OPENED_PER_PAGE => *page,
            Some((page, _)) => OpenedPage {
                day,
                page: page.page.saturating_add(1),
            },
        };
        tx.touch(StoreKey::Opened(page));
        self.insert(page, cell);
    }

    fn insert(&mut self, page: OpenedPage, cell: OpenedRecord) {
        if let (Some(contact), Some(session)) = (cell.contact, &cell.session) {
            let key = (ContactId(contact), session.clone());
            self.accepted.insert(key, cell.seq);
        }
        self.opened.insert(cell.digest);
        self.pages.get_or_insert(page, Vec::new()).push(cell);
    }

    pub(crate) fn restore(&mut self, page: OpenedPage, record: OpenedCellsRecord) {
        for cell in record.cells {
            self.insert(page, cell);
        }
    }

    /// Deletes records of earlier days, whose deliveries would be refused as stale.
    pub(crate) fn forget_before(&mut self, day: Day, tx: &mut Transaction) {
        let end = OpenedPage { day, page: 0 };
        let old: Vec<_> = self.pages.range(..end).map(|(page, _)| *page).collect();
        for page in old {
            tx.touch(StoreKey::Opened(page));
            for cell in self.pages.remove(&page).unwrap_or_default() {
                self.opened.remove(&cell.digest);
                if let (Some(contact), Some(session)) = (cell.contact, cell.session) {
                    self.accepted.remove(&(ContactId(contact), session));
                }
            }
        }
    }

    pub(crate) fn pages(&self) -> impl Iterator<Item = OpenedPage> {
        self.pages.keys().copied()
    }

    /// The record of a page; `None` if there is no such page.
    pub(crate) fn to_record(&self, page: OpenedPage) -> Option<OpenedCellsRecord> {
        let cells = self.pages.get(&page)?.clone();
        Some(OpenedCellsRecord { cells })
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
        replays.record(
            [1; 16],
            Day(5),
            Some(CONTACT),
            Some((vec![7; 16], 3)),
            &mut tx,
        );
        assert_eq!(replays.accepted(CONTACT, &[7; 16]), Some(3));
        assert_eq!(replays.accepted(CONTACT, &[8; 16]), None);
        assert_eq!(replays.accepted(ContactId([2; 8]), &[7; 16]), None);
        assert!(replays.has_opened(&[1; 16]) && !replays.has_opened(&[2; 16]));
    }

    #[test]
    fn what_is_forgotten_is_deleted_and_no_longer_counts() {
        let mut tx = Transaction::new(UnixTime(1));
        let mut replays = Replays::default();
        replays.record([1; 16], Day(5), None, None, &mut tx);
        replays.record(
            [2; 16],
            Day(5),
            Some(CONTACT),
            Some((vec![7; 16], 3)),
            &mut tx,
        );
        replays.record(
            [3; 16],
            Day(6),
            Some(CONTACT),
            Some((vec![8; 16], 4)),
            &mut tx,
        );
        let mut tx = Transaction::new(UnixTime(1));
        replays.forget_before(Day(6), &mut tx);
        assert!(!replays.has_opened(&[1; 16]) && replays.has_opened(&[3; 16]));
        assert_eq!(replays.accepted(CONTACT, &[7; 16]), None);
        assert_eq!(replays.accepted(CONTACT, &[8; 16]), Some(4));
        let page = |day| OpenedPage {
            day: Day(day),
            page: 0,
        };
        let touched: Vec<_> = tx.touched.into_iter().collect();
        assert_eq!(touched, [StoreKey::Opened(page(5))]);
        assert!(replays.to_record(page(5)).is_none());
        assert!(replays.to_record(page(6)).is_some());
    }

    #[test]
    fn a_full_page_is_followed_by_another_and_only_the_last_one_changes() {
        let mut replays = Replays::default();
        let digest = |number: usize| u128::try_from(number).unwrap().to_be_bytes();
        let cells = 2 * OPENED_PER_PAGE + 1;
        for number in 0..cells {
            let mut tx = Transaction::new(UnixTime(1));
            replays.record(digest(number), Day(5), None, None, &mut tx);
            let page = u32::try_from(number / OPENED_PER_PAGE).unwrap();
            let touched: Vec<_> = tx.touched.into_iter().collect();
            let page = OpenedPage { day: Day(5), page };
            assert_eq!(touched, [StoreKey::Opened(page)]);
        }
        let mut again = Replays::default();
        for page in replays.pages() {
            again.restore(page, replays.to_record(page).unwrap());
        }
        assert_eq!(again.pages().count(), 3);
        assert!((0..cells).all(|number| again.has_opened(&digest(number))));
    }
}
