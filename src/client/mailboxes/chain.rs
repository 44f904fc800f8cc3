//! The cursor of a mailbox: the chain of each origin, and its gaps. Protocol §13.

use crate::{
    base::UnixTime,
    client::Gap,
    vault::stored::{CursorRecord, GapRecord},
    wire::{BatchHeader, HeaderHash},
};

/// Maximum number of gaps that are remembered per chain.
const MAX_GAPS: usize = 64;
/// Maximum number of origins that are remembered per mailbox: a relay that states a
/// new one every minute must not make the record grow.
const MAX_ORIGINS: usize = 8;

/// The position of a batch relative to those read before.
pub(crate) enum Step {
    /// Read before.
    Taken,
    /// To be read. Lists the gaps before it, or those that it closes.
    New(Vec<Gap>),
    /// Older than what was read, or to be read once more. Cells that were opened
    /// before are skipped.
    Again,
}

/// The cursors of each origin's chain of one mailbox.
#[derive(Debug, Default)]
pub(crate) struct Cursors {
    /// Whether anything was read, or there was nothing at the first look.
    pub(crate) started: bool,
    pub(crate) known: Vec<CursorRecord>,
    /// When an empty mailbox was first read. Not stored.
    pub(crate) empty_since: Option<UnixTime>,
}

impl Cursors {
    pub(crate) fn of(&self, origin: &[u8; 32]) -> Option<&CursorRecord> {
        self.known.iter().find(|cursor| cursor.origin == *origin)
    }

    /// Whether any of these epochs, both included, may be new.
    pub(crate) fn wants(&self, origin: &[u8; 32], (first, last): (u64, u64)) -> bool {
        self.of(origin).is_none_or(|cursor| {
            let mut gaps = cursor.gaps.iter();
            last > cursor.epoch || gaps.any(|gap| gap.from < last && first < gap.to)
        })
    }

    pub(crate) fn is_older(&self, origin: &[u8; 32], epoch: u64) -> bool {
        self.of(origin).is_some_and(|cursor| epoch < cursor.floor)
    }

    /// Starts the chain of a member of the relay's federation at the batch that is
    /// found. A member does not replace the relay, so this is not a change of
    /// origin.
    pub(crate) fn enter(&mut self, header: &BatchHeader) {
        if self.of(&header.origin.0).is_some() || self.known.len() >= MAX_ORIGINS {
            return;
        }
        let newest = self.known.iter().map(|cursor| cursor.closed_at).max();
        self.started = true;
        self.known
            .push(CursorRecord::before(header, header.prev, newest));
    }

    /// Places a verified header in its chain and moves the cursor past it. Skipped
    /// batches count as a gap only if the `whole` mailbox is read.
    pub(crate) fn advance(&mut self, header: &BatchHeader, lobby: bool, whole: bool) -> Step {
        let (hash, epoch) = (header.hash().0, header.epoch);
        let newest = self.known.iter().map(|cursor| cursor.closed_at).max();
        let Some(cursor) = self.known.iter_mut().find(|c| c.origin == header.origin.0) else {
            let mut cursor = CursorRecord::before(header, BatchHeader::NO_PREV, newest);
            let mut gaps = Vec::new();
            if newest.is_some() {
                let origin = header.origin.to_string();
                gaps.push(Gap::Origin { origin, lobby });
            }
            // The first chain is entered where it is found, any other at its beginning.
            if core::mem::replace(&mut self.started, true) {
                gaps.extend(cursor.follow(header, lobby, whole));
            }
            cursor.move_to(header);
            if self.known.len() >= MAX_ORIGINS {
                self.known.remove(0);
            }
            self.known.push(cursor);
            return Step::New(gaps);
        };
        let missed = |gap: &GapRecord| gap.from < epoch && epoch < gap.to;
        let missed = cursor.gaps.iter().position(missed);
        if epoch < cursor.floor && missed.is_none() {
            if !lobby {
                // From before the first look, when nobody knew this identity.
                return Step::Taken;
            }
            cursor.floor = epoch;
            return Step::Again;
        }
        if epoch > cursor.epoch {
            let gap = cursor.follow(header, lobby, whole);
            cursor.move_to(header);
            return Step::New(gap.into_iter().collect());
        }
        let Some(missed) = missed else {
            return Step::Taken;
        };
        // A missing batch has arrived. The rest of its gap lies before it, after
        // it, on both sides or nowhere.
        let gap = cursor.gaps.remove(missed);
        let (from, to, since) = (gap.from, gap.to, gap.since);
        let before = GapRecord {
            to: epoch,
            after: header.prev.0,
            ..gap.clone()
        };
        let after = GapRecord {
            from: epoch,
            before: hash,
            ..gap
        };
        for part in [before, after] {
            if part.before != part.after && cursor.gaps.len() < MAX_GAPS {
                cursor.gaps.push(part);
            }
        }
        // The parts keep the time of the whole, which was reported as one gap.
        let closed = cursor.gaps.iter().all(|gap| gap.since != since);
        let gap = closed.then_some(Gap::Batches {
            from: (from > 0).then_some(from),
            to,
            lobby,
            closed,
        });
        Step::New(gap.into_iter().collect())
    }
}

