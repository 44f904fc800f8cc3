//! What people do when nothing fails.

use tessera::{
    base::UnixTime,
    client::{ClientError, ContactId, ContactView, Mailbox, MessageRef, Outgoing, Received},
    enrolment::Kind,
};

pub(crate) use crate::common::*;

impl Person {
    pub(crate) fn pull(&mut self, relay: &Relay, now: UnixTime) -> Received {
        let mut all = Received::default();
        let configured = self.client.configure(&relay.info(), now).unwrap();
        self.commit(configured);
        for mailbox in [Mailbox::Own, Mailbox::Lobby] {
            let index = relay.index(bucket_of(&self.client, mailbox));
            let planned = self.client.plan_pull(mailbox, &index, now).unwrap();
            for batch in self.commit(planned) {
                let bytes = relay.batch(&batch);
                let effects = self
                    .client
                    .receive_batch(mailbox, &bytes, now, &mut rng())
                    .unwrap();
                let received = self.commit(effects);
                all.messages.extend(received.messages);
                all.rejected.extend(received.rejected);
                all.gaps.extend(received.gaps);
            }
        }
        all
    }

    pub(crate) fn post(&mut self, relay: &mut Relay) {
        let now = UnixTime(relay.epoch * EPOCH + 60);
        loop {
            self.seal_wanted(now);
            let Some(post) = self.client.next_flush(now, &mut rng()).unwrap() else {
                return;
            };
            relay.post(&post.body);
            let effects = self.client.posted(&post.tokens, now);
            self.commit(effects);
        }
    }

    /// Seals the next cells of large messages from the stored pieces.
    pub(crate) fn seal_wanted(&mut self, now: UnixTime) {
        while let Some(wanted) = self.client.pieces_needed(now) {
            let keys = self.client.body_keys(wanted.message).unwrap();
            let stored: Vec<_> = wanted
                .pieces
                .iter()
                .filter_map(|n| Some((*n, self.store.get(&keys[*n as usize].to_string())?.clone())))
                .collect();
            let pieces = stored
                .iter()
                .map(|(n, piece)| (*n, piece.as_slice()))
                .collect();
            let effects = self
                .client
                .seal_more(wanted.message, &pieces, now, &mut rng());
            self.commit(effects);
        }
    }

    /// Lets time pass, and seals again what has to be.
    pub(crate) fn seal_overdue(&mut self, now: UnixTime) {
        let effects = self.client.tick(now);
        let overdue = self.commit(effects).into_iter();
        let bodies: Vec<_> = overdue
            .map(|id| (id, self.body(id).as_slice().into()))
            .collect();
        let effects = self.client.reseal(&bodies, now, &mut rng());
        self.commit(effects);
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

/// One round of everyone: pull, post, and the epoch closes.
pub(crate) fn round(relay: &mut Relay, people: &mut [&mut Person]) -> Vec<Received> {
    let now = UnixTime(relay.epoch * EPOCH + 60);
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

pub(crate) fn enrol(
    relay: &mut Relay,
    a: &mut Person,
    b: &mut Person,
    kind: Kind,
) -> (ContactId, ContactId) {
    round(relay, &mut [a, b]);
    let now = UnixTime(relay.epoch * EPOCH + 60);
    let life = (kind == Kind::Quick).then_some(86_400);
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
    let now = UnixTime(relay.epoch * EPOCH + 60);
    let effects = a.client.confirm_sas(at_a.id, now, &mut rng()).unwrap();
    a.commit(effects);
    let effects = b.client.confirm_sas(at_b.id, now, &mut rng()).unwrap();
    b.commit(effects);
    (at_a.id, at_b.id)
}
