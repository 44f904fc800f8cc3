//! The rule for text that is shown as a name: display names, session labels,
//! file names and reasons. Protocol §1.
//!
//! [`check`] validates what a person types; [`TextError`] explains a refusal.
//! Text that arrives with content is shown through [`cleaned`]: content is never
//! refused because of its label.

use unicode_general_category::{GeneralCategory, get_general_category};

/// The purpose of a text, which decides how long it may be and whether it may
/// look like a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextUse {
    /// The name of a person: at most 64 bytes.
    DisplayName,
    /// The label of a session: at most 48 bytes.
    Label,
    /// The name of a file, without folders: at most 255 bytes.
    FileName,
    /// The reason for an emergency access: at most 500 bytes.
    Reason,
}

impl TextUse {
    /// Maximum length in bytes of UTF-8.
    #[must_use]
    pub const fn max_bytes(self) -> usize {
        match self {
            Self::DisplayName => 64,
            Self::Label => 48,
            Self::FileName => 255,
            Self::Reason => 500,
        }
    }
}

/// Maximum number of combining marks on one character: more than any language
/// uses, fewer than it takes to cover the lines above and below.
const MAX_MARKS: usize = 4;

/// Why a text is refused as a name. The messages say what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TextError {
    /// Nothing visible.
    #[error("it is blank: enter at least one visible character")]
    Blank,
    /// Longer than the maximum, which is given in bytes.
    #[error("it is too long: shorten it to {0} bytes (letters outside ASCII take two to four)")]
    TooLong(usize),
    /// A line break, a tab or another control character.
    #[error("it has a line break, a tab or another control character: remove it")]
    Control,
    /// A control character that changes the direction of text.
    #[error(
        "it has an invisible character that changes the direction of text: remove it or type the text again"
    )]
    Direction,
    /// A character that cannot be seen.
    #[error("it has an invisible character: remove it or type the text again")]
    Invisible,
    /// A private-use or unassigned character.
    #[error("it has a character that is not part of Unicode: remove it")]
    Unknown,
    /// A combining mark without a base character, or more than four on one.
    #[error("it has accents without a letter, or too many on one: remove them")]
    Marks,
    /// `/`, `\`, `.` or `..` in a file name.
    #[error("it is a path: give the file name without folders")]
    Path,
}

/// Checks that a text is permitted as a name.
///
/// # Errors
///
/// The first [`TextError`] that applies; [`TextError::Unknown`] only if no other
/// does.
pub fn check(text: &str, place: TextUse) -> Result<(), TextError> {
    if text.len() > place.max_bytes() {
        return Err(TextError::TooLong(place.max_bytes()));
    }
    let mut kinds = Kinds::default();
    let (mut visible, mut unknown) = (false, false);
    for c in text.chars() {
        match kinds.next(c) {
            Kind::Visible if place == TextUse::FileName && is_separator(c) => {
                return Err(TextError::Path);
            }
            Kind::Visible | Kind::Mark => visible = true,
            Kind::Space => {}
            Kind::Unknown => unknown = true,
            Kind::Refused(error) => return Err(error),
        }
    }
    if unknown {
        Err(TextError::Unknown)
    } else if !visible {
        Err(TextError::Blank)
    } else if place == TextUse::FileName && is_dots(text) {
        Err(TextError::Path)
    } else {
        Ok(())
    }
}

/// Makes a text safe to show: replaces line breaks and path separators, removes
/// invisible and unknown characters, and truncates to the maximum length. `None`
/// if nothing visible is left. A text that [`check`] accepts is unchanged.
#[must_use]
pub fn cleaned(text: &str, place: TextUse) -> Option<String> {
    let mut out = String::new();
    let mut kinds = Kinds::default();
    for c in text.chars() {
        let before = kinds;
        let kept = match kinds.next(c) {
            Kind::Visible if place == TextUse::FileName && is_separator(c) => '_',
            Kind::Visible | Kind::Mark | Kind::Space => c,
            Kind::Refused(TextError::Control) => ' ',
            Kind::Unknown | Kind::Refused(_) => {
                // The next character is judged as if the removed one had not been there.
                kinds = before;
                continue;
            }
        };
        if kept != c {
            kinds = before;
            kinds.next(kept);
        }
        if out.len() + kept.len_utf8() > place.max_bytes() {
            break;
        }
        out.push(kept);
    }
    if place == TextUse::FileName && is_dots(&out) {
        return None;
    }
    check(&out, place).is_ok().then_some(out)
}

