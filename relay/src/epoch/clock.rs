//! The clocks of the operating system.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tessera::base::UnixTime;

/// A reading of both clocks.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// Time since 1970 by the wall clock, which may be set.
    pub wall: Duration,
    /// The monotonic clock.
    pub running: Instant,
}

impl Now {
    /// Reads the operating system's clocks.
    #[must_use]
    pub fn look() -> Self {
        Self {
            wall: wall_clock(),
            running: Instant::now(),
        }
    }
}

/// Time since 1970 of the operating system's clock; zero for a clock before 1970.
#[must_use]
pub fn wall_clock() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

/// [`wall_clock`] in whole seconds.
#[must_use]
pub fn unix_time() -> UnixTime {
    UnixTime(wall_clock().as_secs())
}
