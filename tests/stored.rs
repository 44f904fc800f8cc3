//! Snapshots of the vault's stored records, byte for byte: every record that was
//! ever written must stay readable. `tests/data/stored.txt` has one line per
//! record; once a version is released, its lines do not change.
//!
//! Longer than other files: it has one example of every record.
#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

use std::{collections::BTreeMap, fs, path::Path};

use tessera::{
    base::Secret,
    envelope::CheckedBy,
    vault::{Opener, StoredHeader, VaultError, VaultHeader, stored::*},
};

fn snapshots() -> BTreeMap<String, Vec<u8>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/stored.txt");
    let text = fs::read_to_string(path).unwrap();
    let lines = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let (name, bytes) = line.split_once(' ').unwrap();
            (name.to_owned(), hex::decode(bytes).unwrap())
        });
    lines.collect()
}

/// Compares records with their snapshots and collects differences.
struct Held {
    snapshots: BTreeMap<String, Vec<u8>>,
    differing: Vec<String>,
}

impl Held {
    fn hold<T: Record>(&mut self, name: &str, record: &T) {
        let now = encode(record);
        let (first, rest) = now.split_first().unwrap();
        assert!((0x80..0x97).contains(first), "{name}: a short array");
        assert_eq!(
            decode::<T>(&now[..now.len() - 1]).err(),
            Some(VaultError::Damaged),
            "{name}: cut"
        );
        let longer = [&[first + 1], rest, &[0x18, 0x2a]].concat();
        let damaged = [longer, [&now[..], &[0]].concat()];
        for bytes in damaged {
            assert_eq!(
                decode::<T>(&bytes).err(),
                Some(VaultError::Damaged),
                "{name}: more than there should be"
            );
        }
        match self.snapshots.remove(name) {
            Some(bytes) => {
                let again = decode::<T>(&bytes).map(|read| encode(&read));
                assert_eq!(again.as_deref(), Ok(&bytes), "{name}: read and written");
                if bytes != *now {
                    self.differing
                        .push(format!("{name} {}", hex::encode(&*now)));
                }
            }
            None => self
                .differing
                .push(format!("{name} {}", hex::encode(&*now))),
        }
    }
}

fn contact() -> ContactRecord {
    ContactRecord {
        public: vec![1; 64],
        name: "Dra. Íñigo".into(),
        state: 2,
        verified: 1,
        reason: Some("INVITATION_USED".into()),
        digits: Some("012345".into()),
        awaiting: Some(AwaitingRecord {
            commitment: [2; 32],
            sas_export: [3; 32],
            offer_hash: [4; 32],
            response_hash: [5; 32],
        }),
        channel: Some(ChannelRecord {
            direction: 1,
            month: 24_322,
            sending: [6; 32],
            receiving: [7; 32],
            counters: vec![(20_778, 3), (20_779, 70_000)],
            sealed_before: 20_777,
            next_seq: 9,
            windows: vec![WindowRecord {
                day: 20_778,
                ends: vec![(0, 35), (1, 40)],
            }],
            sequences: vec![SequenceRecord {
                device: 0,
                next: 12,
                missing: vec![(3, 5), (7, 8)],
            }],
        }),
        next_message: 4,
        in_person: true,
        created_at: 1_795_300_000,
    }
}

fn invitation() -> InvitationRecord {
    InvitationRecord {
        secret: [1; 32],
        expires_at: 1_795_300_900,
        is_qr: true,
        offer: vec![2; 40],
        offer_secrets: Some(OfferSecretsRecord {
            xwing: [3; 32],
            sas_nonce: [4; 32],
        }),
        offer_hash: Some([5; 32]),
        contact: Some([6; 8]),
        expected: Some([7; 32]),
        response_cells: vec![CellRecord { bytes: vec![8; 20] }],
        windows: (32, 34),
        answered: true,
    }
}

fn relay() -> RelayRecord {
    let gap = GapRecord {
        from: 5,
        to: 9,
        before: [3; 32],
        after: [4; 32],
        since: 1_795_300_000,
    };
    let cursor = CursorRecord {
        origin: [1; 32],
        epoch: 12,
        head: [2; 32],
        closed_at: 1_795_300_000,
        floor: 3,
        gaps: vec![gap],
    };
    RelayRecord {
        url: "https://relay.example".into(),
        own: vec![cursor.clone()],
        lobby: vec![cursor],
        started: (true, false),
        info: Some(InfoRecord {
            origin: [5; 32],
            buckets: 8,
            cell_size: 2_048,
            epoch_seconds: 1_800,
            lobby_epoch_seconds: 15,
            retention_seconds: 5_184_000,
            per_bucket: 4,
            max_attachment_bytes: 262_144,
        }),
    }
}

