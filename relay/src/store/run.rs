//! Grouping of batches into segments, for every backend. Protocol §12.

use tessera::{
    base::UnixTime,
    wire::segment::{MAX_SEGMENT_LEN, grid_cell},
};

/// Batches of one chain that are published as one segment, once a later
/// batch exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// Epoch of the first batch.
    pub first: u64,
    /// Epoch of the last batch.
    pub last: u64,
    /// When the last batch was closed.
    pub closed_at: UnixTime,
    /// Total length of the batches in bytes.
    pub bytes: u64,
}

impl Run {
    /// The run of one batch.
    #[must_use]
    pub const fn of(epoch: u64, closed_at: UnixTime, bytes: u64) -> Self {
        Self {
            first: epoch,
            last: epoch,
            closed_at,
            bytes,
        }
    }

    /// Extends the run by this one of one batch; `None` if that starts another run.
    fn with(self, next: Self) -> Option<Self> {
        let bytes = self.bytes + next.bytes;
        let goes_on =
            grid_cell(self.closed_at) == grid_cell(next.closed_at) && bytes <= MAX_SEGMENT_LEN;
        goes_on.then_some(Self {
            last: next.last,
            closed_at: next.closed_at,
            bytes,
            ..self
        })
    }

    /// The number of its segment, given the chain's last one.
    #[must_use]
    pub fn number(&self, last: Option<u64>) -> u64 {
        let cell = grid_cell(self.closed_at);
        last.map_or(cell, |last| cell.max(last.saturating_add(1)))
    }
}

/// The complete runs of a chain, given as one run for each batch, oldest batch first: all but the last, and except
/// those of one batch that is too large.
pub fn complete(chain: impl IntoIterator<Item = Run>) -> Vec<Run> {
    let mut complete = Vec::new();
    let mut open: Option<Run> = None;
    for batch in chain {
        let next = open.and_then(|run| run.with(batch));
        if let (None, Some(run)) = (next, open) {
            complete.push(run);
        }
        open = next.or(Some(batch));
    }
    complete.retain(|run| run.bytes <= MAX_SEGMENT_LEN);
    complete
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 3600;

    fn chain(batches: &[(u64, u64)]) -> Vec<Run> {
        (100..)
            .zip(batches)
            .map(|(epoch, (hours, bytes))| Run::of(epoch, UnixTime(hours * HOUR), *bytes))
            .collect()
    }

    fn runs(batches: &[(u64, u64)]) -> Vec<(u64, u64)> {
        complete(chain(batches))
            .iter()
            .map(|run| (run.first, run.last))
            .collect()
    }

    #[test]
    fn a_run_is_complete_when_a_later_batch_starts_the_next() {
        assert_eq!(runs(&[]), []);
        assert_eq!(runs(&[(0, 1), (5, 1)]), []);
        assert_eq!(runs(&[(0, 1), (5, 1), (6, 1)]), [(100, 101)]);
        assert_eq!(
            runs(&[(0, 1), (6, 1), (11, 1), (30, 1), (36, 1)]),
            [(100, 100), (101, 102), (103, 103)]
        );
    }

    #[test]
    fn a_clock_set_back_starts_another_run() {
        assert_eq!(
            runs(&[(12, 1), (7, 1), (8, 1), (13, 1), (1, 1)]),
            [(100, 100), (101, 102), (103, 103)]
        );
        // Back within the same six hours: it goes on.
        assert_eq!(runs(&[(8, 1), (7, 1), (12, 1)]), [(100, 101)]);
    }

    #[test]
    fn a_run_has_at_most_sixteen_mebibytes() {
        let half = MAX_SEGMENT_LEN / 2;
        assert_eq!(
            runs(&[(0, half), (1, half), (2, half), (3, half + 1), (6, 1)]),
            [(100, 101), (102, 102), (103, 103)]
        );
        // A batch that is too large is in no segment, and ends the run before it.
        assert_eq!(
            runs(&[(0, 1), (1, MAX_SEGMENT_LEN + 1), (2, 1), (6, 1)]),
            [(100, 100), (102, 102)]
        );
    }

    #[test]
    fn numbers_follow_the_clock_and_never_repeat() {
        let numbers: Vec<u64> = complete(chain(&[(12, 1), (7, 1), (19, 1), (20, 1), (24, 1)]))
            .iter()
            .scan(None, |last, run| {
                *last = Some(run.number(*last));
                *last
            })
            .collect();
        assert_eq!(numbers, [2, 3, 4]);
    }
}
