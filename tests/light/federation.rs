//! A federation with two publishers: one chain of each origin, by whole and by
//! light reading, and no other relay's.

use std::rc::Rc;

use tessera::{
    client::{Event, Gap},
    wire::OriginKey,
};

use crate::stage::*;

/// The relay lists another member, whose batches it has.
fn joined(stage: &mut Stage) -> [Rc<OriginKey>; 2] {
    let own = Rc::clone(&stage.relay.key);
    let other = Rc::new(OriginKey::generate(&mut rng()));
    stage.relay.members = vec![Rc::clone(&own), Rc::clone(&other)];
    [own, other]
}

/// Both publish in each epoch; what is written is in the batch of the first
/// that does.
fn close_both(stage: &mut Stage, keys: &[Rc<OriginKey>; 2], first: usize, text: &str) {
    stage.write(&[text]);
    stage.relay.key = Rc::clone(&keys[first]);
    stage.close();
    let mailboxes = stage.relay.mailboxes();
    stage.relay.key = Rc::clone(&keys[1 - first]);
    stage.relay.close_mailboxes(&mailboxes);
    stage.relay.key = Rc::clone(&keys[0]); // Whose `/v1/info` it is.
}

fn gaps(stage: &Stage) -> Vec<Gap> {
    let gaps = stage.b.events.iter().filter_map(|event| match event {
        Event::Gap(gap) => Some(gap.clone()),
        _ => None,
    });
    gaps.collect()
}

#[test]
fn batches_of_every_member_are_read_each_in_its_own_chain() {
    for queries in [Some(QUERIES), None] {
        let mut stage = Stage::new();
        let keys = joined(&mut stage);
        stage.b.queries = queries;
        for number in 0..6 {
            close_both(&mut stage, &keys, number % 2, &format!("in epoch {number}"));
            stage.open();
            stage.run(30);
            stage.b.assert_memory_is_stored();
        }
        assert_eq!(stage.texts().len(), 6, "{queries:?}");
        assert_eq!(gaps(&stage), []);
        assert_eq!(stage.codes(), [""; 0]);
        assert_eq!(stage.whole_reads() == 0, queries.is_some());
    }
}

#[test]
fn a_batch_of_an_origin_that_is_no_member_is_not_read() {
    for queries in [Some(QUERIES), None] {
        let mut stage = Stage::new();
        let [own, other] = joined(&mut stage);
        stage.relay.members.pop();
        stage.b.queries = queries;
        stage.relay.key = other;
        stage.write(&["from elsewhere"]);
        stage.close();
        stage.relay.key = own;
        stage.close();
        stage.open();
        stage.run(30);
        assert_eq!(stage.texts(), [""; 0], "{queries:?}");
    }
}
