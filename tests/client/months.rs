//! Months: what is shredded and when, what a long absence costs, and the
//! boundaries of grace, skew and retention, to the second.

use std::collections::BTreeMap;

use crate::stage::*;
use tessera::{
    base::{Month, Secret, UnixTime},
    channel::ChainKey,
    client::{ClientError, ContactId, Event, Gap, Mailbox, Settings, Synced},
    enrolment::Kind,
    vault::{
        VaultKey,
        stored::{self, ChannelRecord, ContactRecord},
    },
    wire::{Batch, Cell},
};
use zeroize::Zeroizing;

/// Noon of the last day of November 2026.
const LAST_NOON: u64 = 1_796_040_000;
/// The first second of December.
const DECEMBER: u64 = 1_796_083_200;

type Store = BTreeMap<String, Zeroizing<Vec<u8>>>;

fn channel(store: &Store) -> ChannelRecord {
    let (_, record) = store
        .iter()
        .find(|(key, _)| key.starts_with("s/c/"))
        .unwrap();
    stored::decode::<ContactRecord>(record)
        .unwrap()
        .channel
        .unwrap()
}

/// Every byte string from which cells of a month can be opened or found, in
/// either direction.
fn keys_of(store: &Store) -> Vec<Vec<u8>> {
    let record = channel(store);
    let chains = [record.sending, record.receiving];
    let keys = chains.map(|mut chain| {
        let month = ChainKey::from_stored(Month(record.month), Secret::take(&mut chain.clone()));
        let psk = month.month_keys().psk.expose().to_vec();
        [Secret::<32>::take(&mut chain).expose().to_vec(), psk]
    });
    keys.into_iter().flatten().collect()
}

/// How many of the cells somebody with a copy of the store opens: the marks
/// of what was opened are taken out, and a relay of theirs publishes the
/// cells as if it were the day they were sent. (One that is refused because
/// its number is known was opened, and its proof held.)
fn thief_opens(store: &Store, cells: &[Cell], bucket: u32) -> usize {
    let mut thief = Person::new("Thief");
    let marks = ["s/o/", "m/", "b/"];
    thief.store = store.clone();
    thief
        .store
        .retain(|key, _| !marks.iter().any(|mark| key.starts_with(mark)));
    thief.restart();
    let mut relay = Relay::new();
    relay.pending.insert(bucket, cells.to_vec());
    relay.close();
    let read = thief.pull(&relay, relay.now());
    let known = read
        .rejected
        .iter()
        .filter(|refusal| refusal.code == "REPLAYED");
    assert_eq!(known.clone().count(), read.rejected.len());
    read.messages.len() + known.count()
}

#[test]
fn no_stored_key_opens_a_cell_of_a_shredded_month() {
    for withheld in [false, true] {
        let (mut relay, mut a, mut b, b_at_a, _) = pair();
        let now = relay.now();
        a.send(b_at_a, "stop warfarin", now).unwrap();
        a.post(&mut relay);
        relay.close();
        let bucket = bucket_of(&b.client, Mailbox::Own);
        let batch = relay.published[&bucket].last().unwrap().clone();
        let place = relay.published[&bucket].len() - 1;
        let cells: Vec<Cell> = Batch::parse(&batch.1)
            .unwrap()
            .cells()
            .map(|cell| Cell::parse(cell, relay.size).unwrap())
            .collect();

        // Five weeks pass; the batch of November comes then, or came at once.
        relay.epoch += 35 * DAY / EPOCH;
        relay.close();
        if withheld {
            relay.published.get_mut(&bucket).unwrap().remove(place);
        } else {
            b.pull(&relay, now);
        }
        let before = b.store.clone();
        let opened = thief_opens(&before, &cells, bucket);
        assert_eq!(opened, 1, "until then a copy opens it");
        let old_keys = keys_of(&before);

        let later = relay.now();
        b.pull(&relay, later);
        let effects = b.client.tick(later);
        b.commit(effects);
        b.restart();
        if withheld {
            let chain = relay.published.get_mut(&bucket).unwrap();
            chain.insert(place, batch);
            let received = b.pull(&relay, later);
            assert_eq!(received.messages.len(), 1, "the old month was kept for it");
            let effects = b.client.tick(later);
            b.commit(effects);
        }
        // From here on neither the engine nor anybody with other tools opens it:
        // the keys stand in no record, and no record that is kept leads to them.
        assert_eq!(thief_opens(&b.store, &cells, bucket), 0);
        let vault = VaultKey::random(&mut rng());
        for (key, record) in &b.store {
            // As it lies on the disk, and opened again with everything known.
            let sealed = vault.seal(key, record, &mut rng());
            let opened = vault.open(key, &sealed).unwrap();
            for old in &old_keys {
                let holds = |bytes: &[u8]| bytes.windows(old.len()).any(|part| part == old);
                assert!(!holds(&opened) && !holds(&sealed), "{key} holds an old key");
            }
        }
        assert!(channel(&b.store).month > channel(&before).month);
    }
}

