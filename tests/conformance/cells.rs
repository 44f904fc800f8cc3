//! Cells, deliveries, fragments and SDK encryption: protocol §5, §6 and §8.

use tessera::{
    base::{Secret, UnixTime},
    channel::{TagKey, TagSlot},
    envelope::{self, Assembly, Authentic, Body, Delivery, Progress, Sender, TagIndex},
    identity::{Identity, PublicIdentity},
    pseudonym::BlindSeed,
    secure_encryption::ProvenMessage,
    wire::{Cell, CellSize},
};

use super::{
    case::{Broken, Case, Verdict},
    keys::own,
};

/// Maximum age of a delivery. The cases are read at their time of sending.
const RETENTION: u64 = 30 * 86_400;

pub const CELL: &[&str] = &[
    "sender_auth_pk",
    "recipient_secret",
    "psk",
    "blind_seed",
    "tag",
    "cell",
    "delivery",
    "session_id",
    "sent_at",
    "device",
    "counter",
    "tag_key",
    "seq",
    "content_type",
    "payload",
];

pub fn cell(case: &Case<'_>) -> Result<Verdict, Broken> {
    let reader = Reader::new(case)?;
    let slot = TagSlot {
        day: reader.now.day(),
        device: case.uint("device")?,
        counter: case.uint("counter")?,
    };
    case.require("tag", reader.tag_key.tag(slot) == case.array("tag")?)?;
    let mut index = TagIndex::default();
    index.watch_range(
        (),
        &reader.tag_key,
        slot.day,
        slot.device,
        slot.counter..slot.counter + 1,
    );

    let (found, body) = match reader.open(&index, &case.bytes("cell")?) {
        Ok(opened) => opened,
        Err(step) => return Ok(Verdict::Refused(step)),
    };
    let Body::Whole(bytes) = body else {
        return Ok(Verdict::Refused("not a whole delivery"));
    };
    let delivery = match reader.verify(&bytes, found) {
        Ok(delivery) => delivery,
        Err(step) => return Ok(Verdict::Refused(step)),
    };
    Ok(Verdict::compared(&[
        ("counter", found == slot),
        ("delivery", bytes == case.bytes("delivery")?),
        (
            "delivery encoding",
            Delivery::decode(vec![bytes.clone()]).is_some_and(|d| d.encode() == bytes),
        ),
        (
            "session_id",
            delivery.id().encode() == case.bytes("session_id")?,
        ),
        ("sent_at", delivery.sent_at() == reader.now),
        ("seq", delivery.seq() == case.uint::<u64>("seq")?),
        (
            "content_type",
            delivery.content_type().as_str() == case.text("content_type")?,
        ),
        (
            "payload",
            *delivery.payload().to_vec() == case.bytes("payload")?,
        ),
    ]))
}

pub const FRAGMENTS: &[&str] = &[
    "sender_auth_pk",
    "recipient_secret",
    "psk",
    "blind_seed",
    "tag_key",
    "sent_at",
    "device",
    "first_counter",
    "cells",
    "delivery",
    "payload",
];

