//! Writes `fuzz/seeds/<target>/`: for every target an input that it accepts, and a
//! similar one that it refuses. Deterministic: run it again after a format changed.
//!
//! Longer than other files: it is one list of examples.
//!
//! `cargo run --manifest-path fuzz/Cargo.toml --example seeds`

use std::{error::Error, fs, path::Path};

use tessera::{
    audit::{Checkpoint, Export, Head, LogKeys},
    base::{Content, ErrorCode, Month, UnixTime},
    crypto::{cbor, cbor::Deterministic as _},
    emergency,
    enrolment::{Binding, Invitation, InvitationSecret, Name, Offer, respond},
    envelope::{
        self, Announcement, AnnouncementKind, Body, CheckedBy, ContentType, Control, DeliveryId,
        Evidence, Fragment, Sealing, UnprovenDelivery,
        message::{self, Attachment},
    },
    identity::Identity,
    medcrypt::MonthKey,
    pseudonym::{self, BlindSeed, SessionId},
    secure_encryption::ProvenMessage,
    vault::{Kdf, Passkey, RecoveryCode, UnlockMethod, VaultHeader, VaultKey, bundle, stored},
    wire::{
        Batch, BatchDigest, BatchHeader, BucketId, BucketIndex, Cell, CellSize, CellsPerBucket,
        CoverInfo, LobbyInfo, OriginKey, PROTOCOL, PostEntry, RelayInfo, SegmentRef, SelectWindow,
        SlotInfo, batch::BatchPlace, batch_tags, cover_cell, post, segment,
    },
};
use tessera_fuzz::targets::{Counting, TAG, key, me};

type Result<T> = core::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let mut rng = Counting(1);
    sealed(&mut rng)?;
    enrolment(&mut rng)?;
    relay(&mut rng)?;
    records(&mut rng)?;
    devices(&mut rng)?;
    Ok(())
}

/// Cells, bodies, deliveries, proofs and messages of the SDK.
fn sealed(rng: &mut Counting) -> Result<()> {
    let (me, sender) = (me().ok_or("me")?, Identity::generate(rng));
    let seed = BlindSeed::new(key(8));
    let id = DeliveryId::with_label("visit-7421", rng)?;
    let content_type = ContentType::new("text/plain").ok_or("content type")?;
    let payload = b"Continue metformin 500mg BID; recheck HbA1c in 3 months.";
    let sent_at = UnixTime(1_795_300_000);
    let draft = UnprovenDelivery {
        id: &id,
        sent_at,
        device: 0,
        seq: 3,
        content_type: &content_type,
        payload: &payload.as_slice().into(),
    };
    let mut delivery = envelope::compose(&sender, &me.public().fingerprint(), &seed, &draft, rng)
        .ok_or("delivery")?;
    delivery.extend_from_slice(payload);
    write("delivery", "text", &delivery)?;

    let scan = Attachment {
        content_type: ContentType::new("application/pdf").ok_or("content type")?,
        filename: Some("scan.pdf".into()),
        body: b"%PDF-1.7"[..].into(),
    };
    let message = message::encode(Some("Please see the scan"), vec![scan])?;
    write("message", "text_and_file", &message.to_vec())?;
    write(
        "message",
        "long_claim",
        b"\x82\xf6\x81\x83\x61t\xf6\x5b\x7f\xff\xff\xff\xff\xff\xff\xff",
    )?;

    let whole = Body::Whole(delivery);
    let fragment = Body::Fragment(Fragment {
        message_id: [1; 16],
        index: 1,
        count: 300.try_into()?,
        chunk: vec![7; 24],
    });
    write("body", "whole", &whole.encode())?;
    write("body", "fragment", &fragment.encode())?;
    for (name, body) in [("whole", &whole), ("fragment", &fragment)] {
        let sealing = Sealing {
            recipient: me.public().kem(),
            psk: &key(9),
            size: CellSize::try_from(1024)?,
        };
        write(
            "cell",
            name,
            envelope::seal(&sealing, TAG, body, rng)?.as_bytes(),
        )?;
        let bytes = body.encode();
        let plaintext = [&u32::try_from(bytes.len())?.to_be_bytes()[..], &bytes].concat();
        write("cell_plaintext", name, &plaintext)?;
    }
    write(
        "cell",
        "cover",
        cover_cell(CellSize::try_from(1024)?, rng).as_bytes(),
    )?;
    write("cell_plaintext", "long_claim", &[0xff; 8])?;
    write("control", "confirm", &Control::Confirm([4; 32]).encode())?;
    write(
        "control",
        "received",
        &Control::Received(vec![id.clone(), id]).encode(),
    )?;
    write(
        "control",
        "long_claim",
        b"\x82\x68received\x9b\x7f\xff\xff\xff\xff\xff\xff\xff",
    )?;
    write(
        "body",
        "long_claim",
        b"\x82\x00\x5b\x7f\xff\xff\xff\xff\xff\xff\xff",
    )?;

    let session = SessionId::new(b"session").ok_or("session")?;
    let (pseudonym, proof) = pseudonym::prove(
        sender.witness(),
        &seed,
        &session,
        b"",
        &Content::default(),
        &[1; 32],
    )
    .ok_or("proof")?;
    write("proof", "proof", proof.as_bytes())?;
    let evidence = Evidence {
        sender: *sender.public(),
        recipient: me.public().fingerprint(),
        id: DeliveryId::decode(b"0123456789abcdefvisit-7421").ok_or("session id")?,
        sent_at,
        device: 0,
        seq: 3,
        content_type: content_type.clone(),
        blinding: seed.blinding(&session),
        pseudonym,
        proof,
        checked: Some((CheckedBy::Digits, sent_at)),
    };
    write("evidence", "of_no_payload", &evidence.encode())?;
    write(
        "evidence",
        "long_claim",
        b"\x8c\x01\x5b\x7f\xff\xff\xff\xff\xff\xff\xff",
    )?;
    write("identity", "public", &sender.public().encode())?;
    let proven = ProvenMessage {
        proof: *proof.as_bytes(),
        message: payload.to_vec().into(),
    };
    write("secure_encryption", "plaintext", &proven.encode())?;
    write(
        "secure_encryption",
        "sealed",
        &proven.encrypt(me.public(), rng).ok_or("sealing")?,
    )
}

