//! Vaults and mailboxes of any size, for `tests/bench`: what a portal would
//! have stored after a long time, and what a relay would have published
//! meanwhile. Compiled with the feature `bench` only.

use core::mem::take;

use js_sys::{Array, Uint8Array};
use wasm_bindgen::prelude::wasm_bindgen;

use super::{
    bytes::{array, fixed, invalid, rng, secret},
    error::JsResult,
};
use crate::{
    base::{UnixTime, time::DAY_SECONDS},
    client::{Change, ContactId, MessagePage, MessageRef, OpenedPage, StoreKey},
    crypto::cbor::Deterministic as _,
    identity::Identity,
    vault::{
        HEADER_KEY, Kdf, Manifest, UnlockMethod, VaultHeader, VaultKey,
        stored::{
            self, ChannelRecord, ContactRecord, CursorRecord, InfoRecord, MessageRecord,
            MessageState, MessagesRecord, OPENED_PER_PAGE, OpenedCellsRecord, OpenedRecord, Record,
            RelayRecord, SelfRecord, SequenceRecord,
        },
    },
    wire::{
        BatchHeader, BucketCount, BucketId, CellSize, HeaderHash, OriginKey, batch::BatchPlace,
        compute_bucket,
    },
};
use rand_core::Rng as _;

const EPOCH_SECONDS: u32 = 1_800;
const TEXT: &[u8] = b"Continue metformin 500mg BID; recheck HbA1c in 3 months.";

/// A relay with one numbered bucket, and the vault of a reader.
#[wasm_bindgen]
pub struct BenchMailbox {
    key: OriginKey,
    head: HeaderHash,
    closed_at: u64,
}

