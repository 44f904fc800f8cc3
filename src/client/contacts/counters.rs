//! The numbers that the sending device has used. Protocol §5 and §6.

use crate::{
    base::{Day, SortedMap},
    client::ContactId,
};

/// Days whose counters are remembered; a clock further behind is refused.
const COUNTER_DAYS: usize = 64;

/// The tag counters per day and sequence numbers that the sending device has used.
/// Deliveries are sealed with the numbers of a copy, which take effect when the
/// copy replaces the channel's own.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counters {
    /// Next tag counter per day.
    pub(super) days: SortedMap<Day, u32>,
    /// Days up to this one are closed for sealing.
    pub(super) sealed_before: Day,
    pub(super) next_seq: u64,
}

/// The numbers that deliveries sealed for a contact have used.
pub(crate) struct UsedCounters {
    pub(crate) contact: ContactId,
    pub(crate) counters: Counters,
}

impl Counters {
    /// Returns `true` if cells may still be sealed for this day.
    pub(crate) fn is_open(&self, day: Day) -> bool {
        day > self.sealed_before
    }

    /// Reserves `count` consecutive tag counters of one day and returns the first.
    pub(crate) fn take(&mut self, day: Day, count: u32) -> u32 {
        let next = self.days.get_or_insert(day, 0);
        let first = *next;
        *next = next.saturating_add(count);
        while self.days.len() > COUNTER_DAYS {
            if let Some((day, _)) = self.days.pop_first() {
                self.sealed_before = day;
            }
        }
        first
    }

    /// Returns the unused counters of a day, from this one on.
    pub(crate) fn give_back(&mut self, day: Day, from: u32) {
        if let Some(next) = self.days.get_mut(&day) {
            *next = (*next).min(from);
        }
    }

    /// The sequence number of the next delivery.
    pub(crate) fn next_seq(&self) -> u64 {
        self.next_seq
    }

    pub(crate) fn take_seq(&mut self) -> u64 {
        let seq = self.next_seq;
        self.next_seq += 1;
        seq
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_goes_back_never_repeats_a_counter() {
        let mut counters = Counters::default();
        assert_eq!(counters.take(Day(10), 3), 0);
        assert_eq!(counters.take(Day(11), 1), 0);
        assert_eq!(
            counters.take(Day(10), 1),
            3,
            "a day seen before goes on counting"
        );
    }

    #[test]
    fn a_day_whose_counters_are_forgotten_is_closed() {
        let mut counters = Counters::default();
        for day in 1..=COUNTER_DAYS as u32 + 1 {
            counters.take(Day(day), 1);
        }
        assert!(!counters.is_open(Day(1)), "its counters are forgotten");
        assert!(counters.is_open(Day(2)));
    }
}
