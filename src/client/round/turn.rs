//! One turn of the machine: from a step, and the answer to what it asked, to
//! the next step.

use rand_core::CryptoRng;

use super::{Answer, Ask, Clock, Failure, Progress, Round, heads::Comparison, pull::Pull};
use crate::{
    base::{Content, SortedMap},
    client::{Change, Client, Effects, MessageRef, PiecesNeeded, Post, view::Event},
    wire::{Hashes, paths},
};

/// What is done next.
#[derive(Debug, Default)]
pub(super) enum Step {
    #[default]
    Idle,
    Tick(Pull),
    /// Seals again what waited too long, once its bodies are loaded.
    Reseal(Pull, Bodies),
    AwaitBodyOf(Pull, Bodies, MessageRef),
    Checkpoint(Pull),
    Info,
    AwaitInfo,
    Index(Pull),
    AwaitIndex(Pull),
    Look(Pull),
    AwaitLook(Pull),
    Confirm(Pull),
    AwaitConfirmed(Pull),
    Download(Pull),
    AwaitDownload(Pull),
    Open(Pull),
    AwaitBody(Pull),
    Opened(Pull, Progress),
    Settle(Pull),
    Heads(Comparison),
    AwaitHeads(Comparison),
    PostToLobby {
        /// Whether a slot follows.
        slot: bool,
    },
    AwaitLobbyPosted {
        post: Post,
        slot: bool,
    },
    Seal,
    AwaitPieces(PiecesNeeded),
    PostSlot,
    AwaitPosted,
    Posted(Vec<u64>),
}

/// Bodies that were loaded; `None` for one that is missing.
type Bodies = Vec<(MessageRef, Option<Content>)>;

/// What one turn of the machine leads to.
pub(super) enum Turn {
    Goto(Step),
    /// The client changed: to be committed before the step is taken.
    Commit(Step, Vec<Change>, Vec<Event>),
    Ask(Step, Ask),
}

/// A round, with what it has in one call: its client, the time and randomness.
pub(super) struct Call<'c, R> {
    pub(super) round: &'c mut Round,
    pub(super) client: &'c mut Client,
    pub(super) clock: Clock,
    pub(super) rng: &'c mut R,
}

