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
    /// The [`TextError`] that applies.
    pub fn new(text: &str) -> Result<Self, TextError> {
        text::check(text, TextUse::DisplayName).map(|()| Self(text.into()))
    }

    /// Checks the name in an offer or a response. Unassigned characters are
    /// accepted: the peer may use a newer version of Unicode.
    ///
    /// # Errors
    ///
    /// The [`TextError`] that applies.
    pub fn from_peer(text: &str) -> Result<Self, TextError> {
        match text::check(text, TextUse::DisplayName) {
            Ok(()) | Err(TextError::Unknown) => Ok(Self(text.into())),
            Err(error) => Err(error),
        }
    }

    /// Restores a name from the vault. It was checked when it was chosen, perhaps
    /// under an older rule. `None` unless it has 1–64 bytes.
    #[must_use]
    pub fn from_stored(text: &str) -> Option<Self> {
        let max = TextUse::DisplayName.max_bytes();
        (1..=max).contains(&text.len()).then(|| Self(text.into()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_peers_may_contain_unassigned_characters() {
        assert_eq!(Name::new("a\u{378}"), Err(TextError::Unknown));
        assert!(Name::from_peer("a\u{378}").is_ok());
        for refused in ["", " ", "a\nb", "a\u{202e}b", "a\u{200b}b"] {
            assert!(Name::from_peer(refused).is_err(), "{refused:?}");
        }
        assert!(Name::from_stored(" ").is_some());
        assert!(Name::from_stored("").is_none());
    }
}
