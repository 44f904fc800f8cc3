//! A look at the own bucket by its tags, and at which times. Protocol §13.
//!
//! ```text
//! what both relays hold → index, unless one batch follows → tags of what is new
//! for each origin: both headers at the head of the window → bitmaps to both
//! answers → one commit
//! ```
//! Every look makes the same requests, whatever was found. Only what a person
//! agrees to is fetched besides, or what has to be because a relay did not
//! tell the truth.

use core::mem::replace;
use std::collections::VecDeque;

use rand_core::CryptoRng;

use super::{
    Answer, Ask, Clock, Round, Step, Task, Turn, commit,
    pull::{Pull, Unread},
};
use crate::{
    client::{Asked, Client, Download, Effects, Mailbox},
    wire::{Held, SelectWindow, paths},
};

/// More cells than this to retrieve: the person is asked to fetch the window
/// whole.
const MOST_MISSING: usize = 24;

/// A look under way.
#[derive(Debug, Default)]
pub(super) struct Look {
    stage: Stage,
    relay: Vec<Held>,
    mirror: Vec<Held>,
    /// Origins that are still to be asked for.
    origins: VecDeque<Held>,
    windows: VecDeque<SelectWindow>,
    asked: Option<Asked>,
    answered: Vec<(Asked, [Vec<u8>; 2])>,
}

/// What is asked for next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    /// What the relay holds.
    #[default]
    Relay,
    /// What the mirror holds.
    Mirror,
    Index,
    /// The tags are downloaded.
    Tags,
    /// The relay's header at the head of the window.
    Header,
    /// The mirror's.
    MirrorHeader,
    /// Sums of both.
    Select,
    /// Whether to read whole what is not finished. Nothing is requested before
    /// the person agrees.
    Confirm,
    /// The index, to read whole what is not finished.
    Again,
}

impl Round {
    pub(super) fn look(&mut self, clock: Clock) -> Pull {
        self.looks.began = clock.ticks;
        Pull::looking()
    }

    /// Asks for what comes next in a look.
    pub(super) fn look_on(
        &mut self,
        client: &mut Client,
        mut pull: Pull,
        clock: Clock,
        rng: &mut impl CryptoRng,
    ) -> Turn {
        if self.slot_is_due(clock) {
            return self.pause(Step::Look(pull));
        }
        let Some(look) = &mut pull.look else {
            return Turn::Goto(Step::Index(pull));
        };
        let head = look.windows.back().copied();
        let ask = match (look.stage, head) {
            (Stage::Relay, _) => {
                client.begin_look();
                Some(Ask::Get(paths::ORIGINS.to_owned()))
            }
            (Stage::Mirror, _) => Some(Ask::Mirror(paths::ORIGINS.to_owned())),
            (Stage::Index | Stage::Again, _) => client
                .bucket(Mailbox::Own)
                .map(|bucket| Ask::Get(paths::index(bucket)))
                .ok(),
            (Stage::Tags, _) => return self.next_origin(client, pull, clock, rng),
            (Stage::Header, Some(head)) => {
                let path = client.tags_path(&head.origin, head.last);
                path.map(Ask::Get).ok()
            }
            (Stage::MirrorHeader, Some(head)) => {
                let path = client.tags_path(&head.origin, head.last);
                path.map(Ask::Mirror).ok()
            }
            (Stage::Select, Some(_)) => return self.select(client, pull, clock, rng),
            (Stage::Confirm, _) => Some(Ask::Confirm {
                bytes: client.unfinished_bytes(),
                tells: true,
            }),
            (_, None) => return self.next_origin(client, pull, clock, rng),
        };
        match ask {
            Some(ask) => Turn::Ask(Step::AwaitLook(pull), ask),
            None => self.unread(client, None, clock, rng),
        }
    }

    /// The windows of the next origin, or the end of the look.
    fn next_origin(
        &mut self,
        client: &mut Client,
        mut pull: Pull,
        clock: Clock,
        rng: &mut impl CryptoRng,
    ) -> Turn {
        let Some(look) = &mut pull.look else {
            return Turn::Goto(Step::Index(pull));
        };
        let Some(held) = look.origins.pop_front() else {
            return self.finish(client, pull, clock, rng);
        };
        if !client.is_listed(&held.origin) {
            return Turn::Goto(Step::Look(pull));
        }
        let mut mirror = look.mirror.iter();
        let mirror = mirror.find(|mirror| mirror.origin == held.origin);
        let windows = mirror.map(|mirror| client.look_windows((held, *mirror)));
        let Some(windows) = windows.filter(|windows| !windows.is_empty()) else {
            return self.unanswered(client, 0, clock, rng); // The mirror lacks it.
        };
        look.windows = windows.into();
        let head = look.windows.back();
        let known = head.is_some_and(|head| client.knows_header(&head.origin, head.last));
        look.stage = match known {
            true => Stage::MirrorHeader,
            false => Stage::Header,
        };
        Turn::Goto(Step::Look(pull))
    }

