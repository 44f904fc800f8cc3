//! Break-glass: someone opened a backup with emergency shares, and the owner
//! is told. Protocol §13.

use rand_core::CryptoRng;
use serde::Serialize;

use crate::client::{Client, ClientError, Effects, EmergencyId, Entry, Event, Post, outbox};
use crate::{
    base::{
        UnixTime,
        text::{self, TextUse},
    },
    envelope::{Announcement, Said},
    vault::stored::{self, EmergencyRecord},
    wire::{self, hex},
};

/// Longest emergency access, in minutes: a day.
pub const MAX_EMERGENCY_MINUTES: u32 = 24 * 60;

/// An emergency access as a page shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EmergencyView {
    /// 32 hex digits.
    pub id: String,
    /// Unix seconds, by the clock of whoever opened it.
    pub began_at: u64,
    /// For how long it was opened.
    pub minutes: u32,
    /// What was given as the reason; empty if only the end became known.
    pub reason: String,
    /// Unix seconds; null until the end is known.
    pub ended_at: Option<u64>,
}

pub(crate) fn emergency_key(id: &EmergencyId) -> String {
    format!("s/e/{}", hex::encode(id))
}

impl Client {
    /// Notes that an emergency access begins. Its id is drawn by the caller, who
    /// may note it in more than one place.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` for a reason that the text rule refuses, or minutes
    /// out of range.
    pub fn begin_emergency(
        &mut self,
        id: EmergencyId,
        minutes: u32,
        why: &str,
        now: UnixTime,
    ) -> Result<Effects, ClientError> {
        text::check(why, TextUse::Reason).map_err(|_| ClientError::InvalidArgument("reason"))?;
        if !(1..=MAX_EMERGENCY_MINUTES).contains(&minutes) {
            return Err(ClientError::InvalidArgument("minutes"));
        }
        let record = EmergencyRecord {
            began_at: now.0,
            minutes,
            reason: why.to_owned(),
            ended_at: None,
            told: false,
        };
        self.log_emergency(&record, now);
        self.store_emergency(id, record);
        Ok(self.finish(()))
    }

    /// Notes that it ended.
    pub fn end_emergency(&mut self, id: EmergencyId, now: UnixTime) -> Effects {
        if let Some(mut record) = self.emergencies.remove(&id) {
            record.ended_at = Some(now.0);
            record.told = false;
            self.store_emergency(id, record);
            self.log(Entry::BreakGlassEnded, now);
        }
        self.finish(())
    }

    /// A slot that tells the owner's own devices of it, through their bucket.
    ///
    /// # Errors
    ///
    /// `RelayUnknown` before the first `/v1/info`.
    pub fn emergency_slot(
        &self,
        id: EmergencyId,
        rng: &mut impl CryptoRng,
    ) -> Result<Post, ClientError> {
        let record = self.emergencies.get(&id).ok_or(ClientError::Internal)?;
        let announcement = match record.ended_at {
            Some(ended_at) => Announcement {
                id,
                sent_at: UnixTime(ended_at),
                what: Said::EmergencyEnded,
            },
            None => Announcement {
                id,
                sent_at: UnixTime(record.began_at),
                what: Said::EmergencyBegan {
                    minutes: record.minutes,
                    reason: record.reason.clone(),
                },
            },
        };
        let cell = self.own_cell(&announcement, rng)?;
        let bucket = self
            .relay
            .bucket_of(&self.identity.public().fingerprint())?;
        let body = outbox::slot(vec![wire::Entry { bucket, cell }], self.relay.info()?, rng)?;
        Ok(Post {
            body,
            tokens: Vec::new(),
        })
    }

    /// All emergency accesses that are known of, oldest first.
    #[must_use]
    pub fn emergencies(&self) -> Vec<EmergencyView> {
        let views = self.emergencies.iter().map(|(id, record)| view(id, record));
        crate::base::sorted_by_key(views, |view| (view.began_at, view.id.clone())).collect()
    }

    /// Tells what was noted in this store while it was closed.
    pub(crate) fn tell_emergencies(&mut self) {
        let untold: Vec<EmergencyId> = self
            .emergencies
            .iter()
            .filter(|(_, record)| !record.told)
            .map(|(id, _)| *id)
            .collect();
        for id in untold {
            self.tell_emergency(id);
        }
    }

    pub(crate) fn emergency_began(
        &mut self,
        id: EmergencyId,
        began_at: UnixTime,
        minutes: u32,
        reason: String,
        now: UnixTime,
    ) {
        let known = self.emergencies.remove(&id);
        let record = EmergencyRecord {
            began_at: began_at.0,
            minutes,
            reason,
            ended_at: known.and_then(|record| record.ended_at),
            told: false,
        };
        self.log_emergency(&record, now);
        self.emergencies.insert(id, record);
        self.tell_emergency(id);
    }

    pub(crate) fn emergency_ended(&mut self, id: EmergencyId, ended_at: UnixTime, now: UnixTime) {
        let unknown = EmergencyRecord {
            began_at: ended_at.0,
            minutes: 0,
            reason: String::new(),
            ended_at: None,
            told: false,
        };
        self.emergencies.get_or_insert(id, unknown).ended_at = Some(ended_at.0);
        self.log(Entry::BreakGlassEnded, now);
        self.tell_emergency(id);
    }

    fn log_emergency(&mut self, record: &EmergencyRecord, now: UnixTime) {
        let entry = Entry::BreakGlassStarted {
            reason: record.reason.clone(),
            minutes: record.minutes,
        };
        self.log(entry, now);
    }

    fn tell_emergency(&mut self, id: EmergencyId) {
        let Some(mut record) = self.emergencies.remove(&id) else {
            return;
        };
        record.told = true;
        let view = view(&id, &record);
        self.store_emergency(id, record);
        self.tell(Event::BreakGlass(view));
    }

    fn store_emergency(&mut self, id: EmergencyId, record: EmergencyRecord) {
        let bytes = stored::encode(&record);
        let changes = &mut self.pending.changes;
        changes.insert(emergency_key(&id), Some(bytes));
        self.emergencies.insert(id, record);
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
