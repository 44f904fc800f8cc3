//! How old a batch may become, and why a clock that jumps deletes nothing.

use std::time::{Duration, Instant};

use tessera::base::UnixTime;

/// A clock that ran ahead by more than this is not believed at once.
const JUMP: Duration = Duration::from_secs(24 * 3600);

/// Decides what is past retention. After a jump of the clock by more than
/// 24 h nothing is deleted for 24 h of running: time for someone to notice.
#[derive(Debug)]
pub(super) struct Retention {
    keep: Duration,
    wall: Duration,
    seen: Instant,
    hold_until: Option<Instant>,
    cutoff: UnixTime,
}

impl Retention {
    /// Starts from the last wall-clock time known to be right.
    pub(super) fn new(keep: Duration, wall: Duration, seen: Instant) -> Self {
        Self {
            keep,
            wall,
            seen,
            hold_until: None,
            cutoff: UnixTime(0),
        }
    }

    /// Batches closed earlier than this are past retention. Never goes back.
    pub(super) fn cutoff(&mut self, wall: Duration, now: Instant) -> UnixTime {
        let ran = now.saturating_duration_since(self.seen);
        if wall.saturating_sub(self.wall) > ran + JUMP {
            tracing::warn!("the clock jumped by more than 24 h: no batch is deleted for 24 h");
            self.hold_until = Some(now + JUMP);
        }
        (self.wall, self.seen) = (wall, now);
        if self.hold_until.is_none_or(|until| now >= until) {
            self.hold_until = None;
            self.cutoff = self
                .cutoff
                .max(UnixTime(wall.saturating_sub(self.keep).as_secs()));
        }
        self.cutoff
    }

    /// What [`Self::cutoff`] last said.
    pub(super) fn last_cutoff(&self) -> UnixTime {
        self.cutoff
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    #[test]
    fn a_jumping_clock_deletes_nothing_for_a_day() {
        let start = Instant::now();
        let mut retention = Retention::new(10 * DAY, 100 * DAY, start);
        assert_eq!(retention.cutoff(100 * DAY, start), UnixTime(90 * 86_400));
        let hour = Duration::from_secs(3600);
        let held = retention.cutoff(130 * DAY, start + hour);
        assert_eq!(held, UnixTime(90 * 86_400));
        assert_eq!(
            retention.cutoff(130 * DAY + 23 * hour, start + 24 * hour),
            held
        );
        assert_eq!(
            retention.cutoff(131 * DAY, start + 25 * hour),
            UnixTime(121 * 86_400)
        );
    }

    #[test]
    fn a_clock_set_back_keeps_the_cutoff() {
        let start = Instant::now();
        let mut retention = Retention::new(10 * DAY, 100 * DAY, start);
        let before = retention.cutoff(100 * DAY, start);
        assert_eq!(retention.cutoff(50 * DAY, start), before);
        assert_eq!(retention.last_cutoff(), before);
    }
}