#[test]
fn a_month_is_shredded_at_the_second_its_grace_ends() {
    let (mut relay, mut a, mut b, ..) = pair();
    let end = DECEMBER + 7 * DAY;
    let month = |person: &Person| channel(&person.store).month;
    let november = month(&b);
    relay.epoch = end / EPOCH - 1;
    relay.clock = -1;
    relay.close();
    b.pull(&relay, UnixTime(end));
    let effects = b.client.tick(UnixTime(end));
    b.commit(effects);
    assert_eq!(month(&b), november, "drained up to a second before");
    relay.clock = 0;
    relay.close();
    b.pull(&relay, UnixTime(end - 1));
    let effects = b.client.tick(UnixTime(end - 1));
    b.commit(effects);
    assert_eq!(month(&b), november, "by one's own clock a second before");
    let effects = b.client.tick(UnixTime(end));
    b.commit(effects);
    assert_eq!(month(&b), november + 1);
    // Somebody who reads nothing keeps the month: what was sent in it may still come.
    let effects = a.client.tick(UnixTime(end + 20 * DAY));
    a.commit(effects);
    assert_eq!(month(&a), november);
}

#[test]
fn a_longer_grace_survives_restarts_and_ends_at_the_exact_second() {
    let (mut relay, _, mut b, ..) = pair();
    let month = |person: &Person| channel(&person.store).month;
    let november = month(&b);
    let set = |grace_days, retention_days| Settings {
        grace_days,
        retention_days,
    };
    for wrong in [set(2, 60), set(29, 60), set(7, 6), set(7, 61)] {
        let refused = b.client.set_settings(wrong, NOW).unwrap_err();
        assert_eq!(refused, ClientError::InvalidArgument("days"));
    }
    let effects = b.client.set_settings(set(14, 30), NOW).unwrap();
    b.commit(effects);
    b.restart();
    assert_eq!(b.client.settings(), set(14, 30));
    let end = DECEMBER + 14 * DAY;
    relay.epoch = end / EPOCH;
    relay.close();
    b.pull(&relay, UnixTime(end));
    for (now, shredded) in [(end - 1, false), (end, true)] {
        let effects = b.client.tick(UnixTime(now));
        b.commit(effects);
        assert_eq!(month(&b) > november, shredded, "{now}");
    }
}

#[test]
fn a_requested_shredding_wipes_only_months_past_retention() {
    let (_, mut a, ..) = pair();
    let month = |person: &Person| channel(&person.store).month;
    let november = month(&a);
    // The relay is gone: nothing was drained since.
    let over = DECEMBER + 7 * DAY + 60 * DAY;
    for (now, shredded) in [(over - 1, 0), (over, 1), (over, 0)] {
        let effects = a.client.tick(UnixTime(now));
        a.commit(effects);
        let effects = a.client.shred_expired_keys(UnixTime(now));
        assert_eq!(a.commit(effects), shredded, "{now}");
    }
    a.restart();
    assert_eq!(month(&a), november + 1);
}

/// Sends at one time, by a clock that may be wrong, in a batch that closes
/// at another, read at a third.
fn sent_closed_read(sent_at: u64, closed_at: u64, read_at: u64) -> Synced {
    let (mut relay, mut a, mut b, b_at_a, _) = pair();
    a.send(b_at_a, "text", UnixTime(sent_at)).unwrap();
    a.flush(&mut relay, UnixTime(sent_at));
    relay.epoch = closed_at / EPOCH;
    relay.clock = (closed_at % EPOCH) as i64 - EPOCH as i64;
    assert_eq!(relay.close(), UnixTime(closed_at));
    b.pull(&relay, UnixTime(read_at))
}

#[test]
fn the_listening_days_and_grace_months_end_exactly() {
    let day = LAST_NOON - DAY / 2;
    let cases = [
        // A cell of the last of November is looked for until three days later …
        (LAST_NOON, day + 4 * DAY - 1, true),
        (LAST_NOON, day + 4 * DAY, false),
        // … and one of the first of December from the day before.
        (DECEMBER, DECEMBER - DAY, true),
        (DECEMBER, DECEMBER - DAY - 1, false),
    ];
    for (sent_at, closed_at, found) in cases {
        let received = sent_closed_read(sent_at, closed_at, sent_at);
        assert_eq!(
            received.messages.len(),
            usize::from(found),
            "{sent_at} {closed_at}"
        );
        assert!(received.rejected.is_empty());
    }
}

#[test]
fn a_delivery_becomes_stale_at_the_exact_second() {
    let retention = 60 * DAY;
    let cases = [
        (LAST_NOON + retention, true),
        (LAST_NOON + retention + 1, false),
        (LAST_NOON - DAY, true),
        (LAST_NOON - DAY - 1, false),
    ];
    for (read_at, taken) in cases {
        let received = sent_closed_read(LAST_NOON, LAST_NOON + EPOCH, read_at);
        assert_eq!(
            received.messages.len(),
            usize::from(taken),
            "read at {read_at}"
        );
        let codes: Vec<_> = received
            .rejected
            .iter()
            .map(|refusal| refusal.code)
            .collect();
        let expected: &[&str] = if taken { &[] } else { &["STALE"] };
        assert_eq!(codes, expected);
    }
}

