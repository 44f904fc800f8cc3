//! Reading the relay: its description, the indexes, and what they list.

use rand_core::CryptoRng;

use super::{
    Ask, Call, Failure, Round, Step, Task, Turn, commit, jitter,
    pull::{Pull, Unread},
};
use crate::{
    base::ErrorCode,
    client::{
        Download, Mailbox, Part, Received,
        view::{Event, Rejected},
    },
    wire::Hashes,
};

/// The relay is asked again to describe itself after one hour.
const INFO_AGAIN: u64 = 3_600_000;
/// For so long its description counts as fresh: one minute.
const INFO_FRESH: u64 = 60_000;
/// Lobby reads at the start: an enrolment must look like opening the portal.
const LOBBY_READS_AT_START: u32 = 3;
/// The difference to the relay's clock that counts, in seconds: from what
/// rounding cannot explain up to one day.
const LEAST_SKEW: i64 = 2;
const MOST_SKEW: i64 = 86_400;

impl<R: CryptoRng> Call<'_, R> {
    pub(super) fn on_info(&mut self, got: Result<Vec<u8>, Failure>) -> Turn {
        let json = match got {
            Ok(json) => String::from_utf8(json).unwrap_or_default(),
            Err(failure) => {
                let route = &mut self.round.route;
                if route.at().is_none() && route.moves_on(self.client, failure) {
                    // Whether that one answers.
                    self.round.schedule.hasten(Task::Own, self.clock.ticks);
                }
                self.fail(Task::Info, None, failure.retry_after());
                return Turn::Goto(Step::Idle);
            }
        };
        let effects = match self.client.configure(&json, self.clock.now()) {
            Ok(effects) => effects,
            Err(error) => {
                self.fail(Task::Info, Some(error.code()), 0);
                return Turn::Goto(Step::Idle);
            }
        };
        let ticks = self.clock.ticks;
        self.round.skew = believed_skew(self.client.mailboxes.clock_ahead());
        self.round.info_read = Some(ticks);
        self.round.route.home();
        self.done(Task::Info, Some(ticks + INFO_AGAIN));
        self.round.begin(self.client, self.clock, self.rng);
        commit(Step::Idle, effects)
    }

    pub(super) fn on_index(&mut self, mut pull: Pull, got: Result<Vec<u8>, Failure>) -> Turn {
        let Some(mailbox) = pull.indexes.pop_front() else {
            return Turn::Goto(Step::Index(pull));
        };
        let planned = got.map_err(Unread::Failed).and_then(|json| {
            let json = String::from_utf8(json).unwrap_or_default();
            let planned = self.client.plan_pull(mailbox, &json, self.clock.now());
            planned.map_err(|error| Unread::Refused(error.code()))
        });
        match planned {
            Ok(effects) => {
                self.round.route.answered();
                let unknown = self.round.schedule.failures(Task::Info) > 0;
                let Some(plan) = self.allowed(mailbox, effects.value, unknown) else {
                    return Turn::Commit(Step::Index(pull), effects.changes, effects.events);
                };
                pull.plan(mailbox, plan);
                Turn::Commit(Step::Confirm(pull), effects.changes, effects.events)
            }
            Err(unread) if self.leaves(unread) => self.elsewhere(),
            Err(unread) => {
                pull.fail(mailbox, unread);
                Turn::Goto(Step::Index(pull))
            }
        }
    }

    /// What of a plan is downloaded now: not what failed again and again, and of
    /// `trusted` origins alone if that is asked for. `None` if the relay is asked
    /// first who signs.
    pub(super) fn allowed(
        &mut self,
        mailbox: Mailbox,
        plan: Vec<Download>,
        trusted: bool,
    ) -> Option<Vec<Download>> {
        let known = plan.iter().all(|download| self.client.trusts(download));
        if !known && self.asks_who_signs(mailbox.into()) {
            return None;
        }
        let planned = plan.len();
        let mut plan = plan;
        plan.retain(|download| {
            let key = self.round.route.key(&download.path);
            self.round.attempts.allowed(&key, self.clock.ticks)
                && (self.client.trusts(download) || !trusted)
        });
        if plan.len() < planned {
            self.round.incomplete();
        }
        Some(plan)
    }

    /// Whether another place is read from now on: this one did not answer, or is
    /// a member whose answer is not one.
    pub(super) fn leaves(&mut self, unread: Unread) -> bool {
        match unread {
            Unread::Failed(failure) => self.round.route.moves_on(self.client, failure),
            Unread::Refused(_) => self.round.route.distrusts(self.client),
        }
    }

    /// What is under way begins again at another place. The own relay is asked
    /// meanwhile whether it is back.
    pub(super) fn elsewhere(&mut self) -> Turn {
        let schedule = &mut self.round.schedule;
        if schedule.failures(Task::Info) == 0 {
            schedule.hasten(Task::Info, self.clock.ticks);
        }
        Turn::Goto(Step::Idle)
    }

    /// An index lists batches of an origin that the relay has not named: it is
    /// asked to describe itself again before that counts against it, unless
    /// it just did or cannot. The mailbox is read after that.
    fn asks_who_signs(&mut self, task: Task) -> bool {
        let ticks = self.clock.ticks;
        let read = self.round.info_read;
        let fresh = read.is_some_and(|at| ticks < at.saturating_add(INFO_FRESH));
        if fresh || self.round.schedule.failures(Task::Info) > 0 {
            return false;
        }
        for task in [Task::Info, task] {
            self.round.schedule.set(task, Some(ticks));
        }
        if let Some(request) = &mut self.round.request
            && !request.left.contains(&Task::Info)
        {
            request.left.push(Task::Info);
        }
        true
    }

    /// A slot does not wait until a pull is done.
    pub(super) fn slot_is_due(&self) -> bool {
        let due = self.round.schedule.due(Task::Slot);
        let due = due.is_some_and(|due| due <= self.clock.ticks);
        due && self.round.started && self.round.request.is_none()
    }

    /// A slot is posted before this step.
    pub(super) fn pause(&mut self, step: Step) -> Turn {
        self.round.paused = Some(step);
        self.round.begun(Task::Slot);
        Turn::Goto(Step::PostToLobby { slot: true })
    }

    pub(super) fn on_kept(&mut self, mut pull: Pull, kept: Result<u64, Failure>) -> Turn {
        if let (Err(failure @ (Failure::Unavailable(_) | Failure::Denied(_))), Some(download)) =
            (kept, pull.requested())
        {
            // The index was just read: it may be this download that never
            // arrives.
            let key = self.round.route.key(&download.path);
            self.round.attempts.failed(&key, self.clock.ticks);
            let mailbox = download.mailbox();
            if self.round.route.moves_on(self.client, failure) {
                return self.elsewhere();
            }
            pull.fail(mailbox, Unread::Failed(failure));
            self.round.incomplete();
        } else {
            pull.kept(kept);
        }
        Turn::Goto(Step::Download(pull))
    }

    /// Opens what is kept, one body after another.
    pub(super) fn open(&mut self, pull: Pull) -> Turn {
        if self.slot_is_due() {
            return self.pause(Step::Open(pull));
        }
        match pull.first_kept() {
            Some((download, Ok(_))) => {
                let ask = Ask::HandOver(download.path.clone());
                Turn::Ask(Step::AwaitBody(pull), ask)
            }
            Some((_, Err(failure))) => self.pass_over(pull, failure == Failure::Refused),
            None if pull.is_complete() && pull.goes_on() => Turn::Goto(Step::Look(pull)),
            None if pull.is_complete() => {
                let events = self.round.report_refused(&pull);
                Turn::Commit(Step::Settle(pull), Vec::new(), events)
            }
            None => Turn::Goto(Step::Download(pull)),
        }
    }

    pub(super) fn on_body(&mut self, pull: Pull, got: Result<(Vec<u8>, Hashes), Failure>) -> Turn {
        let Ok((bytes, hashes)) = got else {
            return self.pass_over(pull, false); // It is no longer kept.
        };
        let Some((download, _)) = pull.first_kept() else {
            return Turn::Goto(Step::Open(pull));
        };
        let now = self.clock.now();
        let opened = match download.part {
            Part::Tags => self.client.take_tags(download, &bytes).map(|()| None),
            Part::Cells | Part::Again => {
                let body = (bytes.as_slice(), &hashes);
                let received = self.client.receive_hashed(download, body, now, self.rng);
                received.map(Some)
            }
        };
        let Ok(effects) = opened else {
            return self.pass_over(pull, true);
        };
        let key = self.round.route.key(&download.path);
        self.round.attempts.succeeded(&key);
        let step = self::opened(pull, bytes.len());
        match effects {
            None => Turn::Goto(step),
            Some(effects) => {
                self.round.received(&effects.value, bytes.len());
                commit(step, effects)
            }
        }
    }

    /// A download is passed over for now. The break in the chain is reported
    /// when the next batch is read; until then it is asked for again: at every
    /// pull if the relay merely does not have it, else after the waits of
    /// [`Attempts`](super::attempts::Attempts).
    fn pass_over(&mut self, mut pull: Pull, refused: bool) -> Turn {
        if refused && self.round.route.distrusts(self.client) {
            return self.elsewhere();
        }
        self.round.incomplete();
        pull.passed_over = true;
        if refused
            && let Some((download, _)) = pull.first_kept()
            && let key = self.round.route.key(&download.path)
            && self.round.attempts.failed(&key, self.clock.ticks)
        {
            pull.refused += 1;
        }
        Turn::Goto(opened(pull, 0))
    }

    /// The mailboxes were read as far as they can be read now. A restored
    /// device has heard of the others once the own one is read.
    pub(super) fn settle(&mut self, pull: &Pull) -> Turn {
        self.end_pull(pull);
        let ended = |mailbox| {
            let mut ended = pull.ended().iter();
            ended.find(|(known, _)| *known == mailbox)
        };
        let next = match ended(Mailbox::Lobby) {
            Some(_) => Step::PostToLobby { slot: false },
            None => Step::Idle,
        };
        let read = ended(Mailbox::Own).is_some_and(|(_, result)| result.is_ok());
        // A restored device may not have opened all announcements yet.
        if !read || self.client.cells_to_retrieve() > 0 {
            return Turn::Goto(next);
        }
        match self.client.settle(self.clock.now(), self.rng) {
            Ok(effects) => {
                self.round.settle_refused = false;
                commit(next, effects)
            }
            // Tried again at the next pull; reported once.
            Err(error) => {
                let known = core::mem::replace(&mut self.round.settle_refused, true);
                let event = Event::Rejected(Rejected::new(error.code(), None));
                let events = (!known).then_some(event).into_iter().collect();
                Turn::Commit(next, Vec::new(), events)
            }
        }
    }

    fn end_pull(&mut self, pull: &Pull) {
        for (mailbox, ended) in pull.ended() {
            let task = Task::from(*mailbox);
            match ended {
                Err(unread) => self.fail(task, unread.code(), unread.retry_after()),
                Ok(()) => {
                    let due = self.after_pull(*mailbox);
                    self.done(task, due);
                }
            }
        }
    }

    /// When a mailbox that was read is due again.
    fn after_pull(&mut self, mailbox: Mailbox) -> Option<u64> {
        let (pace, light) = (self.round.pace, self.client.reads_light());
        if mailbox == Mailbox::Own {
            if light && let Some(due) = self.round.looks.next(pace.epoch) {
                return Some(due);
            }
            if !light {
                self.round.route.compare(self.client);
            }
            return Some(self.after_close(pace.epoch));
        }
        self.round.lobby_reads = self.round.lobby_reads.saturating_add(1);
        let watched = self.client.lobby_watch(self.clock.now());
        let again = watched || self.round.lobby_reads < LOBBY_READS_AT_START;
        again.then(|| self.after_close(pace.lobby_epoch))
    }

    /// A moment after the relay's next close, not the same for everyone;
    /// later if a notice will say when.
    fn after_close(&mut self, epoch: u64) -> u64 {
        let epoch = epoch.max(1);
        let relay = self.clock.wall.saturating_add_signed(self.round.skew);
        let close = epoch - relay % epoch;
        let notice = if self.round.noticed { epoch / 2 } else { 0 };
        let late = (epoch / 5).min(2_000) + jitter(epoch, self.rng);
        self.clock.ticks + close + late + notice
    }
}

