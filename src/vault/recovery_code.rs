//! Recovery codes: printed secrets that open the vault.
//!
//! ```text
//! code  = base32 (RFC 4648, upper case) of u8(1) || secret(32) || check(4): 60 letters, printed in groups of five
//! check = SHA-256(parts("tessera/v1/vault/code", u8(1), secret))[0..4]
//! ```

use base32ct::{Base32UpperUnpadded, Encoding as _};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::Opener;
use crate::{
    base::{Secret, labels},
    crypto::kdf,
    emergency::fold,
};

/// Length of a code in characters, without hyphens.
const CODE_LEN: usize = 60;

const VERSION: u8 = 1;
const CHECK_LEN: usize = 4;
const GROUP: usize = 5;

/// A 256-bit secret that opens a vault.
#[derive(Debug)]
pub struct RecoveryCode(Secret<32>);

impl RecoveryCode {
    /// Generates a code.
    pub fn random(rng: &mut impl CryptoRng) -> Self {
        Self(Secret::random(rng))
    }

    /// Parses a typed code, in any case and grouping; `None` for a typing error.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let letters = fold(text);
        if letters.len() != CODE_LEN {
            return None;
        }
        let mut bytes = Zeroizing::new([0; 1 + 32 + CHECK_LEN]);
        Base32UpperUnpadded::decode(&*letters, bytes.as_mut_slice()).ok()?;
        let (version, rest) = bytes.split_first()?;
        let code = Self(Secret::from_slice(rest.first_chunk::<32>()?)?);
        // The decoder ignores the unused bits of the last character.
        (*version == VERSION && *code.letters() == *letters).then_some(code)
    }

    /// Formats the code for printing, in groups of five. Wiped on drop.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(CODE_LEN + CODE_LEN / GROUP));
        for (i, letter) in self.letters().chars().enumerate() {
            if i > 0 && i % GROUP == 0 {
                text.push('-');
            }
            text.push(letter);
        }
        text
    }

    /// The opener for the vault header.
    #[must_use]
    pub fn opener(&self) -> Opener {
        Opener::Recovery(self.0.duplicate())
    }

    /// The secret, for the key slot.
    #[must_use]
    pub fn secret(&self) -> Secret<32> {
        self.0.duplicate()
    }

    fn letters(&self) -> Zeroizing<String> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(1 + 32 + CHECK_LEN));
        bytes.push(VERSION);
        bytes.extend_from_slice(self.0.expose());
        let check = kdf::hash(labels::VAULT_CODE, &[&[VERSION], self.0.expose()]);
        bytes.extend_from_slice(check.get(..CHECK_LEN).unwrap_or_default());
        Zeroizing::new(Base32UpperUnpadded::encode_string(&bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(byte: u8) -> RecoveryCode {
        RecoveryCode(Secret::take(&mut [byte; 32]))
    }

    #[test]
    fn a_code_parses_in_any_case_and_grouping() {
        let code = code(0x5a);
        let text = code.to_text();
        assert_eq!(text.len(), CODE_LEN + 11);
        assert!(text.split('-').all(|group| group.len() == GROUP));
        let read = |text: &str| RecoveryCode::parse(text).map(|code| code.secret());
        assert_eq!(read(&text), Some(code.secret()));
        for written in [
            text.to_lowercase(),
            text.replace('-', ""),
            text.replace('-', " \n"),
            text.replace('-', " – "),
            format!("  {}\t", *text),
        ] {
            assert_eq!(read(&written), Some(code.secret()), "{written}");
        }
    }

    /// Digits outside the alphabet are misread letters.
    #[test]
    fn misread_characters_are_corrected() {
        let mut digits = [0; 3];
        for byte in 0..=255 {
            let code = code(byte);
            let text = code.to_text();
            for (letter, (digit, seen)) in ["O", "I", "B"]
                .iter()
                .zip(["0", "1", "8"].iter().zip(&mut digits))
            {
                let misread = text.replace(letter, digit);
                *seen += usize::from(misread != *text);
                let read = RecoveryCode::parse(&misread).map(|code| code.secret());
                assert_eq!(read, Some(code.secret()), "{misread}");
            }
        }
        assert!(digits.iter().all(|seen| *seen > 50), "{digits:?}");
    }

    #[test]
    fn a_mistyped_code_is_refused() {
        let text = code(0x5a).to_text();
        for at in 0..text.len() {
            for letter in ["A", "L", "7", "9", "é"] {
                if text
                    .get(at..=at)
                    .is_some_and(|was| was != letter && was != "-")
                {
                    let mut typed = text.to_string();
                    typed.replace_range(at..=at, letter);
                    assert!(RecoveryCode::parse(&typed).is_none(), "{typed}");
                }
            }
        }
        assert!(RecoveryCode::parse(&text[..text.len() - 1]).is_none());
        assert!(RecoveryCode::parse(&format!("{}A", *text)).is_none());
        assert!(RecoveryCode::parse("").is_none());
    }
}
