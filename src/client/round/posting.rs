//! Posting: one slot, or the whole queue, and what waits for the lobby.

use rand_core::CryptoRng;

use super::{
    Ask, Clock, Failure, Round, Step, Task, Turn, commit,
    refusals::{PATIENCE, Verdict},
};
use crate::{
    client::{Client, Post},
    wire::paths,
};

/// Epochs without a 202 after which posts go to another member.
const EPOCHS_OF_PATIENCE: u64 = 2;

impl Round {
    /// Cells for the lobby leave in posts of their own, before a slot or after
    /// the lobby was read: up to four cells, or all with a flush.
    pub(super) fn post_to_lobby(&mut self, client: &Client, slot: bool, clock: Clock) -> Turn {
        // Its contact became suspect, or its message was withdrawn.
        let is_gone = |cell| !client.outbox.has(cell);
        self.refused_lobby_cells.forget(is_gone);
        let admission = self.refused_lobby_cells.admission(clock.ticks);
        match client.next_lobby_post(clock.now(), admission) {
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
            let step = after_lobby(slot);
            return match failure {
                Failure::Refused => {
                    let cells = &mut self.refused_lobby_cells;
                    match cells.refused(&post.tokens, clock.ticks) {
                        Verdict::Cell(cell) => commit(step, client.cell_refused(cell, clock.now())),
                        Verdict::Repeat | Verdict::Divide => Turn::Goto(step),
                    }
                }
                _ => Turn::Goto(step),
            };
        }
        self.refused_lobby_cells.accepted(&post.tokens);
        let step = match self.flushes() {
            true => Step::PostToLobby { slot },
            false => after_lobby(slot),
        };
        commit(step, client.posted(&post.tokens, clock.now()))
    }

    /// Begins the next slot, and posts it once that is committed. A slot without
    /// an answer may have arrived: it is repeated as it was, after a restart
    /// too. The same cells among other cover would show the relay which of them
    /// are real, so what it has leaves in another slot only once it is sealed
    /// again.
    pub(super) fn post_slot(
        &mut self,
        client: &mut Client,
        clock: Clock,
        rng: &mut impl CryptoRng,
    ) -> Turn {
        if self.posts_return(client) {
            let effects = client.post_elsewhere(None, clock.now());
            self.refused_slots.pass_over(&effects.value, clock.ticks);
            return commit(Step::PostSlot, effects.map(|_| ()));
        }
        if let Some(slot) = client.outbox.unanswered_slot(&client.mailboxes) {
            let expired = clock.now() > slot.since.plus(PATIENCE);
            return match slot.post.filter(|_| !expired) {
                Some(post) => Turn::Ask(Step::AwaitPosted, ask(&post)),
                None => self.seal_again(client, false, Step::PostSlot, clock),
            };
        }
        let admission = |cell| self.refused_slots.admits(cell, clock.ticks);
        let cover = !self.flushes();
        match client.begin_slot(clock.now(), admission, cover, rng) {
            Ok(Some(effects)) => commit(Step::PostSlot, effects),
            Ok(None) => Turn::Goto(self.end_slot(clock, rng)),
            Err(_) => Turn::Goto(self.fail_slot(0, clock, rng)),
        }
    }

    pub(super) fn on_posted(
        &mut self,
        client: &mut Client,
        posted: Result<(), Failure>,
        clock: Clock,
        rng: &mut impl CryptoRng,
    ) -> Turn {
        match posted {
            Ok(()) => {
                let step = Step::Posted(client.in_flight().to_vec());
                commit(step, client.slot_posted(clock.now()))
            }
            Err(Failure::Refused) => {
                let step = self.fail_slot(0, clock, rng);
                if !self.refused_slots.refused(clock.ticks) {
                    return Turn::Goto(step);
                }
                let report = self.refused_slots.reports();
                self.seal_again(client, report, step, clock)
            }
            Err(failure) => {
                let step = self.fail_slot(failure.retry_after(), clock, rng);
                if !self.posts_move(client, clock) {
                    return Turn::Goto(step);
                }
                // What is sealed again leaves in the slot after that.
                self.schedule.set(Task::Own, Some(clock.ticks));
                let place = self.route.at().map(str::to_owned);
                let effects = client.post_elsewhere(place, clock.now());
                commit(step, effects.map(|_| ()))
            }
        }
    }

    /// Whether posts go to another place from now on, where reads are answered:
    /// the slot has waited for two epochs, so that it is not for a moment.
    fn posts_move(&mut self, client: &Client, clock: Clock) -> bool {
        let patience = EPOCHS_OF_PATIENCE * self.pace.epoch / 1000;
        let since = client.outbox.unanswered_since();
        let waited = since.is_some_and(|since| clock.now() > since.plus(patience));
        let elsewhere = self.route.at() != client.members.posts_at();
        waited
            && elsewhere
            && self.route.answers()
            && client.may_move_posts()
            && self.refused_slots.may_seal(clock.ticks)
    }

    /// Whether posts go to the own relay again: it answers, and no other member
    /// may have a slot without an answer. A member that is none any more does
    /// not get any.
    fn posts_return(&self, client: &Client) -> bool {
        let Some(at) = client.members.posts_at() else {
            return false;
        };
        let is_member = client.places().iter().any(|place| place.url == at);
        let is_back = self.route.at().is_none() && self.route.answers();
        let unanswered = client.outbox.unanswered_since().is_some();
        !is_member || is_back && !unanswered && client.may_move_posts()
    }

    /// The relay has a slot with these cells, and the store knows.
    pub(super) fn posted(&mut self, cells: &[u64], clock: Clock, rng: &mut impl CryptoRng) -> Step {
        self.refused_slots.accepted(cells);
        match self.flushes() {
            true => Step::PostToLobby { slot: true },
            false => self.end_slot(clock, rng),
        }
    }

    /// A slot is given up.
    fn seal_again(&mut self, client: &mut Client, report: bool, step: Step, clock: Clock) -> Turn {
        let effects = client.slot_abandoned(report, clock.now());
        self.refused_slots.pass_over(&effects.value, clock.ticks);
        commit(step, effects.map(|_| ()))
    }

    fn flushes(&self) -> bool {
        self.request.as_ref().is_some_and(|request| request.flush)
    }

    fn end_slot(&mut self, clock: Clock, rng: &mut impl CryptoRng) -> Step {
        let due = self.schedule.due(Task::Slot).unwrap_or(clock.ticks);
        let next = self.slots.next(due, clock.ticks, self.pace, rng);
        self.done(Task::Slot, Some(next), clock);
        self.after_slot()
    }

    fn fail_slot(&mut self, retry_after: u64, clock: Clock, rng: &mut impl CryptoRng) -> Step {
        self.fail(Task::Slot, None, retry_after, clock, rng);
        self.after_slot()
    }

    /// A pull that was paused goes on.
    fn after_slot(&mut self) -> Step {
        self.paused.take().unwrap_or(Step::Idle)
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
