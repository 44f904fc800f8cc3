//! What a client does by itself: nothing that fails holds up anything else,
//! and a crash between any two steps loses nothing.

use std::collections::HashMap;

use tessera::{
    client::{Answer, Ask, Client, ClientError, Clock, Event, Failure, Gap, Mailbox, Synced, Task},
    wire::paths,
};

use crate::stage::*;

fn clock(relay: &Relay) -> Clock {
    clock_at(relay.now())
}

fn sync(person: &mut Person, relay: &mut Relay) -> Synced {
    let clock = clock(relay);
    person.sync(relay, &ALL_TASKS, clock, &mut rng())
}

fn texts(synced: &Synced) -> Vec<&str> {
    let texts = synced.messages.iter();
    texts
        .filter_map(|message| message.text.as_deref())
        .collect()
}

/// Runs what is due for so many seconds; what `answer` gives for an ask
/// stands for the relay's answer.
fn run(
    person: &mut Person,
    relay: &mut Relay,
    seconds: u64,
    mut answer: impl FnMut(&Ask) -> Option<Answer>,
) {
    let mut now = clock(relay);
    let end = now.ticks + seconds * 1000;
    person.round.start(&person.client, now, &mut rng());
    let mut next = None;
    while now.ticks < end {
        let ask = person.next(next.take(), now, &mut rng());
        if let Ask::Wait(until) = ask {
            let until = until.unwrap_or(end).min(end).max(now.ticks + 1);
            now.wall += until - now.ticks;
            now.ticks = until;
            continue;
        }
        next = answer(&ask).or_else(|| person.answer(relay, &ask));
    }
}

#[test]
fn an_unreadable_batch_is_skipped_and_later_ones_are_read() {
    for failure in [Failure::Refused, Failure::Missing, Failure::Unavailable(0)] {
        let (mut relay, mut a, mut b, b_at_a, _) = pair();
        let send = |a: &mut Person, relay: &mut Relay, text| {
            let now = relay.now();
            a.send(b_at_a, text, now).unwrap();
            a.post(relay);
            relay.close();
        };
        send(&mut a, &mut relay, "in the batch that is too long");
        let bucket = bucket_of(&b.client, Mailbox::Own);
        let bad = format!(
            "/buckets/{bucket}/batches/{}/{}",
            relay.key.origin(),
            relay.epoch
        );
        send(&mut a, &mut relay, "stop warfarin");
        b.events.clear();
        let fails = |ask: &Ask| match ask {
            Ask::Keep { path, .. } if path.ends_with(&bad) => Some(Answer::Kept(Err(failure))),
            _ => None,
        };
        let mut asked = 0;
        run(&mut b, &mut relay, 3_000, |ask| {
            let failed = fails(ask);
            asked += usize::from(failed.is_some());
            failed
        });
        let shown = |events: &[Event], text: &str| {
            let events = events.iter();
            let shown = events.filter(|event| match event {
                Event::Message { message } => message.text.as_deref() == Some(text),
                _ => false,
            });
            shown.count()
        };
        assert_eq!(shown(&b.events, "stop warfarin"), 1, "{failure:?}");
        let gaps = b.events.iter();
        let gaps = gaps.filter(|event| matches!(event, Event::Gap(gap) if !closed(gap)));
        // The batch, and the number of its message.
        assert_eq!(gaps.count(), 2, "{failure:?}: reported once");
        assert!((1..=3).contains(&asked), "{failure:?}: {asked} attempts");
        // Later the relay has it.
        run(&mut b, &mut relay, 8 * 3_600, |_| None);
        assert_eq!(shown(&b.events, "in the batch that is too long"), 1);
    }
}

fn closed(gap: &Gap) -> bool {
    match gap {
        Gap::Batches { closed, .. } | Gap::Sequence { closed, .. } => *closed,
        _ => false,
    }
}

