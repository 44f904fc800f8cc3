//! The name of a person. Protocol §1.

use crate::base::text::{self, TextError, TextUse};

/// A display name: 1–64 bytes of UTF-8 under the rule of [`text`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name(Box<str>);

impl Name {
    /// Checks a name that a person chose.
    ///
    /// # Errors
    ///
    /// One of [`TextError`].
    pub fn new(text: &str) -> Result<Self, TextError> {
        text::check(text, TextUse::DisplayName).map(|()| Self(text.into()))
    }

    /// Checks the name in an offer or a response. Characters that are not
    /// assigned pass: the other side may know a newer version of Unicode.
    ///
    /// # Errors
    ///
    /// One of [`TextError`].
    pub fn from_peer(text: &str) -> Result<Self, TextError> {
        match text::check(text, TextUse::DisplayName) {
            Ok(()) | Err(TextError::Unknown) => Ok(Self(text.into())),
            Err(error) => Err(error),
        }
    }

    /// A name of a vault, checked when it was chosen, by the rule of that
    /// time. `None` for anything but 1–64 bytes.
    #[must_use]
    pub fn from_stored(text: &str) -> Option<Self> {
        let max = TextUse::DisplayName.max_bytes();
        (1..=max).contains(&text.len()).then(|| Self(text.into()))
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_newer_unicode_is_a_reason_to_take_more_from_a_peer() {
        assert_eq!(Name::new("a\u{378}"), Err(TextError::Unknown));
        assert!(Name::from_peer("a\u{378}").is_ok());
        for refused in ["", " ", "a\nb", "a\u{202e}b", "a\u{200b}b"] {
            assert!(Name::from_peer(refused).is_err(), "{refused:?}");
        }
        assert!(Name::from_stored(" ").is_some());
        assert!(Name::from_stored("").is_none());
    }
}
