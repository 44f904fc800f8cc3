//! How and when each contact was checked, for evidence. Vaults from before
//! this was kept do not know it.

use crate::{
    base::{SortedMap, UnixTime},
    client::{ContactId, StoreKey, transaction::Transaction},
    envelope::CheckedBy,
    vault::{VaultError, stored::CheckRecord},
};

/// The last check of each contact.
#[derive(Default)]
pub(crate) struct Checks(SortedMap<ContactId, (CheckedBy, UnixTime)>);

impl Checks {
    pub(crate) fn get(&self, id: ContactId) -> Option<(CheckedBy, UnixTime)> {
        self.0.get(&id).copied()
    }

    pub(crate) fn note(&mut self, id: ContactId, by: CheckedBy, tx: &mut Transaction) {
        self.0.insert(id, (by, tx.now));
        tx.put(StoreKey::Checked(id), &to_record(by, tx.now));
    }

    pub(crate) fn remove(&mut self, id: ContactId, tx: &mut Transaction) {
        if self.0.remove(&id).is_some() {
            tx.delete(StoreKey::Checked(id));
        }
    }

    pub(crate) fn restore(
        &mut self,
        id: ContactId,
        record: &CheckRecord,
    ) -> Result<(), VaultError> {
        let by = CheckedBy::from_number(record.by).ok_or(VaultError::Damaged)?;
        self.0.insert(id, (by, UnixTime(record.at)));
        Ok(())
    }

    pub(crate) fn records(&self) -> impl Iterator<Item = (StoreKey, CheckRecord)> {
        let checks = self.0.iter();
        checks.map(|(id, (by, at))| (StoreKey::Checked(*id), to_record(*by, *at)))
    }
}

fn to_record(by: CheckedBy, at: UnixTime) -> CheckRecord {
    CheckRecord {
        by: by as u8,
        at: at.0,
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
            again.restore(ID, &record).unwrap();
            assert_eq!(again.get(ID), Some((by, UnixTime(9))));
        }
        let unknown = checks.restore(ID, &CheckRecord { by: 3, at: 1 });
        assert_eq!(unknown, Err(VaultError::Damaged));
        let mut tx = Transaction::new(UnixTime(10));
        checks.remove(ID, &mut tx);
        assert_eq!(checks.get(ID), None);
        assert_eq!(tx.changes.get(&StoreKey::Checked(ID)), Some(&None));
    }
}
