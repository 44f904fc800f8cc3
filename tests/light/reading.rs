//! What light reading reads: everything, once, in order.

use tessera::client::{Answer, Ask, Event, Failure, Gap};

use crate::stage::*;

#[test]
fn a_message_is_read_by_its_tag_and_no_batch_is_read_whole() {
    let mut stage = Stage::new();
    stage.write(&["stop warfarin"]);
    stage.close();
    stage.open();
    stage.run(70);
    assert_eq!(stage.texts(), ["stop warfarin"]);
    assert_eq!(stage.codes(), [""; 0]);
    assert_eq!(stage.whole_reads(), 0);
    assert_eq!(stage.b.client.cells_to_retrieve(), 0);
    stage.b.assert_memory_is_stored();
    // A look at the start and three after it, each with a request to both.
    for log in &stage.seen {
        assert_eq!(log.paths("/select").len(), 4);
    }
    let at: Vec<u64> = stage.seen[1]
        .requests
        .iter()
        .filter(|seen| seen.path.ends_with("/select"))
        .map(|seen| seen.ticks)
        .collect();
    let waits: Vec<u64> = at.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(waits, [20_000; 3]);
}

#[test]
fn while_the_portal_is_open_there_is_a_look_in_each_epoch() {
    let mut stage = Stage::new();
    stage.open();
    stage.run(70);
    let looks = stage.seen[1].paths("/select").len();
    for epoch in 1..=6 {
        stage.write(&[&format!("in epoch {epoch}")]);
        stage.run(EPOCH);
        assert_eq!(stage.seen[1].paths("/select").len(), looks + epoch);
    }
    assert_eq!(stage.texts().len(), 6);
    assert_eq!(stage.whole_reads(), 0);
    // One index when it opened; the next batch needs none.
    let bucket = stage.own_bucket();
    let index = format!("/buckets/{bucket}/index");
    assert_eq!(stage.seen[0].paths(&index).len(), 1);
}

#[test]
fn what_one_look_has_no_room_for_waits_for_the_next() {
    let mut stage = Stage::new();
    let texts: Vec<String> = (0..20).map(|number| format!("result {number}")).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    stage.write(&texts);
    stage.close();
    stage.open();
    stage.run(10);
    assert_eq!(stage.texts().len(), 8);
    assert_eq!(stage.b.client.cells_to_retrieve(), 12);
    stage.run(20);
    assert_eq!(stage.texts().len(), 16);
    stage.run(40);
    assert_eq!(stage.texts().len(), 20);
    let mut shown = stage.texts();
    shown.sort_unstable();
    let mut sent: Vec<_> = texts.iter().map(ToString::to_string).collect();
    sent.sort_unstable();
    assert_eq!(shown, sent);
    assert_eq!(stage.whole_reads(), 0);
    assert_eq!(stage.b.client.cells_to_retrieve(), 0);
}

#[test]
fn nothing_is_lost_or_shown_twice_whenever_the_client_is_killed() {
    let mut stage = Stage::new();
    let long = "x".repeat(9_000);
    for number in 0..30 {
        let text = format!("{number} {}", if number % 10 == 3 { &*long } else { "" });
        stage.write(&[&text]);
        stage.close();
        stage.look();
        stage.b.assert_memory_is_stored();
        stage.b.restart();
    }
    for _ in 0..6 {
        stage.look();
        stage.b.restart();
    }
    let mut numbers: Vec<u32> = stage
        .texts()
        .iter()
        .map(|text| text.split(' ').next().unwrap().parse().unwrap())
        .collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..30).collect::<Vec<_>>());
    assert_eq!(stage.codes(), [""; 0]);
    assert_eq!(stage.whole_reads(), 0);
}

/// A message of many cells is found by tags that are watched only once its
/// first cells are open, after a restart as well, and although a segment has
/// taken the place of its batch meanwhile.
#[test]
fn a_message_of_many_cells_is_found_in_several_looks() {
    let mut stage = Stage::new();
    stage.relay.segments = true;
    stage.agrees = false;
    let text = "x".repeat(90_000);
    stage.write(&[&text]);
    stage.close();
    for look in 1..=7 {
        stage.look();
        stage.b.restart();
        stage.relay.close();
        stage.relay.close();
        stage.close();
        let done = stage.texts().len();
        assert_eq!(done, usize::from(look >= 6), "after {look} looks");
    }
    assert_eq!(stage.texts(), [text]);
    assert_eq!(stage.whole_reads(), 0);
}

