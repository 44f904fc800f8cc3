//! Something fails for good: one batch, one bucket, one cell, one record, one
//! contact, one kind of request, or a relay that states extremes. Everything
//! else goes on, the person hears of it once, and the number of requests stays
//! bounded. Here time passes: each client waits for as long as its rounds ask.

mod clinic;
mod fault;
mod members;

use tessera::client::{Event, Failure};

use clinic::{Clinic, HOUR};
use fault::Fault;

/// Requests in any minute, whatever a relay lists or states.
const MOST_REQUESTS: usize = 1_200;
/// Requests in any minute of a client whose relay merely fails.
const MOST_REQUESTS_OF_FAILURES: usize = 60;

const FAULTS: [Fault; 16] = [
    Fault::BatchTooLong,
    Fault::BatchAltered,
    Fault::BatchMissing,
    Fault::BucketNeverCloses,
    Fault::Cell(Failure::Refused),
    Fault::Cell(Failure::Missing),
    Fault::Cell(Failure::Unavailable(0)),
    Fault::Cell(Failure::Unavailable(u64::MAX)),
    Fault::Posts,
    Fault::Info,
    Fault::InfoMalformed,
    Fault::Index,
    Fault::IndexMalformed,
    Fault::Record,
    Fault::Contact,
    Fault::StoreFull,
];

/// What a relay may state or do that could make a client ask too often, or
/// never again.
const EXTREMES: [Fault; 17] = [
    Fault::States("epoch_seconds", "1"),
    Fault::States("epoch_seconds", "86400"),
    Fault::States("epoch_seconds", "4294967295"),
    Fault::States("retention_seconds", "2"),
    Fault::States("retention_seconds", "4294967295"),
    Fault::States("per_bucket", "8"),
    Fault::States("buckets", "1"),
    Fault::States("buckets", "64"),
    Fault::States("cell_size", "1024"),
    Fault::States("max_attachment_bytes", "1024"),
    Fault::States("time", "0"),
    Fault::States("time", "253402300799"),
    Fault::Lists(Err(Failure::Missing)),
    Fault::Lists(Ok(())),
    Fault::Everything(Failure::Unavailable(0)),
    Fault::Everything(Failure::Unavailable(u64::MAX)),
    Fault::Everything(Failure::Refused),
];

/// The most requests of any minute.
fn most_in_a_minute(requests: &[u64]) -> usize {
    let minute = |(place, first): (usize, &u64)| {
        let of_minute = requests[place..].iter();
        of_minute.take_while(|at| **at < first + 60_000).count()
    };
    requests.iter().enumerate().map(minute).max().unwrap_or(0)
}

#[test]
fn whatever_fails_for_good_holds_up_nothing_else_and_is_reported_once() {
    let runs: Vec<_> = (0..).zip(FAULTS).collect();
    std::thread::scope(|scope| {
        for half in runs.chunks(runs.len() / 2) {
            scope.spawn(|| {
                half.iter()
                    .for_each(|(seed, fault)| live_through(*seed, *fault))
            });
        }
    });
}

