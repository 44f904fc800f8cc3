//! What a message consists of: typed text and attachments, as ranges of its
//! body.

use crate::{
    base::Content,
    envelope::{ContentType, message::Layout},
    vault::stored::AttachmentRecord,
};

/// Offset and length of the typed text, and the attachments of a body of this
/// content type.
pub(crate) fn parts(
    content_type: &ContentType,
    body: &Content,
) -> (Option<(u32, u32)>, Vec<AttachmentRecord>) {
    let layout = Layout::of(content_type, body);
    let text = layout.text;
    let attachments = layout.attachments.into_iter().map(|file| AttachmentRecord {
        content_type: file.content_type.as_str().to_owned(),
        filename: file.filename,
        offset: short(file.body.start),
        len: short(file.body.len()),
    });
    (
        text.map(|text| (short(text.start), short(text.len()))),
        attachments.collect(),
    )
}

/// A body has at most 16 MiB.
fn short(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
