//! When each task of a round is due. A task that fails waits by itself, twice
//! as long each time, and delays no other.

use rand_core::CryptoRng;
use serde::Serialize;

use crate::base::words::worded;

worded! {
    /// What a client does by itself.
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    pub enum Task {
        /// Reads the relay's description of itself.
        Info = "info",
        /// Reads the own bucket.
        Own = "own",
        /// Reads the lobby.
        Lobby = "lobby",
        /// Posts one slot.
        Slot = "slot",
    }
}

/// The lengths of the relay's epochs in milliseconds; all waits shrink with
/// short epochs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    pub(super) epoch: u64,
    pub(super) lobby_epoch: u64,
}

impl Default for Pace {
    /// Until the relay has described itself.
    fn default() -> Self {
        Self {
            epoch: 60_000,
            lobby_epoch: 15_000,
        }
    }
}

/// Longest wait after a failure: 5 minutes, or one epoch.
const LONGEST_WAIT: u64 = 300_000;
/// Shortest wait after a failure: 5 seconds, or a sixteenth of an epoch.
const SHORTEST_WAIT: u64 = 5_000;
/// Longest wait that a relay may ask for: one hour.
const LONGEST_RETRY_AFTER: u64 = 3_600_000;

#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    /// Monotonic milliseconds; `None` for never.
    due: Option<u64>,
    /// Failures in a row.
    failures: u32,
    /// Whether the relay asked to wait.
    told_to_wait: bool,
}

/// Due times by a monotonic clock, which no correction of the wall clock
/// moves.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    entries: [Entry; Task::ALL.len()],
}

impl Schedule {
    /// Of the tasks that `wanted` accepts, the one that is due first.
    pub(super) fn first(&self, wanted: impl Fn(Task) -> bool) -> Option<(Task, u64)> {
        let due = Task::ALL.iter().copied().zip(&self.entries);
        due.filter(|(task, _)| wanted(*task))
            .filter_map(|(task, entry)| Some((task, entry.due?)))
            .min_by_key(|(_, due)| *due)
    }

    pub(super) fn due(&self, task: Task) -> Option<u64> {
        self.entry(task).due
    }

    pub(super) fn set(&mut self, task: Task, due: Option<u64>) {
        self.entry_mut(task).due = due;
    }

    /// Makes a task due no later than this; one that is never due stays so.
    pub(super) fn hasten(&mut self, task: Task, due: u64) {
        let entry = self.entry_mut(task);
        entry.due = entry.due.map(|known| known.min(due));
    }

    /// Makes what failed due no later than this, unless the relay asked to
    /// wait.
    pub(super) fn hasten_failed(&mut self, due: u64) {
        for entry in &mut self.entries {
            if entry.failures > 0 && !entry.told_to_wait {
                entry.due = entry.due.map(|known| known.min(due));
            }
        }
    }

    pub(super) fn succeeded(&mut self, task: Task, due: Option<u64>) {
        *self.entry_mut(task) = Entry {
            due,
            ..Entry::default()
        };
    }

    /// Lets a task wait after a failure. `retry_after` is in milliseconds.
    pub(super) fn failed(
        &mut self,
        task: Task,
        ticks: u64,
        retry_after: u64,
        pace: Pace,
        rng: &mut impl CryptoRng,
    ) {
        let entry = self.entry_mut(task);
        let least = SHORTEST_WAIT.min((pace.epoch / 16).max(250));
        let most = LONGEST_WAIT.min(pace.epoch).max(least);
        let wait = most.min(least << entry.failures.min(16));
        let wait = wait / 2 + below(wait / 2, rng);
        entry.failures = entry.failures.saturating_add(1);
        entry.told_to_wait = retry_after > 0;
        entry.due = Some(ticks + wait.max(retry_after.min(LONGEST_RETRY_AFTER)));
    }

    pub(super) fn failures(&self, task: Task) -> u32 {
        self.entry(task).failures
    }

    #[expect(clippy::indexing_slicing, reason = "each task has an entry")]
    fn entry(&self, task: Task) -> &Entry {
        &self.entries[task as usize]
    }

    #[expect(clippy::indexing_slicing, reason = "each task has an entry")]
    fn entry_mut(&mut self, task: Task) -> &mut Entry {
        &mut self.entries[task as usize]
    }
}

/// When the second slot follows the first: 4 to 6 minutes later, or in
/// proportion to an epoch of less than half an hour. A person who opens a
/// portal briefly need not wait for an epoch; it follows every first slot,
/// whatever is queued.
const SECOND_SLOT: (u64, u64) = (240_000, 360_000);
const SECOND_SLOT_EPOCH: u64 = 1_800_000;

