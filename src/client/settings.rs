//! Settings of a person or their health system: how long old keys and deliveries
//! are accepted. The relay cannot change them. Protocol §13.

use crate::{
    base::{
        UnixTime,
        parameters::{
            CLOCK_SKEW_SECONDS, DEFAULT_GRACE_DAYS, DEFAULT_RETENTION_DAYS, GRACE_DAYS,
            RETENTION_DAYS,
        },
        time::DAY_SECONDS,
    },
    client::ClientError,
    vault::VaultError,
};

/// The settings, which are stored as they are.
pub use crate::vault::stored::SettingsRecord as Settings;

impl Default for Settings {
    fn default() -> Self {
        Self {
            grace_days: DEFAULT_GRACE_DAYS,
            retention_days: DEFAULT_RETENTION_DAYS,
        }
    }
}

impl Settings {
    /// Refuses days out of range.
    pub(crate) fn checked(self) -> Result<Self, ClientError> {
        let good =
            GRACE_DAYS.contains(&self.grace_days) && RETENTION_DAYS.contains(&self.retention_days);
        good.then_some(self)
            .ok_or(ClientError::InvalidArgument("days"))
    }

    pub(crate) fn grace(self) -> u64 {
        u64::from(self.grace_days) * DAY_SECONDS
    }

    pub(crate) fn retention(self) -> u64 {
        u64::from(self.retention_days) * DAY_SECONDS
    }

    /// A closing time, or now if the relay states one that cannot be right because
    /// no batch is kept for so long or it lies in the future.
    pub(crate) fn plausible(self, closed_at: UnixTime, now: UnixTime) -> UnixTime {
        let oldest = now.minus(self.retention());
        match (oldest..=now.plus(CLOCK_SKEW_SECONDS)).contains(&closed_at) {
            true => closed_at,
            false => now,
        }
    }

    /// Settings as the store has them.
    pub(crate) fn restored(self) -> Result<Self, VaultError> {
        self.checked().map_err(|_| VaultError::Damaged)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_out_of_range_are_refused() {
        for (grace_days, retention_days) in [(2, 60), (29, 60), (7, 6), (7, 61), (0, 0)] {
            let settings = Settings {
                grace_days,
                retention_days,
            };
            assert!(settings.checked().is_err());
            assert_eq!(settings.restored(), Err(VaultError::Damaged));
        }
        assert!(Settings::default().checked().is_ok());
    }

    #[test]
    fn a_closing_time_that_cannot_be_right_counts_as_now() {
        let (now, settings) = (UnixTime(1_795_300_000), Settings::default());
        let (oldest, latest) = (now.minus(60 * DAY_SECONDS), now.plus(CLOCK_SKEW_SECONDS));
        for wrong in [UnixTime(0), oldest.minus(1), latest.plus(1)] {
            assert_eq!(settings.plausible(wrong, now), now);
        }
        for right in [oldest, now, latest] {
            assert_eq!(settings.plausible(right, now), right);
        }
    }
}
