//! The retention of batches, and protection against a clock that jumps.

use std::time::{Duration, Instant};

use tessera::base::UnixTime;

use super::Now;

/// A clock that jumps ahead by more than this is not trusted at once.
const JUMP: Duration = Duration::from_secs(24 * 3600);

/// Decides what is past retention. After a jump of the clock by more than 24 h,
/// nothing is deleted for 24 h of monotonic time, so that an operator can notice.
#[derive(Debug)]
pub(super) struct Retention {
    keep: Duration,
    seen: Now,
    hold_until: Option<Instant>,
    cutoff: UnixTime,
}

impl Retention {
    /// Starts from the last wall-clock time known to be right. `held` means that
    /// deletes were suspended before the restart; the suspension then restarts.
    pub(super) fn new(keep: Duration, seen: Now, held: bool) -> Self {
        Self {
            keep,
            seen,
            hold_until: held.then(|| seen.running + JUMP),
            cutoff: UnixTime(0),
        }
    }

    /// Updates the state from the clocks. Returns `true` if deletes are suspended.
    pub(super) fn look(&mut self, now: Now) -> bool {
        let ran = now.running.saturating_duration_since(self.seen.running);
        if now.wall.saturating_sub(self.seen.wall) > ran + JUMP {
            tracing::warn!("the clock jumped by more than 24 h: no batch is deleted for 24 h");
            self.hold_until = Some(now.running + JUMP);
        } else if self.seen.wall.saturating_sub(now.wall) > JUMP {
            tracing::warn!("the clock was set back by more than 24 h");
        }
        self.seen = now;
        if self.hold_until.is_some_and(|until| now.running < until) {
            return true;
        }
        self.hold_until = None;
        // A clock that is set back moves the cutoff back; otherwise new batches would be past it.
        self.cutoff = UnixTime(now.wall.saturating_sub(self.keep).as_secs());
        false
    }

    /// Batches closed earlier than this are past retention.
    pub(super) fn cutoff(&self) -> UnixTime {
        self.cutoff
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);
    const HOUR: Duration = Duration::from_secs(3600);

    /// A clock that started at 100 d.
    fn clock() -> impl Fn(Duration, Duration) -> Now {
        let start = Instant::now();
        move |wall, ran| Now {
            wall,
            running: start + ran,
        }
    }

    #[test]
    fn a_clock_that_jumps_deletes_nothing_for_a_day() {
        let at = clock();
        let mut retention = Retention::new(10 * DAY, at(100 * DAY, Duration::ZERO), false);
        assert!(!retention.look(at(100 * DAY, Duration::ZERO)));
        assert_eq!(retention.cutoff(), UnixTime(90 * 86_400));
        assert!(retention.look(at(130 * DAY, HOUR)));
        assert!(retention.look(at(130 * DAY + 23 * HOUR, 24 * HOUR)));
        assert_eq!(retention.cutoff(), UnixTime(90 * 86_400));
        assert!(!retention.look(at(131 * DAY, 25 * HOUR)));
        assert_eq!(retention.cutoff(), UnixTime(121 * 86_400));
    }

    #[test]
    fn a_suspension_restarts_after_a_restart() {
        let at = clock();
        let mut retention = Retention::new(10 * DAY, at(130 * DAY, Duration::ZERO), true);
        assert!(retention.look(at(130 * DAY, Duration::ZERO)));
        assert!(retention.look(at(131 * DAY - HOUR, 23 * HOUR)));
        assert_eq!(retention.cutoff(), UnixTime(0), "all that is left is seen");
        assert!(!retention.look(at(131 * DAY, 24 * HOUR)));
    }

    #[test]
    fn new_batches_are_kept_after_a_clock_set_back() {
        let at = clock();
        let mut retention = Retention::new(10 * DAY, at(100 * DAY, Duration::ZERO), false);
        assert!(!retention.look(at(50 * DAY, HOUR)));
        assert!(retention.cutoff() < UnixTime(50 * 86_400));
    }
}
