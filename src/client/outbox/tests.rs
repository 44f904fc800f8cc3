use super::{resealing::SEAL_AGAIN, *};
use crate::{
    base::{UnixTime, parameters::LISTENING_DAYS},
    client::{
        ClientError,
        mailboxes::Mailboxes,
        messages::{Message, MessageState, Messages},
    },
    identity::Fingerprint,
    vault::stored::{self, ControlRecord},
    wire::{InfoAnswer, cover_cell},
};

const CONTACT: ContactId = ContactId([1; 8]);
const OTHER: ContactId = ContactId([2; 8]);
const PEER: Fingerprint = Fingerprint([9; 32]);
const TODAY: Day = Day(20_000);
const OPEN: SendPolicy = SendPolicy {
    settled: true,
    confirmed: true,
    former_below: 0,
};

fn tx() -> Transaction {
    Transaction::new(TODAY.start())
}

fn at(contact: ContactId, ordinal: u32) -> MessageRef {
    MessageRef { contact, ordinal }
}

fn cells(count: usize) -> Vec<Cell> {
    let rng = &mut rand_core::UnwrapErr(getrandom::SysRng);
    (0..count)
        .map(|_| cover_cell(CellSize::DEFAULT, rng))
        .collect()
}

fn control(contact: ContactId, seq: u64) -> CellPurpose {
    let control = ControlRecord {
        session: vec![7; 16],
        seq,
        payload: vec![1],
    };
    CellPurpose::Control(contact, control)
}

fn push(outbox: &mut Outbox, count: usize, day: Day, purpose: &CellPurpose) {
    let to = Destination::Bucket(PEER);
    let mut tx = Transaction::new(day.start());
    outbox.push(cells(count), to, purpose, &mut tx);
}

fn message(seq: u64) -> Message {
    Message {
        outgoing: true,
        session: vec![7; 16],
        sent_at: 1,
        received_at: None,
        seq,
        content_type: "text/plain".into(),
        size: 3,
        text: Some((0, 3)),
        attachments: Vec::new(),
        state: MessageState::Queued,
        cells_left: 1,
        read: true,
        filing: None,
    }
}

fn large(count: u32) -> LargeRecord {
    LargeRecord {
        head: vec![1; 10],
        message_id: [7; 16],
        sent_at: TODAY.start().0,
        device: 0,
        first_counter: 0,
        count,
        chunk_len: 100,
        next: 1,
        ordinal: 0,
    }
}

fn mailboxes() -> Mailboxes {
    let mut mailboxes = Mailboxes::new("https://relay.example");
    let origin = "11".repeat(32);
    let info = format!(
        r#"{{"protocol":1,"origin":"{origin}","buckets":4,"cell_size":2048,"epoch_seconds":1800,
        "lobby":{{"epoch_seconds":15,"cells":16,"retention_seconds":86400}},
        "retention_seconds":5184000,"slot":{{"per_bucket":1}},"max_attachment_bytes":16777216,
        "cover":{{"mechanism":"fixed"}},"time":1795300000}}"#
    );
    let info = InfoAnswer::parse(info.as_bytes()).unwrap();
    mailboxes.configure(info, &mut Transaction::new(UnixTime(1_795_300_000)));
    mailboxes
}

/// Ordinals of what would leave now.
fn leaving(outbox: &Outbox, policy: SendPolicy) -> Vec<u64> {
    let ready = outbox.ready(policy, TODAY, &mailboxes()).unwrap();
    ready.iter().map(|ready| ready.ordinal).collect()
}

#[test]
fn nothing_leaves_before_the_relay_is_known() {
    let outbox = Outbox::default();
    let unknown = Mailboxes::new("https://relay.example");
    let taken = outbox.slot(OPEN, TODAY, &unknown, |_| true);
    assert_eq!(taken.unwrap_err(), ClientError::RelayUnknown);
}

#[test]
fn an_unconfirmed_device_posts_what_it_need_not_seal_again() {
    let mut outbox = Outbox::default();
    push(&mut outbox, 1, TODAY, &CellPurpose::Message(at(CONTACT, 0)));
    push(&mut outbox, 1, TODAY, &control(CONTACT, 1));
    push(&mut outbox, 1, TODAY, &CellPurpose::Rendezvous);
    push(&mut outbox, 1, TODAY, &CellPurpose::Message(at(CONTACT, 1)));
    let policy = SendPolicy {
        settled: true,
        confirmed: false,
        former_below: 2,
    };
    assert_eq!(leaving(&outbox, policy), [0, 2]);
    assert_eq!(leaving(&outbox, OPEN), [0, 1, 2, 3]);
}

