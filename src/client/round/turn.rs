//! One turn of the machine: from a step, and the answer to what it asked, to
//! the next step.

use rand_core::CryptoRng;

use super::{Answer, Ask, Clock, Failure, Progress, Round, heads::Comparison, pull::Pull};
use crate::{
    base::{Content, SortedMap, UnixTime},
    client::{Change, Client, Effects, MessageRef, PiecesNeeded, Post, view::Event},
    wire::{Hashes, paths},
};

/// What is done next.
#[derive(Debug)]
pub(super) enum Step {
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
            (Step::Tick(pull), _) => commit(
                Step::Reseal(pull, Bodies::new()),
                client.tick(now).map(|_| ()),
            ),
            (Step::Reseal(pull, bodies), _) => reseal(client, pull, bodies, now, rng),
            (Step::AwaitBodyOf(pull, mut bodies, message), Some(Answer::Loaded(pieces))) => {
                bodies.push((message, whole(pieces)));
                Turn::Goto(Step::Reseal(pull, bodies))
            }
            (Step::Checkpoint(pull), _) => {
                let due = client.journal().checkpoint_due(now);
                match due.then(|| client.checkpoint(None, now, rng)) {
                    Some(Ok(effects)) => commit(Step::Index(pull), effects.map(|_| ())),
                    _ => Turn::Goto(Step::Index(pull)),
                }
            }
            (Step::Info, _) => Turn::Ask(Step::AwaitInfo, Ask::Get(paths::INFO.to_owned())),
            (Step::AwaitInfo, Some(Answer::Got(got))) => self.on_info(client, got, clock, rng),
            (Step::Index(pull), _) if pull.look.is_some() => Turn::Goto(Step::Look(pull)),
            (Step::Look(pull), _) => self.look_on(client, pull, clock, rng),
            (Step::AwaitLook(pull), Some(answer)) => self.on_look(client, pull, answer, clock, rng),
            (Step::Index(pull), _) => match pull.indexes.front() {
                None => Turn::Goto(Step::Download(pull)),
                Some(mailbox) => match client.bucket(*mailbox).map(paths::index) {
                    Ok(path) => Turn::Ask(Step::AwaitIndex(pull), Ask::Get(path)),
                    // It follows the relay's description.
                    Err(_) => self.on_index(client, pull, Err(Failure::Missing), clock),
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
                Some(_) if self.slot_is_due(clock) => self.pause(Step::Download(pull)),
                Some(ask) => Turn::Ask(Step::AwaitDownload(pull), ask),
                None => Turn::Goto(Step::Open(pull)),
            },
            (Step::AwaitDownload(mut pull), Some(Answer::Kept(kept))) => {
                if let (
                    Err(failure @ (Failure::Unavailable(_) | Failure::Denied(_))),
                    Some(download),
                ) = (&kept, pull.requested())
                {
                    // The index was just read: it may be this download that
                    // never arrives.
                    let key = self.route.key(&download.path);
                    self.attempts.failed(&key, clock.ticks);
                    let (mailbox, failure) = (download.mailbox(), *failure);
                    if self.route.moves_on(client, failure) {
                        return self.elsewhere(clock);
                    }
                    pull.fail(mailbox, failure.into());
                    self.incomplete();
                } else {
                    pull.kept(kept);
                }
                Turn::Goto(Step::Download(pull))
            }
            (Step::Open(pull), _) => self.open(client, pull, clock),
            (Step::AwaitBody(pull), Some(Answer::Got(got))) => {
                let got = got.map(|bytes| (bytes, Hashes::default()));
                self.on_body(client, pull, got, clock, rng)
            }
            (Step::AwaitBody(pull), Some(Answer::HandedOver { body, hashes })) => {
                self.on_body(client, pull, Ok((body, hashes)), clock, rng)
            }
            (Step::Opened(pull, progress), _) => {
                Turn::Ask(Step::Open(pull), Ask::Progress(progress))
            }
            (Step::Settle(pull), _) => self.settle(client, &pull, clock, rng),
            (Step::Heads(comparison), _) => {
                let asked = self.compare(client, comparison);
                asked.unwrap_or(Turn::Goto(Step::Idle))
            }
            (Step::AwaitHeads(comparison), Some(Answer::Got(got))) => {
                self.on_heads(client, comparison, got, clock)
            }
            (Step::PostToLobby { slot }, _) => self.post_to_lobby(client, slot, clock),
            (Step::AwaitLobbyPosted { post, slot }, Some(Answer::Posted(posted))) => {
                self.on_lobby_posted(client, (post, slot), posted, clock, rng)
            }
            (Step::Seal, _) => match client.pieces_needed(now) {
                None => Turn::Goto(Step::PostSlot),
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
            (Step::PostSlot, _) => self.post_slot(client, clock, rng),
            (Step::AwaitPosted, Some(Answer::Posted(posted))) => {
                self.on_posted(client, posted, clock, rng)
            }
            (Step::Posted(cells), _) => Turn::Goto(self.posted(&cells, clock, rng)),
            // Not the answer to what was asked: ask again.
            (step, _) => Turn::Goto(step.again()),
        }
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

/// Seals again what is overdue now. A call of the person may have added to it
/// since the last body was loaded, so what is missing is asked for until
/// nothing is: a message without its body is abandoned.
fn reseal(
    client: &mut Client,
    pull: Pull,
    mut bodies: Bodies,
    now: UnixTime,
    rng: &mut impl CryptoRng,
) -> Turn {
    if !client.has_overdue(now) {
        return Turn::Goto(Step::Checkpoint(pull));
    }
    for message in client.overdue_messages(now) {
        if bodies.iter().any(|(known, _)| *known == message) {
            continue;
        }
        match client.body_keys(message) {
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
    commit(Step::Checkpoint(pull), client.reseal(&loaded, now, rng))
}

/// A body, unless a piece of it is missing.
fn whole(pieces: Vec<Option<Vec<u8>>>) -> Option<Content> {
    let mut body = Content::default();
    for piece in pieces {
        body.push(&piece?);
    }
    Some(body)
}

pub(super) fn commit(step: Step, effects: Effects) -> Turn {
    Turn::Commit(step, effects.changes, effects.events)
}
