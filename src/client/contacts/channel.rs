//! The keys shared with a contact, with counters and windows. Protocol §4–§6.

use crate::{
    base::{Day, Month, Secret, SortedMap, UnixTime, parameters::CLOCK_SKEW_SECONDS},
    channel::{ChainKey, Direction, MonthKeys, TagSlot},
    client::{
        ClientError,
        contacts::{Counters, Sequence},
    },
    envelope::Window,
    vault::{
        VaultError,
        stored::{ChannelRecord, SequenceRecord, WindowRecord},
    },
};

/// Which seed the keys of a channel come from: 0 is that of the enrolment.
pub(crate) type GenerationId = u32;

/// The keys that come from one seed, and the tag windows under them.
#[derive(Debug)]
struct Generation {
    sending: ChainKey,
    receiving: ChainKey,
    windows: SortedMap<Day, Window>,
}

/// The keys shared with a contact. A channel is sealed under its newest
/// generation and opened under each; numbers are counted across generations.
#[derive(Debug)]
pub(crate) struct Channel {
    /// The direction of sending.
    direction: Direction,
    generations: SortedMap<GenerationId, Generation>,
    counters: Counters,
    sequences: SortedMap<u8, Sequence>,
}

impl Generation {
    /// Wipes the keys of months whose grace period is over at `horizon`.
    fn shred(mut self, horizon: UnixTime, grace: u64) -> Self {
        while self.has_expired(horizon, grace) {
            self.receiving = self.receiving.advance();
            if self.sending.month() < self.receiving.month() {
                self.sending = self.sending.advance();
            }
        }
        self
    }

    /// Returns `true` if the grace period of the oldest month kept is over at `horizon`.
    fn has_expired(&self, horizon: UnixTime, grace: u64) -> bool {
        let end = self.receiving.month().next().first_day().start();
        horizon >= end.plus(grace)
    }
}

impl Channel {
    /// Derives both chains of generation 0. The caller drops the seed, which wipes it.
    pub(crate) fn new(shared_seed: &Secret<32>, direction: Direction, first: Month) -> Self {
        let generation = Generation {
            sending: ChainKey::first(shared_seed, direction, first),
            receiving: ChainKey::first(shared_seed, direction.reverse(), first),
            windows: SortedMap::new(),
        };
        Self {
            direction,
            generations: [(0, generation)].into_iter().collect(),
            counters: Counters::default(),
            sequences: SortedMap::new(),
        }
    }

    /// The keys for everything that is sealed at this time.
    pub(crate) fn sending_keys(&self, sent_at: UnixTime) -> Result<MonthKeys, ClientError> {
        if !self.counters.is_open(sent_at.day()) {
            return Err(ClientError::ClockBehind);
        }
        let chain = self.sending_chain(sent_at);
        Ok(chain.ok_or(ClientError::ClockBehind)?.month_keys())
    }

    /// Returns `true` if the keys of that time's month are still kept.
    pub(crate) fn sends_at(&self, time: UnixTime) -> bool {
        self.sending_chain(time).is_some()
    }