/// The rhythm of slots. When the next one is due follows from when this one
/// was, not from how long it took: that may depend on what was in it.
#[derive(Debug, Default)]
pub(super) struct Slots {
    posted: u32,
    second: u64,
}

impl Slots {
    /// When the next slot is due after the one that was due at `due`.
    pub(super) fn next(
        &mut self,
        due: u64,
        ticks: u64,
        pace: Pace,
        rng: &mut impl CryptoRng,
    ) -> u64 {
        self.posted = self.posted.saturating_add(1);
        let wait = match self.posted {
            1 => {
                let (least, most) = SECOND_SLOT;
                let wait = least + below(most - least, rng);
                let epoch = pace.epoch.min(SECOND_SLOT_EPOCH);
                self.second = wait.saturating_mul(epoch) / SECOND_SLOT_EPOCH;
                self.second
            }
            2 => pace.epoch.saturating_sub(self.second),
            _ => pace.epoch,
        };
        let next = due.saturating_add(wait);
        // A computer that slept has missed some; they are not made up for.
        match next > ticks {
            true => next,
            false => ticks + below(SOON.min(pace.epoch / 2), rng),
        }
    }
}

/// Longest wait before the first slot.
pub(super) const SOON: u64 = 5_000;

/// A random number below `bound`, or 0. Waits need not be unbiased.
pub(super) fn below(bound: u64, rng: &mut impl CryptoRng) -> u64 {
    rng.next_u64().checked_rem(bound).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rng() -> impl CryptoRng {
        rand_core::UnwrapErr(getrandom::SysRng)
    }

    #[test]
    fn a_task_that_always_fails_delays_no_other() {
        let mut schedule = Schedule::default();
        for task in [Task::Own, Task::Slot] {
            schedule.set(task, Some(0));
        }
        let (mut failed, mut posted) = (0, 0);
        while let Some((task, due)) = schedule.first(|_| true).filter(|(_, due)| *due < 600_000) {
            match task {
                Task::Own => {
                    failed += 1;
                    schedule.failed(task, due, 0, Pace::default(), &mut rng());
                }
                _ => {
                    posted += 1;
                    schedule.succeeded(task, Some(due + 60_000));
                }
            }
        }
        assert_eq!(posted, 10);
        assert!(
            (10..=40).contains(&failed),
            "{failed} attempts in 10 minutes"
        );
    }

    #[test]
    fn waits_grow_up_to_a_bound_and_a_relay_cannot_ask_for_more_than_an_hour() {
        let mut schedule = Schedule::default();
        for _ in 0..40 {
            schedule.failed(Task::Own, 0, 0, Pace::default(), &mut rng());
        }
        assert!(schedule.due(Task::Own) <= Some(60_000));
        schedule.failed(Task::Own, 0, u64::MAX, Pace::default(), &mut rng());
        assert_eq!(schedule.due(Task::Own), Some(3_600_000));
    }

    #[test]
    fn slots_follow_each_other_by_the_clock_however_long_they_take() {
        let pace = Pace {
            epoch: SECOND_SLOT_EPOCH,
            lobby_epoch: 15_000,
        };
        let mut slots = Slots::default();
        let second = slots.next(1_000, 50_000, pace, &mut rng());
        assert!((241_000..=361_000).contains(&second));
        let third = slots.next(second, second + 900, pace, &mut rng());
        assert_eq!(third, 1_000 + pace.epoch);
        let fourth = slots.next(third, third + 7, pace, &mut rng());
        assert_eq!(fourth, third + pace.epoch);
        let late = fourth + 10 * pace.epoch;
        let next = slots.next(fourth, late, pace, &mut rng());
        assert!((late..=late + SOON).contains(&next), "none is made up for");
    }

    #[test]
    fn once_the_network_is_back_only_what_the_relay_put_off_goes_on_waiting() {
        let mut schedule = Schedule::default();
        schedule.set(Task::Info, Some(50_000));
        schedule.failed(Task::Own, 0, 0, Pace::default(), &mut rng());
        schedule.failed(Task::Slot, 0, 90_000, Pace::default(), &mut rng());
        schedule.hasten_failed(10);
        assert_eq!(schedule.due(Task::Info), Some(50_000));
        assert_eq!(schedule.due(Task::Own), Some(10));
        assert_eq!(schedule.due(Task::Slot), Some(90_000));
        assert_eq!(schedule.due(Task::Lobby), None);
    }

    #[test]
    fn what_is_never_due_is_not_hastened() {
        let mut schedule = Schedule::default();
        schedule.hasten(Task::Lobby, 5);
        assert_eq!(schedule.due(Task::Lobby), None);
        schedule.set(Task::Lobby, Some(9));
        schedule.hasten(Task::Lobby, 5);
        assert_eq!(schedule.first(|_| true), Some((Task::Lobby, 5)));
    }
}
