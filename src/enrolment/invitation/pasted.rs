//! Recovery of invitations from mail text: wrapped, quoted, in brackets,
//! percent-encoded, or inside the link of a link scanner.
//!
//! The result is a strictly valid invitation or an error: its JSON must close
//! where the text ends, and a link must match its check bytes, so a wrong guess
//! is never accepted.

use zeroize::{Zeroize as _, Zeroizing};

use super::{Invitation, MAX_LEN, SCHEME, decode};
use crate::enrolment::EnrolmentError;

/// Maximum length of pasted text: a whole mail around a link.
const MAX_PASTED_LEN: usize = 65_536;
/// Maximum number of occurrences of the scheme that are tried.
const MAX_PLACES: usize = 8;
/// Maximum number of links nested within each other.
const MAX_LAYERS: usize = 4;

/// Finds the invitation in a pasted text.
///
/// # Errors
///
/// `InvitationMissing` if there is none, `InvitationIncomplete` for a truncated
/// one, `InvitationMalformed` for an altered one.
pub(super) fn find(text: &str) -> Result<Invitation, EnrolmentError> {
    if let Some(invitation) = Invitation::read(text.trim()) {
        return Ok(invitation);
    }
    if text.len() > MAX_PASTED_LEN {
        return Err(EnrolmentError::InvitationMalformed);
    }
    let mut worst = EnrolmentError::InvitationMissing;
    let mut layer = Zeroizing::new(text.to_owned());
    for _ in 0..MAX_LAYERS {
        for text in [layer.clone(), Zeroizing::new(unwrap_proofpoint(&layer))] {
            match in_plain_text(&text) {
                Ok(invitation) => return Ok(invitation),
                Err(error) if worst == EnrolmentError::InvitationMissing => worst = error,
                Err(_) => {}
            }
        }
        let decoded = Zeroizing::new(percent_decoded(&layer));
        if decoded == layer {
            break;
        }
        layer = decoded;
    }
    Err(worst)
}

/// Tries each occurrence of the scheme.
fn in_plain_text(text: &str) -> Result<Invitation, EnrolmentError> {
    let scheme = SCHEME.as_bytes();
    let mut worst = EnrolmentError::InvitationMissing;
    for (at, _) in text
        .as_bytes()
        .windows(scheme.len())
        .enumerate()
        .filter(|(_, window)| window.eq_ignore_ascii_case(scheme))
        .take(MAX_PLACES)
    {
        let rest = text.get(at + scheme.len()..).unwrap_or_default();
        match behind_scheme(rest) {
            Ok(invitation) => return Ok(invitation),
            Err(error) if worst == EnrolmentError::InvitationMissing => worst = error,
            Err(_) => {}
        }
    }
    Err(worst)
}

/// Reads base64 across line breaks and quote marks, and tries to parse at each
/// of them, because words after the invitation look like base64 too.
fn behind_scheme(rest: &str) -> Result<Invitation, EnrolmentError> {
    let mut base64 = Zeroizing::new(String::with_capacity(rest.len().min(MAX_LEN)));
    let mut chars = rest.trim_start_matches('/').chars().peekable();
    loop {
        while let Some(c) = chars.next_if(|c| is_base64url(*c)) {
            base64.push(c);
        }
        if base64.len() > MAX_LEN {
            return Err(EnrolmentError::InvitationMalformed);
        }
        if let Some(invitation) = complete(&base64) {
            return Ok(invitation);
        }
        match chars.next() {
            // A soft line break or an escaped character of quoted-printable.
            Some('=') => match escaped(&mut chars) {
                Some(c) if is_base64url(c) => base64.push(c),
                Some('\n') => {}
                _ => return Err(why_not(&base64)),
            },
            Some(c) if is_break(c) => {
                // Quote marks after the line break.
                while chars
                    .next_if(|next| is_break(*next) || matches!(next, '>' | '|'))
                    .is_some()
                {}
            }
            _ => return Err(why_not(&base64)),
        }
    }
}

/// Parses this base64, which may end with the suffix of a link scanner (`__`).
fn complete(base64: &str) -> Option<Invitation> {
    let mut text = base64;
    for _ in 0..3 {
        if closes(text)
            && let Some(invitation) = Invitation::read_base64(text)
        {
            return Some(invitation);
        }
        text = text.strip_suffix('_')?;
    }
    None
}

