//! From version 2 to version 3: messages list their parts, and the relay's
//! slot is counted per bucket.

use zeroize::Zeroizing;

use crate::{
    base::text::{self, TextUse},
    vault::{
        VaultError,
        stored::{self, AttachmentRecord, MessageRecord, MessageRecordV2, RelayRecord},
    },
};

/// Migrates a record; `None` if it does not change.
///
/// # Errors
///
/// `Damaged`.
pub(super) fn migrate(
    store_key: &str,
    plain: &[u8],
) -> Result<Option<Zeroizing<Vec<u8>>>, VaultError> {
    if store_key == "s/relay" {
        relay(plain)
    } else if store_key.starts_with("m/") {
        message(plain).map(Some)
    } else {
        Ok(None)
    }
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
fn message(plain: &[u8]) -> Result<Zeroizing<Vec<u8>>, VaultError> {
    let old: MessageRecordV2 = stored::decode(plain)?;
    let typed = old.content_type == "text/plain";
    let (content_type, filename) = split_filename(&old.content_type);
    let attachment = AttachmentRecord {
        content_type,
        filename,
        offset: 0,
        len: old.size,
    };
    Ok(stored::encode(&MessageRecord {
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
    }))
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
        let old = MessageRecordV2 {
            outgoing: false,
            session: vec![1; 16],
            sent_at: 2,
            received_at: Some(3),
            seq: 4,
            content_type: content_type.into(),
            size: 57,
            state: 4,
            cells_left: 0,
        };
        stored::decode(&message(&stored::encode(&old)).unwrap()).unwrap()
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
    fn a_malformed_record_is_damaged() {
        assert_eq!(migrate("m/1/1", &[0x80]), Err(VaultError::Damaged));
        assert_eq!(migrate("s/relay", &[0x80]), Err(VaultError::Damaged));
        assert_eq!(migrate("s/self", &[0x80]), Ok(None));
    }
}
