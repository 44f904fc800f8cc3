//! Text with attachments as one payload. Protocol §6.
//!
//! ```text
//! payload    = CBOR [text | null, [attachment, …]]
//! attachment = [content_type, filename | null, bytes]
//! ```
//!
//! Text and attachments may have 16 MiB, and what frames them 8 KiB more.
//! Encoding releases each attachment's pieces as it goes, and decoding gives
//! ranges of the payload: neither holds the content twice.

use core::ops::Range;

use super::ContentType;
use crate::{
    base::{
        Content,
        content::PIECE_LEN,
        parameters::MAX_MESSAGE_FRAMING_BYTES,
        text::{self, TextError, TextUse},
    },
    crypto::cbor::Writer,
};

/// Most attachments of a message.
pub const MAX_ATTACHMENTS: usize = 100;
/// Longest content type in bytes.
const MAX_CONTENT_TYPE: u64 = 127;
/// Longest file name in bytes.
const MAX_FILENAME: u64 = TextUse::FileName.max_bytes() as u64;

/// One file of an outgoing message.
#[derive(Clone, Debug)]
pub struct Attachment {
    /// What it is.
    pub content_type: ContentType,
    /// Its name, without folders.
    pub filename: Option<String>,
    /// Its bytes.
    pub body: Content,
}

/// Why text and attachments cannot be sent as one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MessageError {
    /// Neither text nor an attachment.
    #[error("text and attachments are both missing: a message needs one of them")]
    Empty,
    /// More than [`MAX_ATTACHMENTS`].
    #[error("attachments has more than {MAX_ATTACHMENTS} files")]
    TooMany,
    /// More than [`MAX_MESSAGE_FRAMING_BYTES`] of types, names and lengths.
    #[error("attachments has types and names of more than 8 KiB: shorten the names")]
    Framing,
    /// A file name that the text rule refuses; which attachment's.
    #[error("attachments[{0}].filename cannot be used: {1}")]
    FileName(usize, TextError),
}

/// Where the text and the attachments of a message lie in its payload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// The text, UTF-8. `None` if there is none, which is not the same as an
    /// empty one.
    pub text: Option<Range<usize>>,
    /// The attachments, in order.
    pub attachments: Vec<AttachmentLayout>,
}

/// One attachment of a payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttachmentLayout {
    /// The content type that it claims.
    pub content_type: ContentType,
    /// Its name as it may be shown.
    pub filename: Option<String>,
    /// Where its bytes lie.
    pub body: Range<usize>,
}

/// The payload of a message.
///
/// # Errors
///
/// One of [`MessageError`].
pub fn encode(text: Option<&str>, attachments: Vec<Attachment>) -> Result<Content, MessageError> {
    if text.is_none() && attachments.is_empty() {
        return Err(MessageError::Empty);
    }
    if attachments.len() > MAX_ATTACHMENTS {
        return Err(MessageError::TooMany);
    }
    for (index, file) in attachments.iter().enumerate() {
        if let Some(name) = &file.filename {
            text::check(name, TextUse::FileName)
                .map_err(|error| MessageError::FileName(index, error))?;
        }
    }
    let content = attachments.iter().map(|file| file.body.len());
    let content = text.map_or(0, str::len) + content.sum::<usize>();

    let mut writer = Writer::default();
    writer.array(2);
    match text {
        Some(text) => writer.text(text),
        None => writer.null(),
    }
    .array(attachments.len() as u64);
    let mut payload = Content::from(writer.into_bytes().as_slice());
    for file in attachments {
        let mut writer = Writer::default();
        writer.array(3).text(file.content_type.as_str());
        match &file.filename {
            Some(name) => writer.text(name),
            None => writer.null(),
        }
        .bytes_header(file.body.len());
        payload.push(&writer.into_bytes());
        for piece in file.body.into_pieces() {
            payload.push(&piece);
        }
    }
    if payload.len() - content > MAX_MESSAGE_FRAMING_BYTES as usize {
        return Err(MessageError::Framing);
    }
    Ok(payload)
}

impl Layout {
    /// The layout of a delivery's payload. A payload that is neither plain text
    /// nor a message, whatever its content type promises, is one attachment.
    #[must_use]
    pub fn of(content_type: &ContentType, payload: &Content) -> Self {
        let known = match content_type.as_str() {
            ContentType::PLAIN_TEXT => Self::plain_text(payload),
            ContentType::MESSAGE => Self::decode(payload),
            _ => None,
        };
        known.unwrap_or_else(|| Self {
            text: None,
            attachments: vec![AttachmentLayout {
                content_type: content_type.clone(),
                filename: None,
                body: 0..payload.len(),
            }],
        })
    }

    fn plain_text(payload: &Content) -> Option<Self> {
        let text = 0..payload.len();
        is_utf8(payload, text.clone()).then(|| Self {
            text: Some(text),
            attachments: Vec::new(),
        })
    }

