use super::{
    relay::{REPORTED_SKEW_SECONDS, STALLED_EPOCHS, STALLED_SECONDS},
    *,
};
use crate::{
    base::time::DAY_SECONDS,
    client::view::Event,
    wire::{
        BatchDigest, BatchHeader, BatchRef, BucketIndex, CellSize, InfoAnswer, OriginKey,
        batch::BatchPlace,
    },
};

const NOW: UnixTime = UnixTime(1_795_300_000);
const EPOCH: u64 = 1_800;
const OWN: Fingerprint = Fingerprint([9; 32]);

fn at(time: UnixTime) -> Transaction {
    Transaction::new(time)
}

fn key() -> OriginKey {
    OriginKey::generate(&mut rand_core::UnwrapErr(getrandom::SysRng))
}

/// `/v1/info` of a relay with this many buckets, whose clock shows `time`.
fn info(key: &OriginKey, buckets: u32, time: UnixTime) -> InfoAnswer {
    let info = format!(
        r#"{{"protocol":1,"origin":"{}","buckets":{buckets},"cell_size":2048,"epoch_seconds":{EPOCH},
        "lobby":{{"epoch_seconds":15,"cells":16,"retention_seconds":86400}},
        "retention_seconds":5184000,"slot":{{"per_bucket":1}},"max_attachment_bytes":16777216,
        "cover":{{"mechanism":"fixed"}},"time":{}}}"#,
        key.origin(),
        time.0
    );
    InfoAnswer::parse(info.as_bytes()).unwrap()
}

fn mailboxes(key: &OriginKey) -> Mailboxes {
    let mut mailboxes = Mailboxes::new("https://relay.example");
    mailboxes.configure(info(key, 8, NOW), &mut at(NOW));
    mailboxes
}

fn index(key: &OriginKey, epochs: core::ops::RangeInclusive<u64>) -> BucketIndex {
    let batch = |epoch| BatchRef {
        origin: key.origin(),
        epoch,
        count: 16,
        digest: BatchDigest([1; 32]),
    };
    BucketIndex {
        oldest: None,
        batches: epochs.map(batch).collect(),
        segments: Vec::new(),
    }
}

/// Epochs that are downloaded.
fn planned(mailboxes: &Mailboxes, mailbox: Mailbox, index: &BucketIndex, whole: bool) -> Vec<u64> {
    let plan = mailboxes.plan(mailbox, BucketId::LOBBY, index, (whole, Part::Cells), false);
    plan.unwrap()
        .iter()
        .map(|download| download.epoch)
        .collect()
}

/// Reads a batch that was closed at this time.
fn read(mailboxes: &mut Mailboxes, key: &OriginKey, epoch: u64, closed_at: u64) -> Transaction {
    let place = BatchPlace {
        bucket: BucketId::LOBBY,
        epoch,
        closed_at: UnixTime(closed_at),
        prev: BatchHeader::NO_PREV,
    };
    let header = BatchHeader::sign(&place, &[], CellSize::DEFAULT, key).unwrap();
    let mut tx = at(NOW);
    mailboxes.advance(Mailbox::Own, &header, false, &mut tx);
    tx
}

fn notices(tx: &Transaction) -> Vec<(&'static str, bool)> {
    let notices = tx.events.iter().filter_map(|event| match event {
        Event::Notice(notice) => Some((notice.code, notice.cleared)),
        _ => None,
    });
    notices.collect()
}

#[test]
fn nothing_is_planned_or_addressed_before_the_relay_is_known() {
    let (key, unknown) = (key(), Mailboxes::new("https://relay.example"));
    let refused = Some(ClientError::RelayUnknown);
    let own = Destination::Bucket(OWN);
    assert_eq!(unknown.bucket_for(own).err(), refused);
    assert_eq!(unknown.for_posting().err(), refused);
    let plan = unknown.plan(
        Mailbox::Own,
        BucketId::LOBBY,
        &index(&key, 1..=2),
        (true, Part::Cells),
        false,
    );
    assert_eq!(plan.err(), refused);
    assert!(!unknown.trusts(Mailbox::Own, &key.origin()));
    assert_eq!(unknown.drained_until(DAY_SECONDS), None);
    assert_eq!(unknown.bucket_for(Destination::Lobby), Ok(BucketId::LOBBY));
}

