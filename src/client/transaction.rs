//! What one call on the client changes: gathered while it runs, committed by
//! the caller as one transaction.
//!
//! A public method works in two halves. It *decides* with `&self`: it may fail, may
//! draw randomness, and results in a value. It *applies* that value with `&mut
//! self` and a [`Transaction`], which cannot fail. So a call that returns an error
//! has changed nothing. The transaction has the call's only reading of the clock
//! and, if it draws randomness, its only source of it.

use core::ops::{Deref, DerefMut};

use zeroize::Zeroizing;

use crate::{
    base::{ErrorCode, SortedMap, SortedSet, UnixTime},
    client::{
        ContactId, StoreKey,
        audit_event::AuditEvent,
        view::{Event, Gap, Rejected},
    },
    identity::Fingerprint,
    vault::stored::{self, Record},
};

/// One change to the store: a key, and its new plaintext or its removal.
pub type Change = (String, Option<Zeroizing<Vec<u8>>>);

/// What a call changes, what it reports and what it returns.
#[derive(Debug, Default)]
#[must_use = "commit the changes before you post or show anything"]
pub struct Effects<T = ()> {
    /// Commit these as one transaction.
    pub changes: Vec<Change>,
    /// Show these once the changes are committed.
    pub events: Vec<Event>,
    /// The call's result.
    pub value: T,
}

impl<T> Effects<T> {
    /// The same effects with another value.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Effects<U> {
        Effects {
            changes: self.changes,
            events: self.events,
            value: f(self.value),
        }
    }
}

/// Changes, events and log entries of the call under way.
#[derive(Default)]
pub(crate) struct Transaction {
    /// The time of the call: its only reading of the clock.
    pub(crate) now: UnixTime,
    pub(crate) changes: SortedMap<StoreKey, Option<Zeroizing<Vec<u8>>>>,
    pub(crate) touched: SortedSet<StoreKey>,
    pub(crate) events: Vec<Event>,
    pub(crate) log: Vec<(AuditEvent, Option<Fingerprint>)>,
    /// Where the refusals stand among the events and in the log.
    refusals: SortedMap<(&'static str, Option<ContactId>), (usize, usize)>,
    /// How many gaps of a contact were reported or closed, and where the last
    /// of them stands among the events and in the log.
    gaps: SortedMap<(ContactId, bool), (usize, (usize, usize))>,
}

/// The transaction of a call that draws randomness, with the only source of it.
pub(crate) struct Randomized<'r, R> {
    pub(crate) tx: Transaction,
    pub(crate) rng: &'r mut R,
}

impl<R> Deref for Randomized<'_, R> {
    type Target = Transaction;

    fn deref(&self) -> &Transaction {
        &self.tx
    }
}

impl<R> DerefMut for Randomized<'_, R> {
    fn deref_mut(&mut self) -> &mut Transaction {
        &mut self.tx
    }
}

impl<R> From<Randomized<'_, R>> for Transaction {
    fn from(randomized: Randomized<'_, R>) -> Self {
        randomized.tx
    }
}

/// Most gaps of a contact that one transaction reports, and most that it
/// closes.
const MOST_GAPS: usize = 16;

impl Transaction {
    pub(crate) fn new(now: UnixTime) -> Self {
        Self {
            now,
            ..Self::default()
        }
    }

