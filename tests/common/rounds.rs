//! A person's rounds, carried out against the relay: what a page does with
//! what [`Round`](tessera::client::Round) asks for.

use rand_core::CryptoRng;
use tessera::{
    base::UnixTime,
    client::{Answer, Ask, Clock, Failure, StoreKey, Synced, Task},
    wire::BucketId,
};

use super::{Person, Relay, clock_at, rng};

/// All that a client does by itself.
pub(crate) const ALL_TASKS: [Task; 4] = [Task::Info, Task::Own, Task::Lobby, Task::Slot];

/// The relay gives no answer.
const UNREACHABLE: Failure = Failure::Unavailable(0);

/// A slot that was posted.
pub(crate) struct Slot {
    pub(crate) body: Vec<u8>,
    /// The queued cells in it.
    pub(crate) tokens: Vec<u64>,
}

/// Whether a post carries cells for the lobby: no slot does.
pub(crate) fn is_for_lobby(body: &[u8]) -> bool {
    body.starts_with(&BucketId::LOBBY.get().to_be_bytes())
}

impl Person {
    /// Posts a slot; the answer is lost.
    pub(crate) fn slot(&mut self, now: UnixTime) -> Slot {
        self.slot_answered(Err(UNREACHABLE), now)
    }

    /// Posts the slot whose answer was lost, or another; the relay answers 202.
    pub(crate) fn slot_arrives(&mut self, now: UnixTime) -> Slot {
        self.slot_answered(Ok(()), now)
    }

    /// Posts a slot, which arrives.
    pub(crate) fn post_slot(&mut self, relay: &mut Relay, now: UnixTime) -> Slot {
        let slot = self.slot_arrives(now);
        relay.post(&slot.body);
        slot
    }

    /// Posts a slot, and nothing to the lobby.
    fn slot_answered(&mut self, answer: Result<(), Failure>, now: UnixTime) -> Slot {
        self.round.sync(&[Task::Slot], false, clock_at(now));
        let mut slots = Vec::new();
        self.until_posted(now, |person, body| {
            if is_for_lobby(body) {
                return Err(UNREACHABLE);
            }
            let (tokens, body) = (person.client.in_flight().to_vec(), body.to_vec());
            slots.push(Slot { body, tokens });
            answer
        });
        let [slot] = slots.try_into().ok().expect("one slot");
        slot
    }

    /// Posts the whole queue at once: the bodies.
    pub(crate) fn flush(&mut self, relay: &mut Relay, now: UnixTime) -> Vec<Vec<u8>> {
        self.round.sync(&[Task::Slot], true, clock_at(now));
        let mut bodies = Vec::new();
        self.until_posted(now, |_, body| {
            relay.post(body);
            bodies.push(body.to_vec());
            Ok(())
        });
        bodies
    }

    /// Lets time pass, and seals again what has to be. Nothing is read or posted.
    pub(crate) fn seal_overdue(&mut self, now: UnixTime) {
        self.round.sync(&[Task::Own], false, clock_at(now));
        self.until_posted(now, |_, _| Err(UNREACHABLE));
    }

    /// Does what a requested sync asks; no mailbox can be read.
    fn until_posted(
        &mut self,
        now: UnixTime,
        mut post: impl FnMut(&Self, &[u8]) -> Result<(), Failure>,
    ) {
        self.until_synced(clock_at(now), &mut rng(), |person, ask| match ask {
            Ask::Post { body, .. } => Some(Answer::Posted(post(person, body))),
            Ask::Load(keys) => Some(person.load(keys)),
            Ask::Get(_) => Some(Answer::Got(Err(UNREACHABLE))),
            _ => None,
        });
    }

    /// Does these tasks once and posts the whole queue, as a page would.
    pub(crate) fn sync(
        &mut self,
        relay: &mut Relay,
        tasks: &[Task],
        clock: Clock,
        rng: &mut impl CryptoRng,
    ) -> Synced {
        self.round.sync(tasks, true, clock);
        self.until_synced(clock, rng, |person, ask| person.answer(relay, ask))
    }

    /// Does what is asked until the sync that was requested has ended.
    pub(crate) fn until_synced(
        &mut self,
        mut clock: Clock,
        rng: &mut impl CryptoRng,
        mut answer: impl FnMut(&Self, &Ask) -> Option<Answer>,
    ) -> Synced {
        let mut given = None;
        // Only the wall clock is ever set back.
        clock.ticks = clock.ticks.max(self.ticks);
        loop {
            self.ticks = clock.ticks;
            match self.next(given.take(), clock, rng) {
                Ask::Synced(synced) => return synced,
                Ask::Wait(until) => clock.ticks = until.unwrap(),
                ask => given = answer(self, &ask),
            }
        }
    }

    /// One step: its changes are committed, then its events are shown.
    pub(crate) fn next(
        &mut self,
        answer: Option<Answer>,
        clock: Clock,
        rng: &mut impl CryptoRng,
    ) -> Ask {
        let effects = self.round.next(&mut self.client, answer, clock, rng);
        self.commit(effects)
    }

    /// Does what is asked, with a relay that always answers.
    pub(crate) fn answer(&self, relay: &mut Relay, ask: &Ask) -> Option<Answer> {
        match ask {
            Ask::Post { body, .. } => {
                relay.post(body);
                Some(Answer::Posted(Ok(())))
            }
            Ask::At(_, ask) => self.answer(relay, ask),
            ask => self.read(relay, ask),
        }
    }

    /// The same, where nothing is posted.
    pub(crate) fn read(&self, relay: &Relay, ask: &Ask) -> Option<Answer> {
        match ask {
            Ask::Load(keys) => Some(self.load(keys)),
            // One relay in the place of two, if a test has no mirror.
            Ask::Select {
                path,
                relay: one,
                mirror: other,
            } => {
                let answers = [one, other].map(|body| relay.select(path, body));
                Some(Answer::Selected(match answers {
                    [Some(one), Some(other)] => Ok([one, other]),
                    _ => Err(Failure::Refused),
                }))
            }
            Ask::Get(path) | Ask::Mirror(path) | Ask::HandOver(path) => {
                let got = relay.get(path, |_| true);
                Some(Answer::Got(got.ok_or(Failure::Missing)))
            }
            Ask::Keep { path, .. } => {
                let length = relay.get(path, |_| true).map(|bytes| bytes.len() as u64);
                Some(Answer::Kept(length.ok_or(Failure::Missing)))
            }
            Ask::Confirm { .. } => Some(Answer::Confirmed(true)),
            // Every member has the same batches.
            Ask::At(_, ask) => self.read(relay, ask),
            _ => None,
        }
    }

    fn load(&self, keys: &[StoreKey]) -> Answer {
        let stored = keys.iter().map(|key| {
            let bytes = self.store.get(&key.to_string());
            bytes.map(|bytes| bytes.to_vec())
        });
        Answer::Loaded(stored.collect())
    }
}