#[test]
fn only_origins_that_the_relay_names_or_once_named_are_trusted() {
    let (first, second, other) = (key(), key(), key());
    let mut mailboxes = mailboxes(&first);
    read(&mut mailboxes, &first, 1, NOW.0);
    mailboxes.configure(info(&second, 8, NOW), &mut at(NOW));
    let trusts = |mailbox, key: &OriginKey| mailboxes.trusts(mailbox, &key.origin());
    assert!(trusts(Mailbox::Own, &first) && trusts(Mailbox::Own, &second));
    assert!(!trusts(Mailbox::Own, &other));
    assert!(
        !trusts(Mailbox::Lobby, &first),
        "nothing was read of it there"
    );
}

#[test]
fn a_first_look_takes_the_newest_batch_of_the_own_bucket_and_four_of_the_lobby() {
    let key = key();
    let (mailboxes, index) = (mailboxes(&key), index(&key, 1..=9));
    assert_eq!(planned(&mailboxes, Mailbox::Own, &index, true), [9]);
    assert_eq!(
        planned(&mailboxes, Mailbox::Lobby, &index, true),
        [6, 7, 8, 9]
    );
}

#[test]
fn later_everything_new_is_read_oldest_first_unless_nothing_is_looked_for() {
    let key = key();
    let mut mailboxes = mailboxes(&key);
    read(&mut mailboxes, &key, 3, NOW.0);
    let index = index(&key, 1..=9);
    assert_eq!(
        planned(&mailboxes, Mailbox::Own, &index, true),
        [4, 5, 6, 7, 8, 9]
    );
    assert_eq!(planned(&mailboxes, Mailbox::Own, &index, false), [9]);
}

#[test]
fn another_number_of_buckets_for_a_moment_moves_nobody() {
    let key = key();
    let mut mailboxes = mailboxes(&key);
    read(&mut mailboxes, &key, 3, NOW.0);
    let bucket = mailboxes.bucket_of(&OWN).unwrap();
    let hour = NOW.plus(shape::LASTING_SECONDS);
    for (buckets, time, reported) in [(1, NOW, 1), (1, hour.minus(1), 0), (8, hour, 0)] {
        let mut tx = at(time);
        mailboxes.configure(info(&key, buckets, time), &mut tx);
        assert_eq!(notices(&tx).len(), reported);
        assert_eq!(mailboxes.bucket_of(&OWN), Ok(bucket));
        assert_eq!(mailboxes.is_changing(), buckets == 1);
        let posting = mailboxes.for_posting().unwrap();
        assert_eq!(posting.buckets.get(), buckets, "the relay takes no others");
    }
    assert_eq!(mailboxes.own.known.len(), 1);
}

#[test]
fn another_number_of_buckets_that_lasts_has_the_own_bucket_read_from_its_beginning() {
    let key = key();
    let mut mailboxes = mailboxes(&key);
    read(&mut mailboxes, &key, 3, NOW.0);
    for time in [NOW, NOW.plus(shape::LASTING_SECONDS)] {
        mailboxes.configure(info(&key, 1, time), &mut at(time));
    }
    assert!(!mailboxes.is_changing());
    let index = index(&key, 1..=4);
    assert_eq!(
        planned(&mailboxes, Mailbox::Own, &index, true),
        [1, 2, 3, 4]
    );
}

#[test]
fn clocks_that_differ_are_reported_once_and_by_more_than_a_day_make_nothing_last() {
    let key = key();
    let mut mailboxes = mailboxes(&key);
    for (ahead, reported) in [
        (REPORTED_SKEW_SECONDS, vec![]),
        (REPORTED_SKEW_SECONDS + 1, vec![("CLOCK_SKEW", false)]),
        (DAY_SECONDS, vec![]),
        (DAY_SECONDS + 1, vec![]),
        (9 * DAY_SECONDS, vec![]),
        (0, vec![("CLOCK_SKEW", true)]),
    ] {
        let mut tx = at(NOW);
        mailboxes.configure(info(&key, 8, NOW.plus(ahead)), &mut tx);
        assert_eq!(notices(&tx), reported, "{ahead}");
        assert_eq!(mailboxes.clock_is_off(), ahead > DAY_SECONDS);
    }
}