/// Returns `true` if the last byte closes a JSON object. This avoids decoding
/// from the start at every line of a long text.
fn closes(base64: &str) -> bool {
    let last = base64.len().saturating_sub(1) / 4 * 4;
    let group = base64.get(last..).and_then(decode);
    group.is_some_and(|bytes| bytes.last() == Some(&b'}'))
}

/// Distinguishes a truncated invitation, whose JSON does not close, from an
/// altered one.
fn why_not(base64: &str) -> EnrolmentError {
    let whole = base64.len() / 4 * 4;
    let json = decode(base64.get(..whole).unwrap_or_default()).map(Zeroizing::new);
    match json {
        Some(json) if json.starts_with(b"{\"") && !json.contains(&b'}') && !closes(base64) => {
            EnrolmentError::InvitationIncomplete
        }
        _ => EnrolmentError::InvitationMalformed,
    }
}

/// Decodes what follows a `=` of quoted-printable (RFC 2045 §6.7).
fn escaped(chars: &mut core::iter::Peekable<core::str::Chars<'_>>) -> Option<char> {
    while chars.next_if(|c| matches!(c, ' ' | '\t' | '\r')).is_some() {}
    match chars.next()? {
        '\n' => Some('\n'),
        high => {
            let byte = high.to_digit(16)? << 4 | chars.next()?.to_digit(16)?;
            char::from_u32(byte)
        }
    }
}

fn is_base64url(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_')
}

/// Characters at which mail programs break lines, or which they insert there.
fn is_break(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{ad}' | '\u{200b}' | '\u{2060}' | '\u{feff}')
}

/// Decodes percent-encoding once; malformed escapes are unchanged.
fn percent_decoded(text: &str) -> String {
    unescaped(text, '%', |c| c)
}

/// Decodes a link of Proofpoint's URL Defense, version 2: `-XX` for `%XX`, `_`
/// for `/`. Any other text becomes garbage that contains no invitation.
fn unwrap_proofpoint(text: &str) -> String {
    unescaped(text, '-', |c| if c == '_' { '/' } else { c })
}

