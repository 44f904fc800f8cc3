//! What a message consists of: typed text and attachments, as ranges of its
//! body.

use crate::{
    base::Content,
    envelope::{ContentType, message::Layout},
    vault::stored::AttachmentRecord,
};

/// Where the typed text and the attachments lie in the body of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Parts {
    /// Offset and length.
    pub(crate) text: Option<(u32, u32)>,
    pub(crate) attachments: Vec<AttachmentRecord>,
}

impl Parts {
    /// Typed text of so many bytes, and nothing else.
    #[cfg(test)]
    pub(crate) fn text(len: u32) -> Self {
        Self {
            text: Some((0, len)),
            attachments: Vec::new(),
        }
    }

    /// The parts of a body of this content type.
    pub(crate) fn of(content_type: &ContentType, body: &Content) -> Self {
        let layout = Layout::of(content_type, body);
        let attachments = layout.attachments.into_iter().map(|file| AttachmentRecord {
            content_type: file.content_type.as_str().to_owned(),
            filename: file.filename,
            offset: short(file.body.start),
            len: short(file.body.len()),
        });
        Self {
            text: layout
                .text
                .map(|text| (short(text.start), short(text.len()))),
            attachments: attachments.collect(),
        }
    }
}

/// A body has at most 16 MiB.
fn short(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