fn live_through(seed: u64, fault: Fault) {
    let mut clinic = Clinic::new(seed);
    clinic.live(2);
    clinic.break_down(fault);
    let began = clinic.now;
    // A post without an answer is repeated for 12 hours, before its cells are sealed again.
    let is_slow = matches!(
        fault,
        Fault::Cell(Failure::Missing | Failure::Unavailable(_))
    );
    clinic.live(if is_slow { 26 } else { 10 });

    let what = format!("seed {seed}: {fault:?}");
    for open in &clinic.people {
        let most = most_in_a_minute(&open.requests);
        assert!(
            most <= MOST_REQUESTS_OF_FAILURES,
            "{what}: {most} requests in a minute"
        );
    }
    let fails = match fault {
        Fault::Info | Fault::InfoMalformed => Some(0),
        Fault::Index | Fault::IndexMalformed => Some(1),
        Fault::Posts => Some(2),
        _ => None,
    };
    for (task, succeeded) in clinic.people[0].succeeded.iter().enumerate() {
        let lately = clinic.now - succeeded < 3 * HOUR;
        // What does not fit in the store is not read.
        if (fault, task) != (Fault::StoreFull, 1) {
            assert_eq!(lately, fails != Some(task), "{what}: task {task}");
        }
    }
    // Of what was written in the last hours a receipt need not have come.
    let settled = clinic.now - if is_slow { 8 * HOUR } else { 5 * HOUR };
    for written in clinic.written.iter().filter(|w| w.at < settled) {
        let is_bad = Some(written.id) == clinic.message && written.from == 0;
        if Clinic::is_unaffected(fault, written) && !is_bad {
            let lost =
                clinic.batch.is_some() && written.to == 0 || clinic.state(written) == "delivered";
            assert!(
                lost,
                "{what}: {} to {} is {}",
                written.from,
                written.to,
                clinic.state(written)
            );
        }
    }
    let reports = match fault {
        Fault::Posts | Fault::Info | Fault::InfoMalformed | Fault::Contact | Fault::StoreFull => 0,
        // The package reports a relay that does not answer.
        Fault::Index | Fault::IndexMalformed => 0,
        Fault::Cell(Failure::Missing | Failure::Unavailable(_)) => 0,
        _ => 1,
    };
    assert_eq!(clinic.reports(fault), reports, "{what}: reports");

    // It is over: everything is as it should be.
    clinic.fault = None;
    // A download that failed for so long is tried again within 8 hours.
    clinic.live(if clinic.batch.is_some() || is_slow {
        15
    } else {
        8
    });
    assert!(clinic.now > began);
    let settled = clinic.now - 5 * HOUR;
    for written in clinic.written.iter().filter(|w| w.at < settled) {
        let given_up = fault == Fault::Record && Some(written.id) == clinic.message;
        let expected = if given_up && written.from == 0 {
            "undelivered"
        } else {
            "delivered"
        };
        assert_eq!(
            clinic.state(written),
            expected,
            "{what}: {} to {} in the end",
            written.from,
            written.to
        );
    }
    assert_eq!(clinic.reports(fault), reports, "{what}: reports in the end");
}

#[test]
fn a_seed_replays() {
    let trace = |seed| {
        let mut clinic = Clinic::new(seed);
        clinic.live(2);
        clinic.break_down(Fault::Posts);
        clinic.live(9);
        let posts = clinic.people.into_iter().map(|open| {
            let mut posts: Vec<_> = open.slots.into_iter().collect();
            posts.sort_unstable();
            (posts, open.requests)
        });
        posts.collect::<Vec<_>>()
    };
    assert!(trace(7) == trace(7));
    assert!(trace(7) != trace(8));
}

#[test]
fn requests_are_bounded_and_go_on_whatever_a_relay_states() {
    for (seed, fault) in (100..).zip(EXTREMES) {
        let mut clinic = Clinic::new(seed);
        clinic.live(1);
        clinic.fault = Some(fault);
        clinic.live_until(clinic.now + 70 * 60_000);
        let victim = &clinic.people[0];
        let most = most_in_a_minute(&victim.requests);
        assert!(
            most <= MOST_REQUESTS,
            "{fault:?}: {most} requests in a minute"
        );
        let asked = victim.requests.iter().filter(|at| **at + HOUR > clinic.now);
        assert!(asked.count() >= 2, "{fault:?}: hardly anything is asked");
        assert!(
            victim.wake <= clinic.now + 2 * HOUR,
            "{fault:?}: it sleeps too long"
        );
        let refused = victim.person.events.iter();
        let refused = refused.filter(|event| matches!(event, Event::Rejected(_)));
        assert!(refused.count() <= 3, "{fault:?}: too many reports");
        // The relay is right again.
        clinic.fault = None;
        clinic.live_until(clinic.now + 130 * 60_000);
        let since = clinic.people[0].succeeded.map(|at| clinic.now - at);
        assert!(
            since.iter().all(|since| *since <= 2 * HOUR),
            "{fault:?}: {since:?}"
        );
    }
}
