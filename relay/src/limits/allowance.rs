//! Rate limits and quotas that need only a few bytes of memory.

use std::time::{Duration, Instant};

/// A number per minute, and as many at once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rate {
    per_minute: u32,
}

impl Rate {
    pub(super) const fn per_minute(per_minute: u32) -> Self {
        Self { per_minute }
    }

    fn time_for(self, amount: u32) -> Duration {
        Duration::from_secs(60) * amount / self.per_minute.max(1)
    }
}

/// The used part of a [`Rate`], stored as the time at which all of it is available
/// again (generic cell rate algorithm).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Allowance {
    free_at: Option<Instant>,
}

impl Allowance {
    /// Takes `amount`, or returns the time until that much is available.
    pub(super) fn take(&mut self, amount: u32, rate: Rate, now: Instant) -> Result<(), Duration> {
        let whole = rate.time_for(rate.per_minute);
        let free_at = self.free_at.map_or(now, |at| at.max(now)) + rate.time_for(amount);
        match free_at.duration_since(now).checked_sub(whole) {
            None | Some(Duration::ZERO) => {
                self.free_at = Some(free_at);
                Ok(())
            }
            Some(wait) => Err(wait),
        }
    }
}

/// The used part of a number per epoch.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Quota {
    epoch: u64,
    used: u32,
}

impl Quota {
    /// Takes all of `amount` out of `most`, or nothing.
    pub(super) fn take(&mut self, amount: u32, most: u32, epoch: u64) -> bool {
        if self.epoch != epoch {
            *self = Self { epoch, used: 0 };
        }
        let used = self.used.saturating_add(amount);
        if used > most {
            return false;
        }
        self.used = used;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_the_rate() {
        let (rate, start) = (Rate::per_minute(60), Instant::now());
        let mut allowance = Allowance::default();
        assert_eq!(allowance.take(60, rate, start), Ok(()));
        assert_eq!(allowance.take(1, rate, start), Err(Duration::from_secs(1)));
        assert_eq!(
            allowance.take(4, rate, start + Duration::from_secs(3)),
            Err(Duration::from_secs(1)),
            "a refusal takes nothing"
        );
        assert_eq!(
            allowance.take(3, rate, start + Duration::from_secs(3)),
            Ok(())
        );
        let rested = start + Duration::from_secs(1000);
        assert_eq!(
            allowance.take(61, rate, rested),
            Err(Duration::from_secs(1)),
            "rest is not saved up"
        );
        assert_eq!(allowance.take(60, rate, rested), Ok(()));
    }

    #[test]
    fn a_quota_is_per_epoch() {
        let mut quota = Quota::default();
        assert!(quota.take(3, 4, 7));
        assert!(!quota.take(2, 4, 7), "all or nothing");
        assert!(quota.take(1, 4, 7));
        assert!(!quota.take(1, 4, 7));
        assert!(quota.take(4, 4, 8));
        assert!(!quota.take(5, 4, 9));
    }
}
