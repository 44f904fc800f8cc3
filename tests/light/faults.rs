//! Relays that lie, lag, lack something, or forget between two requests.

use std::rc::Rc;

use tessera::{
    base::ErrorCode,
    client::{Answer, Ask, Event, Failure},
    wire::{Batch, BatchHeader, Cell, Fork, batch::BatchPlace, cover_cell, hex},
};

use crate::stage::*;

const UNREACHABLE: &str = ErrorCode::MirrorUnreachable.as_str();
const FAILED: &str = ErrorCode::LightReadFailed.as_str();

#[test]
fn a_lying_mirror_is_told_and_the_message_arrives_all_the_same() {
    let mut stage = Stage::new();
    stage.write(&["stop warfarin"]);
    stage.close();
    stage.open();
    let mut lies = 0;
    let relay = stage.relay.clone();
    stage.run_with(70, &mut |ask| match ask {
        Ask::Select {
            path,
            relay: one,
            mirror,
        } => {
            lies += 1;
            let mut wrong = relay.select(path, mirror).unwrap();
            wrong.iter_mut().for_each(|byte| *byte ^= 1);
            let right = relay.select(path, one).unwrap();
            Some(Answer::Selected(Ok([right, wrong])))
        }
        _ => None,
    });
    assert_eq!(stage.texts(), ["stop warfarin"]);
    assert_eq!(
        stage.codes(),
        [FAILED],
        "told once, and nothing is blamed on A"
    );
    assert_eq!(lies, 1, "not asked again before the portal is opened again");
    assert!(stage.confirmed.iter().all(|(_, tells)| *tells));
    assert!(stage.whole_reads() > 0);
    // Whole reading goes on.
    stage.write(&["and this"]);
    stage.close();
    stage.run(EPOCH);
    assert_eq!(stage.texts().len(), 2);
}

/// A stranger repeats a tag that was published, with another cell: what is
/// under it is fetched whole once, refused, and reading goes on as before.
#[test]
fn a_cell_of_a_stranger_under_a_known_tag_costs_one_whole_window() {
    let mut stage = Stage::new();
    stage.write(&["stop warfarin"]);
    let bucket = stage.own_bucket();
    let cell = stage.relay.pending[&bucket][0].as_bytes().to_vec();
    let mut forged = cell.clone();
    forged[100] ^= 1;
    let forged = Cell::parse(forged, stage.relay.size).unwrap();
    stage.relay.put(bucket, forged);
    stage.close();
    stage.open();
    stage.run(70);
    assert_eq!(stage.texts(), ["stop warfarin"]);
    assert_eq!(stage.codes(), [FAILED, ErrorCode::NotAuthentic.as_str()]);
    let whole = stage.whole_reads();
    assert!(whole > 0);
    stage.write(&["and this"]);
    stage.close();
    stage.run(EPOCH);
    assert_eq!(stage.texts().len(), 2);
    assert_eq!(stage.whole_reads(), whole, "by tags again");
}

#[test]
fn what_a_mirror_does_not_have_yet_waits_for_it_and_is_told_if_it_lasts() {
    let mut stage = Stage::new();
    let behind = stage.relay.clone();
    stage.write(&["stop warfarin"]);
    stage.close();
    stage.mirror = Some(behind);
    stage.open();
    stage.run(70);
    // The tags were read: the chain is known up to its end, and the cell waits.
    assert_eq!(stage.texts(), [""; 0]);
    assert_eq!(stage.b.client.cells_to_retrieve(), 1);
    assert_eq!(stage.codes(), [""; 0]);
    assert_eq!(stage.whole_reads(), 0);
    stage.mirror = None;
    stage.run(EPOCH);
    assert_eq!(stage.texts(), ["stop warfarin"]);
    assert_eq!(stage.whole_reads(), 0);
}

#[test]
fn a_mirror_that_lacks_a_batch_makes_everyone_read_whole_mail_or_not() {
    let mut seen = Vec::new();
    for mail in [true, false] {
        let mut stage = Stage::new();
        if mail {
            stage.write(&["stop warfarin"]);
        }
        stage.close();
        stage.close();
        let mut lacking = stage.relay.clone();
        let bucket = stage.own_bucket();
        let batches = lacking.published.get_mut(&bucket).unwrap();
        batches.remove(batches.len() - 2);
        stage.mirror = Some(lacking);
        stage.open();
        stage.run(120);
        assert_eq!(stage.texts().len(), usize::from(mail));
        assert_eq!(stage.codes(), [UNREACHABLE], "told once");
        assert!(stage.whole_reads() > 0);
        let paths: Vec<String> = stage.seen[0]
            .requests
            .iter()
            .filter(|seen| !seen.path.contains("lobby") && seen.path != "/v1/cells")
            .map(|seen| {
                let origin = stage.relay.key.origin().to_string();
                let bucket = format!("/{}/", stage.own_bucket());
                seen.path
                    .replace(&origin, "origin")
                    .replace(&bucket, "/own/")
            })
            .collect();
        seen.push(paths);
        // It has it again: by tags, and that is told too.
        stage.mirror = None;
        stage.run(EPOCH);
        let cleared = stage.b.events.iter().any(
            |event| matches!(event, Event::Notice(notice) if notice.code == UNREACHABLE && notice.cleared),
        );
        assert!(cleared);
    }
    assert_eq!(seen[0], seen[1]);
}

