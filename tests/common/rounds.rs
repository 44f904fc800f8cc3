//! A person's rounds, carried out against the relay: what a page does with
//! what [`Round`](tessera::client::Round) asks for.

use rand_core::CryptoRng;
use tessera::client::{Answer, Ask, Clock, Failure, Synced, Task};

use super::{Person, Relay};

/// All that a client does by itself.
pub(crate) const ALL_TASKS: [Task; 4] = [Task::Info, Task::Own, Task::Lobby, Task::Slot];

impl Person {
    /// Does these tasks once, as a page would.
    pub(crate) fn sync(
        &mut self,
        relay: &mut Relay,
        tasks: &[Task],
        clock: Clock,
        rng: &mut impl CryptoRng,
    ) -> Synced {
        self.round.sync(tasks, true, clock);
        let mut answer = None;
        loop {
            match self.next(answer.take(), clock, rng) {
                Ask::Synced(synced) => return synced,
                ask => answer = self.answer(relay, &ask),
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
            Ask::Post { body, .. } => {
                relay.post(body);
                Some(Answer::Posted(Ok(())))
            }
            _ => None,
        }
    }
}