fn is_separator(c: char) -> bool {
    matches!(c, '/' | '\\')
}

fn is_dots(text: &str) -> bool {
    matches!(text, "." | "..")
}

enum Kind {
    Visible,
    /// A combining mark, or a variation selector of the character before it.
    Mark,
    Space,
    Unknown,
    Refused(TextError),
}

/// Classifies the characters of a text in order.
#[derive(Clone, Copy, Default)]
struct Kinds {
    /// The category of the last character that is not a mark.
    base: Option<GeneralCategory>,
    marks: usize,
}

impl Kinds {
    fn next(&mut self, c: char) -> Kind {
        use GeneralCategory as G;
        let category = get_general_category(c);
        if let Some(error) = refused(c) {
            return Kind::Refused(error);
        }
        match category {
            G::Control | G::LineSeparator | G::ParagraphSeparator => {
                Kind::Refused(TextError::Control)
            }
            G::Format | G::Surrogate => Kind::Refused(TextError::Invisible),
            G::PrivateUse | G::Unassigned => {
                *self = Self::default();
                Kind::Unknown
            }
            G::SpaceSeparator => {
                *self = Self::default();
                Kind::Space
            }
            G::NonspacingMark | G::EnclosingMark => {
                self.marks += 1;
                match self.base {
                    Some(base) if is_selector(c) && !can_vary(c, base) => {
                        Kind::Refused(TextError::Invisible)
                    }
                    None if is_selector(c) => Kind::Refused(TextError::Invisible),
                    Some(_) if self.marks <= MAX_MARKS => Kind::Mark,
                    _ => Kind::Refused(TextError::Marks),
                }
            }
            _ => {
                (self.base, self.marks) = (Some(category), 0);
                Kind::Visible
            }
        }
    }
}

/// Characters that are refused regardless of their category.
fn refused(c: char) -> Option<TextError> {
    match c {
        '\u{061c}'
        | '\u{200e}'
        | '\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2066}'..='\u{2069}' => Some(TextError::Direction),
        // Invisible letters, marks and symbols, and code points reserved for such.
        '\u{034f}'
        | '\u{115f}'
        | '\u{1160}'
        | '\u{17b4}'
        | '\u{17b5}'
        | '\u{180b}'..='\u{180f}'
        | '\u{2065}'
        | '\u{2800}'
        | '\u{3164}'
        | '\u{ffa0}'
        | '\u{fff0}'..='\u{fff8}'
        | '\u{13441}'
        | '\u{13442}'
        | '\u{1d159}'
        | '\u{e0000}'..='\u{e00ff}'
        | '\u{e01f0}'..='\u{e0fff}' => Some(TextError::Invisible),
        _ => None,
    }
}

fn is_selector(c: char) -> bool {
    matches!(c, '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}')
}

