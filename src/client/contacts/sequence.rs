//! The received sequence numbers of a sender, so that a relay cannot drop "stop
//! warfarin" without being detected. Protocol §6.

use core::ops::Range;

/// Maximum number of ranges; beyond that the oldest are merged, so that a hostile
/// contact cannot make the record grow without bound.
const MAX_RANGES: usize = 256;

/// Sequence numbers of one device: all below `next` arrived, except those in
/// `missing`, ascending and disjoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sequence {
    next: u64,
    missing: Vec<Range<u64>>,
    /// Missing numbers below this were reported.
    reported: u64,
}

impl Sequence {
    pub(crate) fn from_stored(next: u64, missing: impl IntoIterator<Item = (u64, u64)>) -> Self {
        Self {
            next,
            missing: missing.into_iter().map(|(from, to)| from..to).collect(),
            reported: next,
        }
    }

    pub(crate) fn next(&self) -> u64 {
        self.next
    }

    pub(crate) fn missing(&self) -> &[Range<u64>] {
        &self.missing
    }

    /// Ranges that became missing since the last call.
    pub(crate) fn newly_missing(&mut self) -> Vec<Range<u64>> {
        let reported = core::mem::replace(&mut self.reported, self.next);
        self.missing
            .iter()
            .filter(|range| range.start >= reported)
            .cloned()
            .collect()
    }

    /// Returns `true` if `seq` arrived before.
    pub(crate) fn has(&self, seq: u64) -> bool {
        seq < self.next && !self.missing.iter().any(|range| range.contains(&seq))
    }

    /// Reports missing numbers again, which were held back before a restart.
    pub(crate) fn report_again(&mut self) {
        self.reported = 0;
    }

    /// Records that `seq` arrived. Returns `true` if it had been reported missing.
    pub(crate) fn arrived(&mut self, seq: u64) -> bool {
        if seq >= self.next {
            if seq > self.next {
                self.missing.push(self.next..seq);
                self.bound();
            }
            self.next = seq.saturating_add(1);
            return false;
        }
        let Some(at) = self.missing.iter().position(|range| range.contains(&seq)) else {
            return false;
        };
        let range = self.missing.remove(at);
        for part in [seq + 1..range.end, range.start..seq] {
            if !part.is_empty() {
                self.missing.insert(at, part);
            }
        }
        seq < self.reported
    }

    fn bound(&mut self) {
        if self.missing.len() > MAX_RANGES {
            let first = self.missing.remove(0);
            if let Some(second) = self.missing.first_mut() {
                second.start = first.start;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Sequence;

    #[test]
    fn what_is_missing_is_known_until_it_comes() {
        let mut s = Sequence::default();
        assert!(!s.arrived(0));
        assert!(!s.arrived(5));
        assert_eq!(s.newly_missing(), std::slice::from_ref(&(1..5)));
        assert!(s.newly_missing().is_empty(), "each is reported once");
        assert!(s.has(0) && !s.has(3) && s.has(5) && !s.has(6));
        assert!(s.arrived(3));
        assert!(s.has(3));
        assert_eq!(s.missing(), [1..3, 4..5]);
        assert!(s.arrived(4) && s.arrived(1) && s.arrived(2));
        assert_eq!((s.missing().len(), s.next()), (0, 6));
        assert!(!s.arrived(3), "a second time it was not missing");
    }

    #[test]
    fn what_was_not_reported_missing_closes_no_gap() {
        let mut s = Sequence::default();
        s.arrived(2);
        assert!(!s.arrived(0));
        assert_eq!(s.newly_missing(), std::slice::from_ref(&(1..2)));
        assert!(s.arrived(1));

        let mut stored = Sequence::from_stored(3, [(0, 2)]);
        assert!(stored.newly_missing().is_empty());
        stored.report_again();
        assert_eq!(stored.newly_missing(), std::slice::from_ref(&(0..2)));
    }

    #[test]
    fn a_hostile_sender_cannot_grow_it() {
        let mut s = Sequence::default();
        for seq in 0..2_000 {
            s.arrived(seq * 2);
        }
        s.arrived(u64::MAX);
        assert!(s.missing().len() <= super::MAX_RANGES);
        s.newly_missing();
        assert!(s.arrived(1), "what was joined still counts as missing");
    }
}
