//! Moving the store of one relay into a log: each of its closes becomes a commit, so
//! that every process reads the same history, and its chains go on.

use sha2::{Digest as _, Sha256};

use super::{
    Item, Log, LogConfig, LogError, Subject,
    author::PART,
    commit::{Commit, CommittedBatch, VERSION},
    hex::Hex,
    initialize,
    level::FIRST,
    patiently,
};
use crate::store::{Kind, SignedBatch, StoreError, sqlite::History};

/// The steps of the ratchets with which the first process of a moved store begins:
/// numbered and lobby.
///
/// # Errors
///
/// If the store cannot be read.
pub fn first_steps(history: &History) -> Result<[u64; 2], StoreError> {
    let closes = |kind| Ok::<_, StoreError>(history.epochs(kind)?.len() as u64 + 1);
    Ok([closes(Kind::Numbered)?, closes(Kind::Lobby)?])
}

/// Writes the configuration of a new deployment into its log, then everything that
/// the store has published.
///
/// # Errors
///
/// [`StoreError`]. What was written of a part of it must be deleted.
pub async fn adopt(
    log: &impl Log,
    config: &LogConfig,
    history: &History,
) -> Result<(), StoreError> {
    initialize(log, config).await?;
    let key = ed25519_dalek::SigningKey::from_bytes(history.seed().expose());
    for kind in Kind::ALL {
        let mut prev = [0; 32];
        for (i, epoch) in (1..).zip(history.epochs(kind)?) {
            let batches = history.batches(kind, epoch)?;
            let at = batches.first().map_or(0, |batch| batch.header.closed_at.0);
            let mut committed = Vec::with_capacity(batches.len());
            for batch in &batches {
                committed.push(publish_batch(log, kind, batch).await?);
            }
            let commit = Commit {
                v: VERSION,
                kind: kind.letter().into(),
                i,
                step: 0,
                steps: 1,
                epoch,
                at,
                // There was no marker, and no key that a process could have.
                marker: 0,
                prev: Hex(prev),
                input: Hex([0; 32]),
                r: Hex([0; 32]),
                config: Hex(config.hash()),
                level: FIRST,
                batches: committed,
            };
            let bytes = commit.sign(&key)?;
            prev = Sha256::digest(&bytes).into();
            publish(log, Subject::new(kind, Item::Commit), &bytes).await?;
        }
    }
    Ok(())
}

async fn publish_batch(
    log: &impl Log,
    kind: Kind,
    batch: &SignedBatch,
) -> Result<CommittedBatch, StoreError> {
    let mut parts = Vec::new();
    for part in batch.bytes.chunks(PART) {
        parts.push(publish(log, Subject::new(kind, Item::Part), part).await?);
    }
    Ok(CommittedBatch::new(batch, parts))
}

/// Publishes a message, again if there is no answer: a second part is not referred to,
/// a second commit is void.
async fn publish(log: &impl Log, subject: Subject, bytes: &[u8]) -> Result<u64, LogError> {
    patiently(async || log.publish(subject, bytes.to_vec()).await).await
}
