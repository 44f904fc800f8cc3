//! Posting: one slot, or the whole queue, and what waits for the lobby.

use rand_core::CryptoRng;

use super::{
    Ask, Call, Failure, Step, Task, Turn, commit,
    refusals::{PATIENCE, Verdict},
};
use crate::{client::Post, wire::paths};

/// Epochs without a 202 after which posts go to another member.
const EPOCHS_OF_PATIENCE: u64 = 2;

impl<R: CryptoRng> Call<'_, R> {
    /// Cells for the lobby leave in posts of their own, before a slot or after
    /// the lobby was read: up to four cells, or all with a flush.
    pub(super) fn post_to_lobby(&mut self, slot: bool) -> Turn {
        // Its contact became suspect, or its message was withdrawn.
        let is_gone = |cell| !self.client.outbox.has(cell);
        self.round.refused_lobby_cells.forget(is_gone);
        let admission = self.round.refused_lobby_cells.admission(self.clock.ticks);
        match self.client.next_lobby_post(self.clock.now(), admission) {
            Ok(Some(post)) => {
                let ask = ask(&post);
                Turn::Ask(Step::AwaitLobbyPosted { post, slot }, ask)
            }
            _ => Turn::Goto(after_lobby(slot)),
        }
    }

    pub(super) fn on_lobby_posted(
        &mut self,
        post: &Post,
        slot: bool,
        posted: Result<(), Failure>,
    ) -> Turn {
        let (tokens, now) = (&post.tokens, self.clock.now());
        let cells = &mut self.round.refused_lobby_cells;
        let Err(failure) = posted else {
            cells.accepted(tokens);
            let step = match self.round.flushes() {
                true => Step::PostToLobby { slot },
                false => after_lobby(slot),
            };
            return commit(step, self.client.posted(tokens, now));
        };
        let step = after_lobby(slot);
        let refused =
            (failure == Failure::Refused).then(|| cells.refused(tokens, self.clock.ticks));
        self.fail(Task::Lobby, None, failure.retry_after());
        match refused {
            Some(Verdict::Cell(cell)) => commit(step, self.client.cell_refused(cell, now)),
            Some(Verdict::Repeat | Verdict::Divide) | None => Turn::Goto(step),
        }
    }

    /// Begins the next slot, and posts it once that is committed. A slot without
    /// an answer may have arrived: it is repeated as it was, after a restart
    /// too. The same cells among other cover would show the relay which of them
    /// are real, so what it has leaves in another slot only once it is sealed
    /// again.
    pub(super) fn post_slot(&mut self) -> Turn {
        let (ticks, now) = (self.clock.ticks, self.clock.now());
        if self.posts_return() {
            let effects = self.client.post_elsewhere(None, now);
            self.round.refused_slots.pass_over(&effects.value, ticks);
            return commit(Step::PostSlot, effects);
        }
        let client = &mut *self.client;
        if let Some(slot) = client.outbox.unanswered_slot(&client.mailboxes) {
            let expired = now > slot.since.plus(PATIENCE);
            return match slot.post.filter(|_| !expired) {
                Some(post) => Turn::Ask(Step::AwaitPosted, ask(&post)),
                None => self.seal_again(false, Step::PostSlot),
            };
        }
        let admission = |cell| self.round.refused_slots.admits(cell, ticks);
        let cover = !self.round.flushes();
        match client.begin_slot(now, admission, cover, self.rng) {
            Ok(Some(effects)) => commit(Step::PostSlot, effects),
            Ok(None) => Turn::Goto(self.end_slot()),
            Err(_) => Turn::Goto(self.fail_slot(0)),
        }
    }

    pub(super) fn on_posted(&mut self, posted: Result<(), Failure>) -> Turn {
        let now = self.clock.now();
        match posted {
            Ok(()) => {
                let step = Step::Posted(self.client.in_flight().to_vec());
                commit(step, self.client.slot_posted(now))
            }
            Err(Failure::Refused) => {
                let step = self.fail_slot(0);
                if !self.round.refused_slots.refused(self.clock.ticks) {
                    return Turn::Goto(step);
                }
                let report = self.round.refused_slots.reports();
                self.seal_again(report, step)
            }
            Err(failure) => {
                let step = self.fail_slot(failure.retry_after());
                if !self.posts_move() {
                    return Turn::Goto(step);
                }
                // What is sealed again leaves in the slot after that.
                self.round.schedule.set(Task::Own, Some(self.clock.ticks));
                let place = self.round.route.at().map(str::to_owned);
                commit(step, self.client.post_elsewhere(place, now))
            }
        }
    }

    /// Whether posts go to another place from now on, where reads are answered:
    /// the slot has waited for two epochs, so that it is not for a moment.
    fn posts_move(&mut self) -> bool {
        let (round, client) = (&mut *self.round, &*self.client);
        let patience = EPOCHS_OF_PATIENCE * round.pace.epoch / 1000;
        let since = client.outbox.unanswered_since();
        let waited = since.is_some_and(|since| self.clock.now() > since.plus(patience));
        let elsewhere = round.route.at() != client.members.posts_at();
        waited
            && elsewhere
            && round.route.answers()
            && client.may_move_posts()
            && round.refused_slots.may_seal(self.clock.ticks)
    }

    /// Whether posts go to the own relay again: it answers, and no other member
    /// may have a slot without an answer. A member that is none any more does
    /// not get any.
    fn posts_return(&self) -> bool {
        let (route, client) = (&self.round.route, &*self.client);
        let Some(at) = client.members.posts_at() else {
            return false;
        };
        let is_member = client.places().iter().any(|place| place.url == at);
        let is_back = route.at().is_none() && route.answers();
        let unanswered = client.outbox.unanswered_since().is_some();
        !is_member || is_back && !unanswered && client.may_move_posts()
    }

    /// The relay has a slot with these cells, and the store knows.
    pub(super) fn posted(&mut self, cells: &[u64]) -> Step {
        self.round.refused_slots.accepted(cells);
        match self.round.flushes() {
            true => Step::PostToLobby { slot: true },
            false => self.end_slot(),
        }
    }

    /// A slot is given up.
    fn seal_again(&mut self, report: bool, step: Step) -> Turn {
        let effects = self.client.slot_abandoned(report, self.clock.now());
        let refused = &mut self.round.refused_slots;
        refused.pass_over(&effects.value, self.clock.ticks);
        commit(step, effects)
    }

    fn end_slot(&mut self) -> Step {
        let (ticks, pace) = (self.clock.ticks, self.round.pace);
        let due = self.round.schedule.due(Task::Slot).unwrap_or(ticks);
        let next = self.round.slots.next(due, ticks, pace, self.rng);
        self.done(Task::Slot, Some(next));
        self.after_slot()
    }

    fn fail_slot(&mut self, retry_after: u64) -> Step {
        self.fail(Task::Slot, None, retry_after);
        self.after_slot()
    }

    /// A pull that was paused goes on.
    fn after_slot(&mut self) -> Step {
        self.round.paused.take().unwrap_or(Step::Idle)
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
