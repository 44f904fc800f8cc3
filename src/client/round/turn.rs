//! One turn of the machine: from a step, and the answer to what it asked, to
//! the next step.

use rand_core::CryptoRng;

use super::{Answer, Ask, Clock, Failure, Progress, Round, pull::Pull};
use crate::{
    base::{Content, SortedMap},
    client::{
        Change, Client, Effects, Mailbox, MessageRef, PiecesNeeded, Post,
        view::{Event, Rejected},
    },
    wire::paths,
};

/// What is done next.
#[derive(Debug)]
pub(super) enum Step {
    Idle,
    Tick(Pull),
    /// Bodies of messages that are sealed again.
    LoadOverdue(Pull, Overdue),
    AwaitOverdue(Pull, Overdue, MessageRef),
    Reseal(Pull, Overdue),
    Checkpoint(Pull),
    Info,
    AwaitInfo,
    Index(Pull),
    AwaitIndex(Pull),
    Confirm(Pull),
    AwaitConfirmed(Pull),
    Download(Pull),
    AwaitDownload(Pull),
    Open(Pull),
    AwaitBody(Pull),
    Opened(Pull, Progress),
    Settle(Pull),
    Seal,
    AwaitPieces(PiecesNeeded),
    Post,
    AwaitPosted(Post),
}

#[derive(Debug, Default)]
pub(super) struct Overdue {
    left: Vec<MessageRef>,
    bodies: Vec<(MessageRef, Content)>,
}

/// What one turn of the machine leads to.
pub(super) enum Turn {
    Goto(Step),
    /// The client changed: to be committed before the step is taken.
    Commit(Step, Vec<Change>, Vec<Event>),
    Ask(Step, Ask),
}