/// 32 counters are watched ahead: of more, no more are found at first.
#[test]
fn of_many_cells_the_person_is_asked_whether_to_fetch_the_window_whole() {
    for agrees in [true, false] {
        let mut stage = Stage::new();
        let texts: Vec<String> = (0..80).map(|number| format!("result {number}")).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        stage.write(&texts);
        stage.close();
        stage.agrees = agrees;
        stage.open();
        stage.run(75);
        let [(bytes, tells)] = stage.confirmed[..] else {
            panic!("asked {} times", stage.confirmed.len());
        };
        assert!(bytes > 80 * 2_048 && tells);
        assert_eq!(stage.whole_reads() > 0, agrees);
        let read = if agrees { 80 } else { 32 };
        assert_eq!(stage.texts().len(), read);
        let whole = stage.whole_reads();
        stage.run(7 * EPOCH);
        assert_eq!(stage.texts().len(), 80, "8 in each epoch");
        assert_eq!(stage.whole_reads(), whole);
        assert_eq!(stage.codes(), [""; 0]);
    }
}

/// What was read by tags and not retrieved is read whole once the host says so.
#[test]
fn whole_reading_after_light_reading_misses_nothing() {
    let mut stage = Stage::new();
    stage.agrees = false;
    let texts: Vec<String> = (0..20).map(|number| format!("result {number}")).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    stage.write(&texts);
    stage.close();
    stage.look();
    assert_eq!(stage.texts().len(), 8);
    stage.b.queries = None;
    stage.write(&["one more"]);
    stage.close();
    stage.open();
    stage.run(30);
    assert_eq!(stage.texts().len(), 21);
    assert_eq!(stage.b.client.cells_to_retrieve(), 0);
    assert!(!stage.b.store.contains_key("s/light"));
    stage.b.assert_memory_is_stored();
    // And by tags again.
    stage.b.read_light(QUERIES);
    stage.clear_logs();
    stage.write(&["and another"]);
    stage.close();
    stage.open();
    stage.run(30);
    assert_eq!(stage.texts().len(), 22);
    assert_eq!(stage.whole_reads(), 0);
    assert_eq!(stage.codes(), [""; 0]);
}

#[test]
fn tags_that_are_not_there_are_asked_for_again_and_the_gap_is_told_and_closed() {
    let mut stage = Stage::new();
    stage.write(&["in the batch that is missing"]);
    stage.close();
    let missing = format!("/{}/tags", stage.relay.epoch);
    stage.write(&["in the next"]);
    stage.close();
    stage.open();
    let mut left = 2;
    stage.run_with(70, &mut |ask| match ask {
        Ask::Keep { path, .. } if path.ends_with(&missing) && left > 0 => {
            left -= 1;
            Some(Answer::Kept(Err(Failure::Missing)))
        }
        _ => None,
    });
    assert_eq!(left, 0, "asked for at every look");
    let mut texts = stage.texts();
    texts.sort_unstable();
    assert_eq!(texts, ["in the batch that is missing", "in the next"]);
    let gaps = stage.b.events.iter().filter_map(|event| match event {
        Event::Gap(Gap::Batches { closed, .. }) => Some(*closed),
        _ => None,
    });
    assert_eq!(gaps.collect::<Vec<_>>(), [false, true]);
    assert_eq!(stage.whole_reads(), 0);
}

/// 14 days away, with a relay that makes segments: few requests, windows as
/// long as a request may cover, and all messages, wherever they are.
#[test]
fn after_two_weeks_away_the_tags_of_segments_are_read_and_every_message_found() {
    let mut stage = Stage::new();
    stage.relay.segments = true;
    for epoch in 0..14 * 48 {
        if [1, 100, 300, 500, 671].contains(&epoch) {
            stage.write(&[&format!("in epoch {epoch}")]);
        }
        stage.close();
    }
    stage.open();
    stage.run(70);
    assert_eq!(stage.texts().len(), 5);
    assert_eq!(stage.whole_reads(), 0);
    let tags = stage.seen[0].paths("/tags");
    let segments = tags.iter().filter(|path| path.contains("/segments/"));
    assert!((55..=57).contains(&segments.count()));
    assert!(tags.len() < 57 + 2 * 12);
    // The window of the first look is kept for the ones after it.
    let windows: Vec<_> = stage.seen[1]
        .requests
        .iter()
        .filter(|seen| seen.path.ends_with("/select"))
        .map(window_of)
        .collect();
    assert_eq!(windows.len(), 4);
    assert!(windows.iter().all(|window| window.0 == windows[0].0));
    // Later it is a day.
    stage.run(12 * EPOCH);
    let last = stage.seen[1].requests.iter().rev();
    let last = last
        .filter(|seen| seen.path.ends_with("/select"))
        .map(window_of);
    let (first, last, _) = last.take(1).next().unwrap();
    assert!(last - first < 60, "{first} to {last}");
}