impl<R: CryptoRng> Call<'_, R> {
    pub(super) fn turn(&mut self, step: Step, answer: Option<Answer>) -> Turn {
        let now = self.clock.now();
        match (step, answer) {
            (Step::Idle, _) => self.choose(),
            (Step::Tick(pull), _) => {
                commit(Step::Reseal(pull, Bodies::new()), self.client.tick(now))
            }
            (Step::Reseal(pull, bodies), _) => self.reseal(pull, bodies),
            (Step::AwaitBodyOf(pull, mut bodies, message), Some(Answer::Loaded(pieces))) => {
                bodies.push((message, whole(pieces)));
                Turn::Goto(Step::Reseal(pull, bodies))
            }
            (Step::Checkpoint(pull), _) => {
                let due = self.client.journal().checkpoint_due(now);
                match due.then(|| self.client.checkpoint(None, now, self.rng)) {
                    Some(Ok(effects)) => commit(Step::Index(pull), effects),
                    _ => Turn::Goto(Step::Index(pull)),
                }
            }
            (Step::Info, _) => Turn::Ask(Step::AwaitInfo, Ask::Get(paths::INFO.to_owned())),
            (Step::AwaitInfo, Some(Answer::Got(got))) => self.on_info(got),
            (Step::Index(pull), _) if pull.look.is_some() => Turn::Goto(Step::Look(pull)),
            (Step::Look(pull), _) => self.look_on(pull),
            (Step::AwaitLook(pull), Some(answer)) => self.on_look(pull, answer),
            (Step::Index(pull), _) => match pull.indexes.front() {
                None => Turn::Goto(Step::Download(pull)),
                Some(mailbox) => match self.client.bucket(*mailbox).map(paths::index) {
                    Ok(path) => Turn::Ask(Step::AwaitIndex(pull), Ask::Get(path)),
                    // It follows the relay's description.
                    Err(_) => self.on_index(pull, Err(Failure::Missing)),
                },
            },
            (Step::AwaitIndex(pull), Some(Answer::Got(got))) => self.on_index(pull, got),
            (Step::Confirm(pull), _) => match pull.confirmation() {
                Some(ask) => Turn::Ask(Step::AwaitConfirmed(pull), ask),
                None => Turn::Goto(Step::Index(pull)),
            },
            (Step::AwaitConfirmed(mut pull), Some(Answer::Confirmed(may))) => {
                if !may {
                    pull.decline();
                    self.round.incomplete();
                }
                Turn::Goto(Step::Index(pull))
            }
            (Step::Download(pull), _) => match pull.request() {
                Some(_) if self.slot_is_due() => self.pause(Step::Download(pull)),
                Some(ask) => Turn::Ask(Step::AwaitDownload(pull), ask),
                None => Turn::Goto(Step::Open(pull)),
            },
            (Step::AwaitDownload(pull), Some(Answer::Kept(kept))) => self.on_kept(pull, kept),
            (Step::Open(pull), _) => self.open(pull),
            (Step::AwaitBody(pull), Some(Answer::Got(got))) => {
                self.on_body(pull, got.map(|bytes| (bytes, Hashes::default())))
            }
            (Step::AwaitBody(pull), Some(Answer::HandedOver { body, hashes })) => {
                self.on_body(pull, Ok((body, hashes)))
            }
            (Step::Opened(pull, progress), _) => {
                Turn::Ask(Step::Open(pull), Ask::Progress(progress))
            }
            (Step::Settle(pull), _) => self.settle(&pull),
            (Step::Heads(comparison), _) => {
                let asked = self.compare(comparison);
                asked.unwrap_or(Turn::Goto(Step::Idle))
            }
            (Step::AwaitHeads(comparison), Some(Answer::Got(got))) => {
                self.on_heads(comparison, got)
            }
            (Step::PostToLobby { slot }, _) => self.post_to_lobby(slot),
            (Step::AwaitLobbyPosted { post, slot }, Some(Answer::Posted(posted))) => {
                self.on_lobby_posted(&post, slot, posted)
            }
            (Step::Seal, _) => match self.client.pieces_needed(now) {
                None => Turn::Goto(Step::PostSlot),
                Some(needed) => {
                    let keys = self.client.body_keys(needed.message).unwrap_or_default();
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
                let message = needed.message;
                let effects = self.client.seal_more(message, &pieces, now, self.rng);
                commit(Step::Seal, effects)
            }
            (Step::PostSlot, _) => self.post_slot(),
            (Step::AwaitPosted, Some(Answer::Posted(posted))) => self.on_posted(posted),
            (Step::Posted(cells), _) => Turn::Goto(self.posted(&cells)),
            // Not the answer to what was asked: ask again.
            (step, _) => Turn::Goto(step.again()),
        }
    }

    /// Seals again what is overdue now. A call of the person may have added to it
    /// since the last body was loaded, so what is missing is asked for until
    /// nothing is: a message without its body is abandoned.
    fn reseal(&mut self, pull: Pull, mut bodies: Bodies) -> Turn {
        let now = self.clock.now();
        if !self.client.has_overdue(now) {
            return Turn::Goto(Step::Checkpoint(pull));
        }
        for message in self.client.overdue_messages(now) {
            if bodies.iter().any(|(known, _)| *known == message) {
                continue;
            }
            match self.client.body_keys(message) {
                Ok(keys) => {
                    return Turn::Ask(Step::AwaitBodyOf(pull, bodies, message), Ask::Load(keys));
                }
                Err(_) => bodies.push((message, None)),
            }
        }
        let loaded = bodies.into_iter();
        let loaded: Vec<_> = loaded
            .filter_map(|(message, body)| Some((message, body?)))
            .collect();
        let effects = self.client.reseal(&loaded, now, self.rng);
        commit(Step::Checkpoint(pull), effects)
    }
}

impl Step {
    /// The step that asks again for what this one awaits.
    pub(super) fn again(self) -> Self {
        match self {
            Self::AwaitBodyOf(pull, bodies, _) => Self::Reseal(pull, bodies),
            Self::AwaitInfo => Self::Info,
            Self::AwaitIndex(pull) => Self::Index(pull),
            Self::AwaitLook(pull) => Self::Look(pull),
            Self::AwaitConfirmed(pull) => Self::Confirm(pull),
            Self::AwaitDownload(pull) => Self::Download(pull),
            Self::AwaitBody(pull) => Self::Open(pull),
            Self::AwaitHeads(comparison) => Self::Heads(comparison),
            Self::AwaitLobbyPosted { slot, .. } => Self::PostToLobby { slot },
            Self::AwaitPieces(_) => Self::Seal,
            Self::AwaitPosted => Self::PostSlot,
            step => step,
        }
    }
}

/// A body, unless a piece of it is missing.
fn whole(pieces: Vec<Option<Vec<u8>>>) -> Option<Content> {
    let mut body = Content::default();
    for piece in pieces {
        body.push(&piece?);
    }
    Some(body)
}

pub(super) fn commit<T>(step: Step, effects: Effects<T>) -> Turn {
    Turn::Commit(step, effects.changes, effects.events)
}
