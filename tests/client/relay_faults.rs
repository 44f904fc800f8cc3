//! A relay that is silent, lies about the time or states what is out of range,
//! and a clock that is wrong: each is reported once, and nothing is lost or put off
//! beyond a stated date.

use tessera::{
    base::UnixTime,
    client::{ClientError, ContactId, Event, Gap, Mailbox, RelayNotice},
    enrolment::Kind,
    vault::stored::{self, ContactRecord},
};

use crate::stage::*;

/// What was reported about the relay since the last call.
pub(crate) fn notices(person: &mut Person) -> Vec<(&'static str, bool)> {
    let events = std::mem::take(&mut person.events).into_iter();
    events
        .filter_map(|event| match event {
            // The lobby of this relay closes with the buckets, whatever it states.
            Event::Notice(notice) if notice.mailbox == Some("lobby") => None,
            Event::Notice(RelayNotice { code, cleared, .. }) => Some((code, cleared)),
            _ => None,
        })
        .collect()
}

#[test]
fn a_stalled_mailbox_is_reported_when_it_begins_and_ends() {
    let (mut relay, mut a, _, _, _) = pair();
    notices(&mut a);
    let now = relay.now();
    let frozen = relay.epoch;
    for hours in [0, 1, 2] {
        relay.epoch = frozen + hours * 3_600 / EPOCH;
        a.pull(&relay, now.plus(hours * 3_600));
    }
    assert_eq!(notices(&mut a), [], "within four epochs");
    for hours in [3, 24, 144] {
        relay.epoch = frozen + hours * 3_600 / EPOCH;
        a.pull(&relay, now.plus(hours * 3_600));
    }
    assert_eq!(notices(&mut a), [("STALLED", false)]);
    relay.close();
    for _ in 0..2 {
        a.pull(&relay, relay.now());
    }
    assert_eq!(notices(&mut a), [("STALLED", true)]);
}

#[test]
fn an_implausible_closing_time_is_reported_once() {
    for clock_of_relay in [-3 * 86_400, 3 * 86_400] {
        let (mut relay, mut a, _, _, _) = pair();
        notices(&mut a);
        let now = relay.now();
        let honest = relay.info();
        for _ in 0..3 {
            relay.clock = clock_of_relay;
            relay.close();
            // Only the batches lie about the time.
            let index = relay.index(bucket_of(&a.client, Mailbox::Own));
            let configured = a.client.configure(&honest, now).unwrap();
            a.commit(configured);
            let planned = a.client.plan_pull(Mailbox::Own, &index, now).unwrap();
            for batch in a.commit(planned) {
                let bytes = relay.batch(&batch);
                let read = a.client.receive(&batch, &bytes, now, &mut rng());
                a.commit(read.unwrap());
            }
        }
        assert_eq!(notices(&mut a), [("RELAY_TIME", false)]);
        relay.clock = 0;
        relay.epoch += 1;
        relay.close();
        a.pull(&relay, relay.now());
        if clock_of_relay < 0 {
            assert_eq!(notices(&mut a), [("RELAY_TIME", true)]);
        }
    }
}

#[test]
fn a_message_sent_by_a_wrong_clock_arrives_once_the_clock_is_right() {
    for (days, posted) in [(3, false), (-3, false), (3, true)] {
        let (mut relay, mut a, mut b, b_at_a, _) = pair();
        notices(&mut a);
        let now = relay.now();
        let wrong = UnixTime(now.0.saturating_add_signed(days * 86_400));
        let id = if posted {
            // The relay's time was not known yet when it left.
            let id = a.send(b_at_a, "recheck HbA1c", wrong).unwrap();
            a.post_slot(&mut relay, wrong);
            assert_eq!(a.state(id), "sent");
            relay.close();
            assert!(b.pull(&relay, relay.now()).messages.is_empty());
            id
        } else {
            for _ in 0..2 {
                a.pull(&relay, wrong);
            }
            let id = a.send(b_at_a, "recheck HbA1c", wrong).unwrap();
            a.seal_overdue(wrong);
            let slot = a.slot(wrong);
            assert!(slot.tokens.is_empty(), "it would not be found");
            assert_eq!(notices(&mut a), [("CLOCK_SKEW", false)]);
            id
        };
        a.pull(&relay, relay.now());
        if !posted {
            assert_eq!(notices(&mut a), [("CLOCK_SKEW", true)]);
        }
        let mut shown = Vec::new();
        for _ in 0..3 {
            for received in round(&mut relay, &mut [&mut b, &mut a]) {
                assert!(received.gaps.is_empty(), "{:?}", received.gaps);
                shown.extend(received.messages.into_iter().map(|message| message.text));
            }
        }
        assert_eq!(shown, [Some("recheck HbA1c".to_owned())]);
        assert_eq!(a.state(id), "delivered");
    }
}

