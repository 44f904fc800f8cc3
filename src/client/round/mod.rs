//! What a client does by itself, sans-I/O: reads its mailboxes, posts one
//! slot per epoch, and keeps its state in order.
//!
//! ```text
//! loop { effects = round.next(client, answer, clock, rng)
//!        commit effects.changes; show effects.events
//!        answer = do what effects.value asks }
//! ```
//! One call changes the client at most once, and what it asks for is asked
//! only after that change is committed: a crash between any two calls loses
//! nothing. Each [`Task`] has its own due time and back-off, so that one that
//! fails delays no other; a download that fails again and again is passed
//! over, so that what follows it is read.

mod ask;
mod attempts;
mod budget;
mod heads;
mod look;
mod looks;
mod posting;
mod pull;
mod reading;
mod refusals;
mod request;
mod route;
mod schedule;
mod turn;

pub(crate) use budget::least_time;

pub use ask::{Answer, Ask, Clock, Failed, Failure, Synced};
pub use pull::Progress;
pub use schedule::Task;

use rand_core::CryptoRng;

use crate::client::{Client, Effects, Mailbox};

use attempts::Attempts;
use budget::Budget;
use looks::Looks;
use pull::Pull;
use refusals::{RefusedLobbyCells, RefusedSlots};
use request::Request;
use route::Route;
use schedule::{Pace, SOON, Schedule, Slots, below};
use turn::{Call, Step, Turn, commit};

/// A computer that slept for longer looks at everything when it wakes: one
/// minute.
const LONGEST_NAP: i64 = 60_000;
/// Longest wait before what failed is tried again once the network is back.
const SOON_AGAIN: u64 = 1_000;
/// Attempts in successive pulls, before a download is passed over.
const DOWNLOAD_ATTEMPTS: u32 = 3;

/// The rounds of one client. Holds nothing that a crash may not lose.
#[derive(Debug, Default)]
pub struct Round {
    started: bool,
    step: Step,
    /// Tasks that this step is part of.
    under_way: Vec<Task>,
    schedule: Schedule,
    pace: Pace,
    budget: Budget,
    /// Downloads that failed.
    attempts: Attempts<String, DOWNLOAD_ATTEMPTS>,
    refused_slots: RefusedSlots,
    refused_lobby_cells: RefusedLobbyCells,
    request: Option<Request>,
    /// A step that waits while a slot that became due is posted.
    paused: Option<Step>,
    slots: Slots,
    lobby_reads: u32,
    /// Looks at the own bucket since the start, where it is read by its tags.
    looks: Looks,
    /// Whether it was reported that a restored device cannot have its index.
    settle_refused: bool,
    /// When the relay last described itself.
    info_read: Option<u64>,
    /// How far the wall clock was ahead of the monotonic one.
    drift: Option<i64>,
    /// Milliseconds by which the relay's clock is ahead. A hint for due times;
    /// no check rests on it.
    skew: i64,
    /// Whether the relay reports when it has published.
    noticed: bool,
    /// Where mailboxes are read.
    route: Route,
}

impl Round {
    /// From now on everything is done when it is due. What is known of the
    /// relay is used until it has described itself again.
    pub fn start(&mut self, client: &Client, clock: Clock, rng: &mut impl CryptoRng) {
        self.started = true;
        self.lobby_reads = 0;
        self.looks.start();
        self.slots = Slots::default();
        self.schedule = Schedule::default();
        let requested = self.request.iter().flat_map(|request| &request.left);
        for task in requested.chain(&[Task::Info]) {
            self.schedule.set(*task, Some(clock.ticks));
        }
        self.begin(client, clock, rng);
    }

