//! A clock that a test sets.

use std::time::{Duration, Instant};

use tessera_relay::epoch::Now;

use super::DAY;

/// Both clocks of the operating system.
pub(super) struct Clock {
    start: Instant,
    ran: u64,
    wall: u64,
    /// When it last jumped ahead by more than a day, in monotonic time.
    jumped: Option<u64>,
}

impl Clock {
    pub(super) fn new() -> Self {
        Self {
            start: Instant::now(),
            ran: 0,
            wall: 20_000 * DAY,
            jumped: None,
        }
    }

    pub(super) fn now(&self) -> Now {
        Now {
            wall: Duration::from_secs(self.wall),
            running: self.start + Duration::from_secs(self.ran),
        }
    }

    /// Seconds since 1970 by the wall clock.
    pub(super) fn wall(&self) -> u64 {
        self.wall
    }

    /// Whether the relay may believe the wall clock: it has not jumped ahead for a day.
    pub(super) fn is_believed(&self) -> bool {
        self.jumped.is_none_or(|jumped| self.ran >= jumped + DAY)
    }

    /// Lets time pass.
    pub(super) fn pass(&mut self, seconds: u64) {
        self.wall += seconds;
        self.ran += seconds;
    }

    /// Sets the wall clock.
    pub(super) fn jump(&mut self, seconds: i64) {
        self.wall = self.wall.checked_add_signed(seconds).unwrap();
        if seconds > DAY as i64 {
            self.jumped = Some(self.ran);
        }
    }
}
