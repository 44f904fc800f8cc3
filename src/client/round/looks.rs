//! At which times the own bucket is looked at, whatever was found. Protocol §13.

/// Looks at the start: the first, and three after it.
const LOOKS_AT_START: u32 = 4;
/// Between those: 20 seconds, or a quarter of an epoch.
const LOOK_AGAIN: u64 = 20_000;
/// Looks in a row that the mirror does not answer, before the bucket is read
/// whole.
const MOST_UNANSWERED: u32 = 3;
/// When looks are due, and what became of them.
#[derive(Debug, Default)]
pub(super) struct Looks {
    /// Since the start.
    made: u32,
    /// When the last began.
    pub(super) began: u64,
    /// In a row, for want of the mirror.
    pub(super) unanswered: u32,
    /// A window was read whole because a cell did not open: not again before
    /// the next start.
    pub(super) fell_back: bool,
    /// The person was asked whether to read a window whole because of many cells.
    pub(super) asked: bool,
}

impl Looks {
    pub(super) fn start(&mut self) {
        *self = Self {
            unanswered: self.unanswered,
            ..Self::default()
        };
    }

    /// Whether the next time the bucket is read whole.
    pub(super) fn reads_whole(&self) -> bool {
        self.unanswered >= MOST_UNANSWERED
    }

    /// When the next look is due: by when this one began, not by how long it
    /// took. `None` for an epoch later.
    pub(super) fn next(&mut self, epoch: u64) -> Option<u64> {
        self.made = self.made.saturating_add(1);
        // The bucket was read whole: the mirror is tried again.
        self.unanswered = self.unanswered.min(MOST_UNANSWERED - 1);
        let again = self.began.saturating_add(LOOK_AGAIN.min(epoch / 4));
        (self.made < LOOKS_AT_START).then_some(again)
    }
}