fn message() -> MessageRecord {
    MessageRecord {
        outgoing: true,
        session: vec![1; 20],
        sent_at: 1_795_300_000,
        received_at: Some(1_795_300_060),
        seq: 8,
        content_type: "application/vnd.tessera.message+cbor".into(),
        size: 57,
        text: Some((2, 20)),
        attachments: vec![
            AttachmentRecord {
                content_type: "application/pdf".into(),
                filename: Some("Análisis.pdf".into()),
                offset: 50,
                len: 7,
            },
            AttachmentRecord {
                content_type: "image/png".into(),
                filename: None,
                offset: 57,
                len: 0,
            },
        ],
        state: MessageState::Delivered,
        cells_left: 1,
        read: true,
        filing: Some(FilingRecord {
            state: FilingState::Filed,
            id: Some("123".into()),
            version: Some("1".into()),
            code: None,
            since: 1_795_300_120,
        }),
    }
}

/// A message record from before version 3.
fn message_v2() -> MessageRecordV2 {
    MessageRecordV2 {
        outgoing: true,
        session: vec![1; 20],
        sent_at: 1_795_300_000,
        received_at: Some(1_795_300_060),
        seq: 8,
        content_type: "text/plain".into(),
        size: 57,
        state: MessageState::Delivered,
        cells_left: 1,
    }
}

#[test]
fn records_match_their_snapshots() {
    let mut held = Held {
        snapshots: snapshots(),
        differing: Vec::new(),
    };
    held.hold(
        "self",
        &SelfRecord {
            secret: [7; 32],
            name: "Ana".into(),
            device: 1,
            created_at: 1_795_300_000,
        },
    );
    held.hold("relay", &relay());
    held.hold("relay/empty", &RelayRecord::default());
    let light = |units| LightRecord {
        chains: vec![LightChainRecord {
            origin: [1; 32],
            reach: Some((996_000, 11)),
            counts: vec![(997_388, 161)],
            units,
        }],
    };
    let unit = LightUnitRecord {
        header: vec![2; 192],
        tags: vec![3; 32],
        done: vec![0, 0, 0, 1],
    };
    held.hold("light", &light(vec![unit]));
    held.hold("light/sparse", &light(Vec::new()));
    held.hold(
        "forks",
        &ForksRecord {
            proofs: vec![CellRecord {
                bytes: vec![4; 384],
            }],
        },
    );
    held.hold(
        "members",
        &MembersRecord {
            named: "https://b.example\nhttps://c.example:8443".into(),
            posts_at: Some("https://b.example".into()),
        },
    );
    held.hold(
        "members/named",
        &MembersRecord {
            named: "https://b.example".into(),
            posts_at: None,
        },
    );
    let stated = StatedShapeRecord {
        buckets: 8,
        cell_size: 4_096,
        since: 1_795_300_000,
    };
    held.hold(
        "shape",
        &ShapeRecord {
            stated: Some(stated),
            followed_at: Some(1_795_200_000),
        },
    );
    held.hold(
        "slot",
        &SlotRecord {
            seed: [3; 32],
            cells: [7_u64, u64::MAX].map(u64::to_be_bytes).concat(),
            since: 1_795_300_000,
            buckets: 8,
            per_bucket: 1,
            cell_size: 2_048,
            answered: false,
        },
    );
    held.hold("contact", &contact());
    held.hold(
        "contact/sparse",
        &ContactRecord {
            reason: None,
            digits: None,
            awaiting: None,
            channel: None,
            ..contact()
        },
    );
    held.hold("invitation", &invitation());
    held.hold(
        "invitation/sparse",
        &InvitationRecord {
            offer_secrets: None,
            offer_hash: None,
            contact: None,
            expected: None,
            response_cells: Vec::new(),
            ..invitation()
        },
    );
    let control = ControlRecord {
        session: vec![5; 16],
        seq: 6,
        payload: vec![7; 10],
    };
    let queued = QueuedRecord {
        cell: vec![1; 20],
        to: Some([2; 32]),
        day: 20_778,
        contact: Some([3; 8]),
        message: Some(4),
        control: Some(control),
    };
    held.hold("queued", &queued);
    held.hold(
        "queued/sparse",
        &QueuedRecord {
            to: None,
            contact: None,
            message: None,
            control: None,
            ..queued
        },
    );
    let settings = SettingsRecord {
        grace_days: 14,
        retention_days: 30,
    };
    held.hold("settings", &settings);
    held.hold(
        "filing",
        &FilingSettingRecord {
            since: 1_795_300_000,
        },
    );
    let receipts = ReceiptsRecord {
        due: 1_795_300_000,
        sessions: vec![SessionRecord { id: vec![4; 16] }],
    };
    held.hold("receipts", &receipts);
    let large = LargeRecord {
        head: vec![1; 30],
        message_id: [2; 16],
        sent_at: 1_795_300_000,
        device: 3,
        first_counter: 40,
        count: 500,
        chunk_len: 1952,
        next: 64,
        ordinal: 600,
    };
    held.hold("large", &large);
    let opened = OpenedRecordV2 {
        day: 20_778,
        contact: Some([1; 8]),
        session: Some(vec![2; 16]),
        seq: 3,
    };
    held.hold(
        "overdue",
        &OverdueRecord {
            since: 1_795_300_000,
        },
    );
    held.hold(
        "check",
        &CheckRecord {
            by: CheckedBy::InPerson,
            at: 1_795_300_000,
        },
    );
    let cell = |digest, contact, session| OpenedRecord {
        digest: [digest; 16],
        contact,
        session,
        seq: 3,
    };
    held.hold(
        "opened/page",
        &OpenedCellsRecord {
            cells: vec![
                cell(4, Some([1; 8]), Some(vec![2; 16])),
                cell(5, None, None),
            ],
        },
    );
    held.hold("opened", &opened);
    held.hold(
        "opened/sparse",
        &OpenedRecordV2 {
            contact: None,
            session: None,
            ..opened
        },
    );
    held.hold(
        "fragment",
        &FragmentRecord {
            count: 300,
            chunk: vec![1; 24],
            day: 20_778,
            device: 0,
        },
    );
    let audit = AuditRecord {
        len: 3,
        head: [1; 32],
        month: 24_322,
        checkpoint: Some(CheckpointRecord {
            index: 1,
            head: [2; 32],
            time: 1_795_300_000,
            proof: [3; 64],
        }),
    };
    held.hold("audit", &audit);
    held.hold(
        "audit/sparse",
        &AuditRecord {
            checkpoint: None,
            ..audit
        },
    );
    held.hold(
        "entry",
        &EntryRecord {
            before: [1; 32],
            blob: vec![2; 60],
        },
    );
    let recovery = RecoveryRecord {
        id: [1; 16],
        restored: true,
        settled: true,
        confirmed: false,
        former_queue: 70_000,
        highest: 2,
        announced_at: 1_795_300_000,
        superseded_by: Some(3),
        former: vec![(0, 1_795_300_000)],
        contacts: vec![ContactDeviceRecord {
            contact: [2; 8],
            device: 1,
            since: 1_795_300_000,
            reported: true,
        }],
    };
    held.hold("recovery", &recovery);
    held.hold(
        "recovery/sparse",
        &RecoveryRecord {
            superseded_by: None,
            former: Vec::new(),
            contacts: Vec::new(),
            ..recovery
        },
    );
    let emergency = EmergencyRecord {
        began_at: 1_795_300_000,
        minutes: 30,
        reason: "inconsciente al ingreso".into(),
        ended_at: Some(1_795_300_600),
        reported: true,
    };
    held.hold("emergency", &emergency);
    held.hold(
        "emergency/sparse",
        &EmergencyRecord {
            ended_at: None,
            ..emergency
        },
    );
    held.hold("message", &message_v2());
    held.hold(
        "messages",
        &MessagesRecord {
            messages: vec![(64, message()), (70_000, message())],
        },
    );
    held.hold("message/3", &message());
    held.hold(
        "message/sparse",
        &MessageRecordV2 {
            received_at: None,
            ..message_v2()
        },
    );
    held.hold(
        "message/3/sparse",
        &MessageRecord {
            received_at: None,
            text: None,
            attachments: Vec::new(),
            read: false,
            filing: None,
            ..message()
        },
    );
    assert!(
        held.differing.is_empty(),
        "now written as:\n{}",
        held.differing.join("\n")
    );
    assert!(
        held.snapshots.is_empty(),
        "nothing writes these any more: {:?}",
        held.snapshots.keys()
    );
}