impl Round {
    pub(super) fn turn(
        &mut self,
        step: Step,
        client: &mut Client,
        answer: Option<Answer>,
        clock: Clock,
        rng: &mut impl CryptoRng,
    ) -> Turn {
        let now = clock.now();
        match (step, answer) {
            (Step::Idle, _) => self.choose(client, clock, rng),
            (Step::Tick(pull), _) => {
                let effects = client.tick(now);
                let overdue = Overdue {
                    left: effects.value,
                    bodies: Vec::new(),
                };
                let step = match client.has_overdue(now) {
                    true => Step::LoadOverdue(pull, overdue),
                    false => Step::Checkpoint(pull),
                };
                Turn::Commit(step, effects.changes, effects.events)
            }
            (Step::LoadOverdue(pull, mut overdue), _) => match overdue.left.pop() {
                None => Turn::Goto(Step::Reseal(pull, overdue)),
                Some(message) => match client.body_keys(message) {
                    Ok(keys) => {
                        let step = Step::AwaitOverdue(pull, overdue, message);
                        Turn::Ask(step, Ask::Load(keys))
                    }
                    Err(_) => Turn::Goto(Step::LoadOverdue(pull, overdue)),
                },
            },
            (Step::AwaitOverdue(pull, mut overdue, message), Some(Answer::Loaded(pieces))) => {
                let pieces: Option<Vec<_>> = pieces.into_iter().collect();
                if let Some(pieces) = pieces {
                    let mut body = Content::default();
                    for piece in pieces {
                        body.push(&piece);
                    }
                    overdue.bodies.push((message, body));
                }
                Turn::Goto(Step::LoadOverdue(pull, overdue))
            }
            (Step::Reseal(pull, overdue), _) => {
                let effects = client.reseal(&overdue.bodies, now, rng);
                commit(Step::Checkpoint(pull), effects)
            }
            (Step::Checkpoint(pull), _) => {
                let due = client.checkpoint_due(now);
                match due.then(|| client.checkpoint(now, rng)) {
                    Some(Ok(effects)) => commit(Step::Index(pull), effects.map(|_| ())),
                    _ => Turn::Goto(Step::Index(pull)),
                }
            }
            (Step::Info, _) => Turn::Ask(Step::AwaitInfo, Ask::Get(paths::INFO.to_owned())),
            (Step::AwaitInfo, Some(Answer::Got(got))) => self.on_info(client, got, clock, rng),
            (Step::Index(pull), _) => match pull.indexes.front() {
                None => Turn::Goto(Step::Download(pull)),
                Some(mailbox) => match client.index_path(*mailbox) {
                    Ok(path) => Turn::Ask(Step::AwaitIndex(pull), Ask::Get(path)),
                    Err(_) => self.on_index(client, pull, Err(Failure::Refused), clock),
                },
            },
            (Step::AwaitIndex(pull), Some(Answer::Got(got))) => {
                self.on_index(client, pull, got, clock)
            }
            (Step::Confirm(pull), _) => match pull.confirmation() {
                Some(ask) => Turn::Ask(Step::AwaitConfirmed(pull), ask),
                None => Turn::Goto(Step::Index(pull)),
            },
            (Step::AwaitConfirmed(mut pull), Some(Answer::Confirmed(may))) => {
                if !may {
                    pull.decline();
                    self.incomplete();
                }
                Turn::Goto(Step::Index(pull))
            }
            (Step::Download(pull), _) => match pull.request() {
                Some(ask) => Turn::Ask(Step::AwaitDownload(pull), ask),
                None => Turn::Goto(Step::Open(pull)),
            },
            (Step::AwaitDownload(mut pull), Some(Answer::Kept(kept))) => {
                if let (Err(failure @ Failure::Unavailable(_)), Some(download)) =
                    (&kept, pull.requested())
                {
                    // The index was just read: it may be this download that
                    // never arrives.
                    self.attempts.failed(&download.path, clock.ticks);
                    let (mailbox, failure) = (download.mailbox(), *failure);
                    pull.fail(mailbox, failure);
                    self.incomplete();
                } else {
                    pull.kept(kept);
                }
                Turn::Goto(Step::Download(pull))
            }
            (Step::Open(pull), _) => self.open(pull, clock),
            (Step::AwaitBody(pull), Some(Answer::Got(got))) => {
                self.on_body(client, pull, got, clock, rng)
            }
            (Step::Opened(pull, progress), _) => {
                Turn::Ask(Step::Open(pull), Ask::Progress(progress))
            }
            (Step::Settle(pull), _) => {
                let own = pull.ended().contains(&(Mailbox::Own, None));
                let settled = own.then(|| client.settle(now, rng));
                self.end_pull(client, &pull, clock, rng);
                match settled {
                    None => Turn::Goto(Step::Idle),
                    Some(Ok(effects)) => commit(Step::Idle, effects),
                    // Tried again at the next pull.
                    Some(Err(error)) => {
                        let event = Event::Rejected(Rejected::new(error.code(), None));
                        Turn::Commit(Step::Idle, Vec::new(), vec![event])
                    }
                }
            }
            (Step::Seal, _) => match client.pieces_needed(now) {
                None => Turn::Goto(Step::Post),
                Some(needed) => {
                    let keys = client.body_keys(needed.message).unwrap_or_default();
                    let wanted = needed.pieces.iter();
                    let wanted = wanted.filter_map(|number| keys.get(*number as usize).copied());
                    let ask = Ask::Load(wanted.collect());
                    Turn::Ask(Step::AwaitPieces(needed), ask)
                }
            },
            (Step::AwaitPieces(needed), Some(Answer::Loaded(loaded))) => {
                let pieces: SortedMap<u32, &[u8]> = needed
                    .pieces
                    .iter()
                    .zip(&loaded)
                    .filter_map(|(number, piece)| Some((*number, piece.as_deref()?)))
                    .collect();
                commit(
                    Step::Seal,
                    client.seal_more(needed.message, &pieces, now, rng),
                )
            }
            (Step::Post, _) => self.next_post(client, clock, rng),
            (Step::AwaitPosted(post), Some(Answer::Posted(posted))) => {
                self.on_posted(client, post, posted, clock, rng)
            }
            // Not the answer to what was asked: ask again.
            (step, _) => Turn::Goto(step.again()),
        }
    }
}

impl Step {
    /// The step that asks again for what this one awaits.
    fn again(self) -> Self {
        match self {
            Self::AwaitOverdue(pull, mut overdue, message) => {
                overdue.left.push(message);
                Self::LoadOverdue(pull, overdue)
            }
            Self::AwaitInfo => Self::Info,
            Self::AwaitIndex(pull) => Self::Index(pull),
            Self::AwaitConfirmed(pull) => Self::Confirm(pull),
            Self::AwaitDownload(pull) => Self::Download(pull),
            Self::AwaitBody(pull) => Self::Open(pull),
            Self::AwaitPieces(_) => Self::Seal,
            Self::AwaitPosted(_) => Self::Post,
            step => step,
        }
    }
}

pub(super) fn commit(step: Step, effects: Effects) -> Turn {
    Turn::Commit(step, effects.changes, effects.events)
}
