//! Shreds keys by a date that no relay can put off. Protocol §4.
//!
//! Keys are shredded when both the local clock and the batches that were read are
//! past the grace. A relay can delay this by withholding batches or disappearing.
//! In that case the local clock alone decides: keys are wiped once everything
//! sealed with them would be refused as older than the retention setting, and the
//! clock has said so for seven days. A clock that is wrong for a moment shreds
//! nothing.

use crate::{
    base::{UnixTime, time::DAY_SECONDS},
    client::{StoreKey, transaction::Transaction},
    vault::stored::OverdueRecord,
};

/// For how long the clock must have been past the date.
const CERTAIN_SECONDS: u64 = 7 * DAY_SECONDS;

/// Since when keys are past the date by which the local clock alone decides.
#[derive(Debug, Default)]
pub(crate) struct Shredding {
    overdue_since: Option<UnixTime>,
}

impl Shredding {
    pub(crate) fn restore(&mut self, record: &OverdueRecord) {
        self.overdue_since = Some(UnixTime(record.since));
    }

    pub(crate) fn to_record(&self) -> Option<OverdueRecord> {
        let since = self.overdue_since?.0;
        Some(OverdueRecord { since })
    }

    /// Whether overdue keys go now. `overdue` says whether there are any.
    pub(crate) fn is_certain(&mut self, overdue: bool, tx: &mut Transaction) -> bool {
        let since = match (overdue, self.overdue_since) {
            (false, None) => return false,
            (false, Some(_)) => None,
            // A clock that was set back begins again.
            (true, since) => Some(since.unwrap_or(tx.now).min(tx.now)),
        };
        if since != self.overdue_since {
            self.overdue_since = since;
            tx.touch(StoreKey::Overdue);
        }
        since.is_some_and(|since| tx.now >= since.plus(CERTAIN_SECONDS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = DAY_SECONDS;

    #[test]
    fn a_clock_that_is_wrong_for_a_moment_shreds_nothing() {
        let mut shredding = Shredding::default();
        for (day, overdue, certain) in [
            (1, false, false),
            (400, true, false),
            (2, false, false),
            (403, true, false),
            (409, true, false),
            (410, true, true),
        ] {
            let mut tx = Transaction::new(UnixTime(day * DAY));
            let decided = shredding.is_certain(overdue, &mut tx);
            assert_eq!(decided, certain, "day {day}");
        }
    }

    #[test]
    fn it_is_remembered_across_restarts() {
        let mut shredding = Shredding::default();
        let mut tx = Transaction::new(UnixTime(10 * DAY));
        assert!(!shredding.is_certain(true, &mut tx));
        assert!(tx.touched.contains(&StoreKey::Overdue));
        let mut stored = Shredding::default();
        stored.restore(&shredding.to_record().unwrap());
        assert!(stored.is_certain(true, &mut Transaction::new(UnixTime(17 * DAY))));
        assert!(!stored.is_certain(false, &mut Transaction::new(UnixTime(18 * DAY))));
        assert!(stored.to_record().is_none());
    }
}
