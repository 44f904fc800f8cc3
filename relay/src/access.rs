//! The access tokens of a deployment: the current and the previous one. All
//! clients share them, so that a token does not identify a client.

use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConstantTimeEq as _};
use tessera::base::Secret;

/// Length of a token in bytes.
const LEN: std::ops::RangeInclusive<usize> = 16..=256;
/// Maximum number of tokens: the current and the previous one.
const MOST: usize = 2;

/// Why a token file is refused. Never repeats its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// No token.
    #[error("no token")]
    Empty,
    /// More than two tokens.
    #[error("more than two tokens")]
    TooMany,
    /// A malformed token.
    #[error("a token has 16 to 256 characters: letters, digits and -._~+/=")]
    Form,
}

/// The SHA-256 of the accepted tokens. The hashes have equal length, so that
/// comparison takes constant time.
#[derive(Debug, PartialEq, Eq)]
pub struct Tokens(Vec<Secret<32>>);

/// A token that a client sent.
#[derive(Debug)]
pub struct Given(Secret<32>);

impl Given {
    /// Hashes any text.
    #[must_use]
    pub fn new(token: &str) -> Self {
        Self(hash(token))
    }
}

impl Tokens {
    /// Parses the text of a file: one token per line.
    ///
    /// # Errors
    ///
    /// One of [`TokenError`].
    pub fn parse(text: &str) -> Result<Self, TokenError> {
        let tokens: Vec<_> = text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .map(|token| is_token(token).then(|| hash(token)).ok_or(TokenError::Form))
            .collect::<Result<_, _>>()?;
        match tokens.len() {
            0 => Err(TokenError::Empty),
            1..=MOST => Ok(Self(tokens)),
            _ => Err(TokenError::TooMany),
        }
    }

    /// Returns `true` if the token is accepted, in constant time.
    #[must_use]
    pub fn accept(&self, given: &Given) -> bool {
        let is_one = |token: &Secret<32>| token.expose().ct_eq(given.0.expose());
        let any = |any: Choice, token| any | is_one(token);
        self.0.iter().fold(Choice::from(0), any).into()
    }
}

fn is_token(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
    LEN.contains(&text.len()) && text.bytes().all(is_plain)
}

fn hash(token: &str) -> Secret<32> {
    Secret::fill_with(|bytes| Sha256::new_with_prefix(token).finalize_into(bytes.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "0123456789abcdef";
    const TWO: &str = "fedcba9876543210";

    #[test]
    fn invalid_token_files_are_refused() {
        for (text, error) in [
            ("", TokenError::Empty),
            ("# only a remark\n\n", TokenError::Empty),
            ("short", TokenError::Form),
            ("0123456789abcde ", TokenError::Form),
            ("0123456789abcdef 0123456789abcdef", TokenError::Form),
            ("0123456789abcdefä", TokenError::Form),
            (&"x".repeat(257), TokenError::Form),
            (&format!("{ONE}\n{TWO}\nx{TWO}"), TokenError::TooMany),
        ] {
            assert_eq!(Tokens::parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn the_current_and_the_previous_token_are_accepted() {
        let text = format!("# current\n  {ONE}\r\n\n# before\n{TWO}\n");
        let tokens = Tokens::parse(&text).unwrap();
        for (token, is_accepted) in [
            (ONE, true),
            (TWO, true),
            ("", false),
            ("0123456789abcdeF", false),
            ("0123456789abcdef0", false),
            ("# current", false),
        ] {
            assert_eq!(tokens.accept(&Given::new(token)), is_accepted, "{token}");
        }
        assert!(!format!("{tokens:?}").contains("0123"));
    }
}