impl Round {
    /// Downloads that were refused for the first time are reported together.
    pub(super) fn report_refused(&mut self, pull: &Pull) -> Vec<Event> {
        if pull.refused == 0 {
            return Vec::new();
        }
        let rejected = Rejected {
            count: pull.refused,
            ..Rejected::new(ErrorCode::BatchInvalid, None)
        };
        if let Some(request) = &mut self.request {
            request.synced.rejected.push(rejected.clone());
        }
        vec![Event::Rejected(rejected)]
    }

    pub(super) fn received(&mut self, received: &Received, bytes: usize) {
        if let Some(request) = &mut self.request {
            let synced = &mut request.synced;
            synced.messages.extend(received.messages.iter().cloned());
            synced.rejected.extend(received.rejected.iter().cloned());
            synced.gaps.extend(received.gaps.iter().cloned());
            synced.cells += received.cells;
            synced.bytes += bytes as u64;
        }
    }
}

/// Milliseconds by which the relay's clock is ahead. It states whole seconds;
/// a difference of more than a day is not believed.
fn believed_skew(seconds: i64) -> i64 {
    match LEAST_SKEW <= seconds.saturating_abs() && seconds.saturating_abs() <= MOST_SKEW {
        true => seconds * 1000,
        false => 0,
    }
}

/// The first of what is kept was opened, or passed over.
fn opened(mut pull: Pull, bytes: usize) -> Step {
    let mailbox = pull.take().map(|download| download.mailbox());
    match mailbox.and_then(|mailbox| pull.opened(mailbox, bytes)) {
        Some(progress) => Step::Opened(pull, progress),
        None => Step::Open(pull),
    }
}
