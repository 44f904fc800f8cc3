//! Cells, deliveries, fragments and windows.

use proptest::prelude::*;
use tessera::{
    base::{Day, UnixTime},
    channel::{TagKey, TagSlot},
    crypto::cbor::Deterministic as _,
    envelope::{
        self, Assembly, Body, ContentType, Delivery, EnvelopeError, Fragment, Progress, Sealing,
        Sender, TagIndex, UnprovenDelivery, Window, compose,
    },
    pseudonym::BlindSeed,
    wire::{Cell, CellSize, cover_cell},
};

use super::{altered, bytes, encodings::delivery_id, few, identity, rng, secret};

const RETENTION: u64 = 30 * 86_400;

pub fn cell_size() -> impl Strategy<Value = CellSize> {
    prop::sample::select(vec![1024_u32, 2048, 4096, 8192, 16_384])
        .prop_map(|size| CellSize::try_from(size).unwrap())
}

/// Assembles fragments in the given order; returns the bytes once complete.
fn assemble(
    fragments: impl IntoIterator<Item = Fragment>,
) -> Result<Option<Vec<u8>>, EnvelopeError> {
    let mut assembly: Option<Assembly> = None;
    for fragment in fragments {
        assembly = match assembly {
            None => Some(Assembly::begin(fragment)),
            Some(assembly) => match assembly.insert(fragment)? {
                Progress::Unfinished(assembly) => Some(assembly),
                Progress::Complete(chunks) => return Ok(Some(chunks.concat())),
            },
        };
    }
    Ok(None)
}

proptest! {
    #![proptest_config(few())]

    #[test]
    fn cells(
        size in cell_size(), recipient in identity(), other in identity(), psk in secret(), tag: [u8; 16],
        content in bytes(900), at: prop::sample::Index, bit: u8,
    ) {
        let sealing = Sealing { recipient: recipient.public().kem(), psk: &psk, size };
        let body = Body::Whole(content);
        let cell = envelope::seal(&sealing, tag, &body, &mut rng()).unwrap();
        assert_eq!(cell.as_bytes().len(), size.bytes());
        assert_eq!(cell.tag(), tag);
        assert_eq!(envelope::open(recipient.kem(), &psk, &cell), Ok(body));
        assert_eq!(envelope::open(other.kem(), &psk, &cell), Err(EnvelopeError::NotAuthentic));
        let bad = Cell::parse(altered(cell.as_bytes(), at, bit), size).unwrap();
        assert_eq!(envelope::open(recipient.kem(), &psk, &bad), Err(EnvelopeError::NotAuthentic));
        let cover = cover_cell(size, &mut rng());
        assert_eq!(cover.as_bytes().len(), size.bytes());
        assert_eq!(envelope::open(recipient.kem(), &psk, &cover), Err(EnvelopeError::NotAuthentic));
    }

    #[test]
    fn bodies_may_fill_a_cell_completely(size in cell_size(), recipient in identity(), psk in secret()) {
        let sealing = Sealing { recipient: recipient.public().kem(), psk: &psk, size };
        let room = size.capacity() - 4;
        let filling = (0..room).rev().map(|len| Body::Whole(vec![1; len])).find(|body| body.encode().len() <= room);
        let filling = filling.unwrap();
        let cell = envelope::seal(&sealing, [0; 16], &filling, &mut rng()).unwrap();
        assert_eq!(envelope::open(recipient.kem(), &psk, &cell), Ok(filling));
        let above = envelope::seal(&sealing, [0; 16], &Body::Whole(vec![1; room]), &mut rng());
        assert_eq!(above.unwrap_err(), EnvelopeError::TooLarge);
    }

    #[test]
    fn deliveries(
        sender in identity(), recipient in identity(), other in identity(), seed in secret(), other_seed in secret(),
        id in delivery_id(), payload in bytes(200), device: u8, seq: u64, sent_at in 86_400..4_000_000_000_u64,
        at: prop::sample::Index, bit: u8,
    ) {
        let (seed, other_seed) = (BlindSeed::new(seed), BlindSeed::new(other_seed));
        let content_type = ContentType::new("text/plain").unwrap();
        let sent_at = UnixTime(sent_at);
        let draft = UnprovenDelivery { id: &id, sent_at, device, seq, content_type: &content_type, payload: &payload.as_slice().into() };
        let to = recipient.public().fingerprint();
        let mut encoded = compose(&sender, &to, &seed, &draft, &mut rng()).unwrap();
        encoded.extend_from_slice(&payload);
        let decode = |chunk: usize| Delivery::decode(encoded.chunks(chunk).map(<[u8]>::to_vec).collect());
        for chunk in [1, 7, 100, encoded.len()] {
            assert_eq!(decode(chunk).unwrap().encode(), encoded, "in chunks of {chunk}");
        }

        let slot = TagSlot { day: sent_at.day(), device, counter: 0 };
        let from = Sender { identity: sender.public(), seed: &seed, slot, recipient: &to };
        let verify = |from: &Sender<'_>, now: UnixTime| {
            decode(100).unwrap().verify(from, now, RETENTION)
        };
        let authentic = verify(&from, sent_at).unwrap();
        assert_eq!(authentic.id(), &id);
        assert_eq!((authentic.seq(), authentic.payload().to_vec().as_slice()), (seq, &payload[..]));

        let elsewhere = other.public().fingerprint();
        for wrong in [
            Sender { identity: other.public(), ..from },
            Sender { seed: &other_seed, ..from },
            Sender { recipient: &elsewhere, ..from },
            Sender { slot: TagSlot { device: device.wrapping_add(1), ..slot }, ..from },
            Sender { slot: TagSlot { day: Day(slot.day.0 + 1), ..slot }, ..from },
        ] {
            assert_eq!(verify(&wrong, sent_at).unwrap_err(), EnvelopeError::NotAuthentic);
        }
        assert!(verify(&from, sent_at.plus(RETENTION)).is_ok());
        assert_eq!(verify(&from, sent_at.plus(RETENTION + 1)).unwrap_err(), EnvelopeError::Stale);
        assert!(verify(&from, sent_at.minus(86_400)).is_ok());
        assert_eq!(verify(&from, sent_at.minus(86_401)).unwrap_err(), EnvelopeError::Stale);
        if let Some(forged) = Delivery::decode(vec![altered(&encoded, at, bit)]) {
            assert_eq!(forged.verify(&from, sent_at, RETENTION).unwrap_err(), EnvelopeError::NotAuthentic);
        }
    }
}

