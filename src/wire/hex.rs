//! 32-byte names (keys and digests), as lower-case hexadecimal in URLs and JSON.

use core::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// Text that is not exactly 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not 64 lower-case hexadecimal digits")]
pub struct HexError;

/// Encodes bytes as lower-case hexadecimal.
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        for nibble in [byte >> 4, byte & 15] {
            out.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0'));
        }
    }
    out
}

/// Decodes exactly `N` bytes from lower-case hexadecimal.
#[must_use]
pub fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut out = [0; N];
    fill(&mut out, text)?;
    Some(out)
}

/// Decodes exactly 32 bytes from lower-case hexadecimal.
///
/// # Errors
///
/// [`HexError`] for another length or another character, upper case included:
/// with two spellings of a name, caches would store it twice.
pub fn decode_32(text: &str) -> Result<[u8; 32], HexError> {
    decode(text).ok_or(HexError)
}

fn fill(out: &mut [u8], text: &str) -> Option<()> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != out.len() || !rest.is_empty() {
        return None;
    }
    for (byte, [high, low]) in out.iter_mut().zip(pairs) {
        *byte = nibble(*high)? << 4 | nibble(*low)?;
    }
    Some(())
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; 32]);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&encode(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = HexError;

            fn from_str(text: &str) -> Result<Self, HexError> {
                decode_32(text).map(Self)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(D::Error::custom)
            }
        }
    )*};
}

names! {
    /// The Ed25519 public key of a relay, which identifies the signer of a batch.
    Origin;
    /// SHA-256 of a batch's cells; also the batch's `ETag`.
    BatchDigest;
    /// SHA-256 of a 192-byte batch header: `prev` of the next header.
    HeaderHash;
    /// Another SHA-256 in a relay's responses.
    Sha256Hash;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_one_spelling() {
        let good = "0f".repeat(32);
        assert_eq!(decode_32(&good), Ok([15; 32]));
        assert_eq!(encode(&[15; 32]), good);
        for bad in [
            String::new(),
            "0f".repeat(31),
            "0f".repeat(33),
            "0F".repeat(32),
            format!("{}0", "0f".repeat(31)),
            format!("+f{}", "0f".repeat(31)),
            format!("é{}", "0f".repeat(31)),
        ] {
            assert_eq!(decode_32(&bad), Err(HexError), "{bad}");
        }
    }

    #[test]
    fn names_are_json_strings() {
        let origin = Origin([0xab; 32]);
        let json = serde_json::to_string(&origin).unwrap();
        assert_eq!(json, format!("\"{}\"", "ab".repeat(32)));
        assert_eq!(serde_json::from_str::<Origin>(&json).unwrap(), origin);
        assert!(serde_json::from_str::<Origin>("7").is_err());
        assert!(serde_json::from_str::<Origin>("\"ab\"").is_err());
    }
}