    /// Makes everything due that waits for the relay's description.
    fn begin(&mut self, client: &Client, clock: Clock, rng: &mut impl CryptoRng) {
        let Ok(info) = client.relay_info() else {
            return;
        };
        let before = self.pace;
        self.pace = Pace {
            epoch: u64::from(info.epoch_seconds.get()) * 1000,
            lobby_epoch: u64::from(info.lobby_epoch_seconds.get()) * 1000,
        };
        // A relay that stated long epochs for a moment keeps nothing waiting
        // once that is over.
        if self.pace.epoch < before.epoch {
            for task in [Task::Own, Task::Slot] {
                self.schedule.hasten(task, clock.ticks + self.pace.epoch);
            }
        }
        if self.pace.lobby_epoch < before.lobby_epoch {
            let due = clock.ticks + self.pace.lobby_epoch;
            self.schedule.hasten(Task::Lobby, due);
        }
        if self.started && self.schedule.due(Task::Slot).is_none() {
            let soon = below(SOON.min(self.pace.epoch / 2), rng);
            self.schedule.set(Task::Slot, Some(clock.ticks + soon));
            self.schedule.set(Task::Own, Some(clock.ticks));
            self.schedule.set(Task::Lobby, Some(clock.ticks));
        }
    }

    /// From now on only what is requested is done. A pull under way ends, and
    /// a post that is not answered yet counts as unanswered.
    pub fn stop(&mut self) {
        self.started = false;
        if self.request.is_none() {
            self.step = Step::Idle;
            self.paused = None;
        }
    }

    /// Does these tasks once, now; with `flush` the last posts the whole
    /// queue. Ends with [`Ask::Synced`].
    pub fn sync(&mut self, tasks: &[Task], flush: bool, clock: Clock) {
        for task in tasks {
            self.schedule.set(*task, Some(clock.ticks));
        }
        self.request = Some(Request {
            flush,
            left: tasks.to_vec(),
            ..Request::default()
        });
    }

    /// An enrolment through the lobby began: the lobby is read and posted to
    /// now, as when a portal opens.
    pub fn enrolling(&mut self, clock: Clock) {
        if self.schedule.due(Task::Own).is_some() {
            self.lobby_reads = 0;
            self.schedule.set(Task::Lobby, Some(clock.ticks));
        }
    }

    /// The network is back, or the page is visible again: what failed is tried
    /// again soon, unless the relay itself asked to wait.
    pub fn reachable_again(&mut self, clock: Clock, rng: &mut impl CryptoRng) {
        let soon = clock.ticks + below(SOON_AGAIN, rng);
        self.schedule.hasten_failed(soon);
    }

    /// The relay reports that it has published a mailbox. A client that waits
    /// for nothing in the lobby does not read it because something is there.
    pub fn published(&mut self, mailbox: Mailbox, clock: Clock, rng: &mut impl CryptoRng) {
        self.noticed = true;
        let (task, epoch) = match mailbox {
            Mailbox::Own => (Task::Own, self.pace.epoch),
            Mailbox::Lobby => (Task::Lobby, self.pace.lobby_epoch),
        };
        self.schedule.hasten(task, clock.ticks + jitter(epoch, rng));
    }

    /// The relay reports nothing any more.
    pub fn notices_ended(&mut self) {
        self.noticed = false;
    }

    /// Takes the answer to what was asked last, and gives what is to be
    /// committed and done next.
    pub fn next(
        &mut self,
        client: &mut Client,
        answer: Option<Answer>,
        clock: Clock,
        rng: &mut impl CryptoRng,
    ) -> Effects<Ask> {
        let mut call = Call {
            round: self,
            client,
            clock,
            rng,
        };
        call.next(answer)
    }

    /// The wall clock ran ahead of the monotonic one: the computer slept, or
    /// the clock was set. What waits is done now; that costs a round at most.
    fn notice_sleep(&mut self, clock: Clock) {
        let signed = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        let drift = signed(clock.wall).saturating_sub(signed(clock.ticks));
        let known = self.drift.replace(drift);
        let slept = known.is_some_and(|known| drift.saturating_sub(known) > LONGEST_NAP);
        if slept {
            for task in [Task::Info, Task::Own, Task::Lobby, Task::Slot] {
                self.schedule.hasten(task, clock.ticks);
            }
        }
    }
}

