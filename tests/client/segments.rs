//! A client that was away reads segments: the same messages, the same gaps, and
//! nothing twice.

use sha2::{Digest as _, Sha256};
use tessera::{
    base::UnixTime,
    client::{Client, ClientError, Download, Gap, Mailbox, Received},
    enrolment::Kind,
};

use crate::stage::{NOW, Person, Relay, enrol, rng, round};

/// What a relay holds of a bucket, the first batches of it as one segment.
struct Shelf {
    index: String,
    segment: Vec<u8>,
    batches: Vec<(u64, Vec<u8>)>,
}

fn shelve(relay: &Relay, bucket: u32, from: usize, to: usize) -> Shelf {
    let chain = &relay.published[&bucket];
    let segment: Vec<u8> = chain[from..to]
        .iter()
        .flat_map(|(_, b)| b.clone())
        .collect();
    let (first, last) = (&chain[from].0, &chain[to - 1].0);
    let batches: Vec<_> = chain[to..]
        .iter()
        .map(|(h, b)| (h.epoch, b.clone()))
        .collect();
    let listed: Vec<String> = chain[to..]
        .iter()
        .map(|(h, _)| {
            format!(
                r#"{{"origin":"{}","epoch":{},"count":{},"digest":"{}"}}"#,
                h.origin, h.epoch, h.count, h.digest
            )
        })
        .collect();
    let cells: u32 = chain[from..to].iter().map(|(h, _)| h.count).sum();
    let index = format!(
        r#"{{"oldest":{},"batches":[{}],"segments":[{{"origin":"{}","number":7,"first":{},"last":{},"cells":{},"bytes":{},"digest":"{}"}}]}}"#,
        first.epoch,
        listed.join(","),
        first.origin,
        first.epoch,
        last.epoch,
        cells,
        segment.len(),
        hex::encode(Sha256::digest(&segment)),
    );
    Shelf {
        index,
        segment,
        batches,
    }
}

impl Shelf {
    fn bytes(&self, planned: &Download) -> &[u8] {
        let batch = self
            .batches
            .iter()
            .find(|(epoch, _)| *epoch == planned.epoch);
        batch.map_or(&self.segment, |(_, bytes)| bytes)
    }
}

fn bucket_of(client: &Client) -> u32 {
    client.bucket(Mailbox::Own).unwrap().get()
}

fn plan(person: &mut Person, shelf: &Shelf) -> Vec<Download> {
    let planned = person
        .client
        .plan_pull(Mailbox::Own, &shelf.index, NOW)
        .unwrap();
    person.commit(planned)
}

fn read(person: &mut Person, shelf: &Shelf, now: UnixTime) -> Received {
    let mut all = Received::default();
    for planned in plan(person, shelf) {
        let bytes = shelf.bytes(&planned);
        assert_eq!(planned.bytes, bytes.len() as u64);
        let effects = person.client.receive(&planned, bytes, now, &mut rng());
        let received = person.commit(effects.unwrap());
        all.messages.extend(received.messages);
        all.rejected.extend(received.rejected);
        all.gaps.extend(received.gaps);
        all.cells += received.cells;
        person.restart();
    }
    all
}

#[test]
fn a_client_offline_for_days_reads_segments_and_loses_nothing() {
    let mut relay = Relay::new();
    let (mut a, mut b) = (Person::new("Lab"), Person::new("Rivera"));
    let (b_at_a, _) = enrol(&mut relay, &mut a, &mut b, Kind::Link);
    let bucket = bucket_of(&b.client);
    let away_from = relay.published[&bucket].len();
    for i in 0..9 {
        let now = relay.now();
        a.send(b_at_a, &format!("result {i}"), now).unwrap();
        a.post(&mut relay);
        relay.close();
    }
    let now = relay.now();
    // The segment reaches back to what was read before.
    let shelf = shelve(&relay, bucket, away_from - 2, away_from + 6);
    assert_eq!(plan(&mut b, &shelf).len(), 1 + 3);
    let received = read(&mut b, &shelf, now);
    let texts: Vec<_> = received
        .messages
        .iter()
        .filter_map(|m| m.text.clone())
        .collect();
    assert_eq!(
        texts,
        (0..9).map(|i| format!("result {i}")).collect::<Vec<_>>()
    );
    assert!(received.gaps.is_empty() && received.rejected.is_empty());
    assert!(plan(&mut b, &shelf).is_empty(), "read once");
}