pub fn fragments(case: &Case<'_>) -> Result<Verdict, Broken> {
    let reader = Reader::new(case)?;
    let cells = case.bytes_list("cells")?;
    let first = TagSlot {
        day: reader.now.day(),
        device: case.uint("device")?,
        counter: case.uint("first_counter")?,
    };
    let mut index = TagIndex::default();
    index.watch_range(
        (),
        &reader.tag_key,
        first.day,
        first.device,
        first.counter..first.counter + envelope::WINDOW,
    );

    let mut message = None;
    let mut assembly: Option<Assembly> = None;
    let mut complete = None;
    for cell in &cells {
        let (slot, body) = match reader.open(&index, cell) {
            Ok(opened) => opened,
            Err(step) => return Ok(Verdict::Refused(step)),
        };
        let Body::Fragment(fragment) = body else {
            return Ok(Verdict::Refused("not a fragment"));
        };
        if *message.get_or_insert(fragment.message_id) != fragment.message_id {
            return Ok(Verdict::Refused("another message"));
        }
        if slot.counter != first.counter + fragment.index {
            return Ok(Verdict::Refused("counter"));
        }
        assembly = match assembly {
            None => Some(Assembly::begin(fragment)),
            Some(assembly) => match assembly.insert(fragment) {
                Ok(Progress::Unfinished(assembly)) => Some(assembly),
                Ok(Progress::Complete(bytes)) => {
                    complete = Some(bytes.concat());
                    None
                }
                Err(_) => return Ok(Verdict::Refused("conflict")),
            },
        };
    }
    let Some(bytes) = complete else {
        return Ok(Verdict::Refused("incomplete"));
    };
    let delivery = match reader.verify(&bytes, first) {
        Ok(delivery) => delivery,
        Err(step) => return Ok(Verdict::Refused(step)),
    };
    Ok(Verdict::compared(&[
        ("delivery", bytes == case.bytes("delivery")?),
        ("sent_at", delivery.sent_at() == reader.now),
        (
            "payload",
            *delivery.payload().to_vec() == case.bytes("payload")?,
        ),
    ]))
}

pub const SECURE_ENCRYPTION: &[&str] = &["recipient_secret", "ciphertext", "proof", "message"];

pub fn secure_encryption(case: &Case<'_>) -> Result<Verdict, Broken> {
    let recipient = own(case, "recipient_secret")?;
    let Some(opened) = ProvenMessage::decrypt(&recipient, &case.bytes("ciphertext")?) else {
        return Ok(Verdict::Refused("opening"));
    };
    Ok(Verdict::compared(&[
        ("proof", opened.proof.as_slice() == case.bytes("proof")?),
        ("message", *opened.message == case.bytes("message")?),
    ]))
}

/// A recipient with one contact and one month.
struct Reader {
    me: Identity,
    contact: PublicIdentity,
    tag_key: TagKey,
    psk: Secret<32>,
    blind_seed: BlindSeed,
    now: UnixTime,
}

impl Reader {
    fn new(case: &Case<'_>) -> Result<Self, Broken> {
        let me = own(case, "recipient_secret")?;
        // The vectors have only the sender's statement; opening does not use its KEM key.
        let both = [
            case.bytes("sender_auth_pk")?.as_slice(),
            me.public().kem().as_bytes(),
        ]
        .concat();
        Ok(Self {
            contact: PublicIdentity::decode(&both)
                .ok_or_else(|| Broken("sender_auth_pk".into()))?,
            me,
            tag_key: TagKey::new(&case.secret("tag_key")?),
            psk: case.secret("psk")?,
            blind_seed: BlindSeed::new(case.secret("blind_seed")?),
            now: UnixTime(case.uint("sent_at")?),
        })
    }

    /// Finds a cell by its tag and opens it, or returns the step that failed.
    fn open(&self, index: &TagIndex<()>, cell: &[u8]) -> Result<(TagSlot, Body), &'static str> {
        let size = u32::try_from(cell.len())
            .ok()
            .and_then(|len| CellSize::try_from(len).ok());
        let cell = size
            .and_then(|size| Cell::parse(cell, size).ok())
            .ok_or("cell length")?;
        let (_, slot) = index.find(&cell.tag()).ok_or("detection")?;
        Ok((
            slot,
            envelope::open(self.me.kem(), &self.psk, &cell).map_err(|_| "opening")?,
        ))
    }

    fn verify(&self, delivery: &[u8], slot: TagSlot) -> Result<Authentic, &'static str> {
        let sender = Sender {
            identity: &self.contact,
            seed: &self.blind_seed,
            slot,
            recipient: &self.me.public().fingerprint(),
        };
        let delivery = Delivery::decode(vec![delivery.to_vec()]).ok_or("delivery form")?;
        delivery
            .verify(&sender, self.now, RETENTION)
            .map_err(|_| "delivery proof")
    }
}
