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
    Answer, Ask, Call, Step, Task, Turn, commit,
    pull::{Pull, Unread},
};
use crate::{
    client::{Asked, Download, Effects, Mailbox},
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

impl<R: CryptoRng> Call<'_, R> {
    /// Asks for what comes next in a look.
    pub(super) fn look_on(&mut self, mut pull: Pull) -> Turn {
        if self.slot_is_due() {
            return self.pause(Step::Look(pull));
        }
        let look = pull.look.get_or_insert_default();
        let ask = match (look.stage, look.windows.back()) {
            (Stage::Relay, _) => {
                self.client.light.begin();
                Some(Ask::Get(paths::ORIGINS.to_owned()))
            }
            (Stage::Mirror, _) => Some(Ask::Mirror(paths::ORIGINS.to_owned())),
            (Stage::Index | Stage::Again, _) => {
                let bucket = self.client.bucket(Mailbox::Own);
                bucket.map(|bucket| Ask::Get(paths::index(bucket))).ok()
            }
            (Stage::Header, Some(head)) => {
                let path = self.client.tags_path(&head.origin, head.last);
                path.map(Ask::Get).ok()
            }
            (Stage::MirrorHeader, Some(head)) => {
                let path = self.client.tags_path(&head.origin, head.last);
                path.map(Ask::Mirror).ok()
            }
            (Stage::Select, Some(_)) => self.select(look),
            (Stage::Confirm, _) => Some(Ask::Confirm {
                bytes: self.client.unfinished_bytes(),
                tells: true,
            }),
            (Stage::Tags, _) | (_, None) => return self.next_origin(pull),
        };
        match ask {
            Some(ask) => Turn::Ask(Step::AwaitLook(pull), ask),
            None => self.unread(None),
        }
    }

    /// The windows of the next origin, or the end of the look.
    fn next_origin(&mut self, mut pull: Pull) -> Turn {
        let look = pull.look.get_or_insert_default();
        let Some(held) = look.origins.pop_front() else {
            return self.finish(pull);
        };
        if !self.client.is_listed(&held.origin) {
            return Turn::Goto(Step::Look(pull));
        }
        let mut mirror = look.mirror.iter();
        let mirror = mirror.find(|mirror| mirror.origin == held.origin);
        let windows = mirror.map(|mirror| self.client.look_windows((held, *mirror)));
        let Some(windows) = windows.filter(|windows| !windows.is_empty()) else {
            return self.unanswered(0); // The mirror lacks it.
        };
        let known = |head: &SelectWindow| self.client.knows_header(&head.origin, head.last);
        look.stage = match windows.last().is_some_and(known) {
            true => Stage::MirrorHeader,
            false => Stage::Header,
        };
        look.windows = windows.into();
        Turn::Goto(Step::Look(pull))
    }

    /// Asks both relays for sums over the next window.
    fn select(&mut self, look: &mut Look) -> Option<Ask> {
        let window = look.windows.front()?;
        let (asked, [relay, mirror]) = self.client.ask_window(window, self.rng).ok()?;
        look.asked = Some(asked);
        Some(Ask::Select {
            path: paths::select(self.client.bucket(Mailbox::Own).ok()?),
            relay,
            mirror,
        })
    }

    /// Takes the answer to what was asked last.
    pub(super) fn on_look(&mut self, mut pull: Pull, answer: Answer) -> Turn {
        let (client, now) = (&mut *self.client, self.clock.now());
        let look = pull.look.get_or_insert_default();
        let head = look.windows.back().copied();
        match (look.stage, answer, head) {
            (Stage::Relay, Answer::Got(got), _) => {
                let held = got.map_err(Unread::Failed).and_then(|json| {
                    Held::parse(&json).map_err(|error| Unread::Refused(error.code()))
                });
                match held {
                    Ok(held) => {
                        self.round.route.answered();
                        look.relay = held;
                        look.origins = client.accepted(&look.relay).copied().collect();
                        look.stage = Stage::Mirror;
                    }
                    Err(unread) => return self.unread(Some(unread)),
                }
            }
            (Stage::Mirror, Answer::Got(got), _) => {
                let wait = got
                    .as_ref()
                    .err()
                    .map_or(0, |failure| failure.retry_after());
                let held = got.ok().and_then(|json| Held::parse(&json).ok());
                let Some(held) = held else {
                    return self.unanswered(wait);
                };
                look.mirror = held;
                look.stage = Stage::Index;
                if let Some(plan) = client.plan_next(&look.relay) {
                    look.stage = Stage::Tags;
                    pull.plan(Mailbox::Own, plan);
                    return Turn::Goto(Step::Download(pull));
                }
            }
            (Stage::Index, Answer::Got(Ok(json)), _) => match client.plan_look(&json, now) {
                Ok(effects) => return self.on_tags_planned(pull, effects),
                Err(error) => return self.unread(Some(Unread::Refused(error.code()))),
            },
            (Stage::Confirm, Answer::Confirmed(true), _) => look.stage = Stage::Again,
            (Stage::Again, Answer::Got(got), _) => {
                pull.look = None;
                let plan = got.ok().and_then(|json| client.plan_again(&json).ok());
                let Some(plan) = plan else {
                    return Turn::Goto(Step::Settle(pull)); // The next look finds it again.
                };
                pull.plan(Mailbox::Own, plan);
                return Turn::Goto(Step::Download(pull));
            }
            (Stage::Confirm, Answer::Confirmed(false), _) => {
                pull.look = None;
                return Turn::Goto(Step::Settle(pull)); // The next look finds it again.
            }
            (Stage::Header, Answer::Got(Ok(tags)), Some(head)) => {
                match client.take_header(&head.origin, head.last, &tags) {
                    Ok(()) => look.stage = Stage::MirrorHeader,
                    Err(error) => return self.unread(Some(Unread::Refused(error.code()))),
                }
            }
            (Stage::MirrorHeader, Answer::Got(Ok(tags)), Some(head)) => {
                match client.compare_header(&head.origin, head.last, &tags) {
                    Ok(None) => look.stage = Stage::Select,
                    // The bucket is read whole from now on, and at once.
                    Ok(Some(fork)) => return commit(Step::Idle, client.equivocated(fork, now)),
                    Err(_) => return self.unanswered(0),
                }
            }
            (Stage::Select, Answer::Selected(Ok(answers)), _) => {
                if !answers.iter().all(|answer| client.is_answer(answer)) {
                    return self.unanswered(0);
                }
                look.windows.pop_front();
                look.answered
                    .extend(look.asked.take().map(|asked| (asked, answers)));
                if look.windows.is_empty() {
                    look.stage = Stage::Tags; // The next origin.
                }
            }
            (Stage::MirrorHeader, Answer::Got(Err(failure)), _)
            | (Stage::Select, Answer::Selected(Err(failure)), _) => {
                return self.unanswered(failure.retry_after());
            }
            (Stage::Index | Stage::Header, Answer::Got(Err(failure)), _) => {
                return self.unread(Some(Unread::Failed(failure)));
            }
            // Not the answer to what was asked: ask again.
            _ => {}
        }
        Turn::Goto(Step::Look(pull))
    }

    fn on_tags_planned(&mut self, mut pull: Pull, effects: Effects<Vec<Download>>) -> Turn {
        let Some(plan) = self.allowed(Mailbox::Own, effects.value, true) else {
            return Turn::Commit(Step::Idle, effects.changes, effects.events);
        };
        if let Some(look) = &mut pull.look {
            look.stage = Stage::Tags;
        }
        pull.plan(Mailbox::Own, plan);
        Turn::Commit(Step::Download(pull), effects.changes, effects.events)
    }

    /// Both relays have answered everything.
    fn finish(&mut self, mut pull: Pull) -> Turn {
        let look = pull.look.take().unwrap_or_default();
        let (client, looks) = (&mut *self.client, &mut self.round.looks);
        looks.unanswered = 0;
        let mut effects = client.finish_look(&look.answered, self.clock.now(), self.rng);
        if pull.passed_over {
            client.light.relist(); // The next look asks for it again.
        }
        let many = client.cells_to_retrieve() > MOST_MISSING;
        let falls_back = effects.value.failed && !replace(&mut looks.fell_back, true);
        let asks = many && !replace(&mut looks.asked, true);
        self.round.received(&effects.value.received, 0);
        if falls_back || asks {
            pull.look = Some(Look {
                stage: Stage::Confirm,
                ..Look::default()
            });
            return commit(Step::Look(pull), effects);
        }
        effects.events.extend(self.round.report_refused(&pull));
        commit(Step::Settle(pull), effects)
    }

    /// The relay did not answer, or not well.
    fn unread(&mut self, unread: Option<Unread>) -> Turn {
        if unread.is_some_and(|unread| self.leaves(unread)) {
            return self.elsewhere();
        }
        let (code, wait) = (
            unread.and_then(Unread::code),
            unread.map_or(0, Unread::retry_after),
        );
        self.fail(Task::Own, code, wait);
        Turn::Goto(Step::Idle)
    }

    /// The look is not answered by both: it is tried again; after some times,
    /// which do not depend on what was found, the bucket is read whole.
    fn unanswered(&mut self, wait: u64) -> Turn {
        let looks = &mut self.round.looks;
        looks.unanswered = looks.unanswered.saturating_add(1);
        // The next look reads the index again.
        self.client.light.relist();
        if !looks.reads_whole() {
            self.fail(Task::Own, None, wait);
            return Turn::Goto(Step::Idle);
        }
        self.round.schedule.set(Task::Own, Some(self.clock.ticks));
        let effects = self.client.mirror_answers(false, self.clock.now());
        commit(Step::Idle, effects)
    }
}
