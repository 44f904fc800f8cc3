//! Applying a commit to the view, and erasing the key of what it published.

use std::{collections::HashSet, mem, sync::atomic::Ordering};

use sha2::{Digest as _, Sha256};
use tessera::{base::UnixTime, wire::BucketId};

use super::{
    super::{
        Item, Log, Stream, Subject,
        commit::{Commit, PartsError},
        compute::WaitingCell,
        state::{Interval, Process, State},
    },
    interval::advance,
};
use crate::{
    epoch::Boundary,
    random,
    store::{
        Kind, QueueClass, SignedBatch, StoreError,
        queue::{CellId, cell_id},
        sqlite::view::{Apply, Position},
    },
};

impl<L: Log> Process<L> {
    /// The batches of a commit, from their parts.
    pub(super) fn batches(
        &self,
        state: &State,
        kind: Kind,
        commit: &Commit,
    ) -> Result<Vec<SignedBatch>, StoreError> {
        let mut batches = Vec::new();
        for committed in &commit.batches {
            let bytes = committed.assemble(&state.parts, Subject::new(kind, Item::Part));
            let bytes = bytes.map_err(|error| match error {
                PartsError::Missing => StoreError::Damaged,
                PartsError::Damaged => {
                    let what = "a part of a batch is damaged in the log";
                    self.health.damaged(what)
                }
            })?;
            let bucket = BucketId::try_from(committed.bucket).map_err(|_| StoreError::Damaged)?;
            let batch = SignedBatch::parse(bytes)?;
            batch.header.expect(bucket, &self.origin, commit.epoch)?;
            batches.push(batch);
        }
        Ok(batches)
    }

    /// Applies a commit: the next key becomes durable, then the view, then the old
    /// key is erased.
    pub(super) async fn apply(
        &self,
        state: &mut State,
        kind: Kind,
        commit: &Commit,
        hash: [u8; 32],
        seq: u64,
        batches: Vec<SignedBatch>,
    ) -> Result<(), StoreError> {
        let is_same = self.compare(state, kind, commit, &batches);
        if commit.is_last() {
            self.next_key(state, kind, commit).await?;
        }
        let before = state.kinds[kind].position;
        let position = match commit.is_last() {
            true => Position {
                next: commit.i + 1,
                step: 0,
                last: Boundary {
                    epoch: commit.epoch,
                    at: UnixTime(commit.at),
                },
                marker: commit.marker,
                commit: hash,
            },
            false => Position {
                next: commit.i,
                step: commit.step + 1,
                commit: hash,
                ..before
            },
        };
        let used = Subject::new(kind, Item::Part);
        let is_open = |part: &u64, of: &Subject| *of != used || *part > seq;
        let read_from = state.first_part(is_open).unwrap_or(seq + 1);
        let digests: Vec<[u8; 32]> = batches.iter().flat_map(SignedBatch::digests).collect();
        let headers: Vec<_> = batches.iter().map(|batch| batch.header.clone()).collect();
        let applied = self.view.apply(Apply {
            kind,
            batches,
            position,
            seq,
            read_from,
        });
        applied.await?;
        state.parts.retain(|part, (of, _)| is_open(part, of));
        self.crash("applied")?;
        for header in headers {
            let blur = state.kinds[kind].rules.values().next();
            let blur = blur.map_or(0, |rule| rule.blur(&mut random::system()));
            state.queue.set_blur(header.bucket, blur);
            state
                .heads
                .insert(header.bucket, (header.epoch, header.hash()));
        }
        let published: HashSet<CellId> = digests.iter().map(cell_id).collect();
        state.queue.forget(&published);
        state.kinds[kind].position = position;
        if commit.is_last() {
            if state.keys.get(kind, position.next).is_some() {
                let erased = state.keys.erase_all_but(kind, position.next);
                erased.map_err(|_| self.fail())?;
            }
            self.crash("erased")?;
            self.settle(state, kind, commit, &published, is_same);
        }
        self.change();
        Ok(())
    }

    /// Compares a commit with what this process computed. Returns `true` if they
    /// are the same.
    fn compare(&self, state: &State, kind: Kind, commit: &Commit, batches: &[SignedBatch]) -> bool {
        let Some(computed) = state.kinds[kind].computed.as_ref() else {
            return false;
        };
        let own = |batch: &SignedBatch| {
            let of_bucket = |own: &&SignedBatch| own.header.bucket == batch.header.bucket;
            let own = computed.batches.iter().find(of_bucket);
            own.is_some_and(|own| own.bytes == batch.bytes)
        };
        let is_same =
            computed.i == commit.i && computed.input == commit.input.0 && batches.iter().all(own);
        if computed.i == commit.i && !is_same {
            self.health.differs.fetch_add(1, Ordering::Relaxed);
            tracing::error!(
                ?kind,
                "a close was published otherwise than this process computed it: the servers' logs differ"
            );
        }
        is_same
    }

