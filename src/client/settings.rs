//! What a person or their health system may set: how long old keys and old
//! deliveries count. Local, never the relay's word. Protocol §13.

use serde::Serialize;

use crate::client::{Client, ClientError, Effects, flows::load::SETTINGS_KEY};
use crate::{
    base::{
        UnixTime,
        parameters::{DEFAULT_GRACE_DAYS, DEFAULT_RETENTION_DAYS, GRACE_DAYS, RETENTION_DAYS},
        time::DAY_SECONDS,
    },
    vault::{
        VaultError,
        stored::{self, SettingsRecord},
    },
};

/// How long things count, in days.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Settings {
    /// How long a month's keys stay after it ended: 3 to 28. Shorter than the
    /// three days for which a tag is looked for would lose what is on its way.
    pub grace_days: u32,
    /// How long a delivery is accepted and what was opened is remembered: 7
    /// to 60.
    pub retention_days: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            grace_days: DEFAULT_GRACE_DAYS,
            retention_days: DEFAULT_RETENTION_DAYS,
        }
    }
}

impl Settings {
    fn checked(self) -> Option<Self> {
        let good =
            GRACE_DAYS.contains(&self.grace_days) && RETENTION_DAYS.contains(&self.retention_days);
        good.then_some(self)
    }

    pub(crate) fn grace(self) -> u64 {
        u64::from(self.grace_days) * DAY_SECONDS
    }

    pub(crate) fn retention(self) -> u64 {
        u64::from(self.retention_days) * DAY_SECONDS
    }

    pub(crate) fn from_record(record: &SettingsRecord) -> Result<Self, VaultError> {
        let settings = Self {
            grace_days: record.grace_days,
            retention_days: record.retention_days,
        };
        settings.checked().ok_or(VaultError::Damaged)
    }
}

impl Client {
    /// What is set.
    #[must_use]
    pub fn settings(&self) -> Settings {
        self.settings
    }

    /// Sets it. What is shorter from now on is forgotten at the next tick.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` for a number of days out of its range.
    pub fn set_settings(&mut self, settings: Settings) -> Result<Effects, ClientError> {
        let settings = settings.checked();
        self.settings = settings.ok_or(ClientError::InvalidArgument("days"))?;
        let record = SettingsRecord {
            grace_days: self.settings.grace_days,
            retention_days: self.settings.retention_days,
        };
        let bytes = stored::encode(&record);
        self.pending
            .changes
            .insert(SETTINGS_KEY.into(), Some(bytes));
        self.watch.reset();
        Ok(self.finish(()))
    }

    /// Shreds by hand what a relay that withholds batches, or is gone, has
    /// kept from being shredded: the months whose grace ended longer ago than
    /// the retention, of which nothing would be accepted any more. Gives the
    /// number of contacts whose keys were wiped. Protocol §4.
    pub fn shred_by_hand(&mut self, now: UnixTime) -> Effects<u64> {
        let contacts = self.shred_until(now.minus(self.settings.retention()), now);
        self.finish(contacts)
    }
}
