//! Filing of messages in the health record. The host sends them there; the vault
//! records the outcome, so that no message is lost between the two.

use crate::{
    base::UnixTime,
    client::{
        AuditEvent, Client, ClientError, Effects, FilingScope, FilingUpdate, MessageRef,
        MessageView, transaction::Transaction,
    },
    vault::stored::FilingRecord,
};

/// The longest id or version of a resource in FHIR R4.
const MAX_RESOURCE_ID: usize = 64;

impl Client {
    /// Whether messages are filed in the health record.
    #[must_use]
    pub fn files_messages(&self) -> bool {
        self.messages.are_filed()
    }

    /// Sets whether messages are filed in the health record. While they are,
    /// [`Client::require_filed`] refuses to lose an unfiled one.
    pub fn set_files_messages(&mut self, filed: bool, now: UnixTime) -> Effects {
        let mut tx = Transaction::new(now);
        self.messages.set_filed(filed, &mut tx);
        self.commit(tx, ())
    }

    /// Stores the outcome of filing a message.
    ///
    /// # Errors
    ///
    /// `MessageUnknown`; `ContactPending` for a held message, which is not
    /// filed; `InvalidArgument` for an id or a version that FHIR does not allow, or
    /// while messages are not filed.
    pub fn mark_filing(
        &mut self,
        message: MessageRef,
        update: &FilingUpdate,
        now: UnixTime,
    ) -> Result<Effects, ClientError> {
        let held = self.messages.find_shown(message)?;
        if !self.messages.are_filed() {
            return Err(ClientError::InvalidArgument("settings.filing is false"));
        }
        if let FilingUpdate::Filed { id, version, .. } = update {
            let version = version.iter().map(|version| (version, "version"));
            for (text, name) in [(id, "id")].into_iter().chain(version) {
                if !is_resource_id(text) {
                    return Err(ClientError::InvalidArgument(name));
                }
            }
        }
        let filing = FilingRecord::after(held.filing.as_ref(), update, held.state, now);
        let event = |code| AuditEvent::Filing {
            message,
            session: held.session.clone(),
            code,
        };
        let event = match update {
            FilingUpdate::Started => None,
            FilingUpdate::Filed { .. } => Some(event(None)),
            FilingUpdate::Failed(code) => Some(event(Some(*code))),
        };

        let mut tx = Transaction::new(now);
        if let Some(event) = event {
            self.log(event, &mut tx);
        }
        self.messages.set_filing(message, filing, &mut tx);
        Ok(self.commit(tx, ()))
    }

    /// Up to `limit` messages that the health record lacks, or has in an earlier
    /// state.
    #[must_use]
    pub fn unfiled(&self, limit: usize) -> Vec<MessageView> {
        let unfiled = self.messages.unfiled(FilingScope::All).take(limit);
        unfiled
            .map(|(message, held)| MessageView::new(message, held))
            .collect()
    }

    /// The number of messages that [`Client::unfiled`] would list of these.
    #[must_use]
    pub fn count_unfiled(&self, scope: FilingScope) -> usize {
        self.messages.unfiled(scope).count()
    }

    /// Refuses to go on while any of these messages is unfiled: before a
    /// message, a contact or the vault is deleted.
    ///
    /// # Errors
    ///
    /// `Unfiled`.
    pub fn require_filed(&self, scope: FilingScope) -> Result<(), ClientError> {
        match self.count_unfiled(scope) {
            0 => Ok(()),
            count => Err(ClientError::Unfiled(count)),
        }
    }
}

/// FHIR's rule for the id of a resource.
fn is_resource_id(text: &str) -> bool {
    (1..=MAX_RESOURCE_ID).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.')
}
