//! How often something failed. After a few attempts it is passed over, so that
//! everything after it is done; later it is tried again.

use crate::base::SortedMap;

/// How long it is passed over at first: 1 hour, in milliseconds; then twice as
/// long each time, up to 16 hours.
const PASS_OVER: u64 = 3_600_000;
const MOST_DOUBLED: u32 = 4;
/// Most failures remembered, so that a relay cannot make this grow.
const MAX_REMEMBERED: usize = 1_024;

/// What failed: attempts, and when the next may be made. Passed over after
/// `MOST` attempts.
#[derive(Debug, Default)]
pub(super) struct Attempts<K, const MOST: u32> {
    failed: SortedMap<K, (u32, u64)>,
}

impl<K: Ord + Clone, const MOST: u32> Attempts<K, MOST> {
    /// Whether it failed and has not succeeded since.
    pub(super) fn has_failed(&self, key: &K) -> bool {
        self.failed.contains_key(key)
    }

    /// Whether it may be tried now.
    pub(super) fn allowed(&self, key: &K, ticks: u64) -> bool {
        self.failed.get(key).is_none_or(|(_, next)| ticks >= *next)
    }

    /// It failed; whether for the first time.
    pub(super) fn failed(&mut self, key: &K, ticks: u64) -> bool {
        let known = self.failed.remove(key);
        let count = known.map_or(0, |(count, _)| count).saturating_add(1);
        let over = count.saturating_sub(MOST);
        let next = match count < MOST {
            true => ticks,
            false => ticks + (PASS_OVER << over.min(MOST_DOUBLED)),
        };
        if self.failed.len() >= MAX_REMEMBERED {
            self.failed.pop_first();
        }
        self.failed.insert(key.clone(), (count, next));
        count == 1
    }

    pub(super) fn succeeded(&mut self, key: &K) {
        self.failed.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_three_attempts_a_download_is_passed_over_and_tried_again_later() {
        let mut attempts = Attempts::<_, 3>::default();
        let path = "/v1/buckets/1/batch".to_owned();
        for attempt in 0..3 {
            assert!(attempts.allowed(&path, 0));
            assert_eq!(attempts.failed(&path, 0), attempt == 0);
        }
        assert!(!attempts.allowed(&path, PASS_OVER - 1));
        assert!(attempts.allowed(&path, PASS_OVER));
        attempts.failed(&path, PASS_OVER);
        assert!(!attempts.allowed(&path, 2 * PASS_OVER), "twice as long");
        attempts.succeeded(&path);
        assert!(attempts.allowed(&path, PASS_OVER));
    }

    #[test]
    fn a_relay_cannot_make_it_grow() {
        let mut attempts = Attempts::<_, 3>::default();
        for i in 0..5_000 {
            attempts.failed(&i, 0);
        }
        assert!(attempts.failed.len() <= MAX_REMEMBERED);
    }
}
