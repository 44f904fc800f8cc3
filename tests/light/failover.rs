//! The own relay does not answer: another member does, where the host says
//! which relays do not belong to one operator. And heads are compared with
//! another member's where the bucket is read whole.

use std::rc::Rc;

use tessera::{
    base::ErrorCode,
    client::{Answer, Ask, Event, Failure},
    wire::{Fork, OriginKey, hex},
};

use crate::{
    faults::{forked, told_proofs},
    stage::*,
};

const MIRROR: &str = "https://mirror.example";

/// The own relay is down: nothing but what goes to a member is answered.
fn down(ask: &Ask) -> Option<Answer> {
    match ask {
        Ask::Get(_) => Some(Answer::Got(Err(Failure::Unavailable(0)))),
        Ask::Keep { .. } => Some(Answer::Kept(Err(Failure::Unavailable(0)))),
        Ask::Select { .. } => Some(Answer::Selected(Err(Failure::Unavailable(0)))),
        Ask::Post { .. } => Some(Answer::Posted(Err(Failure::Unavailable(0)))),
        _ => None,
    }
}

#[test]
fn looks_go_on_at_a_member_that_the_host_gave_and_come_back() {
    let mut stage = Stage::new();
    stage.b.set_members(Some(vec![member_url(1)]), Some(MIRROR));
    stage.write(&["stop warfarin"]);
    stage.close();
    stage.open();
    stage.run_with(70, &mut down);
    assert_eq!(stage.texts(), ["stop warfarin"]);
    assert_eq!(stage.codes(), [""; 0], "nothing to worry about");
    assert_eq!(stage.whole_reads(), 0);
    assert!(!stage.seen[1].bitmaps.is_empty());
    assert!(stage.members.iter().all(|member| *member == member_url(1)));
    // The relay is back.
    stage.run(EPOCH);
    stage.members.clear();
    stage.write(&["and this"]);
    stage.close();
    stage.run(EPOCH);
    assert_eq!(stage.texts().len(), 2);
    assert_eq!(stage.members, [""; 0]);
    assert_eq!(stage.whole_reads(), 0);
}

/// One relay may not get both bitmaps: of relays that a relay names, nobody
/// knows to whom they belong.
#[test]
fn no_bitmaps_go_to_a_member_that_the_relay_named_and_two_never_to_the_mirror() {
    let other = Rc::new(OriginKey::generate(&mut rng()));
    for named in [true, false] {
        let mut stage = Stage::new();
        if named {
            stage.relay.members = vec![Rc::clone(&stage.relay.key), Rc::clone(&other)];
        }
        stage.b.set_members(None, Some(MIRROR));
        stage.open();
        stage.run(70);
        stage.clear_logs();
        stage.write(&["stop warfarin"]);
        stage.close();
        stage.run_with(EPOCH, &mut down);
        assert_eq!(stage.texts(), ["stop warfarin"], "{named}");
        assert!(stage.seen.iter().all(|log| log.bitmaps.is_empty()));
        assert!(stage.whole_reads() > 0, "read whole");
        let expected = if named { &member_url(1) } else { MIRROR };
        assert!(stage.members.iter().all(|member| member == expected));
        // By tags again once the relay is back.
        stage.run(EPOCH);
        stage.clear_logs();
        stage.write(&["and this"]);
        stage.close();
        stage.run(EPOCH);
        assert_eq!(stage.texts().len(), 2);
        assert_eq!(stage.whole_reads(), 0);
    }
}

#[test]
fn a_host_that_gives_no_members_gets_none() {
    let mut stage = Stage::new();
    let other = Rc::new(OriginKey::generate(&mut rng()));
    stage.relay.members = vec![Rc::clone(&stage.relay.key), other];
    for queries in [None, Some(QUERIES)] {
        stage.b.queries = queries;
        stage.b.set_members(Some(Vec::new()), Some(MIRROR));
        stage.open();
        stage.run(70);
        stage.run_with(2 * EPOCH, &mut down);
        assert_eq!(stage.members, [""; 0]);
    }
}

/// A reader of whole batches whose relay names a member.
fn reader() -> Stage {
    let mut stage = Stage::new();
    let other = Rc::new(OriginKey::generate(&mut rng()));
    stage.relay.members = vec![Rc::clone(&stage.relay.key), other];
    stage.b.queries = None;
    stage.write(&["stop warfarin"]);
    stage.close();
    stage.open();
    stage
}

#[test]
fn heads_are_compared_once_with_a_member_that_does_not_learn_the_bucket() {
    let mut stage = reader();
    let mut asked = Vec::new();
    let mut lag = 2;
    stage.run_with(4 * EPOCH, &mut |ask| match ask {
        Ask::At(member, ask) => match &**ask {
            Ask::Get(path) => {
                asked.push((member.clone(), path.clone()));
                lag -= i32::from(lag > 0);
                // At first it is not there yet, or the member is not.
                (lag == 1).then(|| Answer::Got(Ok(Vec::new())))
            }
            other => panic!("{other:?}"),
        },
        _ => None,
    });
    assert_eq!(asked.len(), 2, "{asked:?}");
    for (member, path) in asked {
        assert_eq!(member, member_url(1));
        assert!(path.contains("/numbered/headers?after="), "{path}");
        assert!(!path.contains("/buckets/"), "{path}");
    }
    assert_eq!(stage.codes(), [""; 0]);
    assert_eq!(stage.texts(), ["stop warfarin"]);
}

#[test]
fn a_member_that_does_not_answer_is_nothing_to_tell() {
    let mut stage = reader();
    stage.run_with(3 * EPOCH, &mut |ask| {
        let silent = || Answer::Got(Err(Failure::Unavailable(0)));
        matches!(ask, Ask::At(..)).then(silent)
    });
    assert_eq!(stage.codes(), [""; 0]);
}

#[test]
fn two_batches_that_a_member_shows_are_kept_as_proof_in_whole_reading_too() {
    let mut stage = reader();
    let (other, theirs) = forked(&stage);
    let newest = stage.relay.epoch;
    stage.run_with(70, &mut |ask| match ask {
        Ask::At(_, ask) => match &**ask {
            Ask::Get(path) => Some(Answer::Got(Ok(other.headers(path, |_| true)))),
            _ => None,
        },
        _ => None,
    });
    let told = told_proofs(&stage);
    let [proof] = &told[..] else {
        panic!("told {} times", told.len());
    };
    let proof: [u8; 384] = hex::decode(proof).unwrap();
    let ours = stage.own_headers();
    let ours = ours.iter().find(|header| header.epoch == newest).unwrap();
    assert_eq!(Fork::parse(&proof), Fork::prove(ours, &theirs));
    assert!(stage.b.store.contains_key("s/forks"));
    stage.b.assert_memory_is_stored();
    assert_eq!(stage.texts(), ["stop warfarin"]);
    let logged = stage.b.log();
    assert!(
        logged
            .iter()
            .any(|entry| { entry.to_string().contains(ErrorCode::Equivocation.as_str()) })
    );
    let notices = stage.b.events.iter();
    assert!(
        notices
            .filter(|event| matches!(event, Event::Notice(_)))
            .count()
            == 1
    );
}
