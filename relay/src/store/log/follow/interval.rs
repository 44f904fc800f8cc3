//! The end of an interval of the log: its first valid marker.

use super::super::{
    Log,
    marker::Marker,
    state::{Process, State},
};
use crate::store::{Kind, StoreError};

impl<L: Log> Process<L> {
    /// Returns `true` if no bucket of a marker was closed in its epoch before.
    pub(super) fn are_open(&self, state: &State, kind: Kind, marker: &Marker) -> bool {
        let is_open = |bucket| {
            let head = state.heads.get(bucket);
            head.is_none_or(|(epoch, _)| *epoch < marker.epoch)
        };
        let position = &state.kinds[kind].position;
        // A process that restarts within a close reads its marker again.
        let is_begun = position.step > 0 && marker.epoch > position.last.epoch;
        let all = kind.buckets(self.options.view.buckets);
        is_begun || marker.closes(&all).iter().all(is_open)
    }

    /// Ends the interval of the current index at its first valid marker.
    pub(super) fn end_interval(&self, state: &mut State, kind: Kind, seq: u64, marker: Marker) {
        let next = state.kinds[kind].position.next;
        if let Err(error) = advance(state, kind, next, &marker.r.0) {
            tracing::error!(%error, "writing the key file failed");
            self.fail();
            return;
        }
        let of_kind = &mut state.kinds[kind];
        of_kind.marker = Some((seq, marker));
        // Own frames of this index that were not read by now are not in the interval.
        self.seal_again(state, kind, next);
        self.wake.due[kind].notify_one();
        self.change();
    }

    /// Puts the cells of frames in flight up to an index back into the outbox.
    pub(super) fn seal_again(&self, state: &mut State, kind: Kind, index: u64) {
        let of_kind = &mut state.kinds[kind];
        let old = of_kind.in_flight.extract_if(|_, of| of.index <= index);
        let mut old: Vec<_> = old.collect();
        old.sort_unstable_by_key(|(number, _)| *number);
        for (_, frame) in old.into_iter().rev() {
            frame.gone.notify_one();
            for cell in frame.cells.into_iter().rev() {
                of_kind.outbox.push_front(cell);
            }
        }
        self.wake.flush[kind].notify_one();
    }
}

/// Makes the key of the step after `step` durable.
pub(super) fn advance(
    state: &mut State,
    kind: Kind,
    step: u64,
    r: &[u8; 32],
) -> Result<(), StoreError> {
    let key = state.keys.get(kind, step).ok_or(StoreError::Unavailable)?;
    let next = key.next(kind, r).map_err(|_| StoreError::Misused)?;
    // The key file replaces the oldest key, which must not be the current one.
    state
        .keys
        .erase_all_but(kind, step)
        .and_then(|()| state.keys.put(kind, step + 1, next))
        .map_err(|_| StoreError::Failed)
}