fn unescaped(text: &str, mark: char, other: impl Fn(char) -> char) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let tail = rest.get(c.len_utf8()..).unwrap_or_default();
        let escaped = (c == mark)
            .then(|| u8::from_str_radix(tail.get(..2)?, 16).ok())
            .flatten();
        rest = match escaped {
            Some(byte) => {
                bytes.push(byte);
                tail.get(2..).unwrap_or_default()
            }
            None => {
                let mut buffer = [0; 4];
                bytes.extend_from_slice(other(c).encode_utf8(&mut buffer).as_bytes());
                tail
            }
        };
    }
    String::from_utf8(bytes).unwrap_or_else(|error| {
        error.into_bytes().zeroize();
        String::new()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        base::{Secret, UnixTime},
        enrolment::{Binding, InvitationSecret},
        identity::Identity,
    };

    fn invitation() -> Invitation {
        let secret = |seed: usize| {
            Secret::take(&mut core::array::from_fn(|i| ((i + seed) * 71 % 251) as u8))
        };
        let inviter = Identity::from_secret(secret(32)).unwrap();
        Invitation {
            secret: InvitationSecret::new(secret(0)),
            relay: "https://relay.example".into(),
            expires_at: UnixTime(1_795_300_000),
            binding: Binding::Inviter(*inviter.public()),
        }
    }

    #[test]
    fn a_link_has_about_300_characters() {
        let link = format!("https://portal.example/enrol#{}", invitation().to_uri());
        assert!(link.len() < 320, "{}", link.len());
    }

    /// Every character that is replaced, lost or doubled in transit is noticed,
    /// wherever it is.
    #[test]
    fn a_damaged_link_is_never_accepted() {
        let uri = invitation().to_uri();
        for at in SCHEME.len()..uri.len() {
            let (before, after) = (&uri[..at], &uri[at + 1..]);
            let other = if uri[at..].starts_with('A') { 'B' } else { 'A' };
            for text in [
                format!("{before}{other}{after}"),
                format!("{before}{after}"),
                format!("{before}{other}{}", &uri[at..]),
            ] {
                assert!(find(&text).is_err(), "{at}: {text}");
            }
        }
    }

    /// Lines of 76 characters, each with a prefix.
    fn wrapped(text: &str, end: &str, before: &str) -> String {
        let lines: Vec<String> = text
            .as_bytes()
            .chunks(76)
            .map(|line| format!("{before}{}", String::from_utf8_lossy(line)))
            .collect();
        lines.join(end)
    }

    fn percent_encoded(text: &str) -> String {
        let encode = |c: char| match c {
            'A'..='Z' | 'a'..='z' | '0'..='9' | '-' | '_' | '.' => c.to_string(),
            _ => format!("%{:02X}", c as u32),
        };
        text.chars().map(encode).collect()
    }

    #[test]
    fn invitations_are_recovered_from_mail() {
        let uri = invitation().to_uri();
        let link = format!("https://portal.example/enrol#{uri}");
        let proofpoint: String = percent_encoded(&link)
            .chars()
            .map(|c| match c {
                '_' => "-5F".to_owned(),
                '-' => "-2D".to_owned(),
                '%' => "-".to_owned(),
                c => c.to_string(),
            })
            .collect();
        for text in [
            format!("  {uri}\r\n"),
            wrapped(&uri, "\n", ""),
            wrapped(&link, "\r\n", ""),
            wrapped(&link, "\r\n", "> "),
            wrapped(&link, "\n", ">> "),
            wrapped(&link, "=\r\n", ""),
            wrapped(&link, " \n", "  "),
            format!("<{link}>"),
            format!("({link})"),
            format!("{link}."),
            format!("Dear Ana,\n\nplease open {link}\n\nBest regards\nDr Rivera"),
            format!("Open {}\n-- \nBest regards", wrapped(&link, "\n", "")),
            format!("\"{link}\","),
            percent_encoded(&uri),
            percent_encoded(&percent_encoded(&link)),
            link.replacen("tessera:", "Tessera:", 1),
            link.replacen("tessera:", "TESSERA:", 1),
            link.replacen("tessera:/", "tessera://", 1),
            format!("https://portal.example/%23{uri}"),
            format!(
                "https://eur01.safelinks.protection.outlook.com/?url={}&data=05%7C01%7C&reserved=0",
                percent_encoded(&link)
            ),
            format!(
                "https://www.google.com/url?q={}&sa=D",
                percent_encoded(&link)
            ),
            format!(
                "https://urldefense.com/v3/__{}__;Iw!!AbC-d_E!fGh$",
                link.replace('#', "*")
            ),
            format!("https://urldefense.proofpoint.com/v2/url?u={proofpoint}&d=DwMFaQ&c=x"),
        ] {
            let read = find(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
            assert_eq!(read.to_uri(), uri, "{text}");
        }
    }

    #[test]
    fn unreadable_texts_have_precise_errors() {
        let uri = invitation().to_uri();
        for (text, error) in [
            (String::new(), EnrolmentError::InvitationMissing),
            ("#%".into(), EnrolmentError::InvitationMissing),
            ("#100%".into(), EnrolmentError::InvitationMissing),
            (
                "https://portal.example/enrol".into(),
                EnrolmentError::InvitationMissing,
            ),
            (
                uri.replacen("tessera", "shlink", 1),
                EnrolmentError::InvitationMissing,
            ),
            ("tessera:/".into(), EnrolmentError::InvitationMalformed),
            ("tessera:/x".into(), EnrolmentError::InvitationMalformed),
            (uri[..20].into(), EnrolmentError::InvitationIncomplete),
            (
                uri[..uri.len() / 2].into(),
                EnrolmentError::InvitationIncomplete,
            ),
            (
                format!("{}…", &uri[..76]),
                EnrolmentError::InvitationIncomplete,
            ),
            (uri.to_lowercase(), EnrolmentError::InvitationMalformed),
            (
                format!("{}x{}", &uri[..100], &uri[101..]),
                EnrolmentError::InvitationMalformed,
            ),
            (
                "x".repeat(MAX_PASTED_LEN + 1),
                EnrolmentError::InvitationMalformed,
            ),
        ] {
            assert_eq!(find(&text).err(), Some(error), "{text}");
        }
        let trailing = format!("{uri}%");
        assert!(find(&trailing).is_ok());
    }
}
