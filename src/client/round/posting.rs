//! Posting: one slot, or the whole queue, and what waits for the lobby.

use rand_core::CryptoRng;

use super::{Ask, Clock, Failure, Round, Step, Task, Turn, commit};
use crate::{
    client::{Client, Post},
    wire::paths,
};

/// A slot without an answer is repeated as it was for so long: 12 hours. Then
/// its cover may have grown stale.
const REPEAT: u64 = 12 * 3_600_000;

impl Round {
    /// Cells for the lobby leave in posts of their own, before a slot or after
    /// the lobby was read: up to four cells, or all with a flush.
    pub(super) fn post_to_lobby(client: &Client, slot: bool, clock: Clock) -> Turn {
        match client.next_lobby_post(clock.now()) {
            Ok(Some(post)) => {
                let ask = ask(&post);
                Turn::Ask(Step::AwaitLobbyPosted { post, slot }, ask)
            }
            _ => Turn::Goto(after_lobby(slot)),
        }
    }

    pub(super) fn on_lobby_posted(
        &mut self,
        client: &mut Client,
        (post, slot): (Post, bool),
        posted: Result<(), Failure>,
        clock: Clock,
        rng: &mut impl CryptoRng,
    ) -> Turn {
        if let Err(failure) = posted {
            self.fail(Task::Lobby, None, failure.retry_after(), clock, rng);
            return Turn::Goto(after_lobby(slot));
        }
        let step = match self.flushes() {
            true => Step::PostToLobby { slot },
            false => after_lobby(slot),
        };
        commit(step, client.posted(&post.tokens, clock.now()))
    }

    /// A slot without an answer may have arrived: it is repeated as it was. The
    /// same cells among other cover would show the relay which of them are
    /// real.
    pub(super) fn post_slot(
        &mut self,
        client: &Client,
        clock: Clock,
        rng: &mut impl CryptoRng,
    ) -> Turn {
        let unanswered = self.unanswered.take().filter(|(post, since)| {
            clock.ticks.saturating_sub(*since) <= REPEAT && client.may_post(&post.tokens)
        });
        let unanswered = match unanswered {
            Some(unanswered) => unanswered,
            None => match client.next_slot(clock.now(), rng) {
                Ok(post) if self.flushes() && post.tokens.is_empty() => {
                    return self.end_slot(clock, rng);
                }
                Ok(post) => (post, clock.ticks),
                Err(_) => return self.fail_slot(0, clock, rng),
            },
        };
        let ask = ask(&unanswered.0);
        self.unanswered = Some(unanswered);
        Turn::Ask(Step::AwaitPosted, ask)
    }

    pub(super) fn on_posted(
        &mut self,
        client: &mut Client,
        posted: Result<(), Failure>,
        clock: Clock,
        rng: &mut impl CryptoRng,
    ) -> Turn {
        match posted {
            Ok(()) => commit(Step::Posted, client.posted(self.in_flight(), clock.now())),
            Err(failure) => {
                if failure == Failure::Refused {
                    // The same bytes would be refused again.
                    self.unanswered = None;
                }
                self.fail_slot(failure.retry_after(), clock, rng)
            }
        }
    }

    /// The relay has a slot, and the store knows.
    pub(super) fn posted(&mut self, clock: Clock, rng: &mut impl CryptoRng) -> Turn {
        self.unanswered = None;
        match self.flushes() {
            true => Turn::Goto(Step::PostToLobby { slot: true }),
            false => self.end_slot(clock, rng),
        }
    }

    fn flushes(&self) -> bool {
        self.request.as_ref().is_some_and(|request| request.flush)
    }

    fn end_slot(&mut self, clock: Clock, rng: &mut impl CryptoRng) -> Turn {
        let due = self.schedule.due(Task::Slot).unwrap_or(clock.ticks);
        let next = self.slots.next(due, clock.ticks, self.pace, rng);
        self.done(Task::Slot, Some(next), clock);
        self.after_slot()
    }

    fn fail_slot(&mut self, retry_after: u64, clock: Clock, rng: &mut impl CryptoRng) -> Turn {
        self.fail(Task::Slot, None, retry_after, clock, rng);
        self.after_slot()
    }

    /// A pull that was paused goes on.
    fn after_slot(&mut self) -> Turn {
        Turn::Goto(self.paused.take().map_or(Step::Idle, Step::Open))
    }
}

fn ask(post: &Post) -> Ask {
    Ask::Post {
        path: paths::CELLS,
        body: post.body.clone(),
    }
}

fn after_lobby(slot: bool) -> Step {
    match slot {
        true => Step::Seal,
        false => Step::Idle,
    }
}