#[test]
fn a_task_that_always_fails_keeps_no_other_from_being_done() {
    for failing in ALL_TASKS {
        let (mut relay, mut a, mut b, b_at_a, _) = pair();
        let now = relay.now();
        a.send(b_at_a, "stop warfarin", now).unwrap();
        a.post(&mut relay);
        relay.close();
        b.events.clear();
        let own = format!("/{}/index", bucket_of(&b.client, Mailbox::Own));
        let mut done = HashMap::new();
        run(&mut b, &mut relay, 4 * 3_600, |ask| {
            let task = match ask {
                Ask::Get(path) if path.ends_with("/info") => Task::Info,
                Ask::Get(path) if path.ends_with(&own) => Task::Own,
                Ask::Get(path) if path.ends_with("lobby/index") => Task::Lobby,
                Ask::Post { .. } => Task::Slot,
                _ => return None,
            };
            *done.entry(format!("{task:?}")).or_insert(0) += 1;
            let unavailable = Err(Failure::Unavailable(u64::MAX));
            (task == failing).then_some(match task {
                Task::Slot => Answer::Posted(Err(Failure::Unavailable(u64::MAX))),
                _ => Answer::Got(unavailable),
            })
        });
        for task in ALL_TASKS {
            let times = done.get(&format!("{task:?}")).copied().unwrap_or(0);
            assert!(
                times >= 3,
                "{failing:?} fails: {task:?} was done {times} times"
            );
        }
        let read = b
            .events
            .iter()
            .any(|event| matches!(event, Event::Message { .. }));
        assert_eq!(read, failing != Task::Own);
    }
}

#[test]
fn a_full_store_undoes_a_step_and_repeats_the_post_byte_for_byte() {
    let (mut relay, mut a, mut b, b_at_a, _) = pair();
    let now = relay.now();
    a.send(b_at_a, "stop warfarin", now).unwrap();
    let clock = clock(&relay);
    let mut posts = Vec::new();
    for full in [true, false] {
        a.round.sync(&[Task::Slot], false, clock);
        let mut answer = None;
        let synced = loop {
            let acknowledges = matches!(answer, Some(Answer::Posted(Ok(()))));
            let effects = a
                .round
                .next(&mut a.client, answer.take(), clock, &mut rng());
            if acknowledges && full {
                // The store has no room: the client goes back to what it has.
                let stored: Vec<_> = a.stored_state().into_iter().collect();
                let mut client = Client::load(&stored).unwrap();
                client.continue_from(&a.client);
                a.client = client;
                answer = Some(Answer::NotStored);
                continue;
            }
            match a.commit(effects) {
                Ask::Synced(synced) => break synced,
                ask => {
                    if let Ask::Post { body, .. } = &ask {
                        posts.push(body.clone());
                    }
                    answer = a.answer(&mut relay, &ask);
                }
            }
        };
        assert_eq!(
            synced.failed.map(|failed| failed.task),
            full.then_some(Task::Slot)
        );
        assert_eq!(a.client.queued(), usize::from(full));
        assert_eq!(a.client.in_flight().len(), usize::from(full));
    }
    assert!(posts.len() == 2 && posts[0] == posts[1]);
    relay.close();
    assert_eq!(texts(&sync(&mut b, &mut relay)), ["stop warfarin"]);
}

#[test]
fn a_message_whose_cell_is_in_flight_can_neither_be_cancelled_nor_deleted() {
    let (mut relay, mut a, _, b_at_a, _) = pair();
    let clock = clock(&relay);
    let now = clock.now();
    let id = a.send(b_at_a, "stop warfarin", now).unwrap();
    a.round.sync(&[Task::Slot], false, clock);
    let mut answer = None;
    let body = loop {
        match a.next(answer.take(), clock, &mut rng()) {
            Ask::Post { body, .. } => break body,
            ask => answer = a.answer(&mut relay, &ask),
        }
    };
    let in_flight = a.client.in_flight().to_vec();
    let cancelled = a.client.cancel(id, now, &mut rng());
    assert_eq!(cancelled.unwrap_err(), ClientError::MessageSent);
    let deleted = a.client.delete_message(id, now, &mut rng());
    assert_eq!(deleted.unwrap_err(), ClientError::MessageSent);
    // Without an answer the relay may still have it.
    a.next(
        Some(Answer::Posted(Err(Failure::Unavailable(0)))),
        clock,
        &mut rng(),
    );
    assert_eq!(a.client.in_flight(), in_flight);
    a.restart();
    assert_eq!(a.client.in_flight(), in_flight, "after a restart too");
    let cancelled = a.client.cancel(id, now, &mut rng());
    assert_eq!(cancelled.unwrap_err(), ClientError::MessageSent);
    // It goes with its contact all the same, and is not posted again.
    let removed = a.client.remove_contact(b_at_a, now).unwrap();
    a.commit(removed);
    a.round.sync(&[Task::Slot], false, clock);
    loop {
        match a.next(answer.take(), clock, &mut rng()) {
            Ask::Synced(_) => break,
            Ask::Post { body: again, .. } => {
                assert_ne!(again, body);
                answer = Some(Answer::Posted(Ok(())));
            }
            ask => answer = a.answer(&mut relay, &ask),
        }
    }
}