    /// Reads a payload. `None` unless it is the one deterministic encoding of
    /// a message.
    #[must_use]
    pub fn decode(payload: &Content) -> Option<Self> {
        let mut reader = PayloadReader::new(payload);
        reader.expect(ARRAY, 2)?;
        let text = match reader.head()? {
            (TEXT, len) => Some(reader.skip(len)?),
            NULL => None,
            _ => return None,
        };
        if let Some(text) = &text
            && !is_utf8(payload, text.clone())
        {
            return None;
        }
        let (ARRAY, count) = reader.head()? else {
            return None;
        };
        let count = usize::try_from(count).ok()?;
        if count > MAX_ATTACHMENTS || count == 0 && text.is_none() {
            return None;
        }
        let mut attachments = Vec::new();
        for _ in 0..count {
            attachments.push(AttachmentLayout::read(&mut reader)?);
        }
        reader.at_end().then_some(Self { text, attachments })
    }
}

impl AttachmentLayout {
    fn read(reader: &mut PayloadReader<'_>) -> Option<Self> {
        reader.expect(ARRAY, 3)?;
        let (TEXT, len @ 1..=MAX_CONTENT_TYPE) = reader.head()? else {
            return None;
        };
        let content_type = ContentType::new(&reader.text(len)?)?;
        let filename = match reader.head()? {
            (TEXT, len @ 1..=MAX_FILENAME) => text::cleaned(&reader.text(len)?, TextUse::FileName),
            NULL => None,
            _ => return None,
        };
        let (BYTES, len) = reader.head()? else {
            return None;
        };
        Some(Self {
            content_type,
            filename,
            body: reader.skip(len)?,
        })
    }
}

const BYTES: u8 = 2;
const TEXT: u8 = 3;
const ARRAY: u8 = 4;
const NULL: (u8, u64) = (7, 22);

/// Reads CBOR heads in a payload of several pieces.
struct PayloadReader<'a> {
    pieces: Vec<&'a [u8]>,
    len: usize,
    at: usize,
}

impl<'a> PayloadReader<'a> {
    fn new(payload: &'a Content) -> Self {
        Self {
            pieces: payload.pieces(),
            len: payload.len(),
            at: 0,
        }
    }

    fn at_end(&self) -> bool {
        self.at == self.len
    }

    fn byte(&mut self) -> Option<u8> {
        let piece = self.pieces.get(self.at / PIECE_LEN)?;
        let byte = piece.get(self.at % PIECE_LEN)?;
        self.at += 1;
        Some(*byte)
    }

    /// Major type and argument, which must have its shortest form.
    fn head(&mut self) -> Option<(u8, u64)> {
        let first = self.byte()?;
        let (major, info) = (first >> 5, first & 31);
        let (len, least) = match info {
            0..24 => return Some((major, info.into())),
            24 => (1, 24),
            25 => (2, 1 << 8),
            26 => (4, 1 << 16),
            27 => (8, 1 << 32),
            _ => return None,
        };
        let mut argument = 0;
        for _ in 0..len {
            argument = argument << 8 | u64::from(self.byte()?);
        }
        (argument >= least).then_some((major, argument))
    }

    fn expect(&mut self, major: u8, argument: u64) -> Option<()> {
        (self.head()? == (major, argument)).then_some(())
    }

    /// The place of the next bytes.
    fn skip(&mut self, len: u64) -> Option<Range<usize>> {
        let end = self.at.checked_add(usize::try_from(len).ok()?)?;
        let range = self.at..end;
        self.at = end;
        (end <= self.len).then_some(range)
    }

    /// The next bytes as text: for what is known to be short.
    fn text(&mut self, len: u64) -> Option<String> {
        let range = self.skip(len)?;
        let mut bytes = Vec::with_capacity(range.len());
        for part in parts(&self.pieces, range) {
            bytes.extend_from_slice(part);
        }
        String::from_utf8(bytes).ok()
    }
}

/// The slices that a range of a content's pieces consists of.
fn parts<'a>(pieces: &[&'a [u8]], range: Range<usize>) -> impl Iterator<Item = &'a [u8]> {
    let first = range.start / PIECE_LEN;
    pieces
        .iter()
        .enumerate()
        .skip(first)
        .map(move |(i, piece)| {
            let begins = i * PIECE_LEN;
            let from = range.start.saturating_sub(begins).min(piece.len());
            let to = range.end.saturating_sub(begins).min(piece.len());
            piece.get(from..to).unwrap_or_default()
        })
        .take_while(|part| !part.is_empty())
}

/// Whether a range is UTF-8, of which a character may lie on two pieces.
fn is_utf8(payload: &Content, range: Range<usize>) -> bool {
    let mut cut = Vec::new();
    for part in parts(&payload.pieces(), range) {
        let mut rest = part;
        while !cut.is_empty() {
            // A character has at most four bytes.
            let (Some((next, tail)), 1..4) = (rest.split_first(), cut.len()) else {
                break;
            };
            cut.push(*next);
            rest = tail;
            if core::str::from_utf8(&cut).is_ok() {
                cut.clear();
            }
        }
        if cut.len() == 4 {
            return false;
        }
        if let Err(error) = core::str::from_utf8(rest) {
            if error.error_len().is_some() {
                return false;
            }
            cut.extend_from_slice(rest.get(error.valid_up_to()..).unwrap_or_default());
        }
    }
    cut.is_empty()
}

#[cfg(test)]
mod tests;
