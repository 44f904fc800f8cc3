//! What people do when nothing fails.

use super::*;
use tessera::{
    base::UnixTime,
    client::{
        Answer, Ask, ClientError, Clock, ContactId, ContactView, Failure, MessageRef, Outgoing,
        Synced, Task,
    },
    enrolment::Kind,
};

impl Person {
    /// Reads both mailboxes, as a page would.
    pub(crate) fn pull(&mut self, relay: &Relay, now: UnixTime) -> Synced {
        let clock = clock_at(now);
        let tasks = [Task::Info, Task::Own, Task::Lobby];
        self.round.sync(&tasks, false, clock);
        // Nothing is posted to the lobby, so that a test sees it leave.
        let synced = self.until_synced(clock, &mut rng(), |person, ask| match ask {
            Ask::Post { .. } => Some(Answer::Posted(Err(Failure::Unavailable(0)))),
            ask => person.read(relay, ask),
        });
        let failed = synced.failed.map(|failed| failed.task);
        assert!(failed.is_none_or(|task| task == Task::Lobby), "{failed:?}");
        synced
    }

    /// Posts all that waits.
    pub(crate) fn post(&mut self, relay: &mut Relay) {
        let now = relay.now();
        let posted = self.sync(relay, &[Task::Slot], clock_at(now), &mut rng());
        assert_eq!(posted.failed, None);
    }

    pub(crate) fn contact(&self) -> ContactView {
        self.client.contacts().pop().unwrap()
    }

    pub(crate) fn send(
        &mut self,
        to: ContactId,
        text: &str,
        now: UnixTime,
    ) -> Result<MessageRef, ClientError> {
        let outgoing = Outgoing {
            text: Some(text),
            attachments: Vec::new(),
            session: "visit-7421",
        };
        let effects = self.client.send(to, outgoing, now, &mut rng())?;
        Ok(self.commit(effects).id)
    }

    pub(crate) fn state(&self, id: MessageRef) -> &'static str {
        let all = self.client.messages(id.contact, None, usize::MAX);
        all.unwrap().iter().find(|m| m.id == id).unwrap().state
    }
}

/// Both clocks, at a time of the wall clock that does not go back.
pub(crate) fn clock_at(now: UnixTime) -> Clock {
    Clock {
        wall: now.0 * 1000,
        ticks: now.0 * 1000,
    }
}

/// One round of everyone: pull, post, and the epoch closes.
pub(crate) fn round(relay: &mut Relay, people: &mut [&mut Person]) -> Vec<Synced> {
    let now = relay.now();
    let received = people
        .iter_mut()
        .map(|person| {
            let received = person.pull(relay, now);
            person.post(relay);
            person.assert_memory_is_stored();
            person.restart();
            person.log();
            received
        })
        .collect();
    relay.close();
    received
}

/// Two people who know each other, with nothing in flight.
pub(crate) fn pair() -> (Relay, Person, Person, ContactId, ContactId) {
    let mut relay = Relay::new();
    let (mut a, mut b) = (Person::new("Dr. Rivera"), Person::new("Ana Gómez"));
    let (b_at_a, a_at_b) = enrol(&mut relay, &mut a, &mut b, Kind::Link);
    for _ in 0..3 {
        round(&mut relay, &mut [&mut a, &mut b]);
    }
    a.events.clear();
    b.events.clear();
    (relay, a, b, b_at_a, a_at_b)
}

pub(crate) fn enrol(
    relay: &mut Relay,
    a: &mut Person,
    b: &mut Person,
    kind: Kind,
) -> (ContactId, ContactId) {
    round(relay, &mut [a, b]);
    let now = relay.now();
    let life = (kind == Kind::Qr).then_some(86_400);
    let effects = a.client.invite(kind, life, now, &mut rng()).unwrap();
    let invitation = a.commit(effects);
    let effects = b
        .client
        .accept(&invitation.uri, false, now, &mut rng())
        .unwrap();
    b.commit(effects);
    for _ in 0..5 {
        round(relay, &mut [a, b]);
    }
    let (at_a, at_b) = (a.contact(), b.contact());
    assert_eq!(at_a.sas.as_ref().map(String::len), Some(6));
    assert_eq!(at_a.sas, at_b.sas, "both see the same digits");
    assert_eq!((at_a.state, at_b.state), ("pending", "pending"));
    let now = relay.now();
    let effects = a.client.confirm_sas(at_a.id, now, &mut rng()).unwrap();
    a.commit(effects);
    let effects = b.client.confirm_sas(at_b.id, now, &mut rng()).unwrap();
    b.commit(effects);
    (at_a.id, at_b.id)
}
