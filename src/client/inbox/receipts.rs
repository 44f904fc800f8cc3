//! Receipts that are owed. Those for one contact leave in one cell after a random
//! delay, so that their arrival says little about when a message was read, and
//! nothing about what else waits. Protocol §4.

use rand_core::CryptoRng;

use crate::{
    base::{SortedMap, UnixTime, parameters::RECEIPT_DELAY_MINUTES, time::DAY_SECONDS},
    client::{ClientError, ContactId, StoreKey, transaction::Transaction},
    envelope::DeliveryId,
    vault::{
        VaultError,
        stored::{ReceiptsRecord, SessionRecord},
    },
};

/// Mean of the time that a receipt waits, unless the host sets another.
const MEAN_DELAY_SECONDS: u64 = DAY_SECONDS;
/// No receipt waits for more than so many times the mean: one in a thousand
/// would.
const LONGEST_DELAY: u64 = 7;
/// A backlog of several cells leaves sooner, but at most this many cells in the
/// mean delay of one.
const MOST_CELLS_PER_DELAY: u64 = 4;
/// Most receipts owed to one contact: a day's worth of several cells. Beyond
/// that the oldest are forgotten; their sender gets no receipt for them.
const MOST_OWED: usize = 512;

/// What is owed to one contact.
#[derive(Clone, Debug)]
struct Owed {
    due: UnixTime,
    /// Oldest first.
    sessions: Vec<DeliveryId>,
}

/// Receipts that are not sealed yet, by contact.
pub(crate) struct Receipts {
    mean_delay: u64,
    owed: SortedMap<ContactId, Owed>,
}

impl Default for Receipts {
    fn default() -> Self {
        Self {
            mean_delay: MEAN_DELAY_SECONDS,
            owed: SortedMap::new(),
        }
    }
}

impl Receipts {
    /// Sets the mean delay; with 0, receipts leave with the next slot.
    pub(crate) fn set_mean_delay(&mut self, minutes: u32) -> Result<(), ClientError> {
        if !RECEIPT_DELAY_MINUTES.contains(&minutes) {
            return Err(ClientError::InvalidArgument("receiptDelayMinutes"));
        }
        self.mean_delay = u64::from(minutes) * 60;
        Ok(())
    }

    /// Owes receipts for what a contact sent. They leave with those already owed,
    /// so that a contact learns nothing more by sending much.
    pub(crate) fn owe(
        &mut self,
        contact: ContactId,
        sessions: Vec<DeliveryId>,
        rng: &mut impl CryptoRng,
        tx: &mut Transaction,
    ) {
        let mean = self.mean_delay;
        let owed = self.owed.get_or_insert(
            contact,
            Owed {
                due: random_time(tx.now, mean, rng),
                sessions: Vec::new(),
            },
        );
        for session in sessions {
            if owed.sessions.contains(&session) {
                continue;
            }
            if owed.sessions.len() >= MOST_OWED {
                owed.sessions.remove(0);
            }
            owed.sessions.push(session);
        }
        tx.touch(StoreKey::Receipts(contact));
    }

    /// Contacts whose receipts are due. After a fast clock is corrected, none waits
    /// for more than the longest delay.
    pub(crate) fn due(&self, now: UnixTime) -> impl Iterator<Item = ContactId> {
        let latest = now.plus(self.mean_delay * LONGEST_DELAY);
        let owed = self.owed.iter();
        let due = owed.filter(move |(_, owed)| owed.due <= now || owed.due > latest);
        due.map(|(contact, _)| *contact)
    }

    /// What is owed to a contact, oldest first.
    pub(crate) fn of(&self, contact: ContactId) -> &[DeliveryId] {
        let owed = self.owed.get(&contact);
        owed.map_or(&[], |owed| owed.sessions.as_slice())
    }

    /// The first `count` were sealed into a cell. The rest waits for another
    /// random time, which is shorter the more is owed.
    pub(crate) fn sealed(
        &mut self,
        contact: ContactId,
        count: usize,
        rng: &mut impl CryptoRng,
        tx: &mut Transaction,
    ) {
        let Some(owed) = self.owed.get_mut(&contact) else {
            return;
        };
        let count = count.clamp(1, owed.sessions.len().max(1));
        let cells = owed.sessions.len().div_ceil(count) as u64 - 1;
        owed.sessions.drain(..count.min(owed.sessions.len()));
        let mean = self.mean_delay / cells.clamp(1, MOST_CELLS_PER_DELAY);
        owed.due = random_time(tx.now, mean, rng);
        if owed.sessions.is_empty() {
            self.owed.remove(&contact);
        }
        tx.touch(StoreKey::Receipts(contact));
    }

