//! One function per decoder. Each accepts arbitrary bytes, must neither panic nor
//! allocate according to a length field, returns whether it decoded them, and
//! checks that decoded values have exactly one encoding.
//!
//! Longer than other files: it is one list of independent targets.

use tessera::{
    audit::Export,
    base::{Content, Secret, encoding::parts},
    channel::Tag,
    crypto::{
        cbor::{self, Deterministic},
        hpke::{self, Psk},
        kdf,
        ristretto::Statement,
        schnorr::Proof,
        xwing::{XWingSecret, XWingSender},
    },
    emergency::{self, Share},
    enrolment::{Invitation, InvitationSecret, Offer, Response, open_response},
    envelope::{self, Announcement, Body, Control, Delivery, Evidence, message::Layout},
    identity::{Identity, PublicIdentity},
    medcrypt::{Message, MonthKey},
    secure_encryption::ProvenMessage,
    vault::{RecoveryCode, StoredHeader, VERSION, VaultKey, bundle::Bundle, stored},
    wire::{
        Batch, BatchDigest, BatchHeader, BatchTags, BucketCount, BucketIndex, Cell, CellSize,
        InfoAnswer, SegmentRef, Select, post,
    },
};

/// The name and the function of a target.
pub type Target = (&'static str, fn(&[u8]) -> bool);

/// Every target; `fuzz_targets/` and `seeds/` have one entry for each.
pub const TARGETS: &[Target] = &[
    ("announcement", announcement),
    ("audit_export", audit_export),
    ("batch", batch),
    ("batch_tags", batch_tags),
    ("body", body),
    ("cell", cell),
    ("cell_plaintext", cell_plaintext),
    ("control", control),
    ("delivery", delivery),
    ("evidence", evidence),
    ("identity", identity),
    ("invitation", invitation),
    ("medcrypt", medcrypt),
    ("message", message),
    ("offer", offer),
    ("pasted_invitation", pasted_invitation),
    ("post", post_body),
    ("proof", proof),
    ("recovery_code", recovery_code),
    ("relay_json", relay_json),
    ("response", response),
    ("response_plaintext", response_plaintext),
    ("secure_encryption", secure_encryption),
    ("segment", segment),
    ("select", select),
    ("share", share),
    ("vault_bundle", vault_bundle),
    ("vault_header", vault_header),
    ("vault_record", vault_record),
];

/// The recipient of everything sealed here.
pub fn me() -> Option<Identity> {
    Identity::from_secret(key(7))
}

/// A key of 32 equal bytes.
pub fn key(byte: u8) -> Secret<32> {
    Secret::take(&mut [byte; 32])
}

/// The tag of the sealed cells.
pub const TAG: Tag = [5; 16];

/// An announcement of a device to the person's other devices.
pub fn announcement(data: &[u8]) -> bool {
    one_encoding::<Announcement>(data)
}

/// An export of the audit log.
pub fn audit_export(data: &[u8]) -> bool {
    let Some(export) = text(data).and_then(|text| Export::parse(text).ok()) else {
        return false;
    };
    assert_eq!(export.to_ndjson().as_bytes(), data);
    if let Ok(replayed) = export.replay() {
        let _ = replayed.attest(&[]);
    }
    true
}

/// A batch and its header.
pub fn batch(data: &[u8]) -> bool {
    if let Some(Ok(header)) = data.first_chunk().map(BatchHeader::decode) {
        assert_eq!(header.encode().as_slice(), &data[..header.encode().len()]);
        let _ = header.verify();
    }
    Batch::parse(data).is_ok_and(|batch| {
        batch
            .cells()
            .all(|cell| cell.len() == batch.header().cell_size.bytes())
    })
}

/// The tags of a batch.
pub fn batch_tags(data: &[u8]) -> bool {
    BatchTags::parse(data).is_ok_and(|batch| batch.tags().len() == batch.header().count as usize)
}

/// A select request.
pub fn select(data: &[u8]) -> bool {
    let Ok(select) = Select::decode(data, CellSize::DEFAULT) else {
        return false;
    };
    let (queries, bitmaps) = select.bitmaps();
    let again = select.window().encode(queries, bitmaps, CellSize::DEFAULT);
    assert_eq!(again.as_deref(), Ok(data));
    true
}

/// The body inside a cell.
pub fn body(data: &[u8]) -> bool {
    one_encoding::<Body>(data)
}

/// A cell from the network, opened.
pub fn cell(data: &[u8]) -> bool {
    let size = u32::try_from(data.len())
        .ok()
        .and_then(|len| CellSize::try_from(len).ok());
    let Some(cell) = size.and_then(|size| Cell::parse(data, size).ok()) else {
        return false;
    };
    assert_eq!(cell.as_bytes(), data);
    me().is_some_and(|me| envelope::open(me.kem(), &key(9), &cell).is_ok())
}

/// A cell whose plaintext a contact chose.
pub fn cell_plaintext(data: &[u8]) -> bool {
    let (size, tag) = (CellSize::DEFAULT, TAG);
    let mut plaintext = data.to_vec();
    plaintext.resize(size.capacity(), 0);
    let mut rng = Counting(0);
    let opened = me().and_then(|me| {
        let psk = key(9);
        let psk = Psk {
            key: &psk,
            id: "tessera/v1/cell/psk",
        };
        let (enc, sealed) = hpke::seal(
            me.public().kem(),
            Some(psk),
            "tessera/v1/cell",
            &tag,
            &plaintext,
            &mut rng,
        )?;
        let cell = Cell::from_parts(&tag, &enc, &sealed, size).ok()?;
        envelope::open(me.kem(), &key(9), &cell).ok()
    });
    opened.is_some_and(|body| {
        plaintext
            .get(4..)
            .is_some_and(|rest| rest.starts_with(&body.encode()))
    })
}

/// The payload of a control delivery.
pub fn control(data: &[u8]) -> bool {
    one_encoding::<Control>(data)
}

/// A delivery.
pub fn delivery(data: &[u8]) -> bool {
    // The result must not depend on the chunks.
    let whole = Delivery::decode(vec![data.to_vec()]);
    let cut = Delivery::decode(data.chunks(100).map(<[u8]>::to_vec).collect());
    assert!(whole == cut);
    whole.is_some_and(|delivery| {
        assert_eq!(delivery.encode(), data);
        true
    })
}

/// A public identity, and a statement.
pub fn identity(data: &[u8]) -> bool {
    if let Some(Some(statement)) = data.first_chunk().map(Statement::decode) {
        assert_eq!(statement.as_bytes().as_slice(), &data[..32]);
    }
    PublicIdentity::decode(data).is_some_and(|public| {
        assert_eq!(public.encode().as_slice(), data);
        true
    })
}

/// The text of an invitation.
pub fn invitation(data: &[u8]) -> bool {
    let Some(invitation) = text(data).and_then(|text| Invitation::parse(text).ok()) else {
        return false;
    };
    let again = Invitation::parse(&invitation.to_uri());
    assert!(again.is_ok_and(|again| again.secret == invitation.secret
        && again.relay == invitation.relay
        && again.expires_at == invitation.expires_at
        && again.binding == invitation.binding));
    true
}

/// A MedCrypt message.
pub fn medcrypt(data: &[u8]) -> bool {
    let Some(message) = text(data).and_then(|text| Message::parse(text).ok()) else {
        return false;
    };
    assert_eq!(message.to_string().as_bytes(), data);
    let _ = MonthKey::from_derived(key(3)).open(&message);
    true
}

/// An offer.
pub fn offer(data: &[u8]) -> bool {
    one_encoding::<Offer>(data)
}

/// The body of a post.
pub fn post_body(data: &[u8]) -> bool {
    let Ok(buckets) = BucketCount::try_from(16) else {
        return false;
    };
    let Ok(size) = CellSize::try_from(1024) else {
        return false;
    };
    post::decode(data, size, buckets).is_ok_and(|entries| {
        assert_eq!(post::encode(&entries).as_deref(), Ok(data));
        true
    })
}

/// A proof.
pub fn proof(data: &[u8]) -> bool {
    Proof::decode(data).is_some_and(|proof| {
        assert_eq!(proof.as_bytes().as_slice(), data);
        true
    })
}

/// A typed recovery code.
pub fn recovery_code(data: &[u8]) -> bool {
    let Some(code) = text(data).and_then(RecoveryCode::parse) else {
        return false;
    };
    let again = RecoveryCode::parse(&code.to_text()).map(|again| again.secret());
    assert_eq!(again, Some(code.secret()));
    true
}

/// The relay's JSON responses.
pub fn relay_json(data: &[u8]) -> bool {
    InfoAnswer::parse(data).is_ok() | BucketIndex::parse(data).is_ok()
}

/// A response to an offer, opened by the inviter.
pub fn response(data: &[u8]) -> bool {
    let taken = one_encoding::<Response>(data);
    if let (true, Some(me)) = (taken, me()) {
        let secret = InvitationSecret::new(key(2));
        let _ = open_response(
            &secret,
            b"offer",
            &XWingSecret::from_seed(key(4)),
            me.public(),
            data,
        );
    }
    taken
}

/// A response whose plaintext the acceptor chose. It counts as decoded if it opens,
/// because random input cannot have a valid proof of possession.
pub fn response_plaintext(data: &[u8]) -> bool {
    let offer = b"offer";
    let secret = InvitationSecret::new(key(2));
    let xwing = XWingSecret::from_seed(key(4));
    let mut rng = Counting(0);
    let mut respond = || {
        let info = parts("tessera/v1/enrol", &[&kdf::sha256(offer)]);
        let psk = secret.enrol_psk();
        let psk = Psk {
            key: &psk,
            id: "tessera/v1/enrol/response",
        };
        let (enc, context) = XWingSender::new(&xwing.public(), psk, &info, &mut rng)?;
        let ciphertext = context.seal(data)?;
        Some(cbor::array(2, |w| {
            w.bytes(&enc).bytes(&ciphertext);
        }))
    };
    let (Some(me), Some(response)) = (me(), respond()) else {
        return false;
    };
    assert!(open_response(&secret, offer, &xwing, me.public(), &response).is_err());
    Response::decode(&response).is_some()
}

/// A ciphertext of the SDK level, and its plaintext.
pub fn secure_encryption(data: &[u8]) -> bool {
    one_encoding::<ProvenMessage>(data)
        | me().is_some_and(|me| ProvenMessage::decrypt(&me, data).is_some())
}

/// A segment, prefixed with the first and last epoch of its index entry.
pub fn segment(data: &[u8]) -> bool {
    let Some((epochs, bytes)) = data.split_first_chunk::<16>() else {
        return false;
    };
    let Some(Ok(header)) = bytes.first_chunk().map(BatchHeader::decode) else {
        return false;
    };
    let listed = u128::from_be_bytes(*epochs);
    let listed = SegmentRef {
        origin: header.origin,
        number: 0,
        first: u64::try_from(listed >> 64).unwrap_or(0),
        last: u64::try_from(listed & u128::from(u64::MAX)).unwrap_or(0),
        cells: 0,
        bytes: bytes.len() as u64,
        digest: BatchDigest(kdf::sha256(bytes)),
    };
    listed.split(header.bucket, bytes).is_ok_and(|batches| {
        assert_eq!(batches.concat(), bytes);
        true
    })
}

/// A printed share.
pub fn share(data: &[u8]) -> bool {
    let Some(share) = text(data).and_then(|text| Share::parse(text).ok()) else {
        return false;
    };
    assert_eq!(share.to_text().as_bytes(), data);
    let _ = emergency::combine(&[share]);
    true
}

/// A backup and its manifest.
pub fn vault_bundle(data: &[u8]) -> bool {
    let key = VaultKey::new(key(6));
    let verified = Bundle::parse(data).map(|bundle| bundle.verify(&key));
    if let Ok(Ok(verified)) = &verified {
        let _ = verified.open(VERSION, &key, &mut Counting(1));
    }
    matches!(verified, Ok(Ok(_)))
}

/// A mail text with an invitation.
pub fn pasted_invitation(data: &[u8]) -> bool {
    let Some(invitation) = text(data).and_then(|text| Invitation::find(text).ok()) else {
        return false;
    };
    assert!(Invitation::parse(&invitation.to_uri()).is_ok());
    true
}

/// The payload of text with attachments.
pub fn message(data: &[u8]) -> bool {
    let payload = Content::from(data);
    let Some(layout) = Layout::decode(&payload) else {
        return false;
    };
    let ranges = layout.attachments.into_iter().map(|file| file.body);
    for range in ranges.chain(layout.text) {
        assert!(data.get(range).is_some());
    }
    true
}

/// Evidence of who wrote a message.
pub fn evidence(data: &[u8]) -> bool {
    Evidence::decode(data).is_some_and(|read| {
        assert_eq!(read.encode(), data);
        true
    })
}

/// The header of a vault of any version.
pub fn vault_header(data: &[u8]) -> bool {
    StoredHeader::parse(data).is_ok_and(|header| {
        assert_eq!(header.encode(), data);
        true
    })
}

/// The plaintext of every record of a vault, and a sealed one.
pub fn vault_record(data: &[u8]) -> bool {
    macro_rules! any {
        ($($record:ident)*) => {
            [$(stored::decode::<stored::$record>(data).is_ok()),*].contains(&true)
        };
    }
    let _ = VaultKey::new(key(6)).open("s/self", data);
    any! {
        SelfRecord RelayRecord CursorRecord GapRecord ContactRecord AwaitingRecord ChannelRecord WindowRecord SequenceRecord
        InvitationRecord RecoveryRecord ContactDeviceRecord EmergencyRecord OfferSecretsRecord CellRecord ControlRecord QueuedRecord OpenedRecord FragmentRecord MessageRecord
        AttachmentRecord FilingRecord MessageRecordV2 SlotRecord
    }
}

fn one_encoding<T: Deterministic>(data: &[u8]) -> bool {
    T::decode(data).is_some_and(|value| {
        assert_eq!(value.encode(), data);
        true
    })
}

fn text(data: &[u8]) -> Option<&str> {
    core::str::from_utf8(data).ok()
}

/// A deterministic generator, so that the same input always behaves the same.
pub struct Counting(pub u64);

impl Counting {
    fn next(&mut self) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

impl rand_core::TryRng for Counting {
    type Error = core::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        Ok(u32::try_from(self.next() >> 32).unwrap_or(0))
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        Ok(self.next())
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Self::Error> {
        for chunk in out.chunks_mut(8) {
            let word = self.next().to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
        Ok(())
    }
}

impl rand_core::TryCryptoRng for Counting {}
