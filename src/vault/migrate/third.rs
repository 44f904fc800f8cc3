//! From version 2 to version 3: messages list their parts, messages and opened
//! cells are in pages, and the relay's slot is counted per bucket.

use zeroize::Zeroizing;

use super::{Plain, PlainChange};
use crate::{
    base::{
        SortedMap, sorted_by_key,
        text::{self, TextUse},
    },
    vault::{
        VaultError,
        stored::{
            self, AttachmentRecord, MESSAGES_PER_PAGE, MessageRecord, MessageRecordV2,
            MessagesRecord, OPENED_PER_PAGE, OpenedCellsRecord, OpenedRecord, OpenedRecordV2,
            RelayRecord,
        },
    },
    wire::hex,
};

/// Migrates the records of a vault; returns all of them, and what changed.
///
/// # Errors
///
/// `Damaged`.
pub(super) fn migrate(records: Vec<Plain>) -> Result<(Vec<Plain>, Vec<PlainChange>), VaultError> {
    let (mut kept, mut changed) = (Vec::new(), Vec::new());
    let mut replaced: SortedMap<String, Option<Zeroizing<Vec<u8>>>> = SortedMap::new();
    let (mut messages, mut opened) = (Pages::new(), Pages::new());
    for (store_key, plain) in records {
        let path: Vec<&str> = store_key.split('/').collect();
        match *path.as_slice() {
            ["s", "relay"] => {
                if let Some(migrated) = relay(&plain)? {
                    replaced.insert(store_key, Some(migrated));
                } else {
                    kept.push((store_key, plain));
                }
            }
            ["m", contact, ordinal] => {
                let ordinal = u32::from_str_radix(ordinal, 16).map_err(|_| VaultError::Damaged)?;
                let page = (contact.to_owned(), ordinal / MESSAGES_PER_PAGE);
                let item = (ordinal, message(stored::decode(&plain)?));
                messages.get_or_insert(page, Vec::new()).push(item);
                replaced.insert(store_key, None);
            }
            ["s", "o", digest] => {
                let (day, cell) = opened_cell(digest, stored::decode(&plain)?)?;
                opened.get_or_insert(day, Vec::new()).push(cell);
                replaced.insert(store_key, None);
            }
            _ => kept.push((store_key, plain)),
        }
    }
    for ((contact, page), messages) in messages {
        let messages = sorted_by_key(messages, |(ordinal, _)| *ordinal).collect();
        let record = stored::encode(&MessagesRecord { messages });
        replaced.insert(format!("m/{contact}/{page:08x}"), Some(record));
    }
    for (day, cells) in opened {
        for (page, cells) in cells.chunks(OPENED_PER_PAGE).enumerate() {
            let cells = cells.to_vec();
            let record = stored::encode(&OpenedCellsRecord { cells });
            replaced.insert(format!("s/o/{day:08x}/{page:08x}"), Some(record));
        }
    }
    for (store_key, plain) in replaced {
        if let Some(plain) = &plain {
            kept.push((store_key.clone(), plain.clone()));
        }
        changed.push((store_key, plain));
    }
    Ok((kept, changed))
}

/// Items by page.
type Pages<K, T> = SortedMap<K, Vec<T>>;

fn opened_cell(digest: &str, old: OpenedRecordV2) -> Result<(u32, OpenedRecord), VaultError> {
    let digest = hex::decode(digest).ok_or(VaultError::Damaged)?;
    let cell = OpenedRecord {
        digest,
        contact: old.contact,
        session: old.session,
        seq: old.seq,
    };
    Ok((old.day, cell))
}

/// Version 2 stored the number of entries of a whole slot.
fn relay(plain: &[u8]) -> Result<Option<Zeroizing<Vec<u8>>>, VaultError> {
    let mut record: RelayRecord = stored::decode(plain)?;
    let Some(info) = &mut record.info else {
        return Ok(None);
    };
    info.per_bucket = 1;
    Ok(Some(stored::encode(&record)))
}

/// Version 2 stored the content type of the delivery, which could contain a file
/// name.
fn message(old: MessageRecordV2) -> MessageRecord {
    let typed = old.content_type == "text/plain";
    let (content_type, filename) = split_filename(&old.content_type);
    let attachment = AttachmentRecord {
        content_type,
        filename,
        offset: 0,
        len: old.size,
    };
    MessageRecord {
        outgoing: old.outgoing,
        session: old.session,
        sent_at: old.sent_at,
        received_at: old.received_at,
        seq: old.seq,
        content_type: old.content_type,
        size: old.size,
        text: typed.then_some((0, old.size)),
        attachments: if typed { Vec::new() } else { vec![attachment] },
        state: old.state,
        cells_left: old.cells_left,
        read: true,
        filing: None,
    }
}

