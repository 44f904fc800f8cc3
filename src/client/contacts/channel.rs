//! A pair's chains with their counters and windows. Protocol §4–§6.

use crate::client::{ClientError, contacts::Sequence};
use crate::{
    base::{Day, Month, Secret, SortedMap, UnixTime, parameters::CLOCK_SKEW_SECONDS},
    channel::{ChainKey, Direction, MonthKeys, TagSlot},
    envelope::Window,
    vault::{
        VaultError,
        stored::{ChannelRecord, SequenceRecord, WindowRecord},
    },
};

/// Days whose counters are remembered; a clock further behind is refused.
const COUNTER_DAYS: usize = 64;

#[derive(Debug)]
pub(crate) struct Channel {
    /// The direction one sends in.
    direction: Direction,
    sending: ChainKey,
    receiving: ChainKey,
    /// Next tag counter per day.
    counters: SortedMap<Day, u32>,
    /// Days up to this one are closed for sealing.
    sealed_before: Day,
    next_seq: u64,
    windows: SortedMap<Day, Window>,
    sequences: SortedMap<u8, Sequence>,
}

impl Channel {
    /// Derives both chains; the seed is wiped when the caller drops it.
    pub(crate) fn new(shared_seed: &Secret<32>, direction: Direction, first: Month) -> Self {
        Self {
            direction,
            sending: ChainKey::first(shared_seed, direction, first),
            receiving: ChainKey::first(shared_seed, direction.reverse(), first),
            counters: SortedMap::new(),
            sealed_before: Day(0),
            next_seq: 0,
            windows: SortedMap::new(),
            sequences: SortedMap::new(),
        }
    }

    /// The keys everything sent at this time is sealed with.
    pub(crate) fn sending_keys(&self, sent_at: UnixTime) -> Result<MonthKeys, ClientError> {
        if sent_at.day() <= self.sealed_before {
            return Err(ClientError::ClockBehind);
        }
        let chain = self
            .sending
            .at(sent_at.month())
            .ok_or(ClientError::ClockBehind)?;
        Ok(chain.month_keys())
    }

    /// Whether there are keys for that time.
    pub(crate) fn sends_at(&self, time: UnixTime) -> bool {
        self.sending.at(time.month()).is_some()
    }

    /// All counts begin anew: they are those of another device from now on.
    pub(crate) fn renew(&mut self) {
        self.counters = SortedMap::new();
        self.sealed_before = Day(0);
        self.next_seq = 0;
    }

    /// Reserves `count` consecutive tag counters of one day: the first.
    pub(crate) fn take_counters(&mut self, day: Day, count: u32) -> u32 {
        let next = self.counters.get_or_insert(day, 0);
        let first = *next;
        *next = next.saturating_add(count);
        while self.counters.len() > COUNTER_DAYS {
            if let Some((day, _)) = self.counters.pop_first() {
                self.sealed_before = day;
            }
        }
        first
    }

    /// No more cells are sealed in this day or before it: some of its
    /// counters were given up, and what a clock set back would seal after
    /// such a hole might not be found.
    pub(crate) fn close_until(&mut self, day: Day) {
        self.sealed_before = self.sealed_before.max(day);
    }

    /// The sequence number of the next delivery.
    pub(crate) fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// That number is used.
    pub(crate) fn take_seq(&mut self) {
        self.next_seq += 1;
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

    /// The tag window of a day: every device that was heard from has its own.
    pub(crate) fn window(&self, day: Day) -> Window {
        let mut window = self.windows.get(&day).cloned().unwrap_or_default();
        for device in self.sequences.keys() {
            window.saw(*device);
        }
        window
    }

    /// The newest device that was heard from; device 0 is known from the start.
    pub(crate) fn newest_device(&self) -> u8 {
        let last = self.sequences.last_key_value();
        last.map_or(0, |(device, _)| *device)
    }

    /// Something was opened under this tag.
    pub(crate) fn opened(&mut self, slot: TagSlot, index: u32, count: u32) {
        self.windows.get_or_insert(slot.day, Window::new()).opened(
            slot.device,
            slot.counter,
            index,
            count,
        );
    }

    /// Whether this number of that device arrived before.
    pub(crate) fn has_arrived(&self, device: u8, seq: u64) -> bool {
        let sequence = self.sequences.get(&device);
        sequence.is_some_and(|sequence| sequence.has(seq))
    }

    /// What arrived from one device.
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

    /// The oldest month whose keys are held.
    pub(crate) fn month(&self) -> Month {
        self.receiving.month()
    }

    /// Wipes the keys of months whose grace is over at `horizon`, the earlier
    /// of the clock and the closing time of a fully drained batch. Returns
    /// whether anything was shredded.
    pub(crate) fn shred(mut self, horizon: UnixTime, grace: u64) -> (Self, bool) {
        let before = self.receiving.month();
        while horizon
            >= self
                .receiving
                .month()
                .next()
                .first_day()
                .start()
                .plus(grace)
        {
            self.receiving = self.receiving.advance();
            self.sending = if self.sending.month() < self.receiving.month() {
                self.sending.advance()
            } else {
                self.sending
            };
        }
        let shredded = self.receiving.month() > before;
        (self, shredded)
    }

    /// Forgets windows of days before `day`.
    pub(crate) fn forget_before(&mut self, day: Day) {
        self.windows.retain(|known, _| *known >= day);
    }

    pub(crate) fn to_record(&self) -> ChannelRecord {
        ChannelRecord {
            direction: self.direction.byte(),
            month: self.receiving.month().0,
            sending: *self.sending.key().expose(),
            receiving: *self.receiving.key().expose(),
            counters: self
                .counters
                .iter()
                .map(|(day, next)| (day.0, *next))
                .collect(),
            sealed_before: self.sealed_before.0,
            next_seq: self.next_seq,
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
            counters: record
                .counters
                .into_iter()
                .map(|(day, next)| (Day(day), next))
                .collect(),
            sealed_before: Day(record.sealed_before),
            next_seq: record.next_seq,
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

    const GRACE: u64 = 7 * crate::base::time::DAY_SECONDS;

    fn channel(first: Month) -> Channel {
        Channel::new(&Secret::take(&mut [7; 32]), Direction::FromInviter, first)
    }

    #[test]
    fn a_clock_that_goes_back_never_repeats_a_counter() {
        let mut c = channel(Month(24_000));
        assert_eq!(c.take_counters(Day(10), 3), 0);
        assert_eq!(c.take_counters(Day(11), 1), 0);
        assert_eq!(
            c.take_counters(Day(10), 1),
            3,
            "a day seen before goes on counting"
        );
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