#[test]
fn a_message_sent_during_resealing_is_not_abandoned() {
    let (mut relay, mut a, _, b_at_a, _) = pair();
    let now = clock(&relay).now();
    let first = a.send(b_at_a, "waits for four days", now).unwrap();
    relay.epoch += 4 * DAY / EPOCH;
    let clock = clock(&relay);
    a.round.sync(&[Task::Own], false, clock);
    let mut answer = None;
    let mut second = None;
    loop {
        match a.next(answer.take(), clock, &mut rng()) {
            Ask::Synced(_) => break,
            ask => {
                if matches!(ask, Ask::Load(_)) && second.is_none() {
                    second = Some(a.send(b_at_a, "written meanwhile", clock.now()).unwrap());
                }
                answer = a.answer(&mut relay, &ask);
            }
        }
    }
    for id in [first, second.unwrap()] {
        assert_eq!(a.state(id), "queued");
    }
}

#[test]
fn a_clock_that_is_set_moves_no_due_time() {
    let (mut relay, mut a, _, _, _) = pair();
    let clock = clock(&relay);
    sync(&mut a, &mut relay);
    a.round.start(&a.client, clock, &mut rng());
    let mut wait = |wall: u64, ticks: u64| {
        let clock = Clock { wall, ticks };
        let mut answer = None;
        loop {
            match a.next(answer.take(), clock, &mut rng()) {
                Ask::Wait(until) => return until.unwrap(),
                ask => answer = a.answer(&mut relay, &ask),
            }
        }
    };
    let start = clock.ticks;
    let (wall, day) = (clock.wall, 86_400_000);
    wait(wall + 2 * day, start);
    let until = wait(wall, start + 1_000);
    assert!(until <= start + EPOCH * 1000 * 2, "{}", until - start);
}

#[test]
fn a_sync_returns_arrivals_and_the_first_failed_task() {
    let (mut relay, mut a, mut b, b_at_a, _) = pair();
    let now = relay.now();
    a.send(b_at_a, "stop warfarin", now).unwrap();
    let posted = sync(&mut a, &mut relay);
    assert_eq!((posted.failed, posted.messages.len()), (None, 0));
    relay.close();
    let synced = sync(&mut b, &mut relay);
    assert_eq!(texts(&synced), ["stop warfarin"]);
    assert!(synced.cells > 0 && synced.bytes > 0 && !synced.incomplete);

    let clock = clock(&relay);
    b.round.sync(&ALL_TASKS, false, clock);
    let mut answer = None;
    let failed = loop {
        match b.next(answer.take(), clock, &mut rng()) {
            Ask::Synced(synced) => break synced.failed,
            Ask::Get(path) if path.ends_with("index") => {
                answer = Some(Answer::Got(Err(Failure::Unavailable(0))));
            }
            ask => answer = b.answer(&mut relay, &ask),
        }
    };
    assert_eq!(failed.map(|failed| failed.task), Some(Task::Own));
}

#[test]
fn briefly_stated_long_epochs_end_within_an_hour() {
    let (mut relay, mut a, _, _, _) = pair();
    let epoch = format!("\"epoch_seconds\":{EPOCH}");
    let (mut described, mut read, mut posted) = (0, 0, 0);
    let own = paths::index(a.client.bucket(Mailbox::Own).unwrap());
    let info = relay.info();
    assert!(info.contains(&epoch));
    // The wall clock goes on and the relay closes nothing, which does not
    // matter for when it is asked.
    run(&mut a, &mut relay, 3 * 3_600, |ask| match ask {
        Ask::Get(path) if path == "/v1/info" => {
            described += 1;
            let stated = match described {
                1 => info.replace(&epoch, "\"epoch_seconds\":86400"),
                _ => info.clone(),
            };
            Some(Answer::Got(Ok(stated.into_bytes())))
        }
        Ask::Get(path) => {
            read += usize::from(*path == own);
            None
        }
        Ask::Post { .. } => {
            posted += 1;
            None
        }
        _ => None,
    });
    assert!(described >= 3, "{described}");
    // At the start, and every half hour from 90 minutes on at the latest.
    assert!(read >= 4 && posted >= 5, "{read} reads and {posted} posts");
}