impl CursorRecord {
    /// A chain whose first batch is this one, after this head. `newest` is the
    /// latest closing time of the mailbox's other chains.
    fn before(header: &BatchHeader, head: HeaderHash, newest: Option<u64>) -> Self {
        Self {
            origin: header.origin.0,
            epoch: 0,
            head: head.0,
            closed_at: newest.unwrap_or(header.closed_at.0),
            floor: header.epoch,
            gaps: Vec::new(),
        }
    }

    /// Takes a batch newer than all taken. The closing time never goes back:
    /// a relay that states an old one does not hold up shredding.
    fn move_to(&mut self, header: &BatchHeader) {
        self.epoch = header.epoch;
        self.head = header.hash().0;
        self.closed_at = self.closed_at.max(header.closed_at.0);
    }

    /// The gap before a batch newer than all taken, if its chain breaks there.
    fn follow(&mut self, next: &BatchHeader, lobby: bool, whole: bool) -> Option<Gap> {
        if next.prev.0 == self.head || !whole {
            return None;
        }
        if self.gaps.len() < MAX_GAPS {
            self.gaps.push(GapRecord {
                from: self.epoch,
                to: next.epoch,
                before: self.head,
                after: next.prev.0,
                since: self.closed_at,
            });
        }
        Some(Gap::Batches {
            from: (self.epoch > 0).then_some(self.epoch),
            to: next.epoch,
            lobby,
            closed: false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        base::UnixTime,
        wire::{BucketId, CellSize, OriginKey, batch::BatchPlace},
    };

    fn key() -> OriginKey {
        OriginKey::generate(&mut rand_core::UnwrapErr(getrandom::SysRng))
    }

    /// The headers of epochs 1 to 6 of one origin.
    fn chain(key: &OriginKey) -> Vec<BatchHeader> {
        let mut prev = BatchHeader::NO_PREV;
        let header = |epoch| {
            let place = BatchPlace {
                bucket: BucketId::LOBBY,
                epoch,
                closed_at: UnixTime(epoch),
                prev,
            };
            let header = BatchHeader::sign(&place, &[], CellSize::DEFAULT, key).unwrap();
            prev = header.hash();
            header
        };
        (1..=6).map(header).collect()
    }

    /// What reading a batch tells; `None` if it is not read.
    fn read(cursors: &mut Cursors, header: &BatchHeader, whole: bool) -> Option<Vec<Gap>> {
        match cursors.advance(header, false, whole) {
            Step::New(gaps) => Some(gaps),
            Step::Taken | Step::Again => None,
        }
    }

    fn gap(from: Option<u64>, to: u64, closed: bool) -> Gap {
        Gap::Batches {
            from,
            to,
            lobby: false,
            closed,
        }
    }

    #[test]
    fn what_was_missing_is_read_once_in_any_order_and_closed_when_all_of_it_came() {
        let chain = chain(&key());
        let origin = chain[0].origin.0;
        for order in [
            [1, 2, 3],
            [3, 2, 1],
            [2, 1, 3],
            [2, 3, 1],
            [1, 3, 2],
            [3, 1, 2],
        ] {
            let mut cursors = Cursors::default();
            assert_eq!(read(&mut cursors, &chain[0], true), Some(vec![]));
            let reported = vec![gap(Some(1), 5, false)];
            assert_eq!(read(&mut cursors, &chain[4], true), Some(reported));
            for (n, missing) in order.into_iter().enumerate() {
                assert!(cursors.wants(&origin, (chain[missing].epoch, chain[missing].epoch)));
                let reported = read(&mut cursors, &chain[missing], true).unwrap();
                assert_eq!(reported.len(), usize::from(n == 2), "{order:?}");
                assert!(!cursors.wants(&origin, (chain[missing].epoch, chain[missing].epoch)));
                assert_eq!(read(&mut cursors, &chain[missing], true), None);
            }
            assert_eq!(read(&mut cursors, &chain[5], true), Some(vec![]));
        }
    }

    #[test]
    fn the_first_batches_are_missed_but_for_the_very_first_look() {
        let (first, second) = (chain(&key()), chain(&key()));
        let mut looked = Cursors::default();
        assert_eq!(read(&mut looked, &first[3], true), Some(vec![]));
        let reported = read(&mut looked, &second[1], true).unwrap();
        assert!(matches!(reported[..], [Gap::Origin { .. }, _]));
        assert_eq!(reported[1], gap(None, 2, false));
        let reported = vec![gap(None, 2, true)];
        assert_eq!(read(&mut looked, &second[0], true), Some(reported));

        let mut empty = Cursors {
            started: true,
            ..Cursors::default()
        };
        let reported = vec![gap(None, 3, false)];
        assert_eq!(read(&mut empty, &first[2], true), Some(reported));
    }

    #[test]
    fn a_relay_that_keeps_changing_its_origin_is_reported_and_grows_nothing() {
        let mut cursors = Cursors::default();
        for n in 0..40 {
            let chain = chain(&key());
            let reported = read(&mut cursors, &chain[0], true).unwrap();
            let changed = reported.iter().any(|gap| matches!(gap, Gap::Origin { .. }));
            assert_eq!(changed, n > 0);
            assert!(cursors.known.len() <= MAX_ORIGINS);
            let newest = chain[0].origin.0;
            assert!(cursors.of(&newest).is_some());
            assert!(!cursors.wants(&newest, (1, 1)), "it is not read again");
        }
    }

    #[test]
    fn an_old_closing_time_does_not_move_the_chain_back_in_time() {
        let key = key();
        let mut cursors = Cursors::default();
        let mut prev = BatchHeader::NO_PREV;
        for (epoch, closed_at) in [(1, 1_000), (2, 5), (3, 900)] {
            let place = BatchPlace {
                bucket: BucketId::LOBBY,
                epoch,
                closed_at: UnixTime(closed_at),
                prev,
            };
            let header = BatchHeader::sign(&place, &[], CellSize::DEFAULT, &key).unwrap();
            prev = header.hash();
            assert_eq!(read(&mut cursors, &header, true), Some(vec![]));
            assert_eq!(cursors.known[0].closed_at, 1_000, "after epoch {epoch}");
        }
    }

    #[test]
    fn what_is_passed_over_where_nothing_is_looked_for_is_no_gap() {
        let chain = chain(&key());
        let mut cursors = Cursors::default();
        assert_eq!(read(&mut cursors, &chain[0], false), Some(vec![]));
        assert_eq!(read(&mut cursors, &chain[5], false), Some(vec![]));
        assert!(!cursors.wants(&chain[0].origin.0, (3, 3)));
    }
}