    fn sending_chain(&self, time: UnixTime) -> Option<ChainKey> {
        let (_, newest) = self.generations.last_key_value()?;
        newest.sending.at(time.month())
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

    /// The generations under which a contact may send.
    pub(crate) fn generations(&self) -> impl Iterator<Item = GenerationId> {
        self.generations.keys().copied()
    }

    /// The keys that open a cell of `day` in a batch closed at `closed_at`;
    /// `None` for a month outside the grace and the skew, or shredded.
    pub(crate) fn receiving_keys(
        &self,
        generation: GenerationId,
        day: Day,
        closed_at: UnixTime,
        grace: u64,
    ) -> Option<MonthKeys> {
        let month = day.month();
        let open = closed_at.minus(grace).month()..=closed_at.plus(CLOCK_SKEW_SECONDS).month();
        if !open.contains(&month) {
            return None;
        }
        let generation = self.generations.get(&generation)?;
        Some(generation.receiving.at(month)?.month_keys())
    }

    /// The tag window of a day, with a range for every device seen so far.
    pub(crate) fn window(&self, generation: GenerationId, day: Day) -> Window {
        let known = self.generations.get(&generation);
        let known = known.and_then(|generation| generation.windows.get(&day));
        let mut window = known.cloned().unwrap_or_default();
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
    pub(crate) fn opened(
        &mut self,
        generation: GenerationId,
        slot: TagSlot,
        (index, count): (u32, u32),
    ) {
        if let Some(generation) = self.generations.get_mut(&generation) {
            let window = generation
                .windows
                .get_or_insert(slot.day, Window::default());
            window.opened(slot.device, slot.counter, index, count);
        }
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
    pub(crate) fn month(&self) -> Option<Month> {
        let generations = self.generations.values();
        generations.map(|held| held.receiving.month()).min()
    }

    /// Returns `true` if the grace period of the oldest month kept is over at `horizon`.
    pub(crate) fn has_expired(&self, horizon: UnixTime, grace: u64) -> bool {
        let mut generations = self.generations.values();
        generations.any(|held| held.has_expired(horizon, grace))
    }

    /// Wipes the keys of months whose grace period is over at `horizon`, the earlier
    /// of the clock and the closing time up to which the bucket is drained. Returns
    /// `true` if anything was shredded.
    pub(crate) fn shred(&mut self, horizon: UnixTime, grace: u64) -> bool {
        let shreds = self.has_expired(horizon, grace);
        let held = core::mem::take(&mut self.generations).into_iter();
        self.generations = held
            .map(|(id, generation)| (id, generation.shred(horizon, grace)))
            .collect();
        shreds
    }

    /// Deletes the windows of days before `day`. Returns `true` if there were any.
    pub(crate) fn forget_before(&mut self, day: Day) -> bool {
        let mut forgot = false;
        for generation in self.generations.values_mut() {
            let known = generation.windows.len();
            generation.windows.retain(|known, _| *known >= day);
            forgot |= generation.windows.len() < known;
        }
        forgot
    }

    /// The record holds generation 0.
    pub(crate) fn to_record(&self) -> Option<ChannelRecord> {
        let first = self.generations.get(&0)?;
        let windows = first.windows.iter().map(|(day, window)| WindowRecord {
            day: day.0,
            ends: window.ends().collect(),
        });
        let sequences = self.sequences.iter();
        let sequences = sequences.map(|(device, sequence)| SequenceRecord {
            device: *device,
            next: sequence.next(),
            missing: sequence
                .missing()
                .iter()
                .map(|r| (r.start, r.end))
                .collect(),
        });
        let counters = self.counters.days.iter();
        Some(ChannelRecord {
            direction: self.direction.byte(),
            month: first.receiving.month().0,
            sending: *first.sending.key().expose(),
            receiving: *first.receiving.key().expose(),
            counters: counters.map(|(day, next)| (day.0, *next)).collect(),
            sealed_before: self.counters.sealed_before.0,
            next_seq: self.counters.next_seq,
            windows: windows.collect(),
            sequences: sequences.collect(),
        })
    }

    pub(crate) fn from_record(mut record: ChannelRecord) -> Result<Self, VaultError> {
        let month = Month(record.month);
        let windows = record.windows.into_iter();
        let sequences = record.sequences.into_iter();
        let counters = record.counters.into_iter();
        let generation = Generation {
            sending: ChainKey::from_stored(month, Secret::take(&mut record.sending)),
            receiving: ChainKey::from_stored(month, Secret::take(&mut record.receiving)),
            windows: windows
                .map(|w| (Day(w.day), Window::from_stored(w.ends)))
                .collect(),
        };
        Ok(Self {
            direction: match record.direction {
                0 => Direction::FromInviter,
                1 => Direction::FromAcceptor,
                _ => return Err(VaultError::Damaged),
            },
            generations: [(0, generation)].into_iter().collect(),
            counters: Counters {
                days: counters.map(|(day, next)| (Day(day), next)).collect(),
                sealed_before: Day(record.sealed_before),
                next_seq: record.next_seq,
            },
            sequences: sequences
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
    fn a_day_is_refused_once_it_is_closed() {
        let first = UnixTime(1_795_300_000);
        let mut c = channel(first.month());
        assert!(c.sending_keys(first).is_ok());
        c.close_until(first.day());
        assert_eq!(c.sending_keys(first).unwrap_err(), ClientError::ClockBehind);
        assert!(c.sending_keys(first.plus(DAY_SECONDS)).is_ok());
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
        let mut c = channel(first);
        assert!(!c.shred(end.plus(GRACE - 1), GRACE));
        assert_eq!(c.month(), Some(first));
        assert!(c.shred(end.plus(GRACE), GRACE));
        assert_eq!(c.month(), Some(first.next()));
        assert!(
            c.receiving_keys(0, first.first_day(), end, GRACE).is_none(),
            "shredded is gone"
        );
        assert_eq!(
            c.sending_keys(first.first_day().start()).unwrap_err(),
            ClientError::ClockBehind
        );
    }
}
