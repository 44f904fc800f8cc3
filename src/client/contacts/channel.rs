//! The keys shared with a contact, with counters and windows. Protocol §4–§6.

use crate::{
    base::{Day, Month, Secret, SortedMap, UnixTime, parameters::CLOCK_SKEW_SECONDS},
    channel::{ChainKey, Direction, MonthKeys, TagSlot},
    client::{ClientError, contacts::Sequence},
    envelope::Window,
    vault::{
        VaultError,
        stored::{ChannelRecord, SequenceRecord, WindowRecord},
    },
};

/// Days whose counters are remembered; a clock further behind is refused.
const COUNTER_DAYS: usize = 64;

/// The tag counters per day and sequence numbers that the sending device has used.
/// Deliveries are sealed with the numbers of a copy, which take effect when the
/// copy replaces the channel's own.
#[derive(Clone, Debug)]
pub(crate) struct Counters {
    /// Next tag counter per day.
    days: SortedMap<Day, u32>,
    /// Days up to this one are closed for sealing.
    sealed_before: Day,
    next_seq: u64,
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            days: SortedMap::new(),
            sealed_before: Day(0),
            next_seq: 0,
        }
    }
}

impl Counters {
    /// Returns `true` if cells may still be sealed for this day.
    pub(crate) fn is_open(&self, day: Day) -> bool {
        day > self.sealed_before
    }

    /// Reserves `count` consecutive tag counters of one day and returns the first.
    pub(crate) fn take(&mut self, day: Day, count: u32) -> u32 {
        let next = self.days.get_or_insert(day, 0);
        let first = *next;
        *next = next.saturating_add(count);
        while self.days.len() > COUNTER_DAYS {
            if let Some((day, _)) = self.days.pop_first() {
                self.sealed_before = day;
            }
        }
        first
    }

    /// Returns the unused counters of a day, from this one on.
    pub(crate) fn give_back(&mut self, day: Day, from: u32) {
        if let Some(next) = self.days.get_mut(&day) {
            *next = (*next).min(from);
        }
    }

    /// The sequence number of the next delivery.
    pub(crate) fn next_seq(&self) -> u64 {
        self.next_seq
    }

    pub(crate) fn take_seq(&mut self) -> u64 {
        let seq = self.next_seq;
        self.next_seq += 1;
        seq
    }
}

/// One generation of the keys shared with a contact.
#[derive(Debug)]
pub(crate) struct Channel {
    /// The direction of sending.
    direction: Direction,
    sending: ChainKey,
    receiving: ChainKey,
    counters: Counters,
    windows: SortedMap<Day, Window>,
    sequences: SortedMap<u8, Sequence>,
}

impl Channel {
    /// Derives both chains. The caller drops the seed, which wipes it.
    pub(crate) fn new(shared_seed: &Secret<32>, direction: Direction, first: Month) -> Self {
        Self {
            direction,
            sending: ChainKey::first(shared_seed, direction, first),
            receiving: ChainKey::first(shared_seed, direction.reverse(), first),
            counters: Counters::default(),
            windows: SortedMap::new(),
            sequences: SortedMap::new(),
        }
    }

    /// The keys for everything that is sealed at this time.
    pub(crate) fn sending_keys(&self, sent_at: UnixTime) -> Result<MonthKeys, ClientError> {
        if !self.counters.is_open(sent_at.day()) {
            return Err(ClientError::ClockBehind);
        }
        let chain = self.sending.at(sent_at.month());
        Ok(chain.ok_or(ClientError::ClockBehind)?.month_keys())
    }

