//! Proofs that an origin signed two histories of one bucket: kept for ever,
//! and told once.

use crate::{
    base::ErrorCode,
    client::{RelayNotice, StoreKey, journal::AuditEvent, transaction::Transaction, view::Event},
    vault::{
        VaultError,
        stored::{CellRecord, ForksRecord},
    },
    wire::{Fork, hex},
};

/// Most proofs that are kept; one of an origin says enough.
const MAX_PROOFS: usize = 8;

/// The proofs, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Forks(Vec<Fork>);

impl Forks {
    /// Keeps and tells a proof, unless there is one of its origin.
    pub(crate) fn add(&mut self, fork: Fork, tx: &mut Transaction) {
        let origin = fork.header().origin;
        if self.0.iter().any(|known| known.header().origin == origin) || self.0.len() >= MAX_PROOFS
        {
            return;
        }
        tx.emit(Event::Notice(RelayNotice {
            code: ErrorCode::Equivocation.as_str(),
            mailbox: None,
            seconds: None,
            proof: Some(hex::encode(&fork.encode())),
            cleared: false,
        }));
        tx.log(
            AuditEvent::Rejected {
                code: ErrorCode::Equivocation,
                contact: None,
                count: 1,
            },
            None,
        );
        tx.touch(StoreKey::Forks);
        self.0.push(fork);
    }

    /// `None` while there is no proof.
    pub(crate) fn to_record(&self) -> Option<ForksRecord> {
        let proofs = self.0.iter().map(|fork| CellRecord {
            bytes: fork.encode().to_vec(),
        });
        (!self.0.is_empty()).then(|| ForksRecord {
            proofs: proofs.collect(),
        })
    }

    pub(crate) fn restore(&mut self, record: ForksRecord) -> Result<(), VaultError> {
        for proof in record.proofs {
            let fork = Fork::parse(&proof.bytes).ok_or(VaultError::Damaged)?;
            self.0.push(fork);
        }
        Ok(())
    }
}