/// Invitations, offers and responses.
fn enrolment(rng: &mut Counting) -> Result<()> {
    let (inviter, acceptor) = (Identity::generate(rng), Identity::generate(rng));
    let name = Name::new("Dra. Íñigo")?;
    let (offer, _) = Offer::create(inviter.public(), &name, rng);
    let bytes = offer.encode();
    write("offer", "offer", &bytes)?;
    let hash = tessera::crypto::kdf::sha256(&bytes);
    let secret = InvitationSecret::new(key(2));
    let first_month = Month(2026 * 12 + 10);
    let (response, _) = respond(&secret, &hash, &bytes, (&acceptor, &name), first_month, rng)?;
    write("response", "response", &response.encode())?;
    let public = acceptor.public().encode();
    let inner = cbor::array(4, |w| {
        w.bytes(&public)
            .text(name.as_str())
            .uint(first_month.0.into())
            .bytes(&[3; 64]);
    });
    write("response_plaintext", "inner", &inner)?;

    let mut invitation = Invitation {
        secret,
        relay: "https://relay.example".into(),
        expires_at: UnixTime(1_795_300_000),
        binding: Binding::Offer(hash),
    };
    write("invitation", "qr", invitation.to_uri().as_bytes())?;
    invitation.binding = Binding::EnclosedOffer(bytes);
    write("invitation", "with_offer", invitation.to_uri().as_bytes())?;
    invitation.binding = Binding::Inviter(*inviter.public());
    let wrapped = invitation.to_uri().into_bytes();
    let wrapped: Vec<_> = wrapped.chunks(76).map(String::from_utf8_lossy).collect();
    let quoted = format!(
        "> Please open <https://portal.example/enrol#{}>.\r\n> Dr Rivera\r\n",
        wrapped.join("\r\n> ")
    );
    write("pasted_invitation", "quoted", quoted.as_bytes())?;
    write(
        "invitation",
        "link",
        format!("https://portal.example/enrol#{}", invitation.to_uri()).as_bytes(),
    )
}

