//! A map and a set in sorted vectors, and sorting.
//!
//! `BTreeMap`, `BTreeSet` and `sort_by_key` in their place make the portal's
//! WebAssembly module 82 KiB larger (gzip, measured on the whole module: their
//! code is generated for each type of key and value). What they do better,
//! insertion into the middle of a map of very many large entries, does not
//! matter here: large maps hold small or boxed entries and are loaded in key
//! order.

use core::{mem, ops::RangeBounds};
use std::collections::BinaryHeap;

/// Sorts items by key, lowest first; items with equal keys keep their order. A
/// heap sort: `sort_by_key` needs about ten times the code.
pub fn sorted_by_key<T, K: Ord>(
    items: impl IntoIterator<Item = T>,
    key: impl Fn(&T) -> K,
) -> impl DoubleEndedIterator<Item = T> {
    let mut items: Vec<Option<T>> = items.into_iter().map(Some).collect();
    let places = items.iter().flatten().map(key).zip(0_usize..);
    let heap: BinaryHeap<_> = places.collect();
    let sorted = heap.into_sorted_vec().into_iter();
    sorted.filter_map(move |(_, place)| items.get_mut(place)?.take())
}

/// A map whose entries are in key order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SortedMap<K, V>(Vec<(K, V)>);

impl<K, V> Default for SortedMap<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K, V> SortedMap<K, V> {
    /// An empty map.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// The number of entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns `true` if the map has no entries.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All entries, lowest key first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&K, &V)> {
        self.0.iter().map(|(key, value)| (key, value))
    }

    /// All keys, lowest first.
    pub fn keys(&self) -> impl DoubleEndedIterator<Item = &K> {
        self.0.iter().map(|(key, _)| key)
    }

    /// All values, in key order.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = &V> {
        self.0.iter().map(|(_, value)| value)
    }

    /// Mutable references to all values, in key order.
    pub fn values_mut(&mut self) -> impl DoubleEndedIterator<Item = &mut V> {
        self.0.iter_mut().map(|(_, value)| value)
    }

    /// All entries with mutable values, lowest key first.
    pub fn iter_mut(&mut self) -> impl DoubleEndedIterator<Item = (&K, &mut V)> {
        self.0.iter_mut().map(|(key, value)| (&*key, value))
    }

    /// The entry with the highest key.
    #[must_use]
    pub fn last_key_value(&self) -> Option<(&K, &V)> {
        self.0.last().map(|(key, value)| (key, value))
    }

    /// Consumes the map and returns its values in key order.
    pub fn into_values(self) -> impl Iterator<Item = V> {
        self.0.into_iter().map(|(_, value)| value)
    }

    /// Removes and returns the entry with the lowest key.
    pub fn pop_first(&mut self) -> Option<(K, V)> {
        (!self.0.is_empty()).then(|| self.0.remove(0))
    }

    /// Keeps only the entries for which `keep` returns `true`.
    pub fn retain(&mut self, mut keep: impl FnMut(&K, &mut V) -> bool) {
        self.0.retain_mut(|(key, value)| keep(key, value));
    }
}

impl<K: Ord, V> SortedMap<K, V> {
    /// The index of a key: `Err` with the insertion point if it is absent.
    fn place(&self, key: &K) -> Result<usize, usize> {
        self.0.binary_search_by(|(known, _)| known.cmp(key))
    }

    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &K) -> Option<&V> {
        let place = self.place(key).ok()?;
        self.0.get(place).map(|(_, value)| value)
    }

    /// A mutable reference to the value of a key.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        let place = self.place(key).ok()?;
        self.0.get_mut(place).map(|(_, value)| value)
    }

    /// Returns `true` if the map has the key.
    #[must_use]
    pub fn contains_key(&self, key: &K) -> bool {
        self.place(key).is_ok()
    }

    /// Sets the value of a key and returns the previous value.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        match self.place(&key) {
            Ok(place) => {
                let (_, known) = self.0.get_mut(place)?;
                Some(mem::replace(known, value))
            }
            Err(place) => {
                self.0.insert(place, (key, value));
                None
            }
        }
    }

    /// Returns the value of a key, inserting `value` if there is none.
    #[expect(
        clippy::indexing_slicing,
        reason = "the place was just found or filled"
    )]
    pub fn get_or_insert(&mut self, key: K, value: V) -> &mut V {
        let place = self.place(&key).unwrap_or_else(|place| {
            self.0.insert(place, (key, value));
            place
        });
        &mut self.0[place].1
    }

    /// Removes a key and returns its value.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        let place = self.place(key).ok()?;
        Some(self.0.remove(place).1)
    }

    /// The entries whose keys are in a range.
    pub fn range(&self, range: impl RangeBounds<K>) -> impl DoubleEndedIterator<Item = (&K, &V)> {
        use core::ops::Bound::{Excluded, Included, Unbounded};
        let start = match range.start_bound() {
            Included(key) => self.0.partition_point(|(known, _)| known < key),
            Excluded(key) => self.0.partition_point(|(known, _)| known <= key),
            Unbounded => 0,
        };
        let end = match range.end_bound() {
            Included(key) => self.0.partition_point(|(known, _)| known <= key),
            Excluded(key) => self.0.partition_point(|(known, _)| known < key),
            Unbounded => self.0.len(),
        };
        let entries = self.0.get(start..end).unwrap_or_default();
        entries.iter().map(|(key, value)| (key, value))
    }
}

