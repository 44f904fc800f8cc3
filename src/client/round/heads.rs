//! Whether another member has the batches that were read, once after the start.
//! Light reading compares in every look. Protocol §13.
//!
//! The other member gives the headers of all buckets, so it does not learn
//! which one is read here. If the own bucket's is another, the relay is asked
//! for the header of what was read: two that one origin signed are a proof.

use rand_core::CryptoRng;

use super::{Ask, Call, Failure, Step, Turn, commit};
use crate::{
    client::ReadHead,
    wire::{BatchHeader, paths},
};

/// A comparison under way.
#[derive(Debug)]
pub(super) struct Comparison {
    head: ReadHead,
    /// The other member's header, if it is another.
    theirs: Option<BatchHeader>,
}

impl<R: CryptoRng> Call<'_, R> {
    /// Whether a head is to be compared, and nothing else is due.
    pub(super) fn next_comparison(&mut self) -> Option<Turn> {
        let head = self.round.route.to_compare.pop()?;
        let theirs = None;
        self.compare(Comparison { head, theirs })
    }

    /// Asks the other member, or after that the relay.
    pub(super) fn compare(&self, comparison: Comparison) -> Option<Turn> {
        let head = &comparison.head;
        let before = head.epoch.checked_sub(1);
        let ask = Ask::Get(paths::headers(&head.origin, "numbered", before));
        let place = match &comparison.theirs {
            None => Some(self.round.route.other(self.client)?),
            Some(_) => self.round.route.at().map(str::to_owned),
        };
        Some(Turn::Ask(Step::AwaitHeads(comparison), ask.at(place)))
    }

    pub(super) fn on_heads(
        &mut self,
        mut comparison: Comparison,
        got: Result<Vec<u8>, Failure>,
    ) -> Turn {
        let head = &comparison.head;
        let found = got.ok();
        let found = found.and_then(|bytes| self.client.header_at(head, &bytes));
        match (found, &comparison.theirs) {
            (Some(theirs), None) if theirs.hash().0 == head.hash => Turn::Goto(Step::Idle),
            (Some(theirs), None) => {
                comparison.theirs = Some(theirs);
                Turn::Goto(Step::Heads(comparison))
            }
            (Some(ours), Some(theirs)) => {
                let now = self.clock.now();
                commit(Step::Idle, self.client.compare_heads(&ours, theirs, now))
            }
            (None, _) => {
                self.round.route.compare_later();
                Turn::Goto(Step::Idle)
            }
        }
    }
}
