//! Text with attachments as one payload.

use proptest::prelude::*;
use tessera::{
    base::{
        Content,
        content::PIECE_LEN,
        text::{self, TextUse},
    },
    envelope::{
        ContentType,
        message::{self, Attachment, Layout},
    },
};

use super::bytes;

fn attachment() -> impl Strategy<Value = Attachment> {
    // Some bodies end near a piece boundary.
    let body = prop_oneof![
        bytes(300),
        (0..40_usize, any::<u8>()).prop_map(|(less, byte)| vec![byte; PIECE_LEN - less]),
    ];
    let filename = prop::option::of("\\PC{1,40}");
    ("[a-z]{1,20}/[a-z.+-]{1,40}", filename, body).prop_map(|(content_type, filename, body)| {
        Attachment {
            content_type: ContentType::new(&content_type).unwrap(),
            filename: filename.filter(|name| text::check(name, TextUse::FileName).is_ok()),
            body: body.as_slice().into(),
        }
    })
}

proptest! {
    #[test]
    fn a_message_decodes_to_ranges_of_its_payload(
        text in prop::option::of("\\PC{0,200}"), attachments in prop::collection::vec(attachment(), 0..4),
    ) {
        prop_assume!(text.is_some() || !attachments.is_empty());
        let payload = message::encode(text.as_deref(), attachments.clone()).unwrap();
        let layout = Layout::decode(&payload).unwrap();
        let whole = payload.to_vec();
        let read = layout.text.map(|range| whole[range].to_vec());
        prop_assert_eq!(read, text.map(String::into_bytes));
        prop_assert_eq!(layout.attachments.len(), attachments.len());
        for (read, sent) in layout.attachments.iter().zip(&attachments) {
            prop_assert_eq!(&read.content_type, &sent.content_type);
            prop_assert_eq!(&read.filename, &sent.filename);
            prop_assert!(whole[read.body.clone()] == sent.body.to_vec()[..]);
        }
    }

    #[test]
    fn altered_payloads_never_decode_to_the_same_message(
        text in "\\PC{0,60}", attachments in prop::collection::vec(attachment(), 0..2),
        at: prop::sample::Index, bit: u8,
    ) {
        let whole = message::encode(Some(&text), attachments).unwrap().to_vec();
        let layout = Layout::decode(&whole.as_slice().into());
        let altered = super::altered(&whole, at, bit);
        let content = Content::from(altered.as_slice());
        // Ranges are within the payload, whatever it claims.
        if let Some(read) = Layout::decode(&content) {
            let ranges = read.attachments.iter().map(|file| file.body.clone()).chain(read.text);
            for range in ranges {
                prop_assert!(range.start <= range.end && range.end <= altered.len());
            }
        }
        prop_assert!(Layout::decode(&whole[..at.index(whole.len())].into()).is_none());
        prop_assert!(Layout::decode(&[&whole[..], &[0]].concat().as_slice().into()).is_none());
        prop_assert!(layout.is_some());
    }
}