    pub(crate) fn remove_contact(&mut self, contact: ContactId, tx: &mut Transaction) {
        if self.owed.remove(&contact).is_some() {
            tx.touch(StoreKey::Receipts(contact));
        }
    }

    /// Contacts to whom something is owed.
    pub(crate) fn contacts(&self) -> impl Iterator<Item = ContactId> {
        self.owed.keys().copied()
    }

    pub(crate) fn to_record(&self, contact: ContactId) -> Option<ReceiptsRecord> {
        let owed = self.owed.get(&contact)?;
        let sessions = owed.sessions.iter();
        Some(ReceiptsRecord {
            due: owed.due.0,
            sessions: sessions
                .map(|session| SessionRecord {
                    id: session.encode(),
                })
                .collect(),
        })
    }

    pub(crate) fn restore(
        &mut self,
        contact: ContactId,
        record: &ReceiptsRecord,
    ) -> Result<(), VaultError> {
        let sessions = record.sessions.iter();
        let sessions: Option<Vec<_>> = sessions
            .map(|session| DeliveryId::decode(&session.id))
            .collect();
        let owed = Owed {
            due: UnixTime(record.due),
            sessions: sessions.ok_or(VaultError::Damaged)?,
        };
        self.owed.insert(contact, owed);
        Ok(())
    }
}

