//! What each relay sees: the same requests at the same times with the same
//! lengths, whatever is in the bucket, and bitmaps of fair coins.

use std::collections::BTreeMap;

use crate::stage::*;

/// Cells of each batch that are not cover.
const CELLS: usize = 40;

/// A day of a person who opens the portal three times, once for an hour. The
/// bucket has as many cells in each run: what is not written to the person is
/// cover.
fn day(written: &[(usize, usize)], seed: u64) -> Stage {
    let mut stage = Stage::new();
    // The key and the origin are the same in all runs that are compared.
    stage.relay.segments = true;
    stage.agrees = false;
    stage.rng = Steady(Dice::new(seed));
    stage.clear_logs();
    let written: BTreeMap<usize, usize> = written.iter().copied().collect();
    for part in 0..6 {
        let number = written.get(&part).copied().unwrap_or(0);
        let texts: Vec<String> = (0..number)
            .map(|n| format!("part {part} number {n}"))
            .collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        stage.write(&texts);
        // As many cells as in every other run.
        pad(&mut stage, CELLS);
        stage.close();
        for _ in 0..7 {
            pad(&mut stage, CELLS);
            stage.close();
        }
        if part % 2 == 1 {
            stage.open();
            stage.run(if part == 3 { 2 * EPOCH + 90 } else { 75 });
        }
    }
    stage
}

/// Fills the pending batch of B's bucket with other people's cells.
fn pad(stage: &mut Stage, cells: usize) {
    let bucket = stage.own_bucket();
    let pending = stage.relay.pending.get(&bucket).map_or(0, Vec::len);
    for _ in pending..cells {
        let cell = tessera::wire::cover_cell(stage.relay.size, &mut rng());
        stage.relay.put(bucket, cell);
    }
}

/// Names of origins and buckets differ from run to run: by the order in which
/// they come.
fn comparable(stage: &Stage, relay: usize) -> Vec<(u64, String, Vec<u8>, usize)> {
    let origin = stage.relay.key.origin();
    let bucket = format!("/buckets/{}/", stage.own_bucket());
    let requests = stage.seen[relay].requests.iter();
    let own = |path: &str| {
        let path = path.replace(&origin.to_string(), "origin");
        path.replace(&bucket, "/buckets/own/")
    };
    requests
        .map(|seen| {
            let mut body = seen.body.clone();
            if body.len() == 53 {
                body[..32].fill(0);
            }
            (seen.ticks, own(&seen.path), body, seen.answer)
        })
        .collect()
}

#[test]
fn both_relays_see_the_same_requests_with_and_without_mail() {
    let silent = day(&[], 1);
    assert_eq!(silent.texts(), [""; 0]);
    for (written, read) in [
        (vec![(1, 1)], 1),
        (vec![(0, 3), (2, 1), (3, 7), (5, 2)], 13),
        (vec![(1, 40)], 32),
        (vec![(3, 30), (4, 30)], 60),
    ] {
        let day = day(&written, 2);
        assert!(day.texts().len() >= read, "{} read", day.texts().len());
        assert_eq!(day.whole_reads(), 0);
        for relay in [0, 1] {
            let (ours, theirs) = (comparable(&day, relay), comparable(&silent, relay));
            for (ours, theirs) in ours.iter().zip(&theirs) {
                assert_eq!(ours, theirs, "{written:?}, relay {relay}");
            }
            assert_eq!(ours.len(), theirs.len());
        }
        let lengths = |stage: &Stage| -> Vec<Vec<usize>> {
            let logs = stage.seen.iter();
            logs.map(|log| log.bitmaps.iter().map(Vec::len).collect())
                .collect()
        };
        assert_eq!(lengths(&day), lengths(&silent));
    }
}

/// Bits of bitmaps over these runs, by relay: for each query and place, how
/// often it is set.
fn counts(written: usize, runs: u64) -> [Vec<u32>; 2] {
    let mut sums = [Vec::new(), Vec::new()];
    let mut stage = Stage::new();
    let texts: Vec<String> = (0..written).map(|number| format!("{number}")).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    stage.write(&texts);
    stage.close();
    let before = stage.b.reopened();
    for run in 0..runs {
        stage.clear_logs();
        stage.b = before.reopened();
        stage.b.read_light(QUERIES);
        stage.rng = Steady(Dice::new(run));
        stage.look();
        for (log, sums) in stage.seen.iter().zip(&mut sums) {
            let bitmaps = &log.bitmaps[0];
            sums.resize(bitmaps.len() * 8, 0);
            for (at, sum) in sums.iter_mut().enumerate() {
                *sum += u32::from(bitmaps[at / 8] >> (at % 8) & 1);
            }
        }
    }
    sums
}

/// Every bit is a fair coin at both relays, whether the person has no mail or
/// more than fits: each place is set in half of the runs, give or take six
/// standard deviations, and what is set in all is as the binomial
/// distribution has it.
#[test]
fn bitmaps_are_uniform_at_both_relays_whatever_is_retrieved() {
    const RUNS: u64 = 400;
    for written in [0, 1, 8, 30] {
        for sums in counts(written, RUNS) {
            let unused = |place: usize| sums[place] == 0;
            let used: Vec<f64> = (0..sums.len())
                .filter(|place| !unused(*place))
                .map(|place| f64::from(sums[place]))
                .collect();
            assert!(used.len() * 10 >= sums.len() * 8, "all but the last bits");
            let (mean, deviation) = (RUNS as f64 / 2.0, (RUNS as f64 / 4.0).sqrt());
            for count in &used {
                assert!((count - mean).abs() < 6.0 * deviation, "{count} of {RUNS}");
            }
            let chi: f64 = used
                .iter()
                .map(|count| ((count - mean) / deviation).powi(2))
                .sum();
            let freedom = used.len() as f64;
            let most = 6.0 * (2.0 * freedom).sqrt();
            assert!((chi - freedom).abs() < most, "{chi} with {freedom}");
        }
    }
}

/// What one relay gets does not depend on the place: drawn from the same
/// coins, the first relay's bitmaps are the same for any two places, and the
/// second's are, with other coins, the same as well. So each is distributed as
/// it would be without anything to retrieve.
#[test]
fn the_bitmaps_of_one_relay_are_independent_of_the_place() {
    let mut stage = Stage::new();
    stage.write(&["one", "two", "three"]);
    stage.close();
    let with = stage.b.reopened();
    let mut without = Person::new("somebody else");
    without.read_light(QUERIES);
    let mut logs = Vec::new();
    for mail in [true, false] {
        stage.clear_logs();
        stage.b = with.reopened();
        stage.b.read_light(QUERIES);
        if !mail {
            // The same bucket without anything for this person: the tags are unknown.
            let contact = stage.b.contact().id;
            let now = tessera::base::UnixTime(stage.now.wall / 1000);
            let effects = stage.b.client.remove_contact(contact, now);
            stage.b.commit(effects.unwrap());
        }
        stage.rng = Steady(Dice::new(99));
        stage.look();
        logs.push(stage.seen.clone());
    }
    assert_eq!(logs[0][0].bitmaps[0], logs[1][0].bitmaps[0], "not one bit");
    assert_ne!(logs[0][1].bitmaps[0], logs[1][1].bitmaps[0]);
}