/// One day of somebody who writes once, at a relay that keeps batches for 60 days.
fn a_day_of(a: &mut Person, relay: &mut Relay, to: ContactId, text: &str) {
    let now = relay.now();
    let effects = a.client.tick(now);
    a.commit(effects);
    a.pull(relay, now);
    a.send(to, text, now).unwrap();
    a.post(relay);
    relay.close();
    relay.epoch += DAY / EPOCH - 1;
}

#[test]
fn a_patient_who_returns_after_six_weeks_loses_nothing() {
    let (mut relay, mut a, mut b, b_at_a, a_at_b) = pair();
    relay.expires = true;
    a.events.clear();
    b.events.clear();
    let long = "x".repeat(10_000);
    let sent: Vec<String> = (0..42)
        .map(|day| {
            if day % 10 == 0 {
                format!("{day} {long}")
            } else {
                format!("day {day}")
            }
        })
        .collect();
    for text in &sent {
        a_day_of(&mut a, &mut relay, b_at_a, text);
        a.restart();
    }
    let months = [channel(&a.store).month, channel(&b.store).month];
    assert!(months[0] > months[1], "A has shredded November, B has not");

    b.restart();
    let mut read: Vec<String> = Vec::new();
    for _ in 0..3 {
        let effects = b.client.tick(relay.now());
        b.commit(effects);
        for received in round(&mut relay, &mut [&mut b, &mut a]) {
            read.extend(received.messages.iter().map(|m| m.text.clone().unwrap()));
        }
    }
    assert_eq!(read, sent, "all, once, in order");
    for message in a.client.messages(b_at_a, None, 100).unwrap() {
        assert_eq!(message.state, "delivered");
    }
    let back = b.send(a_at_b, "gracias", relay.now()).unwrap();
    for _ in 0..3 {
        round(&mut relay, &mut [&mut b, &mut a]);
    }
    assert_eq!(b.state(back), "delivered");
    for person in [&a, &b] {
        let alarms = person.events.iter();
        let mut alarms = alarms.filter(|e| matches!(e, Event::Rejected(_) | Event::Gap(_)));
        assert!(alarms.next().is_none(), "{:?}", person.events);
    }
    let effects = b.client.tick(relay.now());
    b.commit(effects);
    assert_eq!(
        channel(&b.store).month,
        channel(&a.store).month,
        "and shreds in turn"
    );
}

#[test]
fn an_absence_beyond_the_relays_retention_is_reported_as_a_gap() {
    let (mut relay, mut a, mut b, b_at_a, a_at_b) = pair();
    relay.expires = true;
    b.events.clear();
    for day in 0..70 {
        a_day_of(&mut a, &mut relay, b_at_a, &format!("day {day}"));
    }
    let effects = b.client.tick(relay.now());
    b.commit(effects);
    let received = b.pull(&relay, relay.now());
    assert_eq!(
        received.messages.last().unwrap().text.as_deref(),
        Some("day 69")
    );
    assert!(received.messages.len() < 70);
    let lost = 70 - received.messages.len() as u64;
    let reported: u64 = received
        .gaps
        .iter()
        .map(|gap| match gap {
            Gap::Sequence {
                contact_id,
                from,
                to,
                closed: false,
            } if *contact_id == a_at_b => to - from + 1,
            _ => 0,
        })
        .sum();
    assert!(reported >= lost, "{reported} of {lost}");
    let batches = |gap: &&Gap| {
        matches!(
            gap,
            Gap::Batches {
                lobby: false,
                closed: false,
                ..
            }
        )
    };
    assert_eq!(received.gaps.iter().filter(batches).count(), 1);
}

#[test]
fn a_response_is_accepted_in_the_following_month() {
    let mut relay = Relay::new();
    let (mut a, mut b) = (Person::new("A"), Person::new("B"));
    relay.epoch = (LAST_NOON - DAY) / EPOCH;
    round(&mut relay, &mut [&mut a, &mut b]);
    let now = relay.now();
    let effects = a.client.invite(Kind::Link, None, now, &mut rng()).unwrap();
    let uri = a.commit(effects).uri;
    let effects = b.client.accept(&uri, false, now, &mut rng()).unwrap();
    b.commit(effects);
    b.post(&mut relay);
    relay.close();
    // The inviter opens the portal again on the fifth of December.
    relay.epoch += 5 * DAY / EPOCH;
    for _ in 0..3 {
        round(&mut relay, &mut [&mut a, &mut b]);
    }
    assert_eq!(a.contact().sas.as_ref().map(String::len), Some(6));
    assert_eq!(a.contact().sas, b.contact().sas);
}