/// A random time from now. It is exponential, so that the time waited says nothing
/// about the time left.
fn random_time(now: UnixTime, mean: u64, rng: &mut impl CryptoRng) -> UnixTime {
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "53 bits, and a delay of some days"
    )]
    let delay = {
        // Uniform in (0, 1].
        let uniform = ((rng.next_u64() >> 11) + 1) as f64 / (1_u64 << 53) as f64;
        (-uniform.ln() * mean as f64) as u64
    };
    now.plus(delay.min(mean * LONGEST_DELAY))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTACT: ContactId = ContactId([1; 8]);
    const NOW: UnixTime = UnixTime(1_795_300_000);

    fn session(number: u16) -> DeliveryId {
        let mut id = [0; 16];
        id[..2].copy_from_slice(&number.to_be_bytes());
        DeliveryId::decode(&id).unwrap()
    }

    fn sessions(numbers: impl IntoIterator<Item = u16>) -> Vec<DeliveryId> {
        numbers.into_iter().map(session).collect()
    }

    fn tx() -> Transaction {
        Transaction::new(NOW)
    }

    fn rng() -> impl CryptoRng {
        rand_core::UnwrapErr(getrandom::SysRng)
    }

    fn due(receipts: &Receipts) -> UnixTime {
        receipts.owed.get(&CONTACT).unwrap().due
    }

    fn is_due(receipts: &Receipts, now: UnixTime) -> bool {
        receipts.due(now).next().is_some()
    }

    #[test]
    fn a_delay_out_of_range_is_refused() {
        let mut receipts = Receipts::default();
        let refused = Err(ClientError::InvalidArgument("receiptDelayMinutes"));
        assert_eq!(receipts.set_mean_delay(2_881), refused);
        assert_eq!(receipts.mean_delay, DAY_SECONDS);
        for minutes in [0, 1, 2_880] {
            receipts.set_mean_delay(minutes).unwrap();
            assert_eq!(receipts.mean_delay, u64::from(minutes) * 60);
        }
    }

    #[test]
    fn delays_are_exponential_with_the_mean_that_is_set() {
        let draw = || random_time(NOW, DAY_SECONDS, &mut rng()).0 - NOW.0;
        let draws: Vec<u64> = (0..4_000).map(|_| draw()).collect();
        let mean = draws.iter().sum::<u64>() / 4_000;
        // Within a tenth but for one run in 10^9, and so is the median.
        let within = |value: u64, of: u64| (of * 9 / 10..of * 11 / 10).contains(&value);
        assert!(within(mean, DAY_SECONDS), "{mean}");
        let half_life = DAY_SECONDS * 693 / 1_000;
        let early = draws.iter().filter(|draw| **draw < half_life).count() as u64;
        assert!(within(early, 2_000), "{early}");
        assert_eq!(random_time(NOW, 0, &mut rng()), NOW);
        let longest = DAY_SECONDS * LONGEST_DELAY;
        assert!(draws.iter().all(|draw| *draw <= longest));
    }

    #[test]
    fn later_deliveries_join_the_first_and_do_not_change_when_it_leaves() {
        let (mut receipts, mut tx) = (Receipts::default(), tx());
        receipts.owe(CONTACT, sessions([1]), &mut rng(), &mut tx);
        let first = due(&receipts);
        receipts.owe(CONTACT, sessions([2, 1]), &mut rng(), &mut tx);
        receipts.owe(CONTACT, sessions([3, 3]), &mut rng(), &mut tx);
        assert_eq!(due(&receipts), first);
        assert_eq!(receipts.of(CONTACT), sessions([1, 2, 3]));
        assert!(is_due(&receipts, first) && !is_due(&receipts, first.minus(1)));
    }

    #[test]
    fn what_did_not_fit_waits_again_and_what_left_is_forgotten() {
        let (mut receipts, mut tx) = (Receipts::default(), tx());
        receipts.owe(CONTACT, sessions(1..4), &mut rng(), &mut tx);
        receipts.sealed(CONTACT, 2, &mut rng(), &mut tx);
        assert_eq!(receipts.of(CONTACT), sessions([3]));
        receipts.sealed(CONTACT, 9, &mut rng(), &mut tx);
        assert_eq!(receipts.contacts().count(), 0);
        let touched = tx.touched;
        assert!(touched.contains(&StoreKey::Receipts(CONTACT)));
        assert!(receipts.to_record(CONTACT).is_none(), "its record goes");
    }

    #[test]
    fn a_flood_is_bounded_and_its_backlog_leaves_at_four_cells_a_day() {
        let (mut receipts, mut tx) = (Receipts::default(), tx());
        receipts.owe(CONTACT, sessions(0..2_000), &mut rng(), &mut tx);
        assert_eq!(receipts.of(CONTACT), sessions(2_000 - 512..2_000));
        let mut total = 0;
        for _ in 0..2_000 {
            let mut again = Receipts::default();
            again.owe(CONTACT, sessions(0..500), &mut rng(), &mut tx);
            again.sealed(CONTACT, 50, &mut rng(), &mut tx);
            total += due(&again).0 - NOW.0;
        }
        let mean = total / 2_000;
        assert!((19_000..24_500).contains(&mean), "{mean}, not 21 600");
    }

    #[test]
    fn a_clock_that_was_set_back_puts_nothing_off() {
        let (mut receipts, mut tx) = (Receipts::default(), tx());
        receipts.owe(CONTACT, sessions([1]), &mut rng(), &mut tx);
        let longest = DAY_SECONDS * LONGEST_DELAY;
        let at_once = due(&receipts).minus(longest + 1);
        assert!(is_due(&receipts, at_once) && !is_due(&receipts, at_once.plus(1)));
    }

    #[test]
    fn records_read_back_and_malformed_ones_are_refused() {
        let (mut receipts, mut tx) = (Receipts::default(), tx());
        receipts.owe(CONTACT, sessions([1, 2]), &mut rng(), &mut tx);
        let record = receipts.to_record(CONTACT).unwrap();
        let mut read = Receipts::default();
        read.restore(CONTACT, &record).unwrap();
        assert_eq!(read.to_record(CONTACT), Some(record));
        let short = SessionRecord { id: vec![1; 3] };
        let malformed = ReceiptsRecord {
            due: 1,
            sessions: vec![short],
        };
        assert!(read.restore(CONTACT, &malformed).is_err());
    }

    #[test]
    fn a_contact_that_was_removed_is_owed_nothing() {
        let (mut receipts, mut tx) = (Receipts::default(), tx());
        receipts.owe(CONTACT, sessions([1]), &mut rng(), &mut tx);
        receipts.remove_contact(CONTACT, &mut tx);
        assert!(!is_due(&receipts, UnixTime(u64::MAX)));
    }
}
