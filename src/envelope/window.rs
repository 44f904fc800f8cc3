//! The tags that a recipient watches. Protocol §5.
//!
//! For each contact, direction and day: a window of 32 tags past the highest
//! counter opened for every known device, and of 8 tags for the next device
//! index. All tags are in one hash map: finding the cells of a mailbox in a batch
//! costs one look-up per cell and no public-key operation.

use core::hash::{BuildHasherDefault, Hasher};
use std::collections::HashMap;

use crate::{
    base::{
        Day, SortedMap,
        parameters::{NEXT_DEVICE_WINDOW, WINDOW},
    },
    channel::{Tag, TagKey, TagSlot},
};

/// The windows of one day, one per device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// The exclusive end of the watched counters of each known device.
    ends: SortedMap<u8, u32>,
}

impl Default for Window {
    /// The window of a day before anything was opened: only device 0 is known.
    fn default() -> Self {
        Self {
            ends: [(0, WINDOW)].into_iter().collect(),
        }
    }
}

impl Window {
    /// Restores a window from stored ends, one per known device.
    #[must_use]
    pub fn from_stored(ends: impl IntoIterator<Item = (u8, u32)>) -> Self {
        let mut window = Self::default();
        for (device, end) in ends {
            let known = window.ends.get_or_insert(device, end);
            *known = (*known).max(end);
        }
        window
    }

    /// The ends, for storing.
    pub fn ends(&self) -> impl Iterator<Item = (u8, u32)> + '_ {
        self.ends.iter().map(|(device, end)| (*device, *end))
    }

    /// The counters to watch, per device.
    pub fn ranges(&self) -> impl Iterator<Item = (u8, core::ops::Range<u32>)> + '_ {
        let next = self
            .ends
            .last_key_value()
            .and_then(|(device, _)| device.checked_add(1))
            .map(|device| (device, 0..NEXT_DEVICE_WINDOW));
        self.ends
            .iter()
            .map(|(device, end)| (*device, 0..*end))
            .chain(next)
    }

    /// Adds a device that is known from another day, with a full window.
    pub fn saw(&mut self, device: u8) {
        self.ends.get_or_insert(device, WINDOW);
    }

    /// Widens the window of a device after fragment `index` (from 0) of `count`
    /// was opened at `counter`; see [`widened`]. The device is known from now on.
    /// A whole delivery is fragment 0 of 1.
    pub fn opened(&mut self, device: u8, counter: u32, index: u32, count: u32) {
        let end = self.ends.get_or_insert(device, WINDOW);
        *end = widened(*end, counter, index, count);
    }
}

/// The new end of a window after fragment `index` of `count` was opened at
/// `counter`: `counter − index + count + 32`, which covers the rest of the message
/// and 32 more tags, but at most 32 past the current end.
///
/// `count` is a claim of the sender. Each opened cell adds at most 32 tags, so a
/// false claim costs no more than an honest cell. A large message is still found
/// completely, because each of its cells makes room for 32 more.
#[must_use]
pub fn widened(end: u32, counter: u32, index: u32, count: u32) -> u32 {
    let claimed = counter
        .saturating_sub(index)
        .saturating_add(count)
        .saturating_add(WINDOW);
    claimed.min(end.saturating_add(WINDOW)).max(end)
}

/// A map from every watched tag to its owner.
#[derive(Clone, Debug)]
pub struct TagIndex<T> {
    map: HashMap<Tag, (T, TagSlot), BuildHasherDefault<TagHasher>>,
}

impl<T: Copy> TagIndex<T> {
    /// Watches a range of counters of one device; returns their tags.
    pub fn watch_range(
        &mut self,
        owner: T,
        key: &TagKey,
        day: Day,
        device: u8,
        counters: core::ops::Range<u32>,
    ) -> Vec<Tag> {
        let slots = counters.map(|counter| TagSlot {
            day,
            device,
            counter,
        });
        let watched = slots.map(|slot| {
            let tag = key.tag(slot);
            self.map.insert(tag, (owner, slot));
            tag
        });
        watched.collect()
    }

