//! The host's interface to the audit log: events, signatures and exports.
//! Protocol §11.

use rand_core::CryptoRng;

use crate::{
    base::UnixTime,
    client::{
        AuditEvent, CheckpointView, Client, ClientError, Effects, FilingScope,
        transaction::Transaction,
    },
};

impl Client {
    /// Logs what the host did: it locked, unlocked, made a backup …
    pub fn record(
        &mut self,
        events: impl IntoIterator<Item = AuditEvent>,
        now: UnixTime,
    ) -> Effects {
        let mut tx = Transaction::new(now);
        for event in events {
            self.log(event, &mut tx);
        }
        self.commit(tx, ())
    }

    /// Signs the current log. Keep the checkpoint where the owner cannot change
    /// it. `export` is the format of an export that ends with this checkpoint,
    /// and is logged in its place.
    ///
    /// # Errors
    ///
    /// `Internal`, never in practice.
    pub fn checkpoint(
        &mut self,
        export: Option<&'static str>,
        now: UnixTime,
        rng: &mut impl CryptoRng,
    ) -> Result<Effects<CheckpointView>, ClientError> {
        let event = export.map_or(AuditEvent::Checkpoint, |format| {
            let unfiled = self.files_messages();
            let unfiled = unfiled.then(|| self.count_unfiled(FilingScope::All) as u64);
            AuditEvent::Exported { format, unfiled }
        });
        let identity = &self.account.identity;
        let signed = self
            .journal
            .sign(&event, &self.log_began(), identity, now, rng);
        let signed = signed.ok_or(ClientError::Internal)?;

        let mut tx = Transaction::new(now);
        self.log(event, &mut tx);
        let view = self.journal.set_checkpoint(signed, identity, &mut tx);
        Ok(self.commit(tx, view))
    }
}