#[test]
fn one_late_cell_holds_back_all_that_waits_for_its_contact() {
    let mut outbox = Outbox::default();
    let late = Day(TODAY.0 - LISTENING_DAYS);
    push(&mut outbox, 1, late, &CellPurpose::Message(at(CONTACT, 0)));
    push(&mut outbox, 1, TODAY, &CellPurpose::Message(at(CONTACT, 1)));
    push(&mut outbox, 1, TODAY, &CellPurpose::Message(at(OTHER, 0)));
    assert_eq!(leaving(&outbox, OPEN), [2]);
    let mut messages = Messages::default();
    for ordinal in 0..2 {
        let held = message(ordinal.into());
        messages.put(at(CONTACT, ordinal), held, &mut tx());
    }
    let overdue = outbox.overdue(OPEN, TODAY.start(), &messages, |_| Some(PEER));
    let purposes: Vec<_> = overdue.into_iter().map(|(purpose, _)| purpose).collect();
    assert_eq!(
        purposes,
        [0, 1].map(|ordinal| CellPurpose::Message(at(CONTACT, ordinal)))
    );
}

#[test]
fn a_whole_window_of_todays_cells_is_not_discarded() {
    let mut outbox = Outbox::default();
    let late = Day(TODAY.0 - LISTENING_DAYS);
    push(&mut outbox, 1, late, &control(CONTACT, 0));
    push(&mut outbox, 31, TODAY, &control(CONTACT, 1));
    assert!(!outbox.leaves_hole(CONTACT, TODAY, 0));
    let messages = Messages::default();
    assert_eq!(
        outbox
            .overdue(OPEN, TODAY.start(), &messages, |_| None)
            .len(),
        2
    );
    push(&mut outbox, 1, TODAY, &control(CONTACT, 1));
    assert!(outbox.leaves_hole(CONTACT, TODAY, 0));
    assert!(
        outbox
            .overdue(OPEN, TODAY.start(), &messages, |_| None)
            .is_empty()
    );
    assert_eq!(outbox.days_waiting(CONTACT).len(), 33);
}

#[test]
fn cells_of_a_large_message_leave_last_and_keep_their_contacts_order() {
    let mut outbox = Outbox::default();
    let picture = at(CONTACT, 0);
    push(&mut outbox, 1, TODAY, &CellPurpose::Message(picture));
    outbox.push_large(picture, large(3), &mut tx());
    push(&mut outbox, 1, TODAY, &CellPurpose::Message(at(CONTACT, 1)));
    push(&mut outbox, 1, TODAY, &CellPurpose::Message(at(OTHER, 0)));
    assert_eq!(outbox.len(), 5);
    assert_eq!(leaving(&outbox, OPEN), [4, 0], "what follows it waits");
    let to = Destination::Bucket(PEER);
    outbox.push_sealed(picture, cells(2), to, &mut tx());
    assert!(
        outbox.large_message(picture).is_none(),
        "all of it is sealed"
    );
    assert_eq!(leaving(&outbox, OPEN), [0, 1, 2, 3, 4]);
}

#[test]
fn a_message_cut_short_leaves_no_hole_that_a_window_does_not_span() {
    let picture = at(CONTACT, 0);
    let purpose = CellPurpose::Message(picture);
    let mut outbox = Outbox::default();
    push(&mut outbox, 64, TODAY, &purpose);
    outbox.cut_short(picture, &mut tx());
    let kept: Vec<u64> = outbox.iter().map(|(ordinal, _)| ordinal).collect();
    assert_eq!(kept, [0, 32], "none had left");

    let mut outbox = Outbox::default();
    push(&mut outbox, 1, TODAY, &purpose);
    outbox.cut_short(picture, &mut tx());
    assert_eq!(outbox.len(), 0, "a message of one cell leaves no hole");
}

#[test]
fn what_waits_behind_a_message_cut_short_is_sealed_again_with_its_counters() {
    let mut outbox = Outbox::default();
    let (picture, word) = (at(CONTACT, 0), at(CONTACT, 1));
    push(&mut outbox, 1, TODAY, &CellPurpose::Message(picture));
    outbox.push_large(picture, large(300), &mut tx());
    push(&mut outbox, 1, TODAY, &CellPurpose::Message(word));
    push(&mut outbox, 1, TODAY, &CellPurpose::Message(at(OTHER, 0)));
    assert_eq!(
        outbox.unused(picture),
        Some((TODAY, large(300).first_counter + 1))
    );
    outbox.cut_short(picture, &mut tx());
    assert_eq!(outbox.unused(picture), None);
    let days: Vec<_> = outbox.iter().map(|(_, queued)| queued.day).collect();
    assert_eq!(days, [TODAY, SEAL_AGAIN, TODAY]);
    assert!(outbox.held_back(TODAY).contains(&CONTACT));
    let mut messages = Messages::default();
    messages.put(word, message(7), &mut tx());
    let overdue = outbox.overdue(OPEN, TODAY.start(), &messages, |_| None);
    assert_eq!(overdue.len(), 1, "{overdue:?}");
}

/// Begins a slot with all that may leave.
fn begin_slot(outbox: &mut Outbox) {
    let (relay, rng) = (mailboxes(), &mut rand_core::UnwrapErr(getrandom::SysRng));
    let slot = outbox.slot(OPEN, TODAY, &relay, |_| true).unwrap();
    outbox.begin_slot(&slot, &relay.for_posting().unwrap(), rng, &mut tx());
}