#[test]
fn a_relay_that_forgets_between_the_requests_is_asked_again() {
    let mut stage = Stage::new();
    stage.relay.expires = true;
    stage.write(&["stop warfarin"]);
    stage.close();
    stage.open();
    let mut first = true;
    stage.run_with(70, &mut |ask| match ask {
        Ask::Select { .. } if core::mem::take(&mut first) => {
            Some(Answer::Selected(Err(Failure::Refused)))
        }
        _ => None,
    });
    assert_eq!(stage.texts(), ["stop warfarin"]);
    assert_eq!(stage.codes(), [""; 0]);
    assert_eq!(stage.whole_reads(), 0);
    // Never the same bitmaps twice.
    let mut all: Vec<_> = stage.seen.iter().flat_map(|log| &log.bitmaps).collect();
    let number = all.len();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), number);
}

/// Proofs of two histories that were told.
pub(crate) fn told_proofs(stage: &Stage) -> Vec<String> {
    let events = stage.b.events.iter();
    let told = events.filter_map(|event| match event {
        Event::Notice(notice) if notice.code == ErrorCode::Equivocation.as_str() => {
            notice.proof.clone()
        }
        _ => None,
    });
    told.collect()
}

/// The origin showed the mirror another batch for the same epoch.
pub(crate) fn forked(stage: &Stage) -> (Relay, BatchHeader) {
    let mut other = stage.relay.clone();
    let bucket = stage.own_bucket();
    let batches = other.published.get_mut(&bucket).unwrap();
    let (last, _) = batches.pop().unwrap();
    let place = BatchPlace {
        bucket: last.bucket,
        epoch: last.epoch,
        closed_at: last.closed_at,
        prev: last.prev,
    };
    let cells: Vec<Cell> = (0..last.count)
        .map(|_| cover_cell(other.size, &mut rng()))
        .collect();
    let key = Rc::clone(&other.key);
    let forked = Batch::build(&place, &cells, other.size, &key).unwrap();
    let header = forked.0.clone();
    batches.push(forked);
    (other, header)
}

#[test]
fn two_batches_of_one_origin_and_epoch_are_kept_as_proof_and_told() {
    let mut stage = Stage::new();
    stage.write(&["stop warfarin"]);
    stage.close();
    let (other, theirs) = forked(&stage);
    stage.mirror = Some(other);
    stage.open();
    stage.run(70);
    let told = told_proofs(&stage);
    let [proof] = &told[..] else {
        panic!("told {} times", told.len());
    };
    let proof: [u8; 384] = hex::decode(proof).unwrap();
    let ours = stage.own_headers().pop().unwrap();
    assert_eq!(Fork::parse(&proof), Fork::prove(&ours, &theirs));
    // No sums are asked for over what differs; the message arrives.
    assert_eq!(stage.seen[1].paths("/select").len(), 0);
    assert_eq!(stage.texts(), ["stop warfarin"]);
    let kept = stage.b.store.contains_key("s/forks");
    assert!(kept, "the proof is in the vault");
    stage.b.assert_memory_is_stored();
    stage.b.restart();
    stage.b.assert_memory_is_stored();
}

#[test]
fn an_answer_of_the_mirror_that_is_none_is_no_answer() {
    let answers: [&dyn Fn() -> Answer; 3] = [
        &|| Answer::Selected(Ok([vec![0; 8 * 2_032], vec![0; 7]])),
        &|| Answer::Selected(Ok([Vec::new(), Vec::new()])),
        &|| Answer::Selected(Err(Failure::Unavailable(0))),
    ];
    for wrong in answers {
        let mut stage = Stage::new();
        stage.write(&["stop warfarin"]);
        stage.close();
        stage.open();
        stage.run_with(120, &mut |ask| {
            matches!(ask, Ask::Select { .. }).then(wrong)
        });
        assert_eq!(stage.texts(), ["stop warfarin"], "read whole");
        assert_eq!(stage.codes(), [UNREACHABLE]);
    }
}
