//! Publishing a close: any process may, and all publish the same bytes.

use std::{collections::HashSet, sync::Arc, time::Duration};

use sha2::{Digest as _, Sha256};
use tessera::base::UnixTime;
use tokio::{
    task::JoinSet,
    time::{sleep, timeout},
};

use super::{
    Broken, Item, Log, LogError, Stream, Subject,
    commit::{Commit, CommittedBatch, VERSION},
    compute::{Computed, Input},
    follow::Read,
    hex::Hex,
    marker::Marker,
    post::entry,
    state::{Process, State},
};
use crate::store::{Kind, SignedBatch, StoreError, ratchet::frame::seal_carried};

/// Bytes of a part of a batch.
pub(super) const PART: usize = 256 << 10;
/// Parts that are published at the same time.
const AT_ONCE: usize = 8;
/// Pause after an error.
const PAUSE: Duration = Duration::from_millis(100);
/// Pause after an error that does not pass by itself.
const AFTER_DEFECT: Duration = Duration::from_secs(2);
/// How long an author waits until its commit, or that of another, was read.
const READ: Duration = Duration::from_secs(5);

impl<L: Log> Process<L> {
    /// Completes every close whose marker was read, until the process stops.
    pub(super) async fn complete_closes(self: Arc<Self>, kind: Kind) {
        while !self.is_stopped() {
            let marker = self.state.lock().await.kinds[kind].marker.clone();
            let Some((seq, marker)) = marker else {
                let due = self.wake.due[kind].notified();
                let _ = timeout(self.options.limits.poll, due).await;
                continue;
            };
            if let Err(error) = self.complete(kind, seq, &marker).await {
                let is_usual = error == StoreError::Unavailable;
                if !is_usual {
                    tracing::error!(%error, ?kind, "publishing a close failed, retrying");
                }
                sleep(if is_usual { PAUSE } else { AFTER_DEFECT }).await;
            }
        }
    }

    async fn complete(
        self: &Arc<Self>,
        kind: Kind,
        seq: u64,
        marker: &Marker,
    ) -> Result<(), StoreError> {
        // Digests of other commits up to this sequence count.
        while self.state.lock().await.published <= marker.p {
            if self.read_published().await? != Read::More {
                sleep(PAUSE).await;
                if self.is_stopped() {
                    return Err(StoreError::Unavailable);
                }
            }
        }
        let computed = self.compute(kind, marker).await?;
        let turn = self.options.limits.commit_turn * self.options.rank;
        let is_applied = |state: &State| state.kinds[kind].position.next > marker.i;
        if !self.reaches(turn, is_applied).await {
            self.publish_close(kind, seq, marker, &computed).await?;
        }
        Ok(())
    }

    /// Computes the close, once. `None` of its inputs changes until it is applied.
    async fn compute(&self, kind: Kind, marker: &Marker) -> Result<Arc<Computed>, StoreError> {
        let input = {
            let state = self.state.lock().await;
            let of_kind = &state.kinds[kind];
            if of_kind.position.next != marker.i {
                return Err(StoreError::Unavailable);
            }
            if let Some(computed) = of_kind.computed.as_ref().filter(|of| of.i == marker.i) {
                return Ok(Arc::clone(computed));
            }
            self.input(&state, kind, marker)?
        };
        let collected = tokio::task::spawn_blocking(move || {
            let (cells, hash) = input.cells();
            (input, cells, hash)
        });
        let (input, cells, hash) = collected.await.map_err(|_| StoreError::Unavailable)?;
        let digests = cells.iter().map(|cell| cell.digest).collect();
        let from = UnixTime(marker.seen_from);
        let seen: HashSet<_> = self.view.seen(kind, digests, from, marker.p).await?;
        let closed = tokio::task::spawn_blocking(move || input.close(cells, hash, &seen));
        let computed = Arc::new(closed.await.map_err(|_| StoreError::Unavailable)??);
        let mut state = self.state.lock().await;
        let of_kind = &mut state.kinds[kind];
        if of_kind.position.next != marker.i {
            return Err(StoreError::Unavailable);
        }
        of_kind.computed = Some(Arc::clone(&computed));
        Ok(computed)
    }

    fn input(&self, state: &State, kind: Kind, marker: &Marker) -> Result<Input, StoreError> {
        let of_kind = &state.kinds[kind];
        let key = state.keys.get(kind, marker.i);
        let rule = of_kind.rules.get(&marker.rule.0).ok_or_else(|| {
            tracing::error!(
                ?kind,
                "a marker names a cover rule that this process does not have"
            );
            StoreError::Misused
        })?;
        let heads = state
            .heads
            .iter()
            .map(|(bucket, (_, hash))| (*bucket, *hash));
        Ok(Input {
            kind,
            key: key.ok_or(StoreError::Unavailable)?.duplicate(),
            marker: marker.clone(),
            frames: of_kind.read.frames.clone(),
            buckets: kind.buckets(self.options.view.buckets),
            rule: rule.clone(),
            capacity: self.options.view.capacity,
            cell_size: self.options.view.cell_size,
            heads: heads.collect(),
            origin_key: tessera::wire::OriginKey::from_seed(&tessera::base::Secret::take(
                &mut self.signing_key.to_bytes(),
            )),
            system_draws: self.options.breaks(Broken::SystemDraws),
        })
    }