/// A stored header of version 2: a vault key of 32 sixes, wrapped for a passphrase
/// of 32 fives, a passkey of fours and a code of threes.
#[test]
fn a_stored_header_of_version_2_opens() {
    let second = include_bytes!("../fuzz/seeds/vault_header/second");
    let third = include_bytes!("../fuzz/seeds/vault_header/third");
    let StoredHeader::Second(header) = StoredHeader::parse(second).unwrap() else {
        panic!("version 2");
    };
    assert_eq!(
        VaultHeader::parse(third).as_ref(),
        Ok(&header),
        "versions 2 and 3 differ by their number"
    );
    let secret = |byte: u8| Secret::take(&mut [byte; 32]);
    for opener in [
        Opener::Passphrase(secret(5)),
        Opener::Passkey(secret(4)),
        Opener::Recovery(secret(3)),
    ] {
        assert_eq!(
            header.unwrap(&opener).unwrap().expose().expose(),
            &[6; 32],
            "{opener:?}"
        );
    }
    assert_eq!(
        header.unwrap(&Opener::Recovery(secret(4))).unwrap_err(),
        VaultError::WrongPassphrase
    );
    let passkeys: Vec<_> = header.passkeys().cloned().collect();
    assert_eq!(passkeys[0].credential, [7; 20]);
    assert_eq!(passkeys[0].salt, [8; 32]);
    assert_eq!((second[1], third[1]), (2, 3), "the version");
}
