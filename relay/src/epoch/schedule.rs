//! The schedule of epochs: pure arithmetic on the wall clock.

use std::time::Duration;

use tessera::base::UnixTime;

/// The delay after a boundary is the epoch divided by this, within bounds.
const DELAY_SHARE: u32 = 20;
const DELAY_LEAST: Duration = Duration::from_millis(50);
const DELAY_MOST: Duration = Duration::from_secs(5);

/// Epochs of one length, on a grid that starts in 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    seconds: u32,
}

/// The end of an epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Boundary {
    /// The number of the epoch that ends.
    pub epoch: u64,
    /// Its nominal end: a multiple of the length.
    pub at: UnixTime,
}

impl Schedule {
    /// Creates a schedule with epochs of `seconds`, at least 1.
    #[must_use]
    pub fn new(seconds: u32) -> Self {
        Self {
            seconds: seconds.max(1),
        }
    }

    /// Delay of publication after a boundary.
    #[must_use]
    pub fn delay(&self) -> Duration {
        (Duration::from_secs(u64::from(self.seconds)) / DELAY_SHARE).clamp(DELAY_LEAST, DELAY_MOST)
    }

    /// The number of the epoch at `now`, from the clock alone.
    #[must_use]
    pub fn current(&self, now: Duration) -> u64 {
        now.as_secs() / u64::from(self.seconds)
    }

    /// The next boundary after `now`.
    #[must_use]
    pub fn due(&self, now: Duration) -> Duration {
        Duration::from_secs((self.current(now) + 1).saturating_mul(u64::from(self.seconds)))
    }

    /// The last boundary before `now`, and the number of the epoch that ends there:
    /// `max(last closed + 1, floor(start / length))`.
    ///
    /// Numbers jump after downtime; after a clock was set back they increase by one.
    #[must_use]
    pub fn passed(&self, now: Duration, last: Option<u64>) -> Boundary {
        let index = self.current(now);
        let by_clock = index.saturating_sub(1);
        let epoch = last.map_or(by_clock, |last| by_clock.max(last.saturating_add(1)));
        Boundary {
            epoch,
            at: UnixTime(index.saturating_mul(u64::from(self.seconds))),
        }
    }

    /// The time of publication of a boundary's batches.
    #[must_use]
    pub fn publication(&self, boundary: Boundary) -> Duration {
        Duration::from_secs(boundary.at.0) + self.delay()
    }

    /// Time until the next publication.
    #[must_use]
    pub fn until_publication(&self, now: Duration) -> Duration {
        let delay = self.delay();
        self.due(now.saturating_sub(delay)) + delay - now.max(delay)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn numbers_follow_the_clock_and_jump_after_downtime() {
        let schedule = Schedule::new(30);
        assert_eq!(schedule.due(at(59_999)), at(60_000));
        assert_eq!(schedule.due(at(60_000)), at(90_000));
        assert_eq!(
            schedule.passed(at(60_001), None),
            Boundary {
                epoch: 1,
                at: UnixTime(60)
            }
        );
        assert_eq!(
            schedule.passed(at(90_500), Some(1)),
            Boundary {
                epoch: 2,
                at: UnixTime(90)
            }
        );
        // Down from 90 s to 310 s: one batch, under the number of the epoch that ends at 330 s.
        assert_eq!(
            schedule.passed(at(330_000), Some(2)),
            Boundary {
                epoch: 10,
                at: UnixTime(330)
            }
        );
    }

    #[test]
    fn a_clock_set_back_never_repeats_a_number() {
        let schedule = Schedule::new(30);
        let mut last = Some(100);
        for now in [at(60_000), at(90_000), at(30_000)] {
            let boundary = schedule.passed(now, last);
            assert!(Some(boundary.epoch) > last);
            assert_eq!(boundary.at, UnixTime(now.as_secs()));
            last = Some(boundary.epoch);
        }
        assert_eq!(last, Some(103));
    }

    #[test]
    fn publication_is_a_fixed_delay_after_the_boundary() {
        for (seconds, delay) in [(1, 50), (3, 150), (15, 750), (1800, 5000)] {
            let schedule = Schedule::new(seconds);
            assert_eq!(schedule.delay(), at(delay));
            let boundary = schedule.passed(at(7_200_000), None);
            assert_eq!(schedule.publication(boundary), at(7_200_000 + delay));
        }
        let schedule = Schedule::new(3);
        assert_eq!(schedule.until_publication(at(3_000)), at(150));
        assert_eq!(schedule.until_publication(at(3_150)), at(3_000));
        assert_eq!(schedule.until_publication(at(5_150)), at(1_000));
    }
}