impl<K: Ord, V> FromIterator<(K, V)> for SortedMap<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let mut map = Self::new();
        for (key, value) in entries {
            map.insert(key, value);
        }
        map
    }
}

impl<K, V> IntoIterator for SortedMap<K, V> {
    type Item = (K, V);
    type IntoIter = std::vec::IntoIter<(K, V)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// A set whose members are in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SortedSet<K>(Vec<K>);

impl<K> Default for SortedSet<K> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K> SortedSet<K> {
    /// Returns `true` if the set has no members.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All members, lowest first.
    pub fn iter(&self) -> impl Iterator<Item = &K> {
        self.0.iter()
    }
}

impl<K: Ord> SortedSet<K> {
    /// Returns `true` if the set has this member.
    #[must_use]
    pub fn contains(&self, key: &K) -> bool {
        self.0.binary_search(key).is_ok()
    }

    /// Adds a member. Returns `true` if it is new.
    pub fn insert(&mut self, key: K) -> bool {
        let place = self.0.binary_search(&key);
        if let Err(place) = place {
            self.0.insert(place, key);
        }
        place.is_err()
    }
}

impl<K: Ord> FromIterator<K> for SortedSet<K> {
    fn from_iter<I: IntoIterator<Item = K>>(members: I) -> Self {
        let mut set = Self::default();
        for member in members {
            set.insert(member);
        }
        set
    }
}

impl<K> IntoIterator for SortedSet<K> {
    type Item = K;
    type IntoIter = std::vec::IntoIter<K>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// Compares every operation with `BTreeMap`, on keys that often collide.
    #[test]
    fn the_map_behaves_like_btreemap() {
        let mut draw = 1_u32;
        let mut next = |bound: u32| {
            draw = draw.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (draw >> 16) % bound
        };
        let (mut ours, mut known) = (SortedMap::new(), BTreeMap::new());
        for step in 0..4_000 {
            let key = next(40);
            match next(6) {
                0 | 1 => assert_eq!(ours.insert(key, step), known.insert(key, step)),
                2 => assert_eq!(ours.remove(&key), known.remove(&key)),
                3 => assert_eq!(
                    *ours.get_or_insert(key, step),
                    *known.entry(key).or_insert(step)
                ),
                4 if next(20) == 0 => assert_eq!(ours.pop_first(), known.pop_first()),
                5 if next(60) == 0 => {
                    ours.retain(|k, _| k % 3 != 0);
                    known.retain(|k, _| k % 3 != 0);
                }
                _ => {}
            }
            let (low, high) = (next(20), 20 + next(20));
            assert!(ours.iter().eq(known.iter()));
            assert!(ours.range(low..high).eq(known.range(low..high)));
            assert!(
                ours.range(low..=high)
                    .rev()
                    .eq(known.range(low..=high).rev())
            );
            assert!(ours.range(low..).eq(known.range(low..)));
            assert_eq!(ours.get(&key), known.get(&key));
            assert_eq!(ours.get_mut(&key), known.get_mut(&key));
            assert_eq!(ours.contains_key(&key), known.contains_key(&key));
            assert_eq!(ours.last_key_value(), known.last_key_value());
            assert_eq!(
                (ours.len(), ours.is_empty()),
                (known.len(), known.is_empty())
            );
        }
        assert!(ours.keys().eq(known.keys()) && ours.values().eq(known.values()));
        assert!(ours.clone().into_values().eq(known.values().copied()));
        assert!(ours.into_iter().eq(known));
    }

    #[test]
    fn items_are_sorted_by_key() {
        let items = [(3, 'a'), (1, 'b'), (2, 'c'), (1, 'd')];
        let sorted: Vec<_> = sorted_by_key(items, |(key, _)| *key).collect();
        assert_eq!(sorted, [(1, 'b'), (1, 'd'), (2, 'c'), (3, 'a')]);
        assert_eq!(sorted_by_key([], |(): &()| 0).count(), 0);
    }

    #[test]
    fn a_set_is_sorted_without_duplicates() {
        let mut set = SortedSet::from_iter([2]);
        assert!(set.insert(1) && !set.insert(2) && !set.is_empty());
        assert!(set.contains(&1) && set.contains(&2) && !set.contains(&3));
        assert!(set.into_iter().eq([1, 2]));
    }
}