/// Posts and responses of a relay.
fn relay(rng: &mut Counting) -> Result<()> {
    let size = CellSize::try_from(1024)?;
    let cells: Vec<Cell> = (0..2).map(|_| cover_cell(size, rng)).collect();
    let origin = OriginKey::from_seed(&key(1));
    let place = BatchPlace {
        bucket: BucketId::try_from(3)?,
        epoch: 12,
        closed_at: UnixTime(1_795_300_000),
        prev: BatchHeader::NO_PREV,
    };
    let (header, batch) = Batch::build(&place, &cells, size, &origin)?;
    write("batch", "two_cells", &batch)?;
    write("batch_tags", "two_cells", &batch_tags(&batch)?)?;
    let (_, empty) = Batch::build(&place, [], size, &origin)?;
    write("batch", "empty", &empty)?;
    write("batch_tags", "empty", &batch_tags(&empty)?)?;
    let mut long = empty;
    // The four bytes of the count: claims 4 billion cells that do not exist.
    if let Some(count) = long.get_mut(120..124) {
        count.fill(0xff);
    }
    write("batch", "long_claim", &long)?;

    let next = BatchPlace {
        epoch: 13,
        closed_at: UnixTime(1_795_300_600),
        prev: header.hash(),
        ..place
    };
    let (_, next) = Batch::build(&next, &cells, size, &origin)?;
    let batches = [batch, next].concat();
    let epochs = [12_u64, 13].map(u64::to_be_bytes).concat();
    write(
        "segment",
        "two_batches",
        &[epochs, batches.clone()].concat(),
    )?;
    let epochs = [12_u64, 12].map(u64::to_be_bytes).concat();
    write("segment", "long_claim", &[epochs, long].concat())?;

    let window = SelectWindow {
        origin: origin.origin(),
        first: 12,
        last: 13,
        count: 4,
    };
    write(
        "select",
        "two_bitmaps",
        &window.encode(2, &[0b1010, 0b0110], CellSize::DEFAULT)?,
    )?;

    let entries: Vec<PostEntry> = cells
        .into_iter()
        .map(|cell| PostEntry {
            bucket: place.bucket,
            cell,
        })
        .collect();
    write("post", "two_cells", &post::encode(&entries)?)?;

    let info = RelayInfo {
        protocol: PROTOCOL,
        origin: origin.origin(),
        buckets: 16.try_into()?,
        cell_size: size,
        epoch_seconds: 600.try_into()?,
        lobby: LobbyInfo {
            epoch_seconds: 600.try_into()?,
            cells: 600.try_into()?,
            retention_seconds: 600.try_into()?,
        },
        retention_seconds: 600.try_into()?,
        slot: SlotInfo {
            per_bucket: CellsPerBucket::DEFAULT,
        },
        max_attachment_bytes: 262_144.try_into()?,
        cover: CoverInfo {
            mechanism: "fixed".into(),
            cells: Some(8),
            epsilon: None,
            delta: None,
            sensitivity: None,
            batches: None,
            mean: None,
            note: Some("bounds nothing".into()),
        },
        federation: Vec::new(),
        time: 1_795_300_000,
    };
    write("relay_json", "info", &serde_json::to_vec(&info)?)?;
    let index = BucketIndex {
        oldest: Some(12),
        batches: vec![(&header).into()],
        segments: Vec::new(),
    };
    write("relay_json", "index", &serde_json::to_vec(&index)?)?;
    let segment = SegmentRef {
        origin: origin.origin(),
        number: segment::grid_cell(place.closed_at),
        first: 12,
        last: 13,
        cells: 2 * u64::from(header.count),
        bytes: u64::try_from(batches.len())?,
        digest: BatchDigest(tessera::crypto::kdf::sha256(&batches)),
    };
    assert_eq!(segment.split(place.bucket, &batches)?.len(), 2);
    let away = BucketIndex {
        segments: vec![segment],
        ..index
    };
    write("relay_json", "segments", &serde_json::to_vec(&away)?)?;
    write("relay_json", "deep", "[".repeat(1000).as_bytes())
}

