//! Posts that the relay refuses, or leaves without an answer.
//!
//! A slot is repeated as it was: the same cells among other cover would show
//! the relay which of them are real. If that does not help, its cells are
//! sealed again, under tags that the relay has never seen, before they leave
//! in another slot. Posts to the lobby have no cover; their cells are posted
//! in smaller and smaller parts, until one fails by itself. That one is passed
//! over, and tried again later, alone.

use super::attempts::Attempts;
use crate::base::SortedSet;

/// How often a refused post is repeated as it was.
const REPEATS: u32 = 3;
/// How long a slot without an answer is repeated as it was, in seconds: 12
/// hours. Then its cover may have grown stale.
pub(super) const PATIENCE: u64 = 12 * 3_600;
/// How often in a day slots are sealed again because they were refused. Each
/// time uses up counters of its recipients' windows (32 a day).
const MOST_SEALINGS: usize = 4;
const DAY: u64 = 24 * 3_600_000;

/// Refusals of slots.
#[derive(Debug, Default)]
pub(super) struct RefusedSlots {
    /// Refusals in a row of the same slot.
    repeats: u32,
    /// Cells of such slots that cannot be sealed again.
    passed_over: Attempts<u64, 1>,
    /// When cells were sealed again, within a day.
    sealings: Vec<u64>,
    /// Whether it was reported, since the last slot that was taken.
    reported: bool,
}

impl RefusedSlots {
    /// A slot was refused; whether its cells are to be sealed again.
    pub(super) fn refused(&mut self, ticks: u64) -> bool {
        if self.repeats < REPEATS || !self.may_seal(ticks) {
            self.repeats = self.repeats.saturating_add(1);
            return false;
        }
        self.repeats = 0;
        true
    }

    /// Whether cells may be sealed again now, which counts.
    pub(super) fn may_seal(&mut self, ticks: u64) -> bool {
        self.sealings.retain(|at| ticks < at.saturating_add(DAY));
        let may = self.sealings.len() < MOST_SEALINGS;
        if may {
            self.sealings.push(ticks);
        }
        may
    }

    /// Whether this is to be reported: once, until a slot is taken.
    pub(super) fn reports(&mut self) -> bool {
        !core::mem::replace(&mut self.reported, true)
    }

    /// These cells cannot be sealed again: they are tried again later.
    pub(super) fn pass_over(&mut self, cells: &[u64], ticks: u64) {
        for cell in cells {
            self.passed_over.failed(cell, ticks);
        }
    }

    /// Whether a slot may have this cell.
    pub(super) fn admits(&self, cell: u64, ticks: u64) -> bool {
        self.passed_over.allowed(&cell, ticks)
    }

    /// A slot with these cells was taken.
    pub(super) fn accepted(&mut self, cells: &[u64]) {
        self.repeats = 0;
        self.reported = false;
        for cell in cells {
            self.passed_over.succeeded(cell);
        }
    }
}

/// Refusals of posts to the lobby.
#[derive(Debug, Default)]
pub(super) struct RefusedLobbyCells {
    /// Refusals in a row of the same post.
    repeats: u32,
    /// Cells of which one may be why posts are refused.
    suspects: SortedSet<u64>,
    /// How many of them one post may have.
    most: usize,
    /// Cells that were refused by themselves.
    alone: Attempts<u64, 1>,
}

/// What follows from a refusal.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The same post is made again.
    Repeat,
    /// Another post is made, with fewer cells.
    Divide,
    /// It is this cell, for the first time.
    Cell(u64),
}

impl RefusedLobbyCells {
    /// A post with these cells was refused.
    pub(super) fn refused(&mut self, cells: &[u64], ticks: u64) -> Verdict {
        let known = |cell| self.alone.has_failed(cell);
        let is_dividing = !self.suspects.is_empty() || cells.iter().any(known);
        if !is_dividing && self.repeats < REPEATS {
            self.repeats += 1;
            return Verdict::Repeat;
        }
        self.repeats = 0;
        if let [cell] = cells {
            self.forget(|known| known == *cell);
            return match self.alone.failed(cell, ticks) {
                true => Verdict::Cell(*cell),
                false => Verdict::Divide,
            };
        }
        for cell in cells {
            self.suspects.insert(*cell);
        }
        self.most = (cells.len() / 2).max(1);
        Verdict::Divide
    }

    /// A post with these cells was taken.
    pub(super) fn accepted(&mut self, cells: &[u64]) {
        self.repeats = 0;
        for cell in cells {
            self.alone.succeeded(cell);
        }
        self.forget(|cell| cells.contains(&cell));
        self.most = self.most.saturating_mul(2);
    }

    /// Forgets cells that are queued no more.
    pub(super) fn forget(&mut self, gone: impl Fn(u64) -> bool) {
        let suspects = self.suspects.iter().copied();
        self.suspects = suspects.filter(|cell| !gone(*cell)).collect();
    }

