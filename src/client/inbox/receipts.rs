//! Receipts that are owed. Each leaves after a random delay, so that the time
//! at which it leaves says little about when its message was read, and about
//! what else waits. Protocol §6.

use rand_core::CryptoRng;

use crate::{
    base::{SortedMap, UnixTime, time::DAY_SECONDS},
    client::{ContactId, StoreKey, transaction::Transaction},
    envelope::DeliveryId,
    vault::{
        VaultError,
        stored::{ReceiptsRecord, SessionRecord},
    },
};

/// Mean of the time for which a receipt waits, unless the host sets another.
const MEAN_DELAY_SECONDS: u32 = DAY_SECONDS as u32;

/// What is owed to one contact.
#[derive(Clone, Debug)]
struct Owed {
    due: UnixTime,
    sessions: Vec<DeliveryId>,
}

impl Owed {
    fn to_record(&self) -> ReceiptsRecord {
        ReceiptsRecord {
            due: self.due.0,
            sessions: self.sessions.iter().map(session_record).collect(),
        }
    }
}

fn session_record(session: &DeliveryId) -> SessionRecord {
    SessionRecord {
        id: session.encode(),
    }
}

/// Receipts that have not been sealed yet, by contact.
pub(crate) struct Receipts {
    mean_delay_seconds: u32,
    owed: SortedMap<ContactId, Owed>,
}

impl Default for Receipts {
    fn default() -> Self {
        Self {
            mean_delay_seconds: MEAN_DELAY_SECONDS,
            owed: SortedMap::new(),
        }
    }
}

impl Receipts {
    /// Zero lets them leave with the next slot.
    pub(crate) fn set_mean_delay(&mut self, seconds: u32) {
        self.mean_delay_seconds = seconds;
    }

    /// A random time from now: exponential, so that having waited says nothing
    /// about how long the rest takes.
    fn draw_due(&self, now: UnixTime, rng: &mut impl CryptoRng) -> UnixTime {
        // 53 random bits: uniform in (0, 1].
        let uniform = ((rng.next_u64() >> 11) + 1) as f64 / (1_u64 << 53) as f64;
        let delay = -uniform.ln() * f64::from(self.mean_delay_seconds);
        UnixTime(now.0 + delay as u64)
    }

    pub(crate) fn restore(
        &mut self,
        contact: ContactId,
        record: &ReceiptsRecord,
    ) -> Result<(), VaultError> {
        let sessions = record.sessions.iter();
        let sessions = sessions.map(|session| DeliveryId::decode(&session.id));
        let sessions: Option<Vec<_>> = sessions.collect();
        let owed = Owed {
            due: UnixTime(record.due),
            sessions: sessions.ok_or(VaultError::Damaged)?,
        };
        self.owed.insert(contact, owed);
        Ok(())
    }

    /// Owes a receipt. What is owed to a contact already decides when all of
    /// it leaves: a contact that sends much learns no more from it.
    pub(crate) fn owe(
        &mut self,
        contact: ContactId,
        session: DeliveryId,
        rng: &mut impl CryptoRng,
        tx: &mut Transaction,
    ) {
        let mut owed = self.owed.remove(&contact).unwrap_or_else(|| Owed {
            due: self.draw_due(tx.now, rng),
            sessions: Vec::new(),
        });
        if !owed.sessions.contains(&session) {
            owed.sessions.push(session);
        }
        tx.put(StoreKey::Receipts(contact), &owed.to_record());
        self.owed.insert(contact, owed);
    }

    /// Contacts whose receipts are due.
    pub(crate) fn due(&self, now: UnixTime) -> Vec<ContactId> {
        let due = self.owed.iter().filter(|(_, owed)| owed.due <= now);
        due.map(|(contact, _)| *contact).collect()
    }

    /// What is owed to a contact, oldest first.
    pub(crate) fn of(&self, contact: ContactId) -> &[DeliveryId] {
        let owed = self.owed.get(&contact);
        owed.map_or(&[], |owed| owed.sessions.as_slice())
    }

    /// The first `count` were sealed; what is left waits for a new random time.
    pub(crate) fn sealed(
        &mut self,
        contact: ContactId,
        count: usize,
        rng: &mut impl CryptoRng,
        tx: &mut Transaction,
    ) {
        let Some(mut owed) = self.owed.remove(&contact) else {
            return;
        };
        owed.sessions.drain(..count.min(owed.sessions.len()));
        if owed.sessions.is_empty() {
            tx.delete(StoreKey::Receipts(contact));
            return;
        }
        owed.due = self.draw_due(tx.now, rng);
        tx.put(StoreKey::Receipts(contact), &owed.to_record());
        self.owed.insert(contact, owed);
    }