#[wasm_bindgen]
impl BenchMailbox {
    /// A mailbox whose last batch closed at this time (Unix seconds).
    #[wasm_bindgen(constructor)]
    #[must_use]
    pub fn new(closed_at: f64) -> Self {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a time of the benchmark's own"
        )]
        let closed_at = closed_at as u64 / u64::from(EPOCH_SECONDS) * u64::from(EPOCH_SECONDS);
        Self {
            key: OriginKey::generate(&mut rng()),
            head: HeaderHash([7; 32]),
            closed_at,
        }
    }

    /// The relay's key, in hexadecimal.
    #[wasm_bindgen(getter)]
    #[must_use]
    pub fn origin(&self) -> String {
        self.key.origin().to_string()
    }

    /// The number of the last epoch.
    #[wasm_bindgen(getter)]
    #[must_use]
    pub fn epoch(&self) -> f64 {
        f64::from(u32::try_from(self.closed_at / u64::from(EPOCH_SECONDS)).unwrap_or_default())
    }

    /// The header of the next epoch's batch of these cells: 192 bytes.
    ///
    /// # Errors
    ///
    /// `BATCH_INVALID` unless `cells` are whole cells of 2048 bytes.
    pub fn next(&mut self, cells: &[u8]) -> JsResult<Uint8Array> {
        self.closed_at += u64::from(EPOCH_SECONDS);
        let place = BatchPlace {
            bucket: self.bucket()?,
            epoch: self.closed_at / u64::from(EPOCH_SECONDS),
            closed_at: UnixTime(self.closed_at),
            prev: self.head,
        };
        let header = BatchHeader::sign(&place, cells, CellSize::DEFAULT, &self.key)
            .map_err(|error| error.code())?;
        self.head = header.hash();
        Ok(array(&header.encode()))
    }

    /// The records of a vault, sealed, as `[key, bytes]` pairs: so many active
    /// contacts, and among them so many messages, half of them received.
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT` unless the key-encryption key is 32 bytes and the
    /// salt 16.
    pub fn vault(
        &self,
        kek: &Uint8Array,
        salt: &Uint8Array,
        contacts: u32,
        messages: u32,
    ) -> JsResult<Array> {
        let method = UnlockMethod::Passphrase(Kdf {
            salt: fixed(salt, "salt")?,
            iterations: Kdf::ITERATIONS,
        });
        let key = VaultKey::random(&mut rng());
        let mut header = VaultHeader::default();
        header.add(method, secret(kek, "kek")?, &key, &mut rng())?;
        let mut vault = Records::default();
        vault.put(
            "s/self",
            &SelfRecord {
                secret: random(),
                name: "Dr. Rivera".into(),
                device: 0,
                created_at: self.closed_at,
            },
        );
        vault.put("s/relay", &self.relay());
        for contact in 0..contacts {
            let share = messages / contacts + u32::from(contact < messages % contacts);
            vault.contact(contact, share, UnixTime(self.closed_at));
        }
        let records = Array::new();
        records.push(&Array::of2(&HEADER_KEY.into(), &array(&header.encode())));
        let changes = vault.finish(UnixTime(self.closed_at));
        let sealed = Manifest::new(&key).seal(changes, &key, &mut rng());
        for (store_key, bytes) in sealed {
            let bytes = array(&bytes.unwrap_or_default());
            records.push(&Array::of2(&store_key.into(), &bytes));
        }
        Ok(records)
    }

    fn bucket(&self) -> JsResult<BucketId> {
        let one = BucketCount::try_from(1).map_err(|_| invalid("buckets"))?;
        Ok(compute_bucket(&[0; 32], one))
    }

    fn relay(&self) -> RelayRecord {
        RelayRecord {
            url: "https://relay.example".into(),
            own: vec![CursorRecord {
                origin: self.key.origin().0,
                epoch: self.closed_at / u64::from(EPOCH_SECONDS),
                head: self.head.0,
                closed_at: self.closed_at,
                floor: 0,
                gaps: Vec::new(),
            }],
            lobby: Vec::new(),
            started: (true, false),
            info: Some(InfoRecord {
                origin: self.key.origin().0,
                buckets: 1,
                cell_size: CellSize::DEFAULT.get(),
                epoch_seconds: EPOCH_SECONDS,
                lobby_epoch_seconds: 15,
                retention_seconds: 60 * 86_400,
                per_bucket: 1,
                max_attachment_bytes: 262_144,
            }),
        }
    }
}

/// The records of a vault, not sealed yet.
#[derive(Default)]
struct Records {
    changes: Vec<Change>,
    opened: Vec<OpenedRecord>,
}

impl Records {
    fn put(&mut self, store_key: &str, record: &impl Record) {
        self.changes
            .push((store_key.to_owned(), Some(stored::encode(record))));
    }

    fn contact(&mut self, number: u32, messages: u32, now: UnixTime) {
        let mut id = [0; 8];
        id[4..].copy_from_slice(&number.to_be_bytes());
        let id = ContactId(id);
        let received = u64::from(messages / 2);
        let peer = Identity::generate(&mut rng());
        self.put(
            &format!("s/c/{id}"),
            &ContactRecord {
                public: peer.public().encode().to_vec(),
                name: format!("Patient {number}"),
                state: 1,
                verified: 1,
                reason: None,
                digits: None,
                awaiting: None,
                channel: Some(ChannelRecord {
                    direction: 0,
                    month: now.minus(30 * DAY_SECONDS).month().0,
                    sending: random(),
                    receiving: random(),
                    counters: Vec::new(),
                    sealed_before: 0,
                    next_seq: u64::from(messages),
                    windows: Vec::new(),
                    sequences: vec![SequenceRecord {
                        device: 0,
                        next: received,
                        missing: Vec::new(),
                    }],
                }),
                next_message: messages,
                in_person: false,
                created_at: now.0,
            },
        );
        let records: Vec<_> = (0..messages)
            .map(|ordinal| (ordinal, self.message(id, ordinal, now)))
            .collect();
        for page in records.chunk_by(|(a, _), (b, _)| page(id, *a) == page(id, *b)) {
            let messages = page.to_vec();
            if let Some((first, _)) = page.first() {
                let key = StoreKey::Messages(self::page(id, *first)).to_string();
                self.put(&key, &MessagesRecord { messages });
            }
        }
        let received = records.iter().filter(|(_, message)| !message.outgoing);
        for (_, message) in received {
            self.opened.push(OpenedRecord {
                digest: random(),
                contact: Some(id.0),
                session: Some(message.session.clone()),
                seq: message.seq,
            });
        }
    }

    /// The record of a message, whose body is stored.
    fn message(&mut self, contact: ContactId, ordinal: u32, now: UnixTime) -> MessageRecord {
        let outgoing = ordinal.is_multiple_of(2);
        let body = StoreKey::Body(MessageRef { contact, ordinal }).to_string();
        self.changes.push((body, Some(TEXT.to_vec().into())));
        MessageRecord {
            outgoing,
            session: random::<16>().to_vec(),
            sent_at: now.0,
            received_at: (!outgoing).then_some(now.0),
            seq: u64::from(ordinal / 2),
            content_type: "text/plain".into(),
            size: u32::try_from(TEXT.len()).unwrap_or_default(),
            text: Some((0, u32::try_from(TEXT.len()).unwrap_or_default())),
            attachments: Vec::new(),
            read: true,
            filing: None,
            state: match outgoing {
                true => MessageState::Delivered,
                false => MessageState::Verified,
            },
            cells_left: 0,
        }
    }

    /// All records, with the cells that were opened.
    fn finish(mut self, now: UnixTime) -> Vec<Change> {
        for (page, cells) in (0..).zip(take(&mut self.opened).chunks(OPENED_PER_PAGE)) {
            let page = OpenedPage {
                day: now.day(),
                page,
            };
            let cells = cells.to_vec();
            self.put(
                &StoreKey::Opened(page).to_string(),
                &OpenedCellsRecord { cells },
            );
        }
        self.changes
    }
}

fn page(contact: ContactId, ordinal: u32) -> MessagePage {
    MessageRef { contact, ordinal }.page()
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rng().fill_bytes(&mut bytes);
    bytes
}
