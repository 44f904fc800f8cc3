//! How often a download failed. After a few attempts it is passed over, so
//! that everything after it is read; later it is tried again.

use crate::base::SortedMap;

/// Attempts at successive pulls, before a download is passed over.
const ATTEMPTS: u32 = 3;
/// How long it is passed over at first: 1 hour, in milliseconds; then twice as
/// long each time, up to 16 hours.
const PASS_OVER: u64 = 3_600_000;
const MOST_DOUBLED: u32 = 4;
/// Most downloads remembered; beyond, the one that was last tried is forgotten.
const MAX_REMEMBERED: usize = 256;

/// Failed downloads by path: attempts, and when the next may be made.
#[derive(Debug, Default)]
pub(super) struct Attempts(SortedMap<String, (u32, u64)>);

impl Attempts {
    /// Whether a download may be tried now.
    pub(super) fn allowed(&self, path: &String, ticks: u64) -> bool {
        self.0.get(path).is_none_or(|(_, next)| ticks >= *next)
    }

    /// A download failed; whether for the first time.
    pub(super) fn failed(&mut self, path: &str, ticks: u64) -> bool {
        let known = self.0.remove(&path.to_owned());
        let count = known.map_or(0, |(count, _)| count).saturating_add(1);
        let over = count.saturating_sub(ATTEMPTS);
        let next = match count < ATTEMPTS {
            true => ticks,
            false => ticks + (PASS_OVER << over.min(MOST_DOUBLED)),
        };
        if self.0.len() >= MAX_REMEMBERED {
            self.0.pop_first();
        }
        self.0.insert(path.to_owned(), (count, next));
        count == 1
    }

    pub(super) fn succeeded(&mut self, path: &str) {
        self.0.remove(&path.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_three_attempts_a_download_is_passed_over_and_tried_again_later() {
        let mut attempts = Attempts::default();
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
        let mut attempts = Attempts::default();
        for i in 0..2_000 {
            attempts.failed(&format!("/{i}"), 0);
        }
        assert!(attempts.0.len() <= MAX_REMEMBERED);
    }
}