    /// Publishes the steps of a close that are not applied yet.
    async fn publish_close(
        self: &Arc<Self>,
        kind: Kind,
        seq: u64,
        marker: &Marker,
        computed: &Computed,
    ) -> Result<(), StoreError> {
        let steps = computed.batches.chunks(self.options.limits.step);
        let count = u32::try_from(steps.len()).map_err(|_| StoreError::Misused)?;
        self.publish_carried(kind, marker, computed).await?;
        let mut input = marker.i.to_be_bytes().to_vec();
        input.extend_from_slice(&marker.r.0);
        let subject = Subject::new(kind, Item::RatchetInput);
        self.log.publish(subject, input).await?;
        self.crash("input")?;
        for (number, batches) in (0..count).zip(steps) {
            let position = self.state.lock().await.kinds[kind].position;
            if position.next != marker.i {
                return Ok(());
            }
            if position.step > number {
                continue;
            }
            let level = self.health.level();
            let mut committed = Vec::new();
            for batch in batches {
                let subject = Subject::new(kind, Item::Part);
                committed.push(self.publish_batch(subject, batch).await?);
            }
            let commit = Commit {
                v: VERSION,
                kind: kind.letter().into(),
                i: marker.i,
                step: number,
                steps: count,
                epoch: marker.epoch,
                at: marker.at,
                marker: seq,
                prev: Hex(position.commit),
                input: Hex(computed.input),
                r: Hex(Sha256::digest(marker.r.0).into()),
                config: Hex(self.config_hash),
                level,
                batches: committed,
            };
            if self.state.lock().await.kinds[kind].position.next != marker.i {
                return Ok(());
            }
            let bytes = commit.sign(&self.signing_key)?;
            let subject = Subject::new(kind, Item::Commit);
            self.log.publish(subject, bytes).await?;
            self.crash("commit")?;
            self.wake.reader(Stream::Published).notify_one();
            self.log.kick().await;
            let is_applied = |state: &State| {
                let position = state.kinds[kind].position;
                position.next > marker.i || position.step > number
            };
            if !self.reaches(READ, is_applied).await {
                return Err(StoreError::Unavailable);
            }
        }
        // A purge that a crash prevents is made up for by the next one.
        self.log.purge(Stream::of(kind), seq).await?;
        self.crash("purge")
    }

    /// Publishes the cells left behind as frames of the next index.
    async fn publish_carried(
        &self,
        kind: Kind,
        marker: &Marker,
        computed: &Computed,
    ) -> Result<(), StoreError> {
        let chunks = computed.carried.chunks(self.options.frame_cells());
        for (number, cells) in (0..).zip(chunks) {
            let key = {
                let state = self.state.lock().await;
                let key = state.keys.get(kind, marker.i + 1);
                key.ok_or(StoreError::Unavailable)?.duplicate()
            };
            let entries: Vec<_> = cells.iter().map(entry).collect();
            let cell_len = self.options.view.cell_size.bytes();
            let frame = seal_carried(&key, kind, marker.i + 1, number, &entries, cell_len)
                .map_err(|_| StoreError::Misused)?;
            let subject = Subject::new(kind, Item::Frame);
            let seq = self.log.publish(subject, frame).await?;
            self.expect(kind, seq).await;
            self.crash("carry")?;
        }
        Ok(())
    }

    /// Publishes the parts of a batch.
    pub(super) async fn publish_batch(
        self: &Arc<Self>,
        subject: Subject,
        batch: &SignedBatch,
    ) -> Result<CommittedBatch, StoreError> {
        let mut parts = Vec::new();
        let chunks: Vec<Vec<u8>> = batch.bytes.chunks(PART).map(<[u8]>::to_vec).collect();
        for some in chunks.chunks(AT_ONCE) {
            let mut sends = JoinSet::new();
            for (at, part) in some.iter().cloned().enumerate() {
                let shared = Arc::clone(self);
                sends.spawn(async move { (at, shared.log.publish(subject, part).await) });
            }
            let mut sent: Vec<(usize, Result<u64, LogError>)> = sends.join_all().await;
            sent.sort_unstable_by_key(|(at, _)| *at);
            for (_, seq) in sent {
                parts.push(seq?);
            }
            self.crash("part")?;
        }
        Ok(CommittedBatch::new(batch, parts))
    }
}
