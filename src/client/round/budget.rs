//! How many requests a client makes, whatever a relay lists, and however often
//! it fails.

/// Requests that may follow each other at once.
const BURST: u64 = 600;
/// Milliseconds for each one more. So there are at most 1 200 in any minute;
/// an honest relay's client makes about ten.
const INTERVAL: u64 = 100;

/// Milliseconds that so many requests take at least, if none was made before.
pub(crate) fn least_time(requests: u64) -> u64 {
    requests.saturating_sub(BURST).saturating_mul(INTERVAL)
}

/// Requests of the last minute, as a leaky bucket.
#[derive(Debug, Default)]
pub(super) struct Budget {
    /// When all requests so far are made up for.
    spent_until: u64,
}

impl Budget {
    /// Counts a request; or gives when it may be made.
    pub(super) fn spend(&mut self, ticks: u64) -> Result<(), u64> {
        let spent_until = self.spent_until.max(ticks);
        let earliest = spent_until.saturating_sub((BURST - 1) * INTERVAL);
        if earliest > ticks {
            return Err(earliest);
        }
        self.spent_until = spent_until + INTERVAL;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_minute_has_more_than_1_200_requests() {
        let mut budget = Budget::default();
        let mut made = Vec::new();
        let mut ticks = 5_000;
        while made.len() < 5_000 {
            match budget.spend(ticks) {
                Ok(()) => made.push(ticks),
                Err(at) => {
                    assert!(at > ticks);
                    ticks = at;
                }
            }
        }
        for (place, first) in made.iter().enumerate() {
            let minute = made[place..].iter().take_while(|at| **at < first + 60_000);
            assert!(minute.count() <= 1_200);
        }
        assert!(made[599] == 5_000, "at first nothing waits");
        assert_eq!(made[4_999] - 5_000, least_time(5_000));
    }
}