proptest! {
    #[test]
    fn fragments_assemble_in_any_order_with_repetitions(
        size in cell_size(), content in bytes(70_000), keys in prop::collection::vec(any::<u64>(), 80),
    ) {
        let bodies = envelope::split(&content, size, &mut rng()).unwrap();
        assert!(bodies.iter().all(|body| body.encode().len() <= size.capacity() - 4));
        if let [Body::Whole(whole)] = &bodies[..] {
            assert_eq!(whole, &content);
            return Ok(());
        }
        let fragments: Vec<Fragment> = bodies.iter().map(|body| match body {
            Body::Fragment(fragment) => fragment.clone(),
            Body::Whole(_) => panic!("a whole among fragments"),
        }).collect();
        let mut order: Vec<usize> = (0..fragments.len()).chain(0..fragments.len() / 2).collect();
        order.sort_by_key(|i| keys[i % keys.len()]);
        let shuffled = order.iter().map(|i| fragments[*i].clone());
        assert_eq!(assemble(shuffled), Ok(Some(content)));
        assert_eq!(assemble(fragments[1..].iter().cloned()), Ok(None), "one is missing");
    }

    #[test]
    fn contradicting_fragments_drop_the_message(
        content in bytes(8_000), which: prop::sample::Index, kind in 0..3_u8,
    ) {
        let content = [content, vec![0; 3_000]].concat();
        let bodies = envelope::split(&content, CellSize::try_from(1024).unwrap(), &mut rng()).unwrap();
        let mut fragments: Vec<Fragment> = bodies.into_iter().filter_map(|body| match body {
            Body::Fragment(fragment) => Some(fragment),
            Body::Whole(_) => None,
        }).collect();
        let count = fragments.len();
        let mut wrong = fragments[which.index(count - 1)].clone();
        match kind {
            0 => wrong.count = (wrong.count.get() + 1).try_into().unwrap(),
            1 => wrong.chunk[0] ^= 1,
            _ => drop(wrong.chunk.pop()),
        }
        fragments.insert(count - 1, wrong);
        assert_eq!(assemble(fragments), Err(EnvelopeError::FragmentConflict));
    }

    /// Protocol §5: repeated scans of a batch, until one finds nothing new, find every
    /// cell of a message in any order.
    #[test]
    fn rescanning_a_batch_finds_every_fragment(
        count in 1..400_u32, start in 0..envelope::WINDOW, device in 0..2_u8, keys in prop::collection::vec(any::<u64>(), 400),
    ) {
        // For the next device index only the first 8 tags are watched.
        let start = if device == 0 { start } else { start % 8 };
        let key = TagKey::new(&tessera::base::Secret::take(&mut [3; 32]));
        let day = Day(20_778);
        let mut batch: Vec<_> = (0..count)
            .map(|index| (key.tag(TagSlot { day, device, counter: start + index }), index))
            .collect();
        batch.sort_by_key(|(_, index)| keys[*index as usize]);
        let mut window = Window::default();
        let mut found = std::collections::BTreeSet::new();
        loop {
            let mut index = TagIndex::default();
            for (device, counters) in window.ranges() {
                index.watch_range((), &key, day, device, counters);
            }
            let before = found.len();
            for (tag, fragment) in &batch {
                if let Some((_, slot)) = index.find(tag) {
                    assert_eq!(slot.counter, start + fragment);
                    found.insert(*fragment);
                    window.opened(slot.device, slot.counter, *fragment, count);
                }
            }
            if found.len() == before {
                break;
            }
        }
        // If none of the watched tags is of the message, nothing is found.
        assert_eq!(found.len(), count as usize);
    }
}
