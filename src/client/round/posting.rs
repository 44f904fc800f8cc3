//! Posting: one slot, or the whole queue.

use rand_core::CryptoRng;

use super::{Ask, Clock, Failure, Round, Step, Task, Turn, commit};
use crate::{
    client::{Client, Post},
    wire::paths,
};

/// A post without an answer is repeated as it was for so long: 12 hours. Then
/// its cover may have grown stale.
const REPEAT: u64 = 12 * 3_600_000;

impl Round {
    pub(super) fn next_post(
        &mut self,
        client: &Client,
        clock: Clock,
        rng: &mut impl CryptoRng,
    ) -> Turn {
        let now = clock.now();
        let flush = self.request.as_ref().is_some_and(|request| request.flush);
        let post = if flush {
            match client.next_flush(now) {
                Ok(Some(post)) => post,
                Ok(None) => {
                    self.unanswered = None;
                    return self.end_slot(client, clock, rng);
                }
                Err(_) => return self.fail_slot(None, clock, rng),
            }
        } else {
            // A post without an answer may have arrived: it is repeated as it
            // was. The same cells among other cover would show the relay which
            // of them are real.
            let waiting = self.unanswered.take();
            match waiting.filter(|(_, since)| clock.ticks - since.min(&clock.ticks) <= REPEAT) {
                Some((post, since)) => {
                    self.unanswered = Some((post.clone(), since));
                    post
                }
                None => match client.next_slot(now, rng) {
                    Ok(post) => {
                        self.unanswered = Some((post.clone(), clock.ticks));
                        post
                    }
                    Err(_) => return self.fail_slot(None, clock, rng),
                },
            }
        };
        let ask = Ask::Post {
            path: paths::CELLS,
            body: post.body.clone(),
        };
        Turn::Ask(Step::AwaitPosted(post), ask)
    }

    pub(super) fn on_posted(
        &mut self,
        client: &mut Client,
        post: Post,
        posted: Result<(), Failure>,
        clock: Clock,
        rng: &mut impl CryptoRng,
    ) -> Turn {
        if let Err(failure) = posted {
            if !matches!(failure, Failure::Unavailable(_)) {
                // A refusal is final: the same bytes would be refused again.
                self.unanswered = None;
            }
            return self.fail_slot(Some(failure), clock, rng);
        }
        self.unanswered = None;
        let effects = client.posted(&post.tokens, clock.now());
        let flush = self.request.as_ref().is_some_and(|request| request.flush);
        if flush {
            return commit(Step::Seal, effects);
        }
        match self.end_slot(client, clock, rng) {
            Turn::Goto(step) => commit(step, effects),
            turn => turn,
        }
    }

    fn end_slot(&mut self, client: &Client, clock: Clock, rng: &mut impl CryptoRng) -> Turn {
        let due = self.schedule.due(Task::Slot).unwrap_or(clock.ticks);
        let next = self.slots.next(due, clock.ticks, self.pace, rng);
        self.done(Task::Slot, Some(next), clock);
        if client.lobby_watch(clock.now()) && client.queued() > 0 {
            let soon = clock.ticks + self.pace.lobby_epoch;
            self.schedule.hasten(Task::Slot, soon);
        }
        self.after_slot()
    }

    fn fail_slot(
        &mut self,
        failure: Option<Failure>,
        clock: Clock,
        rng: &mut impl CryptoRng,
    ) -> Turn {
        let retry_after = match failure {
            Some(Failure::Unavailable(wait)) => wait,
            _ => 0,
        };
        self.fail(Task::Slot, retry_after, clock, rng);
        self.after_slot()
    }

    /// A pull that was paused goes on.
    fn after_slot(&mut self) -> Turn {
        Turn::Goto(self.paused.take().map_or(Step::Idle, Step::Open))
    }
}
