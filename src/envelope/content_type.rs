//! Content types of deliveries and attachments. Protocol §1.

/// A content type: 1–127 bytes of printable ASCII.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContentType(Box<str>);

impl ContentType {
    /// The type of control deliveries. Protocol §7.
    pub const CONTROL: &'static str = "application/vnd.tessera.control+cbor";

    /// The type of text with attachments. Protocol §6.
    pub const MESSAGE: &'static str = "application/vnd.tessera.message+cbor";
    /// The type of text without attachments.
    pub const PLAIN_TEXT: &'static str = "text/plain";

    /// Creates a content type; `None` unless `text` is 1–127 bytes of printable
    /// ASCII.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let ok = matches!(text.len(), 1..=127) && text.bytes().all(|b| matches!(b, 0x20..=0x7e));
        ok.then(|| Self(text.into()))
    }

    /// The type of text alone.
    #[must_use]
    pub fn plain_text() -> Self {
        Self(Self::PLAIN_TEXT.into())
    }

    /// The type of a message with attachments.
    #[must_use]
    pub fn message() -> Self {
        Self(Self::MESSAGE.into())
    }

    /// The control type.
    #[must_use]
    pub fn control() -> Self {
        Self(Self::CONTROL.into())
    }

    /// The content type as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns `true` for the control type.
    #[must_use]
    pub fn is_control(&self) -> bool {
        self.as_str() == Self::CONTROL
    }
}
