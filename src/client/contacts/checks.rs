//! How and when each contact was checked, for evidence. Vaults from before
//! this was kept do not know it.

use crate::{
    base::{SortedMap, UnixTime},
    client::{ContactId, StoreKey, transaction::Transaction},
    envelope::CheckedBy,
    vault::stored::CheckRecord,
};

/// The last check of each contact.
#[derive(Default)]
pub(crate) struct Checks(SortedMap<ContactId, CheckRecord>);

impl Checks {
    pub(crate) fn get(&self, id: ContactId) -> Option<(CheckedBy, UnixTime)> {
        let check = self.0.get(&id)?;
        Some((check.by, UnixTime(check.at)))
    }

    pub(crate) fn note(&mut self, id: ContactId, by: CheckedBy, tx: &mut Transaction) {
        let check = CheckRecord { by, at: tx.now.0 };
        tx.put(StoreKey::Checked(id), &check);
        self.0.insert(id, check);
    }

    pub(crate) fn remove(&mut self, id: ContactId, tx: &mut Transaction) {
        if self.0.remove(&id).is_some() {
            tx.delete(StoreKey::Checked(id));
        }
    }

    pub(crate) fn restore(&mut self, id: ContactId, check: CheckRecord) {
        self.0.insert(id, check);
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&ContactId, &CheckRecord)> {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::stored;

    const ID: ContactId = ContactId([1; 8]);

    #[test]
    fn a_check_is_stored_read_back_and_removed_with_its_contact() {
        let mut checks = Checks::default();
        for by in [CheckedBy::Digits, CheckedBy::InPerson] {
            let mut tx = Transaction::new(UnixTime(9));
            checks.note(ID, by, &mut tx);
            let bytes = tx.changes.get(&StoreKey::Checked(ID)).cloned();
            let record = stored::decode(&bytes.flatten().unwrap()).unwrap();
            let mut again = Checks::default();
            again.restore(ID, record);
            assert_eq!(again.get(ID), Some((by, UnixTime(9))));
        }
        let mut tx = Transaction::new(UnixTime(10));
        checks.remove(ID, &mut tx);
        assert_eq!(checks.get(ID), None);
        assert_eq!(tx.changes.get(&StoreKey::Checked(ID)), Some(&None));
    }
}
