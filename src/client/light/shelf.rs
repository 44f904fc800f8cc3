//! What a relay holds of one origin: epochs and numbers of cells, of batches
//! or of whole segments, and the windows over it that a look asks for.

use core::ops::RangeInclusive;

use crate::{
    base::{SortedMap, time::DAY_SECONDS},
    wire::{BatchHeader, CellSize, Held, SelectWindow, select::MAX_WINDOW_LEN},
};

/// Days of the windows that a look chooses from; the last is all there is.
/// The first is a day and the rest of a grid cell.
const SPANS: [u64; 3] = [1, 7, 14];
/// Grid cells of a day, on which windows begin.
const GRID_CELLS: u64 = 4;

/// The listing of one origin, by first epoch.
#[derive(Debug, Default)]
pub(crate) struct Shelf(SortedMap<u64, Shelved>);

/// A batch, or the batches of a segment.
#[derive(Clone, Copy, Debug)]
struct Shelved {
    last: u64,
    cells: u64,
}

impl Shelf {
    /// Takes a new listing: first and last epoch and cells of each entry.
    /// Batches that are known one by one stay so where a segment lists them.
    pub(crate) fn list(&mut self, entries: impl IntoIterator<Item = ((u64, u64), u64)>) {
        let known = core::mem::take(&mut self.0);
        for ((first, last), cells) in entries {
            let within = || known.range(first..=last);
            let single = within().all(|(first, batch)| *first == batch.last);
            let counted: u64 = within().map(|(_, batch)| batch.cells).sum();
            if first < last && single && counted == cells && within().next().is_some() {
                for (first, batch) in within() {
                    self.0.insert(*first, *batch);
                }
            } else {
                self.0.insert(first, Shelved { last, cells });
            }
        }
    }

    /// A batch that was read, in the place of the listed entry it is in.
    pub(crate) fn read(&mut self, batches: &[&BatchHeader]) {
        let (Some(first), Some(last)) = (batches.first(), batches.last()) else {
            return;
        };
        let epochs = first.epoch..=last.epoch;
        self.0.retain(|first, _| !epochs.contains(first));
        for header in batches {
            self.count(header.epoch, header.count.into());
        }
    }

    pub(crate) fn count(&mut self, epoch: u64, cells: u64) {
        let last = epoch;
        self.0.insert(epoch, Shelved { last, cells });
    }

    /// Epochs and cells of the batches that are known one by one.
    pub(crate) fn counts(&self, epochs: RangeInclusive<u64>) -> Vec<(u64, u64)> {
        let single = self.0.range(epochs).filter(|(first, e)| **first == e.last);
        single.map(|(epoch, entry)| (*epoch, entry.cells)).collect()
    }

    /// Cells of what begins in these epochs.
    pub(crate) fn cells(&self, epochs: RangeInclusive<u64>) -> u64 {
        self.0.range(epochs).map(|(_, entry)| entry.cells).sum()
    }

    pub(crate) fn newest(&self) -> Option<u64> {
        Some(self.0.last_key_value()?.1.last)
    }

    /// Where the canonical window begins that reaches back to `need`: the
    /// shortest of a day, 7 days, 14 days and all, on the grid.
    pub(crate) fn canonical(&self, need: u64, epoch_seconds: u32) -> u64 {
        let (per_day, newest) = (per_day(epoch_seconds), self.newest().unwrap_or(0));
        let begins = SPANS
            .iter()
            .map(|days| aligned((newest + 1).saturating_sub(days * per_day), epoch_seconds));
        begins.into_iter().find(|begin| *begin <= need).unwrap_or(0)
    }

    /// The windows from an epoch on over what both relays hold: as few as
    /// possible of what a request may cover.
    pub(crate) fn windows(
        &self,
        from: u64,
        (relay, mirror): (Held, Held),
        size: CellSize,
    ) -> Vec<SelectWindow> {
        let oldest = from.max(relay.oldest).max(mirror.oldest);
        let newest = relay.epoch.min(mirror.epoch);
        let most = MAX_WINDOW_LEN / u64::from(size.get());
        let mut windows = Vec::<SelectWindow>::new();
        let held = self.0.range(oldest..).filter(|(_, e)| e.last <= newest);
        for (first, entry) in held {
            let cells = |window: &&mut SelectWindow| u64::from(window.count) + entry.cells <= most;
            let count = u32::try_from(entry.cells).unwrap_or(u32::MAX);
            match windows.last_mut().filter(cells) {
                Some(window) => {
                    window.last = entry.last;
                    window.count += count;
                }
                None => windows.push(SelectWindow {
                    origin: relay.origin,
                    first: *first,
                    last: entry.last,
                    count,
                }),
            }
        }
        windows
    }