#[test]
fn relay_parameters_out_of_range_change_nothing() {
    let (relay, mut a, _, _, _) = pair();
    let now = relay.now();
    let good = relay.info();
    let configured = a.client.configure(&good, now).unwrap();
    a.commit(configured);
    let (before, limit) = (a.client.records(), u64::from(u32::MAX));
    for (field, values) in [
        (
            "\"epoch_seconds\":1800",
            ["0", "86401", &limit.to_string(), "-1"],
        ),
        ("\"cell_size\":2048", ["0", "2049", "1e3", "4294969344"]),
        ("\"buckets\":4", ["0", "3", "128", "null"]),
        (
            "\"retention_seconds\":5184000",
            ["0", "4294967295", "\"60\"", "1.5"],
        ),
        ("\"per_bucket\":1", ["0", "9", "-0", "true"]),
        (
            "\"max_attachment_bytes\":16777216",
            ["0", "16777217", "[]", "{}"],
        ),
        ("\"protocol\":1", ["0", "2", "", "null"]),
    ] {
        let (name, _) = field.split_once(':').unwrap();
        assert!(good.contains(field), "{field}");
        for value in values {
            let bad = good.replace(field, &format!("{name}:{value}"));
            let refused = a.client.configure(&bad, now).map(|_| ());
            assert_eq!(refused, Err(ClientError::RelayProtocol), "{name}:{value}");
        }
        let missing = good.replace(field, "\"other\":1");
        assert!(a.client.configure(&missing, now).is_err(), "{name} missing");
    }
    assert_eq!(a.client.records(), before);
}

/// The oldest month whose keys a person holds.
fn oldest_month(person: &Person, contact: ContactId) -> u32 {
    let stored = &person.store[&format!("s/c/{contact}")];
    stored::decode::<ContactRecord>(stored)
        .unwrap()
        .channel
        .unwrap()
        .month
}

#[test]
fn keys_are_shredded_by_the_deadline_whatever_the_relay_does() {
    /// Grace, retention and the days for which the clock must be certain.
    const DAYS: u64 = 7 + 60 + 7;
    for relay_is in ["frozen", "gone", "lying about the time"] {
        let (mut relay, mut a, _, b_at_a, _) = pair();
        let now = relay.now();
        let first = oldest_month(&a, b_at_a);
        let month_end = now.month().next().first_day().start();
        let mut day = 0;
        while now.plus(day * DAY) < month_end.plus((DAYS - 1) * DAY) {
            let today = now.plus(day * DAY);
            match relay_is {
                "frozen" => {
                    a.pull(&relay, today);
                }
                "gone" => {}
                _ => {
                    // Every day a batch that was closed when it all began.
                    relay.clock = -i64::try_from(day * DAY).unwrap();
                    relay.epoch = today.0 / EPOCH;
                    relay.close();
                    a.pull(&relay, today);
                }
            }
            let ticked = a.client.tick(today);
            a.commit(ticked);
            a.restart();
            day += 1;
        }
        assert_eq!(oldest_month(&a, b_at_a), first, "{relay_is}: not too early");
        let ticked = a.client.tick(month_end.plus((DAYS + 1) * DAY));
        a.commit(ticked);
        assert!(oldest_month(&a, b_at_a) > first, "{relay_is}");
    }
}

/// A QR enrolment whose inviter knows whom to expect, and has enrolled; its
/// confirm waits for the lobby.
fn expected_in_the_lobby() -> (Relay, Person, Person) {
    let mut relay = Relay::new();
    let (mut a, mut b) = (Person::new("Dr. Rivera"), Person::new("Ana Gómez"));
    round(&mut relay, &mut [&mut a, &mut b]);
    let now = relay.now();
    let invited = a.client.invite(Kind::Qr, Some(86_400), now, &mut rng());
    let invitation = a.commit(invited.unwrap());
    let expected = b.client.public().fingerprint();
    let expected = a.client.expect(invitation.id, expected, now, &mut rng());
    a.commit(expected.unwrap());
    let accepted = b.client.accept(&invitation.uri, true, now, &mut rng());
    b.commit(accepted.unwrap());
    while a.client.contacts().is_empty() {
        round(&mut relay, &mut [&mut a, &mut b]);
    }
    (relay, a, b)
}