/// Stored and printed formats: the vault, the audit log, shares, MedCrypt texts.
fn records(rng: &mut Counting) -> Result<()> {
    let vault_key = VaultKey::new(key(6));
    let kdf = Kdf {
        salt: [1; 16],
        iterations: Kdf::ITERATIONS,
    };
    let passkey = Passkey {
        credential: vec![7; 20],
        salt: [8; 32],
    };
    let mut header = VaultHeader::default();
    header.add(UnlockMethod::Passphrase(kdf), key(5), &vault_key, rng)?;
    header.add(UnlockMethod::Passkey(passkey), key(4), &vault_key, rng)?;
    header.add(UnlockMethod::Recovery, key(3), &vault_key, rng)?;
    // The seed `header` is of version 1, which nothing writes any more.
    write("vault_header", "third", &header.encode())?;
    let relay = stored::RelayRecord {
        url: "https://relay.example".into(),
        ..Default::default()
    };
    write("vault_record", "relay", &stored::encode(&relay))?;
    let fragment = stored::FragmentRecord {
        count: 3,
        chunk: vec![7; 40],
        day: 20_778,
        device: 0,
    };
    write("vault_record", "fragment", &stored::encode(&fragment))?;
    write(
        "vault_record",
        "sealed",
        &vault_key.seal("s/self", b"state", rng),
    )?;
    write(
        "vault_record",
        "long_claim",
        b"\x84\x1a\xff\xff\xff\xff\x5b\x7f\xff\xff\xff\xff\xff\xff\xff",
    )?;

    let owner = Identity::generate(rng);
    let log_keys = LogKeys::derive(&key(4));
    let mut head = Head::GENESIS;
    let mut entries = Vec::new();
    for event in ["sent", "received"] {
        let record = format!(
            r#"{{"event":"{event}","code":"{}"}}"#,
            ErrorCode::Stale.as_str()
        );
        let (entry, next) = head.append(&log_keys, &record);
        entries.push((entry, *next.hash()));
        head = next;
    }
    let checkpoint = Checkpoint::sign(owner.witness(), &head, UnixTime(1_795_300_000), &[1; 32]);
    let export = Export::new(
        *owner.public().statement(),
        entries,
        checkpoint.into_iter().collect(),
    );
    write("audit_export", "two_entries", export.to_ndjson().as_bytes())?;

    for (i, share) in (1..).zip(emergency::split(&key(3), 2, 3, rng)?) {
        write("share", &format!("share_{i}"), share.to_text().as_bytes())?;
    }
    let message = MonthKey::from_derived(key(3)).seal(
        "alias-7",
        "Dx: Artritis Reumatoide (M05.79) 🩺",
        rng,
    )?;
    write("medcrypt", "message", message.to_string().as_bytes())
}

/// A backup, and announcements of devices.
fn devices(rng: &mut Counting) -> Result<()> {
    let vault_key = VaultKey::new(key(6));
    let records = ["b/1", "m/1", "s/self"].map(|k| (k, vault_key.seal(k, b"record", rng)));
    let entries = records.iter().map(|(k, record)| (*k, record.as_slice()));
    let made_at = UnixTime(1_795_300_000);
    let bytes = bundle::write(b"header", entries, made_at, &vault_key, rng);
    write("vault_bundle", "three_records", &bytes)?;
    write("vault_bundle", "cut", &bytes[..bytes.len() / 2])?;
    let code = RecoveryCode::random(rng).to_text();
    write("recovery_code", "printed", code.as_bytes())?;
    let typed = code.to_lowercase().replace('-', " ");
    write("recovery_code", "typed", typed.as_bytes())?;
    let began = AnnouncementKind::EmergencyBegan {
        minutes: 30,
        reason: "unconscious at admission".into(),
    };
    for (name, what) in [("in_use", AnnouncementKind::InUse(1)), ("emergency", began)] {
        let announcement = Announcement {
            id: [7; 16],
            sent_at: made_at,
            what,
        };
        write("announcement", name, &announcement.encode())?;
    }
    Ok(())
}

fn write(target: &str, name: &str, bytes: &[u8]) -> Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("seeds")
        .join(target);
    fs::create_dir_all(&folder)?;
    Ok(fs::write(folder.join(name), bytes)?)
}