const FILENAME: &str = ";filename*=UTF-8''";

/// Before version 3, the file name was the last parameter of the content type
/// (RFC 8187 §3.2.1).
fn split_filename(content_type: &str) -> (String, Option<String>) {
    match content_type.split_once(FILENAME) {
        Some((base, name)) => {
            let name = percent_decode(name);
            let name = name.and_then(|name| text::cleaned(&name, TextUse::FileName));
            (base.to_owned(), name)
        }
        None => (content_type.to_owned(), None),
    }
}

fn percent_decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, tail)) = rest.split_first() {
        rest = tail;
        if *byte == b'%' {
            let (pair, tail) = rest.split_first_chunk::<2>()?;
            let [high, low] = pair.map(|digit| char::from(digit).to_digit(16));
            bytes.push(u8::try_from(high? << 4 | low?).ok()?);
            rest = tail;
        } else {
            bytes.push(*byte);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn migrated(content_type: &str) -> MessageRecord {
        message(old(content_type))
    }

    fn old(content_type: &str) -> MessageRecordV2 {
        MessageRecordV2 {
            outgoing: false,
            session: vec![1; 16],
            sent_at: 2,
            received_at: Some(3),
            seq: 4,
            content_type: content_type.into(),
            size: 57,
            state: stored::MessageState::Verified,
            cells_left: 0,
        }
    }

    #[test]
    fn typed_text_stays_text_and_other_content_becomes_an_attachment() {
        let text = migrated("text/plain");
        assert_eq!((text.text, text.attachments.len()), (Some((0, 57)), 0));
        for (content_type, base, name) in [
            ("application/pdf", "application/pdf", None),
            (
                "application/pdf;filename*=UTF-8''An%C3%A1lisis%201.pdf",
                "application/pdf",
                Some("Análisis 1.pdf"),
            ),
            (
                "text/plain;charset=iso-8859-1",
                "text/plain;charset=iso-8859-1",
                None,
            ),
            ("a/b;filename*=UTF-8''%FF", "a/b", None),
            ("a/b;filename*=UTF-8''..%2Fx", "a/b", Some(".._x")),
        ] {
            let record = migrated(content_type);
            assert_eq!(record.content_type, content_type, "as it was proved");
            assert_eq!(record.text, None);
            let [file] = record.attachments.as_slice() else {
                panic!("one attachment");
            };
            assert_eq!(file.content_type, base);
            assert_eq!(file.filename.as_deref(), name);
            assert_eq!((file.offset, file.len), (0, 57));
        }
    }

    #[test]
    fn messages_and_opened_cells_are_gathered_in_pages() {
        let message = stored::encode(&old("text/plain"));
        let cell = stored::encode(&OpenedRecordV2 {
            day: 5,
            contact: None,
            session: None,
            seq: 0,
        });
        let contact = "c1".repeat(8);
        let messages = (0..65_u32).map(|at| (format!("m/{contact}/{at:08x}"), message.clone()));
        let cells = (0..129_u32).map(|at| (format!("s/o/{at:032x}"), cell.clone()));
        let (records, changed) = migrate(messages.chain(cells).collect()).unwrap();
        let keys: Vec<_> = records.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(
            keys,
            [
                "m/c1c1c1c1c1c1c1c1/00000000",
                "m/c1c1c1c1c1c1c1c1/00000001",
                "s/o/00000005/00000000",
                "s/o/00000005/00000001"
            ]
        );
        let second: MessagesRecord = stored::decode(&records[1].1).unwrap();
        assert_eq!(second.messages, [(64, super::message(old("text/plain")))]);
        let cells: OpenedCellsRecord = stored::decode(&records[3].1).unwrap();
        assert_eq!(cells.cells.len(), 1);
        // The key of a page may be that of a message before.
        let deleted = changed.iter().filter(|(_, plain)| plain.is_none());
        assert_eq!(deleted.count(), 65 - 2 + 129);
        assert_eq!(changed.len(), 65 + 129 + 2);
    }

    #[test]
    fn a_malformed_record_is_damaged() {
        let migrate = |key: &str| migrate(vec![(key.to_owned(), vec![0x80].into())]);
        for key in ["m/1/1", "m/1/x", "s/relay", "s/o/00"] {
            assert_eq!(migrate(key), Err(VaultError::Damaged), "{key}");
        }
        let same = vec![("s/self".to_owned(), vec![0x80].into())];
        assert_eq!(migrate("s/self"), Ok((same, Vec::new())));
    }
}
