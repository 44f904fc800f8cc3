//! What light reading reads: everything, once, in order.

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
    let bucket = stage.b.client.own_bucket().unwrap();
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