#[test]
fn messages_read_before_the_confirm_raise_no_gap() {
    let (mut relay, mut a, mut b) = expected_in_the_lobby();
    // The confirm goes through the lobby, the first messages to B's bucket.
    let to = a.contact().id;
    for text in ["one", "two"] {
        a.send(to, text, relay.now()).unwrap();
    }
    a.post(&mut relay);
    relay.close();
    b.events.clear();
    for mailbox in [Mailbox::Own, Mailbox::Lobby] {
        let index = relay.index(bucket_of(&b.client, mailbox));
        let planned = b.client.plan_pull(mailbox, &index, relay.now()).unwrap();
        for batch in b.commit(planned) {
            let bytes = relay.batch(&batch);
            let read = b.client.receive(&batch, &bytes, relay.now(), &mut rng());
            b.commit(read.unwrap());
            b.restart();
        }
    }
    assert_eq!(b.contact().state, "active");
    let gaps = b
        .events
        .iter()
        .filter(|event| matches!(event, Event::Gap(_)));
    assert_eq!(gaps.count(), 0, "{:?}", b.events);
    assert_eq!(b.client.messages(b.contact().id, None, 9).unwrap().len(), 2);
}

#[test]
fn a_number_lost_before_the_confirm_is_reported_with_it() {
    let (mut relay, mut a, mut b) = expected_in_the_lobby();
    let to = a.contact().id;
    a.send(to, "lost", relay.now()).unwrap();
    // The relay keeps the confirm and drops the message.
    a.post(&mut relay);
    let own = bucket_of(&b.client, Mailbox::Own);
    relay.pending.remove(&own);
    a.send(to, "after it", relay.now()).unwrap();
    a.post(&mut relay);
    relay.close();
    b.pull(&relay, relay.now());
    let gaps: Vec<_> = b
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Gap(Gap::Sequence {
                from, to, closed, ..
            }) => Some((*from, *to, *closed)),
            _ => None,
        })
        .collect();
    assert_eq!(gaps, [(1, 1, false)]);
}

#[test]
fn an_invitation_made_while_the_lobby_is_read_raises_no_gap() {
    let mut relay = Relay::new();
    let mut a = Person::new("Dr. Rivera");
    round(&mut relay, &mut [&mut a]);
    for _ in 0..100 {
        relay.close();
    }
    let now = relay.now();
    let index = relay.index(bucket_of(&a.client, Mailbox::Lobby));
    let planned = a.client.plan_pull(Mailbox::Lobby, &index, now).unwrap();
    let planned = a.commit(planned);
    assert!(planned.len() < 100, "what was missed concerns nobody here");
    let invited = a.client.invite(Kind::Qr, None, now, &mut rng());
    a.commit(invited.unwrap());
    for batch in planned {
        let bytes = relay.batch(&batch);
        let read = a.client.receive(&batch, &bytes, now, &mut rng()).unwrap();
        assert!(a.commit(read).gaps.is_empty());
    }
}

#[test]
fn a_portal_without_an_open_invitation_reads_little_of_the_lobby() {
    /// Openings of a portal, and bytes that they may cost: for ten a day that
    /// is 2 MB.
    const OPENINGS: usize = 3;
    const MOST: u64 = 600_000;
    /// The default relay: batches of 16 cells of 2 KiB.
    const LOBBY_CELLS: usize = 16;
    let mut relay = Relay::new();
    relay.cover = LOBBY_CELLS;
    let mut a = Person::new("Ana Gómez");
    round(&mut relay, &mut [&mut a]);
    let mut bytes = 0;
    for _ in 0..OPENINGS {
        // Hundreds of batches since, and three looks as a page opens.
        for _ in 0..100 {
            relay.close();
        }
        for _ in 0..3 {
            let now = relay.now();
            let index = relay.index(bucket_of(&a.client, Mailbox::Lobby));
            let planned = a.client.plan_pull(Mailbox::Lobby, &index, now).unwrap();
            for batch in a.commit(planned) {
                let read = relay.batch(&batch);
                bytes += read.len() as u64;
                let read = a.client.receive(&batch, &read, now, &mut rng());
                a.commit(read.unwrap());
            }
            relay.close();
        }
    }
    assert!(bytes <= MOST, "{bytes} bytes");
}
