//! Reading the relay: its description, the indexes, and what they list.

use rand_core::CryptoRng;

use super::{
    Ask, Clock, Failure, Round, Step, Task, Turn, commit, jitter,
    pull::{Pull, Unread},
};
use crate::{
    base::ErrorCode,
    client::{
        Client, Mailbox, Part, Received,
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

impl Round {
    pub(super) fn on_info(
        &mut self,
        client: &mut Client,
        got: Result<Vec<u8>, Failure>,
        clock: Clock,
        rng: &mut impl CryptoRng,
    ) -> Turn {
        let json = match got {
            Ok(json) => String::from_utf8(json).unwrap_or_default(),
            Err(failure) => {
                if self.route.at().is_none() && self.route.moves_on(client, failure) {
                    self.schedule.hasten(Task::Own, clock.ticks); // Whether that one answers.
                }
                self.fail(Task::Info, None, failure.retry_after(), clock, rng);
                return Turn::Goto(Step::Idle);
            }
        };
        let effects = match client.configure(&json, clock.now()) {
            Ok(effects) => effects,
            Err(error) => {
                self.fail(Task::Info, Some(error.code()), 0, clock, rng);
                return Turn::Goto(Step::Idle);
            }
        };
        self.skew = believed_skew(client.relay_clock_ahead());
        self.info_read = Some(clock.ticks);
        self.route.home();
        self.done(Task::Info, Some(clock.ticks + INFO_AGAIN), clock);
        self.begin(client, clock, rng);
        commit(Step::Idle, effects)
    }

    pub(super) fn on_index(
        &mut self,
        client: &mut Client,
        mut pull: Pull,
        got: Result<Vec<u8>, Failure>,
        clock: Clock,
    ) -> Turn {
        let Some(mailbox) = pull.indexes.pop_front() else {
            return Turn::Goto(Step::Index(pull));
        };
        let planned = got.map_err(Unread::from).and_then(|json| {
            let json = String::from_utf8(json).unwrap_or_default();
            let planned = client.plan_pull(mailbox, &json, clock.now());
            planned.map_err(|error| Unread::refused(error.code()))
        });
        match planned {
            Ok(effects) => {
                self.route.answered();
                let known = effects.value.iter().all(|download| client.trusts(download));
                if !known && self.asks_who_signs(mailbox.into(), clock) {
                    return Turn::Commit(Step::Index(pull), effects.changes, effects.events);
                }
                let unknown = self.schedule.failures(Task::Info) > 0;
                let plan = effects.value.into_iter();
                let (plan, passed): (Vec<_>, Vec<_>) = plan.partition(|download| {
                    let key = self.route.key(&download.path);
                    self.attempts.allowed(&key, clock.ticks)
                        && (client.trusts(download) || !unknown)
                });
                if !passed.is_empty() {
                    self.incomplete();
                }
                pull.plan(mailbox, plan);
                Turn::Commit(Step::Confirm(pull), effects.changes, effects.events)
            }
            Err(unread) if self.leaves(client, unread) => self.elsewhere(clock),
            Err(unread) => {
                pull.fail(mailbox, unread);
                Turn::Goto(Step::Index(pull))
            }
        }
    }

    /// Whether another place is read from now on: this one did not answer, or is
    /// a member whose answer is not one.
    pub(super) fn leaves(&mut self, client: &Client, unread: Unread) -> bool {
        match unread.failure {
            Some(failure) => self.route.moves_on(client, failure),
            None => self.route.distrusts(client),
        }
    }

    /// What is under way begins again at another place. The own relay is asked
    /// meanwhile whether it is back.
    pub(super) fn elsewhere(&mut self, clock: Clock) -> Turn {
        if self.schedule.failures(Task::Info) == 0 {
            self.schedule.hasten(Task::Info, clock.ticks);
        }
        Turn::Goto(Step::Idle)
    }

    /// An index lists batches of an origin that the relay has not named: it is
    /// asked to describe itself again before that counts against it, unless
    /// it just did or cannot. The mailbox is read after that.
    pub(super) fn asks_who_signs(&mut self, task: Task, clock: Clock) -> bool {
        let fresh = self
            .info_read
            .is_some_and(|at| clock.ticks < at.saturating_add(INFO_FRESH));
        if fresh || self.schedule.failures(Task::Info) > 0 {
            return false;
        }
        for task in [Task::Info, task] {
            self.schedule.set(task, Some(clock.ticks));
        }
        if let Some(request) = &mut self.request
            && !request.left.contains(&Task::Info)
        {
            request.left.push(Task::Info);
        }
        true
    }

    /// A slot does not wait until a pull is done.
    pub(super) fn slot_is_due(&self, clock: Clock) -> bool {
        let due = self.schedule.due(Task::Slot);
        let due = due.is_some_and(|due| due <= clock.ticks);
        due && self.started && self.request.is_none()
    }

    /// A slot is posted before this step.
    pub(super) fn pause(&mut self, step: Step) -> Turn {
        self.paused = Some(step);
        self.begun(Task::Slot);
        Turn::Goto(Step::PostToLobby { slot: true })
    }

    /// Opens what is kept, one body after another.
    pub(super) fn open(&mut self, client: &Client, pull: Pull, clock: Clock) -> Turn {
        if self.slot_is_due(clock) {
            return self.pause(Step::Open(pull));
        }
        match pull.first_kept() {
            Some((download, Ok(_))) => {
                let ask = Ask::HandOver(download.path.clone());
                Turn::Ask(Step::AwaitBody(pull), ask)
            }
            Some((_, Err(failure))) => {
                let refused = failure == Failure::Refused;
                self.pass_over(client, pull, refused, clock)
            }
            None if pull.is_complete() && pull.goes_on() => Turn::Goto(Step::Look(pull)),
            None if pull.is_complete() => {
                let events = self.report_refused(&pull);
                Turn::Commit(Step::Settle(pull), Vec::new(), events)
            }
            None => Turn::Goto(Step::Download(pull)),
        }
    }

    pub(super) fn on_body(
        &mut self,
        client: &mut Client,
        pull: Pull,
        got: Result<(Vec<u8>, Hashes), Failure>,
        clock: Clock,
        rng: &mut impl CryptoRng,
    ) -> Turn {
        let Ok((bytes, hashes)) = got else {
            return self.pass_over(client, pull, false, clock); // It is no longer kept.
        };
        let Some((download, _)) = pull.first_kept() else {
            return Turn::Goto(Step::Open(pull));
        };
        if download.part == Part::Tags {
            return match client.take_tags(download, &bytes) {
                Ok(()) => {
                    self.attempts.succeeded(&self.route.key(&download.path));
                    Turn::Goto(opened(pull, bytes.len()))
                }
                Err(_) => self.pass_over(client, pull, true, clock),
            };
        }
        match client.receive_hashed(download, (&bytes, &hashes), clock.now(), rng) {
            Ok(effects) => {
                self.attempts.succeeded(&self.route.key(&download.path));
                self.received(&effects.value, bytes.len());
                commit(opened(pull, bytes.len()), effects.map(|_| ()))
            }
            Err(_) => self.pass_over(client, pull, true, clock),
        }
    }

    /// A download is passed over for now. The break in the chain is reported
    /// when the next batch is read; until then it is asked for again: at every
    /// pull if the relay merely does not have it, else after the waits of
    /// [`Attempts`](super::attempts::Attempts).
    fn pass_over(&mut self, client: &Client, mut pull: Pull, refused: bool, clock: Clock) -> Turn {
        if refused && self.route.distrusts(client) {
            return self.elsewhere(clock);
        }
        self.incomplete();
        pull.passed_over = true;
        if refused
            && let Some((download, _)) = pull.first_kept()
            && let key = self.route.key(&download.path)
            && self.attempts.failed(&key, clock.ticks)
        {
            pull.refused += 1;
        }
        Turn::Goto(opened(pull, 0))
    }

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

    /// The mailboxes were read as far as they can be read now. A restored
    /// device has heard of the others once the own one is read.
    pub(super) fn settle(
        &mut self,
        client: &mut Client,
        pull: &Pull,
        clock: Clock,
        rng: &mut impl CryptoRng,
    ) -> Turn {
        self.end_pull(client, pull, clock, rng);
        let read = |mailbox| {
            let mut ended = pull.ended().iter();
            ended.any(|(known, result)| *known == mailbox && result.is_ok())
        };
        let next = match pull
            .ended()
            .iter()
            .any(|(known, _)| *known == Mailbox::Lobby)
        {
            true => Step::PostToLobby { slot: false },
            false => Step::Idle,
        };
        // A restored device may not have opened all announcements yet.
        if !read(Mailbox::Own) || client.cells_to_retrieve() > 0 {
            return Turn::Goto(next);
        }
        match client.settle(clock.now(), rng) {
            Ok(effects) => {
                self.settle_refused = false;
                commit(next, effects)
            }
            // Tried again at the next pull; reported once.
            Err(error) => {
                let known = core::mem::replace(&mut self.settle_refused, true);
                let event = Event::Rejected(Rejected::new(error.code(), None));
                let events = (!known).then_some(event).into_iter().collect();
                Turn::Commit(next, Vec::new(), events)
            }
        }
    }

    fn end_pull(&mut self, client: &Client, pull: &Pull, clock: Clock, rng: &mut impl CryptoRng) {
        for (mailbox, ended) in pull.ended() {
            let task = Task::from(*mailbox);
            match ended {
                Err(Unread {
                    code, retry_after, ..
                }) => {
                    self.fail(task, *code, *retry_after, clock, rng);
                }
                Ok(()) => {
                    let due = self.after_pull(client, *mailbox, clock, rng);
                    self.done(task, due, clock);
                }
            }
        }
    }

    /// When a mailbox that was read is due again.
    fn after_pull(
        &mut self,
        client: &Client,
        mailbox: Mailbox,
        clock: Clock,
        rng: &mut impl CryptoRng,
    ) -> Option<u64> {
        let pace = self.pace;
        if mailbox == Mailbox::Own
            && client.reads_light()
            && let Some(due) = self.looks.next(pace.epoch)
        {
            return Some(due);
        }
        if mailbox == Mailbox::Own {
            if !client.reads_light() {
                self.route.compare(client);
            }
            return Some(self.after_close(pace.epoch, clock, rng));
        }
        self.lobby_reads = self.lobby_reads.saturating_add(1);
        let watched = client.lobby_watch(clock.now());
        let again = watched || self.lobby_reads < LOBBY_READS_AT_START;
        again.then(|| self.after_close(pace.lobby_epoch, clock, rng))
    }

    /// A moment after the relay's next close, not the same for everyone;
    /// later if a notice will say when.
    fn after_close(&self, epoch: u64, clock: Clock, rng: &mut impl CryptoRng) -> u64 {
        let epoch = epoch.max(1);
        let relay = clock.wall.saturating_add_signed(self.skew);
        let close = epoch - relay % epoch;
        let notice = if self.noticed { epoch / 2 } else { 0 };
        clock.ticks + close + (epoch / 5).min(2_000) + jitter(epoch, rng) + notice
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
