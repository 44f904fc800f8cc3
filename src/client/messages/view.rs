//! A message as a page shows it.

use super::Message;
use crate::{
    base::{
        Content,
        text::{self, TextUse},
    },
    client::{
        MessageRef,
        view::{AttachmentView, FilingView, MessageView},
    },
    envelope::DeliveryId,
    vault::stored::{AttachmentRecord, FilingRecord, FilingState},
};

impl From<&AttachmentRecord> for AttachmentView {
    fn from(record: &AttachmentRecord) -> Self {
        Self {
            content_type: record.content_type.clone(),
            filename: record.filename.clone(),
            offset: record.offset,
            size: record.len,
        }
    }
}

impl MessageView {
    pub(crate) fn new(id: MessageRef, message: &Message) -> Self {
        let label = DeliveryId::decode(&message.session);
        let label = label.and_then(|id| text::cleaned(id.label(), TextUse::Label));
        Self {
            id,
            contact_id: id.contact,
            direction: if message.outgoing { "out" } else { "in" },
            attachments: message.attachments.iter().map(Into::into).collect(),
            text_at: message.text,
            problem: message.is_malformed().then_some("malformed"),
            size: message.size,
            sent_at: message.sent_at,
            received_at: message.received_at,
            session: label,
            state: message.state.word(),
            leaves_by: None,
            read: message.read,
            filing: FilingView::new(message.filing.as_ref()),
            text: None,
        }
    }

    /// The same with its typed text, unless the body is a large one.
    pub(crate) fn with_body(mut self, body: &Content) -> Self {
        let pieces = body.pieces();
        let at = self.text_at.map(|(at, len)| (at as usize, len as usize));
        self.text = match (at, pieces.as_slice()) {
            (Some((_, 0)), _) => Some(String::new()),
            (Some((at, len)), &[piece]) => piece
                .get(at..at + len)
                .and_then(|text| core::str::from_utf8(text).ok())
                .map(str::to_owned),
            _ => None,
        };
        self
    }
}

impl FilingView {
    fn new(filing: Option<&FilingRecord>) -> Self {
        Self {
            state: filing.map_or("unfiled", |filing| filing.state.word()),
            id: filing.and_then(|filing| filing.id.clone()),
            version: filing.and_then(|filing| filing.version.clone()),
            code: filing.and_then(|filing| filing.code.clone()),
            since: filing.map(|filing| filing.since),
            outdated: filing
                .is_some_and(|filing| filing.id.is_some() && filing.state != FilingState::Filed),
        }
    }
}
