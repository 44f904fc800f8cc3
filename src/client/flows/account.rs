//! The owner's name.

use crate::{
    base::UnixTime,
    client::{Client, ClientError, Effects, StoreKey, transaction::Transaction},
    enrolment::Name,
};

impl Client {
    /// Changes the name. It is used in later enrolments; existing contacts and open
    /// invitations keep the previous name.
    ///
    /// # Errors
    ///
    /// `Text` for a name that the rule for names refuses.
    pub fn rename(&mut self, name: &str, now: UnixTime) -> Result<Effects, ClientError> {
        let name = Name::new(name).map_err(|error| ClientError::Text("name", error))?;
        let mut tx = Transaction::new(now);
        self.account.name = name;
        tx.touch(StoreKey::Account);
        Ok(self.commit(tx, ()))
    }
}