    /// Asks both relays for sums over the next window.
    fn select(
        &mut self,
        client: &Client,
        mut pull: Pull,
        clock: Clock,
        rng: &mut impl CryptoRng,
    ) -> Turn {
        let asked = pull.look.as_mut().and_then(|look| {
            let (asked, [relay, mirror]) = client.ask_window(look.windows.front()?, rng).ok()?;
            look.asked = Some(asked);
            let path = client.select_path().ok()?;
            Some(Ask::Select {
                path,
                relay,
                mirror,
            })
        });
        match asked {
            Some(ask) => Turn::Ask(Step::AwaitLook(pull), ask),
            None => self.unread(client, None, clock, rng),
        }
    }

    /// Takes the answer to what was asked last.
    pub(super) fn on_look(
        &mut self,
        client: &mut Client,
        mut pull: Pull,
        answer: Answer,
        clock: Clock,
        rng: &mut impl CryptoRng,
    ) -> Turn {
        let Some(look) = &mut pull.look else {
            return Turn::Goto(Step::Index(pull));
        };
        let head = look.windows.back().copied();
        match (look.stage, answer) {
            (Stage::Relay, Answer::Got(got)) => match got.map(|json| Held::parse(&json)) {
                Ok(Ok(held)) => {
                    self.route.answered();
                    look.relay = held;
                    look.origins = client.accepted(&look.relay).copied().collect();
                    look.stage = Stage::Mirror;
                    Turn::Goto(Step::Look(pull))
                }
                Ok(Err(error)) => {
                    self.unread(client, Some(Unread::refused(error.code())), clock, rng)
                }
                Err(failure) => self.unread(client, Some(failure.into()), clock, rng),
            },
            (Stage::Mirror, Answer::Got(got)) => {
                let failure = got.as_ref().err().map(|failure| failure.retry_after());
                let held = got.ok().and_then(|json| Held::parse(&json).ok());
                let Some(held) = held else {
                    return self.unanswered(client, failure.unwrap_or(0), clock, rng);
                };
                look.mirror = held;
                match client.plan_next(&look.relay) {
                    Some(plan) => {
                        look.stage = Stage::Tags;
                        pull.plan(Mailbox::Own, plan);
                        Turn::Goto(Step::Download(pull))
                    }
                    None => {
                        look.stage = Stage::Index;
                        Turn::Goto(Step::Look(pull))
                    }
                }
            }
            (Stage::Index, Answer::Got(Ok(json))) => {
                let json = String::from_utf8(json).unwrap_or_default();
                match client.plan_look(&json, clock.now()) {
                    Ok(effects) => self.on_tags_planned(client, pull, effects, clock),
                    Err(error) => {
                        self.unread(client, Some(Unread::refused(error.code())), clock, rng)
                    }
                }
            }
            (Stage::Confirm, Answer::Confirmed(true)) => {
                look.stage = Stage::Again;
                Turn::Goto(Step::Look(pull))
            }
            (Stage::Again, Answer::Got(Ok(json))) => {
                let json = String::from_utf8(json).unwrap_or_default();
                pull.look = None;
                match client.plan_again(&json) {
                    Ok(plan) => {
                        pull.plan(Mailbox::Own, plan);
                        Turn::Goto(Step::Download(pull))
                    }
                    Err(_) => Turn::Goto(Step::Settle(pull)),
                }
            }
            (Stage::Again, Answer::Got(Err(_))) | (Stage::Confirm, Answer::Confirmed(false)) => {
                pull.look = None;
                Turn::Goto(Step::Settle(pull)) // The next look finds it again.
            }
            (Stage::Header, Answer::Got(Ok(tags))) => {
                let taken = head.map(|head| client.take_header(&head.origin, head.last, &tags));
                match taken {
                    Some(Ok(())) => {
                        look.stage = Stage::MirrorHeader;
                        Turn::Goto(Step::Look(pull))
                    }
                    Some(Err(error)) => {
                        self.unread(client, Some(Unread::refused(error.code())), clock, rng)
                    }
                    None => Turn::Goto(Step::Look(pull)),
                }
            }
            (Stage::MirrorHeader, Answer::Got(Ok(tags))) => {
                let compared = head.map(|h| client.compare_header(&h.origin, h.last, &tags));
                match compared {
                    Some(Ok(None)) => {
                        look.stage = Stage::Select;
                        Turn::Goto(Step::Look(pull))
                    }
                    Some(Ok(Some(fork))) => {
                        // The bucket is read whole from now on, and at once.
                        let effects = client.equivocated(fork, clock.now());
                        commit(Step::Idle, effects)
                    }
                    Some(Err(_)) => self.unanswered(client, 0, clock, rng),
                    None => Turn::Goto(Step::Look(pull)),
                }
            }
            (Stage::Select, Answer::Selected(Ok(answers)))
                if answers.iter().all(|answer| client.is_answer(answer)) =>
            {
                look.windows.pop_front();
                look.answered
                    .extend(look.asked.take().map(|asked| (asked, answers)));
                if look.windows.is_empty() {
                    look.stage = Stage::Tags; // The next origin.
                }
                Turn::Goto(Step::Look(pull))
            }
            (Stage::MirrorHeader, Answer::Got(Err(failure)))
            | (Stage::Select, Answer::Selected(Err(failure))) => {
                self.unanswered(client, failure.retry_after(), clock, rng)
            }
            (Stage::Select, Answer::Selected(Ok(_))) => self.unanswered(client, 0, clock, rng),
            (Stage::Index | Stage::Header, Answer::Got(Err(failure))) => {
                self.unread(client, Some(failure.into()), clock, rng)
            }
            // Not the answer to what was asked: ask again.
            _ => Turn::Goto(Step::Look(pull)),
        }
    }

