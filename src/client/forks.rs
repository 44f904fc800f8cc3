//! Proofs that an origin signed two histories of one bucket: kept for ever,
//! and told once.

use crate::{
    base::ErrorCode,
    client::{
        StoreKey,
        audit_event::AuditEvent,
        transaction::Transaction,
        view::{Event, RelayNotice},
    },
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
            proof: Some(hex::encode(&fork.encode())),
            ..RelayNotice::default()
        }));
        tx.log(AuditEvent::rejected(ErrorCode::Equivocation, None), None);
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
        let proofs = record.proofs.iter();
        let forks = proofs.map(|proof| Fork::parse(&proof.bytes).ok_or(VaultError::Damaged));
        self.0 = forks.collect::<Result<_, _>>()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        base::UnixTime,
        wire::{BatchHeader, BucketId, CellSize, OriginKey, batch::BatchPlace},
    };

    fn fork(seed: u8) -> Fork {
        let key = OriginKey::from_seed(&crate::base::Secret::take(&mut [seed; 32]));
        let header = |closed_at| {
            let place = BatchPlace {
                bucket: BucketId::LOBBY,
                epoch: 5,
                closed_at: UnixTime(closed_at),
                prev: BatchHeader::NO_PREV,
            };
            BatchHeader::sign(&place, &[], CellSize::DEFAULT, &key).unwrap()
        };
        Fork::prove(&header(1), &header(2)).unwrap()
    }

    fn add(forks: &mut Forks, fork: Fork) -> usize {
        let mut tx = Transaction::new(UnixTime(1));
        forks.add(fork, &mut tx);
        tx.events.len()
    }

    #[test]
    fn a_damaged_proof_is_refused() {
        let record = ForksRecord {
            proofs: vec![CellRecord {
                bytes: vec![0; 384],
            }],
        };
        let restored = Forks::default().restore(record);
        assert!(matches!(restored, Err(VaultError::Damaged)));
    }

    #[test]
    fn a_proof_is_told_once_and_kept() {
        let mut forks = Forks::default();
        assert!(forks.to_record().is_none());
        assert_eq!(add(&mut forks, fork(1)), 1);
        assert_eq!(add(&mut forks, fork(1)), 0, "one of an origin");
        for seed in 2..=MAX_PROOFS as u8 {
            assert_eq!(add(&mut forks, fork(seed)), 1);
        }
        assert_eq!(add(&mut forks, fork(100)), 0, "no room");
        let mut restored = Forks::default();
        restored.restore(forks.to_record().unwrap()).unwrap();
        assert_eq!(restored.0, forks.0);
    }
}