    /// Stops watching the tags of every owner for which `gone` returns `true`.
    pub fn forget(&mut self, gone: impl Fn(T) -> bool) {
        self.map.retain(|_, (owner, _)| !gone(*owner));
    }

    /// Looks up the owner and the slot of a tag.
    #[must_use]
    pub fn find(&self, tag: &Tag) -> Option<(T, TagSlot)> {
        self.map.get(tag).copied()
    }

    /// The number of watched tags.
    #[must_use]
    pub fn len(&self) -> usize {
        self.map.len()
    }

    /// Returns `true` if no tag is watched.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.map.is_empty()
    }
}

impl<T> Default for TagIndex<T> {
    fn default() -> Self {
        Self {
            map: HashMap::default(),
        }
    }
}

/// Uses the first eight bytes of a tag as its hash. The keys of the map are PRF
/// outputs that nobody else can choose, so an attacker cannot cause collisions
/// among them; looking up a foreign tag costs at most one more comparison.
#[derive(Clone, Copy, Debug, Default)]
struct TagHasher(u64);

impl Hasher for TagHasher {
    fn write(&mut self, bytes: &[u8]) {
        if let Some(head) = bytes.first_chunk::<8>() {
            self.0 = u64::from_ne_bytes(*head);
        }
    }

    fn write_usize(&mut self, _len: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Secret;

    #[test]
    fn opening_a_fragment_makes_room_for_the_rest() {
        let mut window = Window::default();
        window.opened(0, 3, 3, 25);
        assert_eq!(window.ends().collect::<Vec<_>>(), [(0, 25 + 32)]);
        window.opened(0, 0, 0, 1);
        assert_eq!(
            window.ends().next(),
            Some((0, 57)),
            "a window never shrinks"
        );
    }

    #[test]
    fn a_claimed_count_widens_the_window_by_no_more_than_32_for_each_cell() {
        let mut window = Window::default();
        for opened in 1..=64 {
            window.opened(0, opened - 1, 0, 16_384);
            assert_eq!(window.ends().next(), Some((0, 32 + 32 * opened)));
        }
        window.opened(0, u32::MAX, 0, u32::MAX);
        assert_eq!(window.ends().next(), Some((0, 32 + 32 * 65)));
    }

    #[test]
    fn every_message_is_found_after_any_gap_shorter_than_the_window() {
        for (hole, count) in [(0, 16_384), (31, 16_384), (31, 1), (31, 33)] {
            let (mut end, mut found) = (WINDOW, 0);
            let mut passes = 0;
            while found < count {
                let visible = end.saturating_sub(hole).min(count);
                assert!(visible > found, "a pass that finds nothing is the last");
                for index in found..visible {
                    end = widened(end, hole + index, index, count);
                }
                (found, passes) = (visible, passes + 1);
            }
            assert_eq!(end, hole + count + WINDOW, "and what follows it too");
            assert!(passes <= 5, "{passes} passes");
        }
    }

    #[test]
    fn a_new_device_is_watched_from_counter_zero() {
        let mut window = Window::default();
        assert_eq!(window.ranges().collect::<Vec<_>>(), [(0, 0..32), (1, 0..8)]);
        window.opened(1, 2, 0, 1);
        assert_eq!(
            window.ranges().collect::<Vec<_>>(),
            [(0, 0..32), (1, 0..35), (2, 0..8)]
        );
    }

    #[test]
    fn the_index_finds_only_what_is_watched() {
        let key = TagKey::new(&Secret::take(&mut [7; 32]));
        let mut index = TagIndex::default();
        for (device, counters) in Window::default().ranges() {
            index.watch_range('a', &key, Day(5), device, counters);
        }
        let slot = TagSlot {
            day: Day(5),
            device: 0,
            counter: 31,
        };
        assert_eq!(index.find(&key.tag(slot)), Some(('a', slot)));
        assert_eq!(
            index.find(&key.tag(TagSlot {
                counter: 32,
                ..slot
            })),
            None
        );
        assert_eq!(index.len(), 40);
    }
}