    /// Returns `true` if the keys of that time's month are still kept.
    pub(crate) fn sends_at(&self, time: UnixTime) -> bool {
        self.sending.at(time.month()).is_some()
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Adopts the numbers of a copy.
    pub(crate) fn set_counters(&mut self, counters: Counters) {
        self.counters = counters;
    }

    /// Returns unused counters.
    pub(crate) fn give_back(&mut self, (day, from): (Day, u32)) {
        self.counters.give_back(day, from);
    }

    /// Closes a day and earlier days for sealing: some of its counters were abandoned,
    /// and a recipient might not look beyond such a gap.
    pub(crate) fn close_until(&mut self, day: Day) {
        self.counters.sealed_before = self.counters.sealed_before.max(day);
    }

    /// The keys that open a cell of `day` in a batch closed at `closed_at`;
    /// `None` for a month outside the grace and the skew, or shredded.
    pub(crate) fn receiving_keys(
        &self,
        day: Day,
        closed_at: UnixTime,
        grace: u64,
    ) -> Option<MonthKeys> {
        let month = day.month();
        let open = closed_at.minus(grace).month()..=closed_at.plus(CLOCK_SKEW_SECONDS).month();
        if !open.contains(&month) {
            return None;
        }
        Some(self.receiving.at(month)?.month_keys())
    }

    /// The tag window of a day, with a range for every device seen so far.
    pub(crate) fn window(&self, day: Day) -> Window {
        let mut window = self.windows.get(&day).cloned().unwrap_or_default();
        for device in self.sequences.keys() {
            window.saw(*device);
        }
        window
    }

    /// The newest device seen; device 0 is known from the start.
    pub(crate) fn newest_device(&self) -> u8 {
        let last = self.sequences.last_key_value();
        last.map_or(0, |(device, _)| *device)
    }

    /// Widens a window after fragment `index` of `count` was opened under this tag.
    pub(crate) fn opened(&mut self, slot: TagSlot, index: u32, count: u32) {
        self.windows.get_or_insert(slot.day, Window::new()).opened(
            slot.device,
            slot.counter,
            index,
            count,
        );
    }

    /// Returns `true` if this sequence number of the device has arrived.
    pub(crate) fn has_arrived(&self, device: u8, seq: u64) -> bool {
        let sequence = self.sequences.get(&device);
        sequence.is_some_and(|sequence| sequence.has(seq))
    }

    /// The received sequence numbers of one device.
    pub(crate) fn sequence(&mut self, device: u8) -> &mut Sequence {
        self.sequences.get_or_insert(device, Sequence::default())
    }

    /// Sequence numbers found missing since the last call.
    pub(crate) fn newly_missing(&mut self) -> Vec<core::ops::Range<u64>> {
        self.sequences
            .values_mut()
            .flat_map(Sequence::newly_missing)
            .collect()
    }

    /// Reports missing numbers again after a restart.
    pub(crate) fn report_missing_again(&mut self) {
        self.sequences.values_mut().for_each(Sequence::report_again);
    }

    /// The oldest month whose keys are kept.
    pub(crate) fn month(&self) -> Month {
        self.receiving.month()
    }

    /// Returns `true` if the grace period of the oldest month kept is over at `horizon`.
    pub(crate) fn has_expired(&self, horizon: UnixTime, grace: u64) -> bool {
        let end = self.receiving.month().next().first_day().start();
        horizon >= end.plus(grace)
    }

    /// Wipes the keys of months whose grace period is over at `horizon`, the earlier
    /// of the clock and the closing time up to which the bucket is drained. Returns
    /// `true` if anything was shredded.
    pub(crate) fn shred(mut self, horizon: UnixTime, grace: u64) -> (Self, bool) {
        let before = self.receiving.month();
        while self.has_expired(horizon, grace) {
            self.receiving = self.receiving.advance();
            if self.sending.month() < self.receiving.month() {
                self.sending = self.sending.advance();
            }
        }
        let shredded = self.receiving.month() > before;
        (self, shredded)
    }

    /// Deletes the windows of days before `day`. Returns `true` if there were any.
    pub(crate) fn forget_before(&mut self, day: Day) -> bool {
        let known = self.windows.len();
        self.windows.retain(|known, _| *known >= day);
        self.windows.len() < known
    }

    pub(crate) fn to_record(&self) -> ChannelRecord {
        ChannelRecord {
            direction: self.direction.byte(),
            month: self.receiving.month().0,
            sending: *self.sending.key().expose(),
            receiving: *self.receiving.key().expose(),
            counters: self
                .counters
                .days
                .iter()
                .map(|(day, next)| (day.0, *next))
                .collect(),
            sealed_before: self.counters.sealed_before.0,
            next_seq: self.counters.next_seq,
            windows: self
                .windows
                .iter()
                .map(|(day, window)| WindowRecord {
                    day: day.0,
                    ends: window.ends().collect(),
                })
                .collect(),
            sequences: self
                .sequences
                .iter()
                .map(|(device, sequence)| SequenceRecord {
                    device: *device,
                    next: sequence.next(),
                    missing: sequence
                        .missing()
                        .iter()
                        .map(|r| (r.start, r.end))
                        .collect(),
                })
                .collect(),
        }
    }

    pub(crate) fn from_record(mut record: ChannelRecord) -> Result<Self, VaultError> {
        let month = Month(record.month);
        Ok(Self {
            direction: match record.direction {
                0 => Direction::FromInviter,
                1 => Direction::FromAcceptor,
                _ => return Err(VaultError::Damaged),
            },
            sending: ChainKey::from_stored(month, Secret::take(&mut record.sending)),
            receiving: ChainKey::from_stored(month, Secret::take(&mut record.receiving)),
            counters: Counters {
                days: record
                    .counters
                    .into_iter()
                    .map(|(day, next)| (Day(day), next))
                    .collect(),
                sealed_before: Day(record.sealed_before),
                next_seq: record.next_seq,
            },
            windows: record
                .windows
                .into_iter()
                .map(|w| (Day(w.day), Window::from_stored(w.ends)))
                .collect(),
            sequences: record
                .sequences
                .into_iter()
                .map(|s| (s.device, Sequence::from_stored(s.next, s.missing)))
                .collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::time::DAY_SECONDS;

    const GRACE: u64 = 7 * DAY_SECONDS;

    fn channel(first: Month) -> Channel {
        Channel::new(&Secret::take(&mut [7; 32]), Direction::FromInviter, first)
    }

    #[test]
    fn a_clock_that_goes_back_never_repeats_a_counter() {
        let mut counters = Counters::default();
        assert_eq!(counters.take(Day(10), 3), 0);
        assert_eq!(counters.take(Day(11), 1), 0);
        assert_eq!(
            counters.take(Day(10), 1),
            3,
            "a day seen before goes on counting"
        );
    }

    #[test]
    fn a_day_is_refused_once_it_is_closed_or_forgotten() {
        let first = UnixTime(1_795_300_000);
        let mut c = channel(first.month());
        assert!(c.sending_keys(first).is_ok());
        c.close_until(first.day());
        assert_eq!(c.sending_keys(first).unwrap_err(), ClientError::ClockBehind);
        assert!(c.sending_keys(first.plus(DAY_SECONDS)).is_ok());

        let mut counters = Counters::default();
        for day in 1..=COUNTER_DAYS as u32 + 1 {
            counters.take(Day(day), 1);
        }
        assert!(!counters.is_open(Day(1)), "its counters are forgotten");
        assert!(counters.is_open(Day(2)));
    }

    #[test]
    fn a_scratch_counts_only_once_it_is_set() {
        let mut c = channel(Month(24_000));
        let mut scratch = c.counters().clone();
        assert_eq!((scratch.take(Day(10), 2), scratch.take_seq()), (0, 0));
        assert_eq!(c.counters().next_seq(), 0);
        c.set_counters(scratch);
        let mut next = c.counters().clone();
        assert_eq!((next.take(Day(10), 1), next.take_seq()), (2, 1));
    }

    #[test]
    fn shredding_waits_for_the_grace() {
        let first = UnixTime(1_795_300_000).month();
        let end = first.next().first_day().start();
        let (c, shredded) = channel(first).shred(end.plus(GRACE - 1), GRACE);
        assert!(!shredded && c.receiving.month() == first);
        let (c, shredded) = c.shred(end.plus(GRACE), GRACE);
        assert!(shredded && c.receiving.month() == first.next());
        assert!(
            c.receiving_keys(first.first_day(), end, GRACE).is_none(),
            "shredded is gone"
        );
        assert_eq!(
            c.sending_keys(first.first_day().start()).unwrap_err(),
            ClientError::ClockBehind
        );
    }
}
