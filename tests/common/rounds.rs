//! A person's rounds, carried out against the relay: what a page does with
//! what [`Round`](tessera::client::Round) asks for.

use rand_core::CryptoRng;
use tessera::client::{Answer, Ask, Clock, Failure, Synced, Task};

use super::{Person, Relay};

/// All that a client does by itself.
pub(crate) const ALL_TASKS: [Task; 4] = [Task::Info, Task::Own, Task::Lobby, Task::Slot];

impl Person {
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
            ask => self.read(relay, ask),
        }
    }

    /// The same, where nothing is posted.
    pub(crate) fn read(&self, relay: &Relay, ask: &Ask) -> Option<Answer> {
        match ask {
            Ask::Load(keys) => {
                let stored = keys.iter().map(|key| {
                    let bytes = self.store.get(&key.to_string());
                    bytes.map(|bytes| bytes.to_vec())
                });
                Some(Answer::Loaded(stored.collect()))
            }
            Ask::Get(path) | Ask::HandOver(path) => {
                let got = relay.get(path, |_| true);
                Some(Answer::Got(got.ok_or(Failure::Missing)))
            }
            Ask::Keep { path, .. } => {
                let length = relay.get(path, |_| true).map(|bytes| bytes.len() as u64);
                Some(Answer::Kept(length.ok_or(Failure::Missing)))
            }
            Ask::Confirm { .. } => Some(Answer::Confirmed(true)),
            _ => None,
        }
    }
}