    /// Makes the key of the next step durable, from the marker or from the ratchet's
    /// stream.
    async fn next_key(
        &self,
        state: &mut State,
        kind: Kind,
        commit: &Commit,
    ) -> Result<(), StoreError> {
        let steps = state.keys.steps(kind);
        if !steps.contains(&commit.i) {
            // A view that is rebuilt, or a key file that is behind.
            let last = steps.last().copied().unwrap_or(0);
            if last <= commit.i {
                self.health.set_lag(commit.i + 1 - last, kind);
            }
            return Ok(());
        }
        let is_read = state.kinds[kind].marker.as_ref();
        let is_read = is_read.is_some_and(|(seq, _)| *seq == commit.marker);
        if is_read && steps.contains(&(commit.i + 1)) {
            return Ok(());
        }
        let r = self.ratchet_input(state, kind, commit).await?;
        match r {
            Some(r) => advance(state, kind, commit.i, &r).map_err(|error| match error {
                StoreError::Failed => self.fail(),
                error => error,
            }),
            None => {
                self.health.set_lag(1, kind);
                Ok(())
            }
        }
    }

    /// The ratchet's input of a close from its stream, if it has not expired.
    async fn ratchet_input(
        &self,
        state: &mut State,
        kind: Kind,
        commit: &Commit,
    ) -> Result<Option<[u8; 32]>, StoreError> {
        loop {
            let known = state.inputs.get(&(kind, commit.i));
            let is_right = |r: &&[u8; 32]| <[u8; 32]>::from(Sha256::digest(*r)) == commit.r.0;
            if let Some(r) = known.and_then(|known| known.iter().find(is_right)) {
                let r = *r;
                state
                    .inputs
                    .retain(|(of, i), _| *of != kind || *i > commit.i);
                return Ok(Some(r));
            }
            let messages = self.log.read(Stream::Ratchet, state.ratchet).await?;
            if messages.is_empty() {
                // A replica that is behind has not got it yet; the leader knows the end.
                let end = self.log.info(Stream::Ratchet).await?;
                let is_behind = end.last >= state.ratchet.max(end.first);
                return match is_behind {
                    true => Err(StoreError::Unavailable),
                    false => Ok(None),
                };
            }
            for message in messages {
                state.ratchet = message.seq + 1;
                if !self.knows(&message)? || message.subject.item != Item::RatchetInput {
                    continue;
                }
                if let Some((i, r)) = message.bytes.split_first_chunk()
                    && let Ok(r) = <[u8; 32]>::try_from(r)
                {
                    let key = (message.subject.kind, u64::from_be_bytes(*i));
                    state.inputs.entry(key).or_default().push(r);
                }
            }
        }
    }

    /// Begins the next interval. Cells that this process acknowledged and that are
    /// neither published nor carried are posted again.
    fn settle(
        &self,
        state: &mut State,
        kind: Kind,
        commit: &Commit,
        published: &HashSet<CellId>,
        is_same: bool,
    ) {
        let of_kind = &mut state.kinds[kind];
        let computed = of_kind.computed.take().filter(|_| is_same);
        let carried: HashSet<CellId> = computed
            .iter()
            .flat_map(|computed| computed.carried.iter().map(WaitingCell::id))
            .collect();
        let is_read = matches!(&of_kind.marker, Some((seq, _)) if *seq == commit.marker);
        let mut late = mem::take(&mut of_kind.late);
        if !is_read {
            // The commit was read before the marker.
            late = Interval::default();
            of_kind.pos = commit.marker + 1;
        }
        of_kind.marker = None;
        let mut gone = mem::replace(&mut of_kind.read, late).ids;
        let waits = |id: &CellId| of_kind.read.ids.contains(id) || of_kind.waiters.contains_key(id);
        gone.retain(|id| !carried.contains(id) && !waits(id));
        let mut again = Vec::new();
        for cell in of_kind.kept.take(commit.i) {
            let id = cell.id();
            if published.contains(&id) {
                continue;
            }
            if carried.contains(&id) {
                of_kind.kept.insert(commit.i + 1, cell);
            } else if computed.is_none() {
                // Without an own computation nobody knows what became of it; a second copy is
                // harmless. With one, the cell was published before or dropped.
                again.push(cell);
            }
        }
        for cell in again {
            gone.remove(&cell.id());
            state.kinds[kind]
                .outbox
                .push_back((cell, QueueClass::default()));
        }
        state.queue.forget(&gone);
        if !is_read {
            self.seal_again(state, kind, commit.i);
        }
        self.wake.flush[kind].notify_one();
        self.wake.due[kind].notify_one();
    }
}