    /// The place in a window of the first cell of a batch.
    pub(crate) fn place(&self, window: &SelectWindow, epoch: u64) -> Option<u32> {
        if !(window.first..=window.last).contains(&epoch) {
            return None;
        }
        let here = self.0.get(&epoch)?;
        (here.last == epoch).then_some(())?;
        let before = self.0.range(window.first..epoch);
        let before: u64 = before.map(|(_, entry)| entry.cells).sum();
        u32::try_from(before).ok()
    }
}

/// Epochs of a day.
fn per_day(epoch_seconds: u32) -> u64 {
    (DAY_SECONDS / u64::from(epoch_seconds.max(1))).max(1)
}

/// The beginning of the grid cell of an epoch.
pub(crate) fn aligned(epoch: u64, epoch_seconds: u32) -> u64 {
    let grid = (per_day(epoch_seconds) / GRID_CELLS).max(1);
    epoch - epoch % grid
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Origin;

    const EPOCH_SECONDS: u32 = 1_800;
    const ORIGIN: Origin = Origin([1; 32]);

    fn held(oldest: u64, epoch: u64) -> Held {
        Held {
            origin: ORIGIN,
            oldest,
            epoch,
        }
    }

    /// 60 days of batches with 100 cells each.
    fn shelf() -> Shelf {
        let mut shelf = Shelf::default();
        shelf.list((10_000..12_880).map(|epoch| ((epoch, epoch), 100)));
        shelf
    }

    #[test]
    fn a_window_is_the_shortest_that_reaches_back_far_enough() {
        let shelf = shelf();
        assert_eq!(shelf.newest(), Some(12_879));
        for (need, days) in [(12_879, 1), (12_832, 1), (12_800, 7), (12_300, 14)] {
            let begin = shelf.canonical(need, EPOCH_SECONDS);
            assert!(begin <= need && begin.is_multiple_of(12), "{need}");
            let epochs = 12_880 - begin;
            assert!((days * 48..days * 48 + 12).contains(&epochs), "{epochs}");
        }
        assert_eq!(shelf.canonical(10_500, EPOCH_SECONDS), 0);
    }

    #[test]
    fn what_one_of_the_relays_lacks_at_either_end_is_in_no_window() {
        let shelf = shelf();
        let all = held(10_000, 12_879);
        let windows = |mirror| shelf.windows(12_852, (all, mirror), CellSize::DEFAULT);
        assert_eq!(windows(all)[0].count, 2_800);
        let lagging = &windows(held(10_000, 12_878))[0];
        assert_eq!((lagging.last, lagging.count), (12_878, 2_700));
        let young = &windows(held(12_860, 12_879))[0];
        assert_eq!((young.first, young.count), (12_860, 2_000));
        assert!(windows(held(13_000, 13_001)).is_empty());
        assert!(windows(held(9_000, 9_999)).is_empty());
    }

    #[test]
    fn what_is_too_long_for_a_request_is_several_windows() {
        let shelf = shelf();
        let all = held(10_000, 12_879);
        let windows = shelf.windows(0, (all, all), CellSize::DEFAULT);
        let cells: u64 = windows.iter().map(|window| u64::from(window.count)).sum();
        assert_eq!(cells, 288_000);
        assert_eq!(windows.len(), 5);
        for (window, next) in windows.iter().zip(&windows[1..]) {
            assert_eq!(next.first, window.last + 1);
            assert!(u64::from(window.count) * 2_048 <= MAX_WINDOW_LEN);
        }
    }

    #[test]
    fn cells_are_counted_by_batch_where_batches_were_read() {
        let mut shelf = Shelf::default();
        shelf.list([((1, 6), 30), ((7, 7), 4)]);
        let window = SelectWindow {
            origin: ORIGIN,
            first: 1,
            last: 7,
            count: 34,
        };
        assert_eq!(shelf.place(&window, 7), Some(30));
        assert_eq!(shelf.place(&window, 3), None, "within a segment");
        for (epoch, cells) in [(1, 10), (3, 15), (6, 5)] {
            shelf.count(epoch, cells);
        }
        assert_eq!(shelf.place(&window, 3), Some(10));
        assert_eq!(shelf.place(&window, 6), Some(25));
        assert_eq!(shelf.place(&window, 8), None, "not in the window");
        // A new listing knows of segments again.
        shelf.list([((1, 6), 30), ((7, 12), 9)]);
        assert_eq!(shelf.place(&window, 6), Some(25), "still known");
        assert_eq!(shelf.counts(3..=9), [(3, 15), (6, 5)]);
        shelf.list([((1, 6), 31)]);
        assert_eq!(shelf.place(&window, 6), None, "another number of cells");
    }
}