    /// Which cells the next post may have, asked for in their order.
    pub(super) fn admission(&self, ticks: u64) -> impl FnMut(u64) -> bool + '_ {
        let mut left = match self.suspects.is_empty() {
            true => usize::MAX,
            false => self.most,
        };
        let mut any = false;
        move |cell| {
            let failed = self.alone.has_failed(&cell);
            let admitted = match failed {
                true => !any && self.alone.allowed(&cell, ticks),
                false => self.suspects.is_empty() || self.suspects.contains(&cell),
            };
            let admitted = admitted && left > 0;
            if admitted {
                any = true;
                left = if failed { 0 } else { left - 1 };
            }
            admitted
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Posts until all cells but the bad ones are taken; gives the number of
    /// posts, and the cells that were named.
    fn post_all(refusals: &mut RefusedLobbyCells, cells: &[u64], bad: &[u64]) -> (usize, Vec<u64>) {
        let mut queue = cells.to_vec();
        let (mut posts, mut named) = (0, Vec::new());
        let mut repeated: Option<Vec<u64>> = None;
        while queue.iter().any(|cell| !bad.contains(cell)) {
            let mut admission = refusals.admission(0);
            let post = repeated
                .take()
                .unwrap_or_else(|| queue.iter().copied().filter(|c| admission(*c)).collect());
            drop(admission);
            posts += 1;
            assert!(posts < 100, "{queue:?} {refusals:?}");
            if post.iter().any(|cell| bad.contains(cell)) {
                match refusals.refused(&post, 0) {
                    Verdict::Repeat => repeated = Some(post),
                    Verdict::Divide => {}
                    Verdict::Cell(cell) => named.push(cell),
                }
            } else {
                refusals.accepted(&post);
                queue.retain(|cell| !post.contains(cell));
            }
        }
        (posts, named)
    }

    #[test]
    fn one_cell_that_is_refused_holds_up_the_others_for_a_few_posts() {
        for bad in 0..8 {
            let mut refusals = RefusedLobbyCells::default();
            let cells: Vec<u64> = (0..8).collect();
            let (posts, named) = post_all(&mut refusals, &cells, &[bad]);
            assert!(posts <= 16, "{bad}: {posts}");
            assert!(named.len() <= 1 && named.iter().all(|cell| *cell == bad));
            // What is written later is not held up at all.
            let more: Vec<u64> = [vec![bad], (8..16).collect()].concat();
            let named_before = !named.is_empty();
            let (posts, _) = post_all(&mut refusals, &more, &[bad]);
            assert!(!named_before || posts == 1, "{bad}: {posts}");
        }
    }

    #[test]
    fn several_such_cells_are_all_found_and_named_once() {
        let mut refusals = RefusedLobbyCells::default();
        let cells: Vec<u64> = (0..16).collect();
        let (posts, mut named) = post_all(&mut refusals, &cells, &[3, 4, 12]);
        named.sort_unstable();
        assert!(posts <= 30 && named == [3, 4, 12], "{posts} {named:?}");
    }

    #[test]
    fn a_refused_slot_is_repeated_then_sealed_again_a_few_times_a_day() {
        let mut refused = RefusedSlots::default();
        let hour = 3_600_000;
        let sealed: Vec<u64> = (0..24 * 4)
            .filter(|quarter| refused.refused(quarter * hour / 4))
            .collect();
        assert_eq!(sealed, [3, 7, 11, 15], "each after three repeats");
        assert!(refused.refused(25 * hour), "the next day");
        assert!(refused.reports() && !refused.reports());
        refused.accepted(&[]);
        assert!(!refused.refused(26 * hour) && refused.reports());
        refused.pass_over(&[7], 0);
        assert!(!refused.admits(7, 0) && refused.admits(7, hour) && refused.admits(8, 0));
        refused.accepted(&[7]);
        assert!(refused.admits(7, 0));
    }

    #[test]
    fn a_refusal_that_passes_is_answered_by_the_same_post_alone() {
        let mut refusals = RefusedLobbyCells::default();
        assert_eq!(refusals.refused(&[1, 2], 0), Verdict::Repeat);
        refusals.accepted(&[1, 2]);
        let mut admission = refusals.admission(0);
        assert!((3..9).all(&mut admission), "nothing is held up");
    }

    #[test]
    fn a_cell_that_was_passed_over_is_tried_again_alone() {
        let mut refusals = RefusedLobbyCells::default();
        for _ in 0..REPEATS {
            assert_eq!(refusals.refused(&[1], 0), Verdict::Repeat);
        }
        assert_eq!(refusals.refused(&[1], 0), Verdict::Cell(1));
        let admitted = |ticks| {
            let mut admission = refusals.admission(ticks);
            [1, 2, 3]
                .into_iter()
                .filter(|cell| admission(*cell))
                .collect::<Vec<_>>()
        };
        assert_eq!(admitted(0), [2, 3]);
        assert_eq!(admitted(3_600_000), [1]);
        assert_eq!(
            refusals.refused(&[1], 3_600_000),
            Verdict::Divide,
            "named once"
        );
    }
}
