//! The name a person goes by. Protocol §1.

/// 1–64 bytes of UTF-8 without control characters and without the marks that
/// turn the direction of text, so that one name cannot dress as another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name(Box<str>);

impl Name {
    /// `None` for a name the protocol refuses.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let ok = matches!(text.len(), 1..=64) && !text.chars().any(is_refused);
        ok.then(|| Self(text.into()))
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Category Cc, U+061C, U+200E–200F, U+202A–202E, U+2066–2069.
fn is_refused(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{061c}' | '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        )
}

#[cfg(test)]
mod tests {
    use super::Name;

    #[test]
    fn names_that_could_deceive_are_refused() {
        for refused in [
            "",
            "a\nb",
            "a\u{202e}b",
            "a\u{2066}b",
            "\u{061c}",
            "a\u{7f}",
            "a\u{85}b",
        ] {
            assert!(Name::new(refused).is_none(), "{refused:?}");
        }
        assert!(Name::new(&"é".repeat(33)).is_none(), "66 bytes");
        assert!(Name::new("Dra. Íñigo 🩺").is_some());
    }
}
