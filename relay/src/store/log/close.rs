//! The end of an epoch: a marker in the log, and waiting until the batches of the close
//! are applied, whichever process published them.

use std::{cmp::Ordering, sync::Arc, time::Duration};

use tessera::wire::BucketId;
use tokio::time::{Instant, timeout};

use super::{
    Item, Log, Subject,
    config::rule_hash,
    hex::Hex,
    marker::{Marker, VERSION},
    state::{Process, State},
};
use crate::{
    random,
    store::{Closing, Kind, StoreError},
};

/// How long an author waits until its marker was read, before it writes another.
const MARKER_READ: Duration = Duration::from_secs(2);

impl<L: Log> Process<L> {
    /// Ends the epoch and waits until its batches are applied.
    pub(super) async fn close(self: &Arc<Self>, closing: &Closing) -> Result<(), StoreError> {
        let kind = closing.kind();
        let needed = closing.rule.most() * closing.buckets.len();
        if !closing.cover.is_empty() && closing.cover.len() < needed {
            return Err(StoreError::Misused);
        }
        let hash = rule_hash(&closing.rule);
        let mut changed = self.changed.subscribe();
        let mut written: Option<(u64, Instant)> = None;
        loop {
            if self.is_stopped() {
                return Err(self.health.failure());
            }
            let left = {
                let mut state = self.state.lock().await;
                let left = left_to_close(&state, closing)?;
                let of_kind = &mut state.kinds[kind];
                of_kind
                    .rules
                    .entry(hash)
                    .or_insert_with(|| closing.rule.clone());
                left
            };
            if left.is_empty() {
                return Ok(());
            }
            changed.mark_unchanged();
            let due = {
                let state = self.state.lock().await;
                let of_kind = &state.kinds[kind];
                let next = of_kind.position.next;
                let is_written =
                    written.is_some_and(|(i, at)| i == next && at.elapsed() < MARKER_READ);
                (of_kind.marker.is_none() && !is_written).then_some(next)
            };
            if let Some(next) = due {
                let turn = self.options.limits.marker_turn * self.options.rank;
                if written.is_none() && timeout(turn, changed.changed()).await.is_ok() {
                    // Another process was first.
                    written = Some((0, Instant::now()));
                    continue;
                }
                self.write_marker(closing, kind, hash).await?;
                written = Some((next, Instant::now()));
            }
            let _ = timeout(self.options.limits.poll, changed.changed()).await;
        }
    }

    async fn write_marker(
        &self,
        closing: &Closing,
        kind: Kind,
        rule: [u8; 32],
    ) -> Result<(), StoreError> {
        let r = random::bytes();
        let bytes = {
            let state = self.state.lock().await;
            let of_kind = &state.kinds[kind];
            // Looked up again: another process may have closed them meanwhile.
            let left = left_to_close(&state, closing)?;
            if of_kind.marker.is_some() || left.is_empty() {
                return Ok(());
            }
            let all = kind.buckets(self.options.view.buckets);
            let buckets = match left.len() == all.len() {
                true => Vec::new(),
                false => left.iter().map(|bucket| bucket.get()).collect(),
            };
            let next = of_kind.position.next;
            let marker = Marker {
                v: VERSION,
                kind: kind.letter().into(),
                i: next,
                epoch: closing.epoch,
                at: closing.closed_at.0,
                prev: of_kind.position.marker,
                p: state.published.saturating_sub(1),
                r: Hex(r),
                rule: Hex(rule),
                buckets,
                seen_from: of_kind.seen_from.0,
                most_waited: of_kind.most_waited,
            };
            let key = state.keys.get(kind, next);
            marker.encode(key.ok_or(StoreError::Unavailable)?)?
        };
        let subject = Subject::new(kind, Item::Marker);
        let seq = self.log.publish(subject, bytes).await?;
        self.crash("marker")?;
        self.expect(kind, seq).await;
        self.log.kick().await;
        Ok(())
    }
}

/// The buckets that are not closed in this epoch.
fn left_to_close(state: &State, closing: &Closing) -> Result<Vec<BucketId>, StoreError> {
    let mut left = Vec::new();
    for bucket in &closing.buckets {
        match state
            .heads
            .get(bucket)
            .map(|(epoch, _)| epoch.cmp(&closing.epoch))
        {
            Some(Ordering::Greater) => return Err(StoreError::Misused),
            Some(Ordering::Equal) => (),
            Some(Ordering::Less) | None => left.push(*bucket),
        }
    }
    Ok(left)
}
