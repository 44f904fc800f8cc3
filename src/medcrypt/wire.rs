//! The text form of a MedCrypt message.
//!
//! `[MEDCRYPT:v1:<b64 patient id>:<b64 nonce>:<b64 ciphertext>:<b64 tag>]`

use core::fmt;

use base64ct::{Base64, Encoding as _};

use super::MedCryptError;
use crate::crypto::aead::{NONCE_LEN, TAG_LEN};

const PREFIX: &str = "MEDCRYPT";
const VERSION: &str = "v1";

/// A sealed message: well-formed, not opened. Its `Display` is the wire text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub(super) patient_id: String,
    pub(super) nonce: [u8; NONCE_LEN],
    /// `ciphertext || tag`, the output of AES-GCM.
    pub(super) sealed: Vec<u8>,
}

impl Message {
    /// Parses the wire text: exactly one pair of brackets, six fields, canonical
    /// base64, and nothing around it, not even white space.
    ///
    /// # Errors
    ///
    /// [`MedCryptError::Malformed`].
    pub fn parse(text: &str) -> Result<Self, MedCryptError> {
        Self::read(text).ok_or(MedCryptError::Malformed)
    }

    fn read(text: &str) -> Option<Self> {
        let inner = text.strip_prefix('[')?.strip_suffix(']')?;
        let mut fields = inner.split(':');
        if fields.next()? != PREFIX || fields.next()? != VERSION {
            return None;
        }
        let patient_id = String::from_utf8(base64(fields.next()?)?).ok()?;
        let nonce = base64(fields.next()?)?.try_into().ok()?;
        let mut sealed = base64(fields.next()?)?;
        let tag: [u8; TAG_LEN] = base64(fields.next()?)?.try_into().ok()?;
        if patient_id.is_empty() || fields.next().is_some() {
            return None;
        }
        sealed.extend_from_slice(&tag);
        Some(Self {
            patient_id,
            nonce,
            sealed,
        })
    }

    /// The patient id, which the messenger can read. Authenticated by opening.
    #[must_use]
    pub fn patient_id(&self) -> &str {
        &self.patient_id
    }

    /// The nonce.
    #[must_use]
    pub fn nonce(&self) -> &[u8; NONCE_LEN] {
        &self.nonce
    }

    /// `ciphertext || tag`.
    #[must_use]
    pub fn sealed(&self) -> &[u8] {
        &self.sealed
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (ciphertext, tag) = self
            .sealed
            .split_at(self.sealed.len().saturating_sub(TAG_LEN));
        write!(f, "[{PREFIX}:{VERSION}")?;
        for field in [self.patient_id.as_bytes(), &self.nonce, ciphertext, tag] {
            write!(f, ":{}", Base64::encode_string(field))?;
        }
        f.write_str("]")
    }
}

/// Canonical base64 with padding.
fn base64(text: &str) -> Option<Vec<u8>> {
    let bytes = Base64::decode_vec(text).ok()?;
    (Base64::encode_string(&bytes) == text).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "[MEDCRYPT:v1:UEFULTE=:AAAAAAAAAAAAAAAA:aGk=:AAAAAAAAAAAAAAAAAAAAAA==]";

    #[test]
    fn the_wire_text_has_one_encoding() {
        assert_eq!(Message::parse(GOOD).unwrap().to_string(), GOOD);
        for (what, text) in [
            ("space before", format!(" {GOOD}")),
            ("newline after", format!("{GOOD}\n")),
            ("two pairs", format!("[{GOOD}]")),
            ("no brackets", GOOD.replace(['[', ']'], "")),
            ("lower case", GOOD.to_lowercase()),
            ("version", GOOD.replace(":v1:", ":v2:")),
            ("field more", GOOD.replace("]", ":]")),
            ("field less", GOOD.replace(":aGk=", "")),
            ("empty patient", GOOD.replace("UEFULTE=", "")),
            ("padding in the middle", GOOD.replace("aGk=", "YQ==Yg==")),
            ("loose tail bits", GOOD.replace("aGk=", "aGl=")),
            ("no padding", GOOD.replace("aGk=", "aGk")),
            ("base64url", GOOD.replace("aGk=", "-_-_")),
            ("line break", GOOD.replace("aGk=", "aG\nk=")),
            (
                "short nonce",
                GOOD.replace("AAAAAAAAAAAAAAAA:", "AAAAAAAAAAAAAAA=:"),
            ),
            ("long tag", GOOD.replace("==]", "AA]")),
            ("patient not UTF-8", GOOD.replace("UEFULTE=", "/w==")),
            ("nothing", String::new()),
            ("brackets only", "[]".into()),
            ("one bracket", "[".into()),
        ] {
            assert_eq!(
                Message::parse(&text),
                Err(MedCryptError::Malformed),
                "{what}"
            );
        }
    }

    #[test]
    fn an_empty_ciphertext_is_allowed() {
        let empty = GOOD.replace("aGk=", "");
        assert_eq!(Message::parse(&empty).unwrap().to_string(), empty);
    }
}
