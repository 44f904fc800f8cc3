//! What one call on the client changes: gathered while it runs, committed by
//! the caller as one transaction.
//!
//! A public method works in two halves. It *decides* with `&self`: it may
//! fail and may draw randomness, and gives a value. It *applies* that value
//! with `&mut self` and a [`Transaction`], which cannot fail. So a call that
//! returns an error has changed nothing.

use zeroize::Zeroizing;

use crate::{
    base::{ErrorCode, SortedMap, SortedSet, UnixTime},
    client::{
        ContactId, StoreKey,
        journal::AuditEvent,
        view::{Event, Rejected},
    },
    identity::Fingerprint,
    vault::stored::{self, Record},
};

/// One change to the store: a key, and its new plaintext or its removal.
pub type Change = (String, Option<Zeroizing<Vec<u8>>>);

/// What a call changes, what it reports and what it returns.
#[derive(Debug)]
#[must_use = "commit the changes before you post or show anything"]
pub struct Effects<T = ()> {
    /// Commit these as one transaction.
    pub changes: Vec<Change>,
    /// Show these once the changes are committed.
    pub events: Vec<Event>,
    /// The call's result.
    pub value: T,
}

impl Effects {
    /// Nothing changed.
    pub(crate) fn none() -> Self {
        Self {
            changes: Vec::new(),
            events: Vec::new(),
            value: (),
        }
    }
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
pub(crate) struct Transaction {
    /// The time of the call: its only reading of the clock.
    pub(crate) now: UnixTime,
    changes: SortedMap<StoreKey, Option<Zeroizing<Vec<u8>>>>,
    touched: SortedSet<StoreKey>,
    pub(crate) events: Vec<Event>,
    log: Vec<(AuditEvent, Option<Fingerprint>)>,
    /// Where the refusals stand among the events and in the log.
    refusals: SortedMap<(&'static str, Option<ContactId>), (usize, usize)>,
}

/// What a finished transaction holds.
pub(crate) struct Parts {
    pub(crate) changes: SortedMap<StoreKey, Option<Zeroizing<Vec<u8>>>>,
    pub(crate) touched: SortedSet<StoreKey>,
    pub(crate) events: Vec<Event>,
    pub(crate) log: Vec<(AuditEvent, Option<Fingerprint>)>,
}

impl Transaction {
    pub(crate) fn new(now: UnixTime) -> Self {
        Self {
            now,
            changes: SortedMap::new(),
            touched: SortedSet::default(),
            events: Vec::new(),
            log: Vec::new(),
            refusals: SortedMap::new(),
        }
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
        let count = 1;
        self.log(
            AuditEvent::Rejected {
                code,
                contact,
                count,
            },
            peer,
        );
    }

    pub(crate) fn into_parts(self) -> Parts {
        Parts {
            changes: self.changes,
            touched: self.touched,
            events: self.events,
            log: self.log,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let parts = tx.into_parts();
        let counts: Vec<_> = parts
            .events
            .iter()
            .map(|event| match event {
                Event::Rejected(rejected) => rejected.count,
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(counts, [500, 1, 1, 1]);
        let logged: Vec<_> = parts
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