#[test]
fn a_segment_that_differs_from_the_index_changes_nothing() {
    let mut relay = Relay::new();
    let (mut a, mut b) = (Person::new("Lab"), Person::new("Rivera"));
    let (b_at_a, _) = enrol(&mut relay, &mut a, &mut b, Kind::Link);
    let bucket = bucket_of(&b.client);
    let away_from = relay.published[&bucket].len();
    for _ in 0..4 {
        let now = relay.now();
        a.send(b_at_a, "stop warfarin", now).unwrap();
        a.post(&mut relay);
        relay.close();
    }
    let now = relay.now();
    let shelf = shelve(&relay, bucket, away_from, away_from + 4);
    let [planned] = plan(&mut b, &shelf).try_into().unwrap();
    let mut flipped = shelf.segment.clone();
    *flipped.last_mut().unwrap() ^= 1;
    let other = shelve(&relay, bucket, away_from, away_from + 3).segment;
    let before = b.store.clone();
    for bad in [&flipped[..], &other[..], &shelf.segment[1..], b""] {
        let refused = b.client.receive(&planned, bad, now, &mut rng());
        assert_eq!(refused.unwrap_err(), ClientError::BatchInvalid);
    }
    // One batch in it is forged, and the relay's list agrees with that.
    let mut forged = shelve(&relay, bucket, away_from, away_from + 4);
    let at = forged.segment.len() - 1;
    forged.segment[at] ^= 1;
    let listed = hex::encode(Sha256::digest(&shelf.segment));
    let lied = hex::encode(Sha256::digest(&forged.segment));
    forged.index = forged.index.replace(&listed, &lied);
    let [planned] = plan(&mut b, &forged).try_into().unwrap();
    let refused = b.client.receive(&planned, &forged.segment, now, &mut rng());
    assert_eq!(refused.unwrap_err(), ClientError::BatchInvalid);
    assert!(b.store == before, "not even the batches before it");
    assert_eq!(read(&mut b, &shelf, now).messages.len(), 4);
}

#[test]
fn a_gap_is_closed_by_a_segment_that_holds_what_was_missing() {
    let mut relay = Relay::new();
    let (mut a, mut b) = (Person::new("Lab"), Person::new("Rivera"));
    let (b_at_a, _) = enrol(&mut relay, &mut a, &mut b, Kind::Link);
    let bucket = bucket_of(&b.client);
    let away_from = relay.published[&bucket].len();
    for _ in 0..5 {
        let now = relay.now();
        a.send(b_at_a, "one of five", now).unwrap();
        a.post(&mut relay);
        relay.close();
    }
    let now = relay.now();
    // Two batches are withheld, one message each.
    let mut withheld = shelve(&relay, bucket, away_from, away_from + 1);
    let hidden = [withheld.batches[0].0, withheld.batches[1].0];
    withheld
        .batches
        .retain(|(epoch, _)| !hidden.contains(epoch));
    let planned = plan(&mut b, &withheld);
    for one in planned
        .iter()
        .filter(|planned| !hidden.contains(&planned.epoch))
    {
        let effects = b.client.receive(one, withheld.bytes(one), now, &mut rng());
        b.commit(effects.unwrap());
    }
    let all = shelve(&relay, bucket, away_from, away_from + 5);
    let received = read(&mut b, &all, now);
    assert_eq!(received.messages.len(), 2);
    assert!(
        received
            .gaps
            .iter()
            .any(|gap| matches!(gap, Gap::Batches { closed: true, .. })),
        "{:?}",
        received.gaps
    );
    round(&mut relay, &mut [&mut b]);
    assert!(b.pull(&relay, now).gaps.is_empty());
}