    /// This transaction, with the source of randomness of its call.
    pub(crate) fn randomized<R>(self, rng: &mut R) -> Randomized<'_, R> {
        Randomized { tx: self, rng }
    }

    /// Stores a record.
    pub(crate) fn put<R: Record>(&mut self, key: StoreKey, record: &R) {
        self.put_bytes(key, stored::encode(record));
    }

    /// Stores bytes that are no record: a body, a draft.
    pub(crate) fn put_bytes(&mut self, key: StoreKey, bytes: Zeroizing<Vec<u8>>) {
        self.changes.insert(key, Some(bytes));
    }

    pub(crate) fn delete(&mut self, key: StoreKey) {
        self.changes.insert(key, None);
    }

    /// Marks state that changed; its record is encoded once, at the commit.
    /// If the state is gone by then, the record is deleted.
    pub(crate) fn touch(&mut self, key: StoreKey) {
        self.touched.insert(key);
    }

    /// Reports an event, to be shown once the changes are committed.
    pub(crate) fn emit(&mut self, event: Event) {
        self.events.push(event);
    }

    /// Writes to the audit log. `peer` is the fingerprint of the contact that
    /// the event concerns, once known.
    pub(crate) fn log(&mut self, event: AuditEvent, peer: Option<Fingerprint>) {
        self.log.push((event, peer));
    }

    /// Reports and logs a gap. Missing numbers of a contact that follow one
    /// another are one gap. A contact that skips or fills in numbers at will
    /// must not make the log grow by an entry for each cell: beyond
    /// [`MOST_GAPS`], the last gap reported covers the rest, and what arrives
    /// late is no longer reported, so that a warning stays.
    pub(crate) fn gap(&mut self, gap: Gap, peer: Option<Fingerprint>) {
        if let Gap::Sequence {
            contact_id,
            from,
            to,
            closed,
        } = gap
        {
            let place = (self.events.len(), self.log.len());
            let known = self.gaps.get(&(contact_id, closed)).copied();
            let (count, last) = known.unwrap_or((0, place));
            let extended = count > 0 && self.extend_gap(last, (from, to), count >= MOST_GAPS);
            if extended || count >= MOST_GAPS {
                return;
            }
            self.gaps.insert((contact_id, closed), (count + 1, place));
        }
        self.log(AuditEvent::Gap(gap.clone()), peer);
        self.emit(Event::Gap(gap));
    }

    /// Makes a gap that was reported longer, by numbers that follow it or, of
    /// one that is not closed, by `any`.
    fn extend_gap(
        &mut self,
        (event, entry): (usize, usize),
        (first, last): (u64, u64),
        any: bool,
    ) -> bool {
        let mut extended = false;
        let mut extend = |gap: &mut Gap| {
            if let Gap::Sequence {
                from, to, closed, ..
            } = gap
                && (first == to.saturating_add(1) || any && !*closed)
            {
                (*from, *to) = ((*from).min(first), (*to).max(last));
                extended = true;
            }
        };
        if let Some(Event::Gap(gap)) = self.events.get_mut(event) {
            extend(gap);
        }
        if let Some((AuditEvent::Gap(gap), _)) = self.log.get_mut(entry) {
            extend(gap);
        }
        extended
    }

    /// Reports and logs that something was refused. The same refusal again
    /// only raises a count: what strangers send must not make the log grow by
    /// an entry for each cell.
    pub(crate) fn refuse(
        &mut self,
        code: ErrorCode,
        contact: Option<ContactId>,
        peer: Option<Fingerprint>,
    ) {
        if let Some(&(event, entry)) = self.refusals.get(&(code.as_str(), contact)) {
            if let Some(Event::Rejected(rejected)) = self.events.get_mut(event) {
                rejected.count = rejected.count.saturating_add(1);
            }
            if let Some((AuditEvent::Rejected { count, .. }, _)) = self.log.get_mut(entry) {
                *count = count.saturating_add(1);
            }
            return;
        }
        let place = (self.events.len(), self.log.len());
        self.refusals.insert((code.as_str(), contact), place);
        self.emit(Event::Rejected(Rejected::new(code, contact)));
        self.log(AuditEvent::rejected(code, contact), peer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sequence(from: u64, to: u64, closed: bool) -> Gap {
        Gap::Sequence {
            contact_id: ContactId([1; 8]),
            from,
            to,
            closed,
        }
    }

    fn gaps(gaps: impl IntoIterator<Item = Gap>) -> Vec<Gap> {
        let mut tx = Transaction::new(UnixTime(1));
        for gap in gaps {
            tx.gap(gap, None);
        }
        let reported: Vec<_> = tx
            .events
            .into_iter()
            .map(|event| match event {
                Event::Gap(gap) => gap,
                other => panic!("{other:?}"),
            })
            .collect();
        let logged = tx.log.into_iter().map(|(event, _)| match event {
            AuditEvent::Gap(gap) => gap,
            other => panic!("{other:?}"),
        });
        assert_eq!(logged.collect::<Vec<_>>(), reported);
        reported
    }

    #[test]
    fn a_contact_that_skips_numbers_costs_a_few_entries_and_none_is_hidden() {
        let skipped = gaps((0..500).map(|n| sequence(4 * n, 4 * n + 1, false)));
        assert_eq!(skipped.len(), MOST_GAPS);
        assert_eq!(skipped[14], sequence(56, 57, false), "exact");
        assert_eq!(skipped[15], sequence(60, 1_997, false), "covers the rest");
    }

    #[test]
    fn numbers_that_arrive_late_in_a_row_close_one_gap_and_nothing_besides() {
        let late = gaps((3..90).map(|n| sequence(n, n, true)));
        assert_eq!(late, [sequence(3, 89, true)]);
        let scattered = gaps((0..500).map(|n| sequence(2 * n, 2 * n, true)));
        let exact: Vec<_> = (0..16).map(|n| sequence(2 * n, 2 * n, true)).collect();
        assert_eq!(scattered, exact, "nothing is closed that has not arrived");
    }

    #[test]
    fn the_same_refusal_is_reported_and_logged_once_with_its_count() {
        let mut tx = Transaction::new(UnixTime(1));
        let (a, b) = (ContactId([1; 8]), ContactId([2; 8]));
        for _ in 0..500 {
            tx.refuse(ErrorCode::NotAuthentic, Some(a), None);
        }
        for (code, contact) in [
            (ErrorCode::NotAuthentic, Some(b)),
            (ErrorCode::Replayed, Some(a)),
            (ErrorCode::NotAuthentic, None),
        ] {
            tx.refuse(code, contact, None);
        }
        let counts: Vec<_> = tx
            .events
            .iter()
            .map(|event| match event {
                Event::Rejected(rejected) => rejected.count,
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(counts, [500, 1, 1, 1]);
        let logged: Vec<_> = tx
            .log
            .iter()
            .map(|(event, _)| match event {
                AuditEvent::Rejected { count, .. } => *count,
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(logged, counts);
    }
}
