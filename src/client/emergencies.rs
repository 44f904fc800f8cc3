//! Emergency accesses: backups opened with emergency shares, which are reported to
//! the owner. Protocol §13.

use crate::{
    base::{SortedMap, UnixTime, sorted_by_key},
    client::{
        EmergencyId, StoreKey,
        audit_event::AuditEvent,
        transaction::Transaction,
        view::{EmergencyView, Event},
    },
    envelope::{Announcement, AnnouncementKind},
    vault::stored::EmergencyRecord,
    wire::hex,
};

/// Maximum duration of an emergency access in minutes: one day.
pub const MAX_EMERGENCY_MINUTES: u32 = 24 * 60;

/// All known emergency accesses.
#[derive(Default)]
pub(crate) struct Emergencies(SortedMap<EmergencyId, EmergencyRecord>);

impl Emergencies {
    pub(crate) fn restore(&mut self, id: EmergencyId, record: EmergencyRecord) {
        self.0.insert(id, record);
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&EmergencyId, &EmergencyRecord)> {
        self.0.iter()
    }

    /// Oldest first.
    pub(crate) fn views(&self) -> Vec<EmergencyView> {
        let views = self.0.iter().map(|(id, record)| view(id, record));
        sorted_by_key(views, |view| (view.began_at, view.id.clone())).collect()
    }

    /// Records that an access begins. It is reported to the owner at the next
    /// [`Emergencies::emit_pending`].
    pub(crate) fn begin(
        &mut self,
        id: EmergencyId,
        (began_at, minutes, reason): (UnixTime, u32, String),
        tx: &mut Transaction,
    ) {
        let known = self.0.get(&id);
        let record = EmergencyRecord {
            began_at: began_at.0,
            minutes,
            reason: reason.clone(),
            ended_at: known.and_then(|record| record.ended_at),
            reported: false,
        };
        tx.log(AuditEvent::BreakGlassStarted { reason, minutes }, None);
        self.put(id, record, tx);
    }

    /// Records that a known access ended. Returns `false` for an unknown one.
    pub(crate) fn end(
        &mut self,
        id: EmergencyId,
        ended_at: UnixTime,
        tx: &mut Transaction,
    ) -> bool {
        let known = self.0.contains_key(&id);
        if known {
            self.end_announced(id, ended_at, tx);
        }
        known
    }

    /// Records the announced end of an access. Its beginning may be unknown here.
    pub(crate) fn end_announced(
        &mut self,
        id: EmergencyId,
        ended_at: UnixTime,
        tx: &mut Transaction,
    ) {
        let (began_at, minutes, reason) = match self.0.remove(&id) {
            Some(known) => (known.began_at, known.minutes, known.reason),
            None => (ended_at.0, 0, String::new()),
        };
        let record = EmergencyRecord {
            began_at,
            minutes,
            reason,
            ended_at: Some(ended_at.0),
            reported: false,
        };
        tx.log(AuditEvent::BreakGlassEnded, None);
        self.put(id, record, tx);
    }

    /// Reports recorded accesses that were not reported yet.
    pub(crate) fn emit_pending(&mut self, tx: &mut Transaction) {
        let pending = self.0.iter().filter(|(_, record)| !record.reported);
        let ids: Vec<EmergencyId> = pending.map(|(id, _)| *id).collect();
        for id in ids {
            if let Some(mut record) = self.0.remove(&id) {
                record.reported = true;
                tx.emit(Event::BreakGlass(view(&id, &record)));
                self.put(id, record, tx);
            }
        }
    }

    /// The announcement of an access to the owner's other devices.
    pub(crate) fn announcement(&self, id: EmergencyId) -> Option<Announcement> {
        let record = self.0.get(&id)?;
        let (minutes, reason) = (record.minutes, record.reason.clone());
        let what = match record.ended_at {
            Some(_) => AnnouncementKind::EmergencyEnded,
            None => AnnouncementKind::EmergencyBegan { minutes, reason },
        };
        let sent_at = UnixTime(record.ended_at.unwrap_or(record.began_at));
        Some(Announcement { id, sent_at, what })
    }

    fn put(&mut self, id: EmergencyId, record: EmergencyRecord, tx: &mut Transaction) {
        tx.put(StoreKey::Emergency(id), &record);
        self.0.insert(id, record);
    }
}

fn view(id: &EmergencyId, record: &EmergencyRecord) -> EmergencyView {
    EmergencyView {
        id: hex::encode(id),
        began_at: record.began_at,
        minutes: record.minutes,
        reason: record.reason.clone(),
        ended_at: record.ended_at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: EmergencyId = [7; 16];

    fn tx() -> Transaction {
        Transaction::new(UnixTime(1))
    }

    fn begin(emergencies: &mut Emergencies) {
        let began = (UnixTime(10), 30, "unconscious".to_owned());
        emergencies.begin(ID, began, &mut tx());
    }

    #[test]
    fn an_unknown_access_neither_ends_nor_is_announced() {
        let mut none = Emergencies::default();
        let mut tx = tx();
        assert!(!none.end(ID, UnixTime(20), &mut tx));
        assert!(none.announcement(ID).is_none());
        assert!(tx.changes.is_empty());
    }

    #[test]
    fn it_is_reported_once_when_it_begins_and_once_when_it_ends() {
        let mut emergencies = Emergencies::default();
        begin(&mut emergencies);
        for expected in [1, 0] {
            let mut tx = tx();
            emergencies.emit_pending(&mut tx);
            assert_eq!(tx.events.len(), expected);
        }
        assert!(emergencies.end(ID, UnixTime(20), &mut tx()));
        for expected in [1, 0] {
            let mut tx = tx();
            emergencies.emit_pending(&mut tx);
            assert_eq!(tx.events.len(), expected);
        }
        let [view] = emergencies.views().try_into().unwrap();
        assert_eq!(
            (view.began_at, view.minutes, view.ended_at),
            (10, 30, Some(20))
        );
    }

    #[test]
    fn beginning_and_end_give_the_same_in_either_order_and_repeated() {
        let mut emergencies = Emergencies::default();
        for _ in 0..2 {
            emergencies.end_announced(ID, UnixTime(20), &mut tx());
            begin(&mut emergencies);
        }
        let [view] = emergencies.views().try_into().unwrap();
        assert_eq!((view.began_at, view.ended_at), (10, Some(20)));
        assert_eq!(view.reason, "unconscious");
    }
}