#[test]
fn a_closing_time_that_goes_back_or_lies_ahead_is_told_and_delays_nothing() {
    let key = key();
    let mut mailboxes = mailboxes(&key);
    let closed = NOW.0 - DAY_SECONDS;
    assert_eq!(notices(&read(&mut mailboxes, &key, 1, closed)), []);
    let back = closed - CLOSING_TOLERANCE_SECONDS;
    assert_eq!(notices(&read(&mut mailboxes, &key, 2, back)), []);
    let reported = notices(&read(&mut mailboxes, &key, 3, back - 1));
    assert_eq!(reported, [("RELAY_TIME", false)]);
    assert_eq!(mailboxes.drained_until(DAY_SECONDS), Some(UnixTime(closed)));
    assert_eq!(
        notices(&read(&mut mailboxes, &key, 4, NOW.0)),
        [("RELAY_TIME", true)]
    );
    let ahead = NOW.0 + CLOCK_SKEW_SECONDS + 1;
    assert_eq!(
        notices(&read(&mut mailboxes, &key, 5, ahead)),
        [("RELAY_TIME", false)]
    );
}

#[test]
fn a_missing_batch_delays_what_counts_as_drained_by_no_more_than_the_retention() {
    let key = key();
    let mut mailboxes = mailboxes(&key);
    read(&mut mailboxes, &key, 1, NOW.0 - 10 * DAY_SECONDS);
    let place = BatchPlace {
        bucket: BucketId::LOBBY,
        epoch: 9,
        closed_at: NOW,
        prev: BatchHeader::NO_PREV,
    };
    let header = BatchHeader::sign(&place, &[], CellSize::DEFAULT, &key).unwrap();
    mailboxes.advance(Mailbox::Own, &header, true, &mut at(NOW));
    let drained = |days: u64| mailboxes.drained_until(days * DAY_SECONDS);
    assert_eq!(drained(30), Some(NOW.minus(10 * DAY_SECONDS)));
    assert_eq!(drained(7), Some(NOW), "it would not be accepted any more");
}

#[test]
fn a_mailbox_without_new_batches_is_stalled_unless_the_clock_is_wrong() {
    let key = key();
    let limit = STALLED_EPOCHS * EPOCH + STALLED_SECONDS;
    for off in [false, true] {
        let mut mailboxes = mailboxes(&key);
        read(&mut mailboxes, &key, 1, NOW.0);
        let later = NOW.plus(limit + 1);
        let shown = if off {
            later.plus(2 * DAY_SECONDS)
        } else {
            later
        };
        mailboxes.configure(info(&key, 8, shown), &mut at(later));
        let mut early = at(NOW.plus(limit));
        mailboxes.read_to_the_end(Mailbox::Own, &mut early);
        assert_eq!(notices(&early), []);
        let mut late = at(later);
        mailboxes.read_to_the_end(Mailbox::Own, &mut late);
        assert_eq!(notices(&late).len(), usize::from(!off));
    }
}

#[test]
fn what_was_read_and_stated_is_known_after_a_restart() {
    let key = key();
    let mut mailboxes = mailboxes(&key);
    read(&mut mailboxes, &key, 3, NOW.0);
    mailboxes.configure(info(&key, 2, NOW), &mut at(NOW));
    let mut stored = Mailboxes::from_record(mailboxes.to_record()).unwrap();
    stored
        .restore_shape(&mailboxes.shape_record().unwrap())
        .unwrap();
    assert!(stored.is_changing());
    assert_eq!(stored.info(), mailboxes.info());
    assert_eq!(
        planned(&stored, Mailbox::Own, &index(&key, 1..=4), true),
        [4]
    );
}
