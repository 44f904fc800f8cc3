//! What the owner is called.

use crate::{
    base::UnixTime,
    client::{Client, ClientError, Effects, StoreKey, transaction::Transaction},
    enrolment::Name,
};

impl Client {
    /// Takes another name. People who are met from now on see it; contacts and
    /// open invitations keep the one before.
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
