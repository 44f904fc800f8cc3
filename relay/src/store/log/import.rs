//! Batches of other origins. The process that fetched them publishes them in the
//! log, and all processes store them at the same place of it: closes then agree
//! about which cells have been published.
//!
//! ```text
//! import = "TSX1" || Ed25519(origin key, "TSX1" || body) || body
//! ```

use std::{
    collections::HashSet,
    mem,
    sync::Arc,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use tessera::wire::Origin;
use tokio::time::sleep;

use super::{
    Item, Log, Message, Stream, Subject,
    commit::{CommittedBatch, Signed, sign},
    state::{Process, State},
};
use crate::store::{Kind, SignedBatch, Store as _, StoreError, sqlite::view::Imported};

const MAGIC: &[u8; 4] = b"TSX1";
const VERSION: u32 = 1;
/// Parts that are not used within so many messages are dropped, by all processes:
/// their author has died.
const REACH: u64 = 1024;
/// Parts of one import, unless a single batch has more.
const PARTS: usize = 256;
/// A process waits for its turn if another one has imported within this time.
const RECENTLY: Duration = Duration::from_secs(60);

/// Batches that one process fetched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Import {
    v: u32,
    kind: char,
    /// The rank of the process.
    rank: u32,
    batches: Vec<CommittedBatch>,
}

impl Import {
    fn open(bytes: &[u8], origin: &Origin, kind: Kind) -> Signed<Self> {
        let signed = Signed::<Self>::open(MAGIC, VERSION, bytes, origin);
        signed.filter(|import| import.kind == char::from(kind.letter()))
    }
}

/// Keeps a part until an import uses it, and drops those that none will use.
pub(super) fn keep_part(state: &mut State, message: Message) {
    let oldest = message.seq.saturating_sub(REACH);
    state
        .parts
        .retain(|seq, (of, _)| of.item != Item::ImportPart || *seq > oldest);
    state
        .parts
        .insert(message.seq, (message.subject, message.bytes));
}

impl<L: Log> Process<L> {
    /// Publishes batches of other origins, and waits until they are stored. If
    /// another process imports, too, this one waits for its turn, and publishes only
    /// what is still missing.
    pub(super) async fn import(
        self: &Arc<Self>,
        batches: Vec<SignedBatch>,
    ) -> Result<(), StoreError> {
        self.health.writable()?;
        self.view.writable()?;
        self.imports_allowed()?;
        let others = self.state.lock().await.imported_by_others;
        if others.is_some_and(|at| at.elapsed() < RECENTLY) {
            sleep(self.options.limits.marker_turn * self.options.rank).await;
        }
        let missing = self.view.check_import(batches).await?;
        for kind in Kind::ALL {
            let of_kind = missing
                .iter()
                .filter(|of| Kind::of(of.header.bucket) == kind);
            self.publish_imports(kind, of_kind).await?;
        }
        // Another process may have imported a rival first.
        self.view.check_import(missing).await.map(drop)
    }

    async fn publish_imports(
        self: &Arc<Self>,
        kind: Kind,
        batches: impl Iterator<Item = &SignedBatch>,
    ) -> Result<(), StoreError> {
        let mut published = Vec::new();
        for batch in batches {
            let subject = Subject::new(kind, Item::ImportPart);
            published.push(self.publish_batch(subject, batch).await?);
            let parts: usize = published.iter().map(|batch| batch.parts.len()).sum();
            if parts >= PARTS {
                let batches = mem::take(&mut published);
                self.publish_import(kind, batches).await?;
            }
        }
        match published.is_empty() {
            true => Ok(()),
            false => self.publish_import(kind, published).await,
        }
    }

    /// Publishes an import, and waits until it was read.
    async fn publish_import(
        &self,
        kind: Kind,
        batches: Vec<CommittedBatch>,
    ) -> Result<(), StoreError> {
        let import = Import {
            v: VERSION,
            kind: kind.letter().into(),
            rank: self.options.rank,
            batches,
        };
        let bytes = sign(MAGIC, &import, &self.signing_key)?;
        let subject = Subject::new(kind, Item::Import);
        let seq = self.log.publish(subject, bytes).await?;
        self.crash("import")?;
        self.wake.reader(Stream::Published).notify_one();
        self.log.kick().await;
        let is_read = |state: &State| state.published > seq;
        match self.reaches(self.options.limits.close, is_read).await {
            true => Ok(()),
            false => Err(StoreError::Unavailable),
        }
    }

    /// Stores the batches of an import, and counts their cells as published. What
    /// does not follow its chain, or is not complete, is passed over by all
    /// processes.
    pub(super) async fn take_import(
        &self,
        state: &mut State,
        message: &Message,
    ) -> Result<(), StoreError> {
        let (kind, seq) = (message.subject.kind, message.seq);
        let import = match Import::open(&message.bytes, &self.origin, kind) {
            Signed::Known(import) => import,
            Signed::Newer => return Err(self.newer("an import of another version")),
            Signed::Foreign => {
                tracing::warn!(?kind, "an import that this origin did not sign is ignored");
                return Ok(());
            }
        };
        self.raised(Item::Import.level()).await?;
        let subject = Subject::new(kind, Item::ImportPart);
        let reach = seq.saturating_sub(REACH)..seq;
        let mut batches = Vec::new();
        for batch in &import.batches {
            let is_near = batch.parts.iter().all(|part| reach.contains(part));
            let bytes = batch.assemble(&state.parts, subject).ok();
            let verified = bytes.and_then(|bytes| SignedBatch::parse(bytes).ok());
            let accepted = verified.filter(|batch| {
                let header = &batch.header;
                let is_foreign = header.origin != self.origin;
                is_near && is_foreign && Kind::of(header.bucket) == kind
            });
            batches.extend(accepted);
        }
        let used: HashSet<u64> = import
            .batches
            .iter()
            .flat_map(|of| of.parts.clone())
            .collect();
        let read_from = state.first_part(|part, _| !used.contains(part));
        let imported = Imported {
            batches,
            seq,
            read_from: read_from.unwrap_or(seq + 1),
        };
        self.view.apply_import(imported).await?;
        self.crash("imported")?;
        state.parts.retain(|part, _| !used.contains(part));
        if import.rank != self.options.rank {
            state.imported_by_others = Some(Instant::now());
            self.wake.imported[kind].notify_one();
        }
        Ok(())
    }
}