    pub(crate) fn remove_contact(&mut self, contact: ContactId, tx: &mut Transaction) {
        if self.owed.remove(&contact).is_some() {
            tx.delete(StoreKey::Receipts(contact));
        }
    }
    /// All of it, as it is stored.
    pub(crate) fn records(&self) -> impl Iterator<Item = (StoreKey, ReceiptsRecord)> {
        let owed = self.owed.iter();
        owed.map(|(contact, owed)| (StoreKey::Receipts(*contact), owed.to_record()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTACT: ContactId = ContactId([1; 8]);
    const NOW: UnixTime = UnixTime(1_795_300_000);

    fn session(byte: u8) -> DeliveryId {
        DeliveryId::decode(&[byte; 16]).unwrap()
    }

    fn tx() -> Transaction {
        Transaction::new(NOW)
    }

    fn rng() -> impl CryptoRng {
        rand_core::UnwrapErr(getrandom::SysRng)
    }

    fn later(days: u64) -> UnixTime {
        UnixTime(NOW.0 + days * DAY_SECONDS)
    }

    #[test]
    fn delays_have_the_mean_that_is_set() {
        let mut receipts = Receipts::default();
        let draws = |receipts: &Receipts| -> f64 {
            let total: u64 = (0..4_000)
                .map(|_| receipts.draw_due(NOW, &mut rng()).0 - NOW.0)
                .sum();
            total as f64 / 4_000.0
        };
        // The mean of 4 000 draws is within a tenth but for one run in 10^9.
        let mean = draws(&receipts) / DAY_SECONDS as f64;
        assert!((0.9..1.1).contains(&mean), "{mean}");
        receipts.set_mean_delay(0);
        assert_eq!(draws(&receipts), 0.0);
    }

    #[test]
    fn later_deliveries_join_the_first_and_do_not_change_when_it_leaves() {
        let (mut receipts, mut tx) = (Receipts::default(), tx());
        receipts.owe(CONTACT, session(1), &mut rng(), &mut tx);
        let due = receipts.owed.get(&CONTACT).unwrap().due;
        for again in [2, 1, 3] {
            receipts.owe(CONTACT, session(again), &mut rng(), &mut tx);
        }
        assert_eq!(receipts.owed.get(&CONTACT).unwrap().due, due);
        assert_eq!(receipts.of(CONTACT), [session(1), session(2), session(3)]);
        assert_eq!(receipts.due(due), [CONTACT]);
        assert_eq!(receipts.due(UnixTime(due.0 - 1)), []);
    }

    #[test]
    fn what_did_not_fit_waits_anew_and_the_rest_is_forgotten() {
        let (mut receipts, mut tx) = (Receipts::default(), tx());
        for byte in 1..=3 {
            receipts.owe(CONTACT, session(byte), &mut rng(), &mut tx);
        }
        receipts.sealed(CONTACT, 2, &mut rng(), &mut tx);
        assert_eq!(receipts.of(CONTACT), [session(3)]);
        receipts.sealed(CONTACT, 9, &mut rng(), &mut tx);
        assert_eq!(receipts.records().count(), 0);
    }

    #[test]
    fn records_read_back_and_malformed_ones_are_refused() {
        let (mut receipts, mut tx) = (Receipts::default(), tx());
        receipts.owe(CONTACT, session(1), &mut rng(), &mut tx);
        let (_, record) = receipts.records().next().unwrap();
        let mut read = Receipts::default();
        read.restore(CONTACT, &record).unwrap();
        assert_eq!(read.records().next().unwrap().1, record);
        let short = SessionRecord { id: vec![1; 3] };
        let sessions = vec![short];
        let malformed = ReceiptsRecord { due: 1, sessions };
        assert!(read.restore(CONTACT, &malformed).is_err());
    }

    #[test]
    fn a_removed_contact_is_owed_nothing() {
        let (mut receipts, mut tx) = (Receipts::default(), tx());
        receipts.owe(CONTACT, session(1), &mut rng(), &mut tx);
        receipts.remove_contact(CONTACT, &mut tx);
        assert_eq!(receipts.due(later(1_000)), []);
    }
}