    fn on_tags_planned(
        &mut self,
        client: &Client,
        mut pull: Pull,
        effects: Effects<Vec<Download>>,
        clock: Clock,
    ) -> Turn {
        let known = effects.value.iter().all(|download| client.trusts(download));
        if !known && self.asks_who_signs(Task::Own, clock) {
            return Turn::Commit(Step::Idle, effects.changes, effects.events);
        }
        let plan = effects.value.into_iter();
        let (plan, passed): (Vec<_>, Vec<_>) = plan.partition(|download| {
            let key = self.route.key(&download.path);
            self.attempts.allowed(&key, clock.ticks) && client.trusts(download)
        });
        if !passed.is_empty() {
            self.incomplete();
        }
        if let Some(look) = &mut pull.look {
            look.stage = Stage::Tags;
        }
        pull.plan(Mailbox::Own, plan);
        Turn::Commit(Step::Download(pull), effects.changes, effects.events)
    }

    /// Both relays have answered everything.
    fn finish(
        &mut self,
        client: &mut Client,
        mut pull: Pull,
        clock: Clock,
        rng: &mut impl CryptoRng,
    ) -> Turn {
        let look = pull.look.take().unwrap_or_default();
        self.looks.unanswered = 0;
        let effects = client.finish_look(&look.answered, clock.now(), rng);
        if pull.passed_over {
            client.relist(); // The next look asks for it again.
        }
        self.received(&effects.value.received, 0);
        let many = client.cells_to_retrieve() > MOST_MISSING;
        let falls_back = effects.value.failed && !replace(&mut self.looks.fell_back, true);
        let asks = many && !replace(&mut self.looks.asked, true);
        if falls_back || asks {
            pull.look = Some(Look {
                stage: Stage::Confirm,
                ..Look::default()
            });
            return commit(Step::Look(pull), effects.map(|_| ()));
        }
        let effects = effects.map(|_| ());
        let mut events = effects.events;
        events.extend(self.report_refused(&pull));
        Turn::Commit(Step::Settle(pull), effects.changes, events)
    }

    /// The relay did not answer, or not well.
    fn unread(
        &mut self,
        client: &Client,
        unread: Option<Unread>,
        clock: Clock,
        rng: &mut impl CryptoRng,
    ) -> Turn {
        if unread.is_some_and(|unread| self.leaves(client, unread)) {
            return self.elsewhere(clock);
        }
        let (code, wait) = unread.map_or((None, 0), |unread| (unread.code, unread.retry_after));
        self.fail(Task::Own, code, wait, clock, rng);
        Turn::Goto(Step::Idle)
    }

    /// The look is not answered by both: it is tried again; after some times,
    /// which do not depend on what was found, the bucket is read whole.
    fn unanswered(
        &mut self,
        client: &mut Client,
        wait: u64,
        clock: Clock,
        rng: &mut impl CryptoRng,
    ) -> Turn {
        self.looks.unanswered = self.looks.unanswered.saturating_add(1);
        // The next look reads the index again.
        client.relist();
        if !self.looks.reads_whole() {
            self.fail(Task::Own, None, wait, clock, rng);
            return Turn::Goto(Step::Idle);
        }
        self.schedule.set(Task::Own, Some(clock.ticks));
        let effects = client.mirror_answers(false, clock.now());
        commit(Step::Idle, effects)
    }
}