impl<R: CryptoRng> Call<'_, R> {
    fn next(&mut self, mut answer: Option<Answer>) -> Effects<Ask> {
        if matches!(answer, Some(Answer::NotStored)) {
            answer = None;
            self.abandon_step();
        }
        loop {
            let step = core::mem::take(&mut self.round.step);
            match self.turn(step, answer.take()) {
                Turn::Goto(step) => self.round.step = step,
                Turn::Ask(step, ask) => {
                    let paid = match ask.is_request() {
                        true => self.round.budget.spend(self.clock.ticks),
                        false => Ok(()),
                    };
                    let (step, ask) = match paid {
                        Ok(()) => (step, ask),
                        Err(at) => (step.again(), Ask::Wait(Some(at))),
                    };
                    let ask = self.addressed(&step, ask);
                    self.round.step = step;
                    return Effects::default().map(|()| ask);
                }
                Turn::Commit(step, changes, events) => {
                    self.round.step = step;
                    if !changes.is_empty() || !events.is_empty() {
                        return Effects {
                            changes,
                            events,
                            value: Ask::Continue,
                        };
                    }
                }
            }
        }
    }

    /// Names the member that is asked, if that is not the own relay: what is read
    /// and what is posted go their own ways.
    fn addressed(&self, step: &Step, ask: Ask) -> Ask {
        let member = match (step, &ask) {
            (Step::AwaitInfo | Step::AwaitHeads(_), _) => None,
            (_, Ask::Post { .. }) => self.client.members.posts_at(),
            (_, Ask::Get(_) | Ask::Keep { .. } | Ask::Select { .. }) => self.round.route.at(),
            _ => None,
        };
        let member = member.map(str::to_owned);
        ask.at(member)
    }

    /// The last changes are not stored: what they were part of begins again.
    /// A post that was answered counts as unanswered and is repeated.
    fn abandon_step(&mut self) {
        self.round.step = Step::Idle;
        self.round.paused = None;
        for task in core::mem::take(&mut self.round.under_way) {
            self.fail(task, None, 0);
        }
    }

    /// Begins the task that is due, or waits.
    fn choose(&mut self) -> Turn {
        let (round, ticks) = (&mut *self.round, self.clock.ticks);
        round.under_way.clear();
        if let Some(request) = round.request.take_if(|request| request.left.is_empty()) {
            round.route.rest();
            return Turn::Ask(Step::Idle, Ask::Synced(request.synced));
        }
        round.notice_sleep(self.clock);
        let Some((task, due)) = round.schedule.first(|task| round.is_wanted(task)) else {
            return Turn::Ask(Step::Idle, Ask::Wait(None));
        };
        if due > ticks {
            round.route.rest();
            let compared = self.next_comparison();
            return compared.unwrap_or(Turn::Ask(Step::Idle, Ask::Wait(Some(due))));
        }
        if task != Task::Info && self.client.relay_info().is_err() {
            self.fail(task, None, 0);
            return Turn::Goto(Step::Idle);
        }
        if matches!(task, Task::Info | Task::Slot) {
            round.begun(task);
            return Turn::Goto(match task {
                Task::Info => Step::Info,
                _ => Step::PostToLobby { slot: true },
            });
        }
        // Mailboxes that are due together are read together.
        let is_due = |mailbox: &Mailbox| {
            let task = Task::from(*mailbox);
            let due = round.schedule.due(task);
            round.is_wanted(task) && due.is_some_and(|due| due <= ticks)
        };
        let mailboxes = [Mailbox::Own, Mailbox::Lobby].into_iter();
        let mut mailboxes: Vec<_> = mailboxes.filter(is_due).collect();
        let looks = self.client.reads_light() && !round.looks.reads_whole() && round.route.looks();
        // What is found by a look takes time that shows; the lobby is first.
        if looks && mailboxes.contains(&Mailbox::Lobby) {
            mailboxes = vec![Mailbox::Lobby];
        }
        for mailbox in &mailboxes {
            round.begun((*mailbox).into());
        }
        Turn::Goto(match mailboxes.contains(&Mailbox::Own) {
            true if looks => {
                round.looks.began = ticks;
                Step::Tick(Pull::looking())
            }
            true => Step::Tick(Pull::of(mailboxes)),
            false => Step::Index(Pull::of(mailboxes)),
        })
    }
}

/// How much later than others this client looks: up to 30 s, or a tenth of an
/// epoch.
fn jitter(epoch: u64, rng: &mut impl CryptoRng) -> u64 {
    below((epoch / 10).min(30_000), rng)
}
