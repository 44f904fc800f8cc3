//! The host's interface to the audit log: events, signatures and exports.
//! Protocol §11.

use rand_core::CryptoRng;

use crate::{
    base::UnixTime,
    client::{
        AuditEvent, CheckpointView, Client, ClientError, Effects, UnlockedBy,
        transaction::Transaction,
    },
};

impl Client {
    /// Logs something that the host did: it locked, unlocked, made a backup …
    pub fn record(&mut self, event: AuditEvent, now: UnixTime) -> Effects {
        let mut tx = Transaction::new(now);
        self.log(event, &mut tx);
        self.commit(tx, ())
    }

    /// Logs that the vault was unlocked, and how many tries had failed before.
    pub fn note_unlock(&mut self, by: UnlockedBy, failed: u32, now: UnixTime) -> Effects {
        let mut tx = Transaction::new(now);
        if failed > 0 {
            self.log(AuditEvent::UnlockFailed { count: failed }, &mut tx);
        }
        self.log(AuditEvent::Unlocked { by }, &mut tx);
        self.commit(tx, ())
    }

    /// Signs the current log. Keep the checkpoint where the owner cannot change it.
    ///
    /// # Errors
    ///
    /// `Internal`, never in practice.
    pub fn checkpoint(
        &mut self,
        now: UnixTime,
        rng: &mut impl CryptoRng,
    ) -> Result<Effects<CheckpointView>, ClientError> {
        self.sign_log(AuditEvent::Checkpoint, now, rng)
    }

    /// Logs an export, and signs the log including that entry: the export ends with
    /// this checkpoint.
    ///
    /// # Errors
    ///
    /// `Internal`, never in practice.
    pub fn export_log(
        &mut self,
        format: &'static str,
        now: UnixTime,
        rng: &mut impl CryptoRng,
    ) -> Result<Effects<CheckpointView>, ClientError> {
        let unfiled = self.files_messages();
        let unfiled = unfiled.then(|| self.count_unfiled(None) as u64);
        self.sign_log(AuditEvent::Exported { format, unfiled }, now, rng)
    }

    fn sign_log(
        &mut self,
        event: AuditEvent,
        now: UnixTime,
        rng: &mut impl CryptoRng,
    ) -> Result<Effects<CheckpointView>, ClientError> {
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