#[test]
fn a_slot_without_an_answer_is_repeated_byte_for_byte_unless_a_cell_is_gone() {
    let mut outbox = Outbox::default();
    assert!(outbox.unanswered_slot(&mailboxes()).is_none());
    push(&mut outbox, 1, TODAY, &CellPurpose::Message(at(CONTACT, 0)));
    begin_slot(&mut outbox);
    assert_eq!(outbox.in_flight(), [0]);
    let post = |outbox: &Outbox, relay: &Mailboxes| {
        let slot = outbox.unanswered_slot(relay).unwrap();
        slot.post.map(|post| post.body)
    };
    let first = post(&outbox, &mailboxes()).unwrap();
    let mut restarted = Outbox::default();
    let (ordinal, queued) = outbox.iter().next().unwrap();
    restarted.restore(ordinal, queued.clone());
    restarted
        .restore_slot(outbox.slot_record().unwrap())
        .unwrap();
    assert_eq!(post(&restarted, &mailboxes()), Some(first));
    let unknown = Mailboxes::new("https://relay.example");
    assert_eq!(post(&outbox, &unknown), None);
    outbox.remove_contact(CONTACT, &mut tx());
    assert_eq!(post(&outbox, &mailboxes()), None, "it may no longer leave");
    assert_eq!(outbox.end_slot(&mut tx()), [0]);
    assert!(outbox.unanswered_slot(&mailboxes()).is_none());
    assert_eq!(outbox.end_slot(&mut tx()), [0; 0], "once");
}

#[test]
fn the_record_of_a_slot_has_one_length_and_a_malformed_one_is_refused() {
    let (mut cover, mut full) = (Outbox::default(), Outbox::default());
    push(&mut full, 1, TODAY, &CellPurpose::Message(at(CONTACT, 0)));
    let records = [&mut cover, &mut full].map(|outbox| {
        begin_slot(outbox);
        outbox.slot_record().unwrap()
    });
    let [cover, full] = records
        .each_ref()
        .map(|record| stored::encode(record).len());
    assert_eq!(cover, full);
    let [mut malformed, mut odd] = records;
    malformed.buckets = 3;
    assert!(Outbox::default().restore_slot(malformed).is_err());
    odd.cells.pop();
    assert!(Outbox::default().restore_slot(odd).is_err());
}

#[test]
fn a_message_of_which_all_is_in_an_unanswered_slot_may_have_left() {
    let mut outbox = Outbox::default();
    let (word, picture) = (at(CONTACT, 0), at(OTHER, 0));
    push(&mut outbox, 1, TODAY, &CellPurpose::Message(word));
    assert!(!outbox.may_have_left(word));
    begin_slot(&mut outbox);
    assert!(outbox.may_have_left(word));
    push(&mut outbox, 1, TODAY, &CellPurpose::Message(picture));
    outbox.push_large(picture, large(3), &mut tx());
    assert!(!outbox.may_have_left(picture), "the rest is not sealed");
    outbox.end_slot(&mut tx());
    assert!(!outbox.may_have_left(word), "the relay refused it");
}

#[test]
fn an_answer_to_a_post_counts_once_and_means_no_later_cell() {
    let mut outbox = Outbox::default();
    let sent = at(CONTACT, 0);
    push(&mut outbox, 2, TODAY, &CellPurpose::Message(sent));
    let mut tx = tx();
    let posted = outbox.acknowledge(&[0, 0, 7], &mut tx);
    assert_eq!(posted.get(&sent), Some(&1));
    assert_eq!(tx.changes.len(), 1);
    outbox.discard(&CellPurpose::Message(sent), &mut self::tx());
    push(&mut outbox, 1, TODAY, &CellPurpose::Message(at(CONTACT, 1)));
    assert_eq!(leaving(&outbox, OPEN), [2]);
}

#[test]
fn discarding_one_delivery_keeps_the_others() {
    let mut outbox = Outbox::default();
    push(&mut outbox, 1, TODAY, &control(CONTACT, 0));
    push(&mut outbox, 1, TODAY, &control(CONTACT, 1));
    push(&mut outbox, 1, TODAY, &control(OTHER, 0));
    outbox.discard(&control(CONTACT, 0), &mut tx());
    assert_eq!(leaving(&outbox, OPEN), [1, 2]);
    outbox.remove_contact(CONTACT, &mut tx());
    assert_eq!(leaving(&outbox, OPEN), [2]);
}

#[test]
fn a_queued_cell_reads_back_as_what_it_was() {
    let own = Fingerprint([3; 32]);
    for (to, purpose) in [
        (Destination::Lobby, CellPurpose::Rendezvous),
        (Destination::Bucket(PEER), CellPurpose::Rendezvous),
        (Destination::Bucket(own), CellPurpose::Announcement),
        (Destination::Bucket(PEER), control(CONTACT, 4)),
        (
            Destination::Bucket(PEER),
            CellPurpose::Message(at(CONTACT, 2)),
        ),
    ] {
        let queued = QueuedCell {
            cell: vec![1, 2, 3],
            to,
            day: UnixTime(1_795_300_000).day(),
            purpose: purpose.clone(),
        };
        let read = QueuedCell::from_record(queued.to_record(), &own);
        assert_eq!((read.to, read.purpose, read.day), (to, purpose, queued.day));
    }
}
