//! What people do when nothing fails.

pub(crate) use crate::common::*;

use tessera::{
    client::{ContactId, MessageRef},
    enrolment::Kind,
};

/// B writes to A before A has compared the digits: who B is to A, and the
/// message.
pub(crate) fn hold_a_message(
    relay: &mut Relay,
    a: &mut Person,
    b: &mut Person,
) -> (ContactId, MessageRef) {
    round(relay, &mut [a, b]);
    let invited = a.client.invite(Kind::Link, None, relay.now(), &mut rng());
    let uri = a.commit(invited.unwrap()).uri;
    let accepted = b.client.accept(&uri, false, relay.now(), &mut rng());
    b.commit(accepted.unwrap());
    for _ in 0..6 {
        round(relay, &mut [a, b]);
    }
    let a_at_b = b.contact().id;
    let effects = b.client.confirm_sas(a_at_b, relay.now(), &mut rng());
    b.commit(effects.unwrap());
    b.send(a_at_b, "early", relay.now()).unwrap();
    b.post(relay);
    relay.close();
    let held = a.pull(relay, relay.now()).messages[0].id;
    (a.contact().id, held)
}
