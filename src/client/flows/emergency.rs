//! Emergency access: recorded in each available store, and announced to the owner's
//! devices. Protocol §13.

use rand_core::CryptoRng;

use crate::{
    base::{
        UnixTime,
        text::{self, TextUse},
    },
    client::{
        Client, ClientError, Effects, EmergencyId, MAX_EMERGENCY_MINUTES, Post, outbox::Slot,
        transaction::Transaction,
    },
    wire::compute_bucket,
};

impl Client {
    /// Records that an emergency access begins. The caller chooses its id, because it
    /// may be recorded in more than one store.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` for a reason that the text rule refuses, or minutes
    /// out of range.
    pub fn begin_emergency(
        &mut self,
        id: EmergencyId,
        minutes: u32,
        why: &str,
        now: UnixTime,
    ) -> Result<Effects, ClientError> {
        text::check(why, TextUse::Reason).map_err(|error| ClientError::Text("reason", error))?;
        if !(1..=MAX_EMERGENCY_MINUTES).contains(&minutes) {
            return Err(ClientError::InvalidArgument("minutes"));
        }

        let mut tx = Transaction::new(now);
        let began = (now, minutes, why.to_owned());
        self.emergencies.begin(id, began, &mut tx);
        Ok(self.commit(tx, ()))
    }

    /// Records that it ended.
    pub fn end_emergency(&mut self, id: EmergencyId, now: UnixTime) -> Effects {
        let mut tx = Transaction::new(now);
        self.emergencies.end(id, now, &mut tx);
        self.commit(tx, ())
    }

    /// A slot that announces it to the owner's devices, through their bucket.
    ///
    /// # Errors
    ///
    /// `RelayUnknown` before the first `/v1/info`.
    pub fn emergency_slot(
        &self,
        id: EmergencyId,
        rng: &mut impl CryptoRng,
    ) -> Result<Post, ClientError> {
        let announcement = self.emergencies.announcement(id);
        let announcement = announcement.ok_or(ClientError::Internal)?;
        let relay = self.mailboxes.for_posting()?;
        let cell = self.account.own_cell(&announcement, relay.cell_size, rng)?;
        let bucket = compute_bucket(&self.public().fingerprint().0, relay.buckets);
        let mut slot = Slot::new(&relay);
        slot.take(0, bucket, || Ok(cell))?;
        let tokens = Vec::new();
        Ok(Post {
            tokens,
            ..slot.finish(rng)?
        })
    }
}