/// Variation selectors apply to symbols and ideographs; elsewhere they are invisible.
fn can_vary(selector: char, base: GeneralCategory) -> bool {
    use GeneralCategory as G;
    match selector {
        '\u{e0100}'..='\u{e01ef}' => base == G::OtherLetter,
        _ => matches!(
            base,
            G::OtherLetter | G::OtherSymbol | G::MathSymbol | G::ModifierSymbol
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [TextUse; 4] = [
        TextUse::DisplayName,
        TextUse::Label,
        TextUse::FileName,
        TextUse::Reason,
    ];

    #[test]
    fn deceptive_texts_are_refused_everywhere() {
        for (text, error) in [
            ("", TextError::Blank),
            (" ", TextError::Blank),
            ("\u{a0}\u{3000}", TextError::Blank),
            ("\u{200b}", TextError::Invisible),
            ("\u{3164}", TextError::Invisible),
            ("\u{2800}", TextError::Invisible),
            ("\u{115f}\u{1160}", TextError::Invisible),
            ("a\nb", TextError::Control),
            ("a\tb", TextError::Control),
            ("a\0", TextError::Control),
            ("a\u{7f}", TextError::Control),
            ("a\u{85}b", TextError::Control),
            ("a\u{2028}b", TextError::Control),
            ("a\u{2029}b", TextError::Control),
            ("a\u{202e}b", TextError::Direction),
            ("a\u{2066}b", TextError::Direction),
            ("\u{061c}a", TextError::Direction),
            ("a\u{200d}b", TextError::Invisible),
            ("a\u{ad}b", TextError::Invisible),
            ("a\u{feff}b", TextError::Invisible),
            ("a\u{fe0f}b", TextError::Invisible),
            ("a\u{e0100}b", TextError::Invisible),
            ("a\u{e0061}b", TextError::Invisible),
            ("a\u{e000}b", TextError::Unknown),
            ("a\u{378}b", TextError::Unknown),
            ("\u{301}a", TextError::Marks),
            (" \u{301}", TextError::Marks),
            ("a\u{301}\u{301}\u{301}\u{301}\u{301}", TextError::Marks),
        ] {
            for place in ALL {
                assert_eq!(check(text, place), Err(error), "{text:?} as {place:?}");
            }
        }
    }

    #[test]
    fn names_of_real_people_and_files_are_accepted() {
        for name in [
            "Dra. Íñigo 🩺",
            "山田　太郎",
            "葛\u{e0100}城",
            "نرگس محمدی",
            "สมชาย ใจดี",
            "Nguyễn Thị Minh Khai",
            "שָׁלוֹם",
            "O'Brien-Şahin ❤\u{fe0f}",
        ] {
            assert_eq!(check(name, TextUse::DisplayName), Ok(()), "{name}");
        }
        for name in [
            "Анализ крови Иванов.pdf",
            "血液検査結果報告書二月.pdf",
            "Informe de alta de Ana Gómez.docx",
            "Screenshot 2026-11-28 at 9.41.00\u{202f}AM.png",
            "...",
            "a..b",
            ".hidden",
        ] {
            assert_eq!(check(name, TextUse::FileName), Ok(()), "{name}");
        }
    }

    #[test]
    fn a_path_is_not_a_file_name() {
        for path in [".", "..", "a/b", "../a", "C:\\a", "/"] {
            assert_eq!(
                check(path, TextUse::FileName),
                Err(TextError::Path),
                "{path}"
            );
        }
        assert_eq!(check("a/b", TextUse::Label), Ok(()));
        assert_eq!(cleaned("../a\\b", TextUse::FileName).unwrap(), ".._a_b");
        assert_eq!(cleaned("..", TextUse::FileName), None);
    }

    #[test]
    fn length_counts_bytes() {
        for place in ALL {
            let most = place.max_bytes();
            assert_eq!(check(&"x".repeat(most), place), Ok(()));
            let longer = "é".repeat(most / 2 + 1);
            assert_eq!(check(&longer, place), Err(TextError::TooLong(most)));
            assert!(cleaned(&longer, place).unwrap().len() <= most);
        }
    }

    #[test]
    fn cleaned_removes_invisible_characters() {
        for (text, shown) in [
            ("exe.\u{202e}fdp", Some("exe.fdp")),
            ("a\r\nb", Some("a  b")),
            ("a\u{200b}\u{301}", Some("a\u{301}")),
            ("\u{301}", None),
            ("\u{3164} \u{200b}", None),
            ("a\u{e000}", Some("a")),
        ] {
            assert_eq!(cleaned(text, TextUse::Label).as_deref(), shown, "{text:?}");
        }
    }
}
